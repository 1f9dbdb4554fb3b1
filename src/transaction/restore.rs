// SPDX-License-Identifier: Apache-2.0

//! Writing the old values of files back.

use rustix::io::Errno;

use super::scope::Scope;
use crate::cgroupfs::interface_file::put;
use crate::error::Result;
use crate::plan::Write;
use crate::resources::attribute;

/// Restores files with writes of their old values, newest first.
///
/// The kernel may refuse a file while another one still has its new value (EINVAL, EBUSY). Such a
/// file is written again after the others.
pub fn restore_files<'w>(
    scope: Scope<'_>,
    files: impl Iterator<Item = &'w Write>,
    restored: &mut Vec<String>,
    failed: &mut Vec<String>,
) {
    let mut again: Vec<&Write> = Vec::new();
    for write in files {
        if holds(scope, write) {
            restored.push(write.file.to_string());
            continue;
        }
        match write_back(scope, write) {
            Err(e) if e.is(Errno::INVAL) || e.is(Errno::BUSY) => again.push(write),
            other => note(write, other, restored, failed),
        }
    }
    for write in again {
        note(write, write_back(scope, write), restored, failed);
    }
}

/// Adds a file to those restored or to those failed.
fn note(write: &Write, result: Result<Back>, restored: &mut Vec<String>, failed: &mut Vec<String>) {
    match result {
        Ok(Back::Old) => restored.push(write.file.to_string()),
        Ok(Back::Instead(now)) => failed.push(format!(
            "{} is now {now:?}, as in the parent (it was empty, and the kernel empties no cpuset \
             with processes inside)",
            write.file
        )),
        Err(e) => failed.push(e.to_string()),
    }
}

/// What a file holds after a restore.
enum Back {
    /// Its old value.
    Old,
    /// Another text with the same effect.
    Instead(String),
}

/// Whether a file has its old value: it was never written, or systemd has restored it.
fn holds(scope: Scope<'_>, write: &Write) -> bool {
    let now = scope.cgroup(write.hierarchy).and_then(|cgroup| cgroup.read(&write.file));
    let now = now.map(|now| String::from_utf8_lossy(&now).into_owned());
    now.is_ok_and(|now| {
        attribute::restore_value(&write.file, &write.value, &now).as_ref() == Some(&write.value)
    })
}

fn write_back(scope: Scope<'_>, write: &Write) -> Result<Back> {
    let cgroup = scope.cgroup(write.hierarchy)?;
    match put(cgroup, write, None) {
        // The kernel does not empty a cpuset that has processes (ENOSPC). The parent's whole set
        // has the same effect.
        Err(e) if e.is(Errno::NOSPC) && write.file_controller() == "cpuset" => {
            let file = format!("{}.effective", write.file);
            let all = cgroup.parent().and_then(|parent| parent.read(&file).ok()).ok_or(e)?;
            let value = String::from_utf8_lossy(&all).trim().to_owned();
            put(cgroup, &Write { value: value.clone(), ..write.clone() }, None)?;
            Ok(Back::Instead(value))
        }
        other => other.map(|()| Back::Old),
    }
}
