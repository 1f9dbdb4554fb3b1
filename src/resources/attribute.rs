// SPDX-License-Identifier: Apache-2.0

//! The table of interface files, and the questions that it answers. Pure.
//!
//! One row per file says on which kernels the file exists, which OCI fields set it, how its old
//! value is written back, what systemd does with it and which unit properties stand for it. A file
//! that is not in the table gets the default of its controller.
//!
//! The table says nothing of the conversion of values, the order of writes, retries, missing files
//! and conditions on other values: the file of the OCI section does.

mod row;
mod table;
#[cfg(test)]
mod tests;

pub use row::{Field, Form, InterfaceFile, Restore, SideEffect, Systemd, UnitProperty, Unset};
#[cfg(any(test, feature = "internals"))]
pub use row::{Kernel, ALWAYS};

use crate::systemd::Value;

/// Controllers whose attributes systemd writes.
const WRITTEN_BY_SYSTEMD: &[&str] = &["cpu", "cpuset", "memory", "pids", "io", "blkio"];

/// Returns the rows of the table.
pub fn all() -> &'static [InterfaceFile] {
    table::FILES
}

/// Returns the row of a file: the row of exactly this name, else the first pattern that matches.
pub fn find(file: &str) -> Option<&'static InterfaceFile> {
    let wanted = table::mark(file);
    let marked = memchr::memchr_iter(wanted, &table::MARKS).filter_map(|index| all().get(index));
    let exact = { marked }.find(|row| row.name == file);
    exact.or_else(|| all().iter().find(|row| row.matches(file)))
}

/// Returns the kernel that introduced the file and what else it needs, in words; None when every
/// kernel has the file.
pub fn needs(row: &InterfaceFile, v2: bool) -> Option<String> {
    let since = if v2 { row.v2 } else { row.v1 };
    let since = since.filter(|&since| since != row::ALWAYS);
    let kernel = since.map(|(major, minor)| format!("Linux {major}.{minor}"));
    let parts: Vec<&str> = kernel.as_deref().into_iter().chain(row.needs).collect();
    (!parts.is_empty()).then(|| parts.join(" and "))
}

/// Returns the part of a file's name before the first dot: its controller, or `cgroup`.
pub fn controller_of(file: &str) -> &str {
    file.split('.').next().unwrap_or_default()
}

impl InterfaceFile {
    /// Returns whether the row is for a file of this name.
    pub fn matches(&self, file: &str) -> bool {
        let Some((start, end)) = self.name.split_once('*') else { return self.name == file };
        file.strip_prefix(start).is_some_and(|rest| rest.ends_with(end))
    }
}

/// Returns the text that gives `file` its old value back. `old` is the text of the file before
/// `written` was written. None when the old value cannot be written back.
pub fn restore_value(file: &str, written: &str, old: &str) -> Option<String> {
    let key = written.split_whitespace().next().unwrap_or_default();
    let line = |key: &str| {
        old.lines().find(|line| line.split_whitespace().next() == Some(key)).map(str::to_owned)
    };
    match find(file).map_or_else(|| default_restore(file), |row| row.restore) {
        Restore::Value => single_line(old),
        Restore::Line { empty } => {
            line(key).or_else(|| empty.map(|empty| format!("{key} {empty}")))
        }
        Restore::Weight if key.contains(':') => {
            Some(line(key).unwrap_or_else(|| format!("{key} default")))
        }
        Restore::Weight => line("default").or_else(|| single_line(old)),
        Restore::Field(field) => line(field)?.split_whitespace().nth(1).map(str::to_owned),
        Restore::Word => single_line(old)?.split(' ').next().map(str::to_owned),
        Restore::Never => None,
    }
}

/// Returns whether the kernel accepted the word in a file but says there that it is not in force.
pub fn is_invalid(file: &str, text: &str) -> bool {
    may_be_invalid(file) && text.split_whitespace().nth(1) == Some("invalid")
}

/// Returns whether the kernel may accept a value of this file without putting it in force. The file
/// then says so.
pub fn may_be_invalid(file: &str) -> bool {
    find(file).is_some_and(|row| row.restore == Restore::Word)
}

/// Returns whether a writable v2 file holds the value that it has in a new cgroup. An unknown text
/// counts as a value that was set.
pub fn is_default(file: &str, text: &str) -> bool {
    const DEFAULTS: [&str; 8] = ["max", "0", "0.00", "1", "100", "100000", "default", "member"];
    let restore = find(file).map_or_else(|| default_restore(file), |row| row.restore);
    // The first word of a line is a key: a device or a resource.
    let keys = usize::from(matches!(restore, Restore::Line { .. }));
    // hugetlb's "max" is a number in a new cgroup.
    let huge = |word: &str| word.parse::<u64>().is_ok_and(|number| number >= 1 << 62);
    let default = |word: &str| DEFAULTS.contains(&word) || huge(word);
    let value = |word: &str| word.rsplit('=').next().is_some_and(default);
    restore == Restore::Never
        || text.lines().all(|line| line.split_whitespace().skip(keys).all(value))
}

/// Returns how a file without a row is restored. Files of the cgroup core are commands
/// (`cgroup.kill`, `cgroup.procs`); files of controllers hold values.
fn default_restore(file: &str) -> Restore {
    match controller_of(file) {
        "cgroup" => Restore::Never,
        _ => Restore::Value,
    }
}

/// Returns the only line of a file. An empty file is restored by writing an empty line.
fn single_line(old: &str) -> Option<String> {
    let mut lines = old.lines();
    match (lines.next(), lines.next()) {
        (None, _) | (Some(""), None) => Some("\n".to_owned()),
        (Some(line), None) => Some(line.to_owned()),
        _ => None,
    }
}

/// The files of the cgroup core that are limits.
const CORE_LIMITS: &[&str] = &["cgroup.max.depth", "cgroup.max.descendants"];

/// Returns whether the file can hold a resource. Most files of the cgroup core and some files of
/// controllers are commands: they move or kill processes, reclaim memory, register triggers.
pub(super) fn is_resource(file: &str) -> bool {
    match controller_of(file) {
        "cgroup" => CORE_LIMITS.contains(&file),
        _ => find(file).is_none_or(|row| row.restore != Restore::Never),
    }
}

/// Returns true when the file holds one value, false when it holds lines, and None when it is not
/// in the table.
pub(super) fn holds_one_value(file: &str) -> Option<bool> {
    let lines = |restore| matches!(restore, Restore::Line { .. } | Restore::Weight);
    find(file).map(|row| !lines(row.restore))
}

/// Returns whether systemd may write the file when a unit's property changes. Then the file's old
/// value must be read before systemd is called.
pub fn is_written_by_systemd(file: &str) -> bool {
    match find(file) {
        Some(row) => row.systemd != Systemd::Ignores,
        None => WRITTEN_BY_SYSTEMD.contains(&controller_of(file)),
    }
}

/// Returns whether the file is `cpu.shares` and the value is in its range (MIN_SHARES and
/// MAX_SHARES of kernel/sched/sched.h). The kernel clamps other shares without an error.
pub fn is_in_range(file: &str, value: u64) -> bool {
    file == "cpu.shares" && (2..=1 << 18).contains(&value)
}

/// Returns the other values that the kernel changes when `value` is written to `file`.
pub fn side_effects(file: &str, value: &str) -> Option<&'static SideEffect> {
    let effect = find(file)?.side_effect.as_ref()?;
    // A weight for one device changes no other device.
    (!effect.device_lines || !value.contains(':')).then_some(effect)
}

/// Returns the v2 files that hold one value.
pub(super) fn with_one_value_on_v2() -> impl Iterator<Item = &'static InterfaceFile> {
    all().iter().filter(|row| row.v2.is_some() && row.restore == Restore::Value)
}

/// Returns the v2 files that systemd resets: no property keeps their exact value.
pub(super) fn reset_by_systemd_on_v2() -> impl Iterator<Item = &'static str> {
    let resets = |row: &&InterfaceFile| row.v2.is_some() && row.systemd == Systemd::Resets;
    all().iter().filter(resets).map(|row| row.name)
}

/// Returns the unit properties that stand for interface files.
pub fn properties() -> &'static [UnitProperty] {
    table::PROPERTIES
}

/// Returns the files that a property can be read from, in the order in which they are read.
pub(super) fn sources(property: &str) -> impl Iterator<Item = (&'static str, Form)> + '_ {
    all().iter().flat_map(move |row| {
        let of = row.properties.iter().filter(move |(name, _)| *name == property);
        of.map(|(_, form)| (row.name, *form))
    })
}

/// Returns the first property that is read from a file in this form, and the systemd version that
/// introduced the property.
pub(super) fn property_of(file: &str, form: Form) -> Option<(&'static str, u32)> {
    let (name, _) = find(file)?.properties.iter().find(|(_, of)| *of == form)?;
    Some((name, since(name)))
}

/// Returns the systemd version that introduced a property; 0 means every supported version.
pub(super) fn since(property: &str) -> u32 {
    properties().iter().find(|known| known.name == property).map_or(0, |known| known.since)
}

/// Returns the value of a property that was never set.
pub fn unset(property: &str) -> Option<Value> {
    let known = properties().iter().find(|known| known.name == property)?;
    match known.unset {
        Unset::Infinity => Some(Value::U64(u64::MAX)),
        Unset::Zero => Some(Value::U64(0)),
        Unset::EmptyMask => Some(Value::bytes(&[])),
        Unset::NoDevices => Some(Value::Array("(st)".to_owned(), Vec::new())),
        Unset::AtCreation => None,
    }
}
