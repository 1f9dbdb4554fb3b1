// SPDX-License-Identifier: Apache-2.0

//! Files that do not exist, and controllers that are not turned on.
//!
//! Kernel: admin-guide/cgroup-v2.rst, "Enabling and Disabling", "No Internal Process Constraint".

use rustix::fs::{Dir, OFlags};
use rustix::io::Errno;

use super::refused::{shown, Refused};
use crate::bytes::nearest;
use crate::cgroupfs::cgroup::Cgroup;
use crate::error::{Code, Error};
use crate::host::controllers;
use crate::resources::attribute;
use crate::sort::sort;

/// Says why the file does not exist or cannot be opened.
pub(super) fn explain(refused: &Refused<'_>, error: Error) -> Error {
    let missing = error.is(Errno::NOENT);
    let Ok(available) = refused.cgroup.words("cgroup.controllers") else {
        return if missing { no_such_file(refused, error, false) } else { error };
    };
    let controller = attribute::controller_of(refused.file);
    if controller == "cgroup" || available.iter().any(|name| name == controller) {
        return if missing { no_such_file(refused, error, true) } else { error };
    }
    let error = error
        .with_code(Code::Controller)
        .advice(format!("controller {controller} is not available here"));
    let error = match blocker(refused.cgroup, controller) {
        Some(why) => error.advice(why),
        None => error,
    };
    let names = if available.is_empty() { "none".to_owned() } else { available.join(" ") };
    error.advice(format!("available: {names}"))
}

/// Says which of the cgroup's ancestors keeps a controller from its children, and why.
fn blocker(cgroup: Cgroup<'_>, controller: &str) -> Option<String> {
    if !controllers::v2_controllers().any(|name| name == controller) {
        let names: Vec<&str> = controllers::v2_controllers().collect();
        return nearest(controller, &names).map(|name| format!("did you mean {name}?"));
    }
    for level in cgroup.ancestors() {
        let has = |file| level.words(file).is_ok_and(|names| names.iter().any(|n| n == controller));
        if !has("cgroup.controllers") {
            return Some(format!("{} does not have it", shown(level)));
        }
        if has("cgroup.subtree_control") {
            continue;
        }
        // The root of all cgroups, which may have processes, has no type.
        let kind = level.words("cgroup.type").unwrap_or_default().join(" ");
        let has_processes = || level.pids().is_ok_and(|pids| !pids.is_empty());
        if kind.contains("threaded") && controllers::domain_only().any(|name| name == controller) {
            return Some(format!("{} is {kind}, so its children cannot have it", shown(level)));
        }
        if !kind.is_empty() && has_processes() {
            return Some(format!(
                "{} has processes, so the kernel turns no controller on for its children; \
                 move the processes to a leaf",
                shown(level)
            ));
        }
        return Some(format!("it is not turned on in {}/cgroup.subtree_control", shown(level)));
    }
    None
}

/// Says which file the caller may have meant, or what a kernel needs to have the file.
fn no_such_file(refused: &Refused<'_>, error: Error, v2: bool) -> Error {
    let row = attribute::find(refused.file);
    let here = row.map(|row| if v2 { row.v2 } else { row.v1 });
    let error = error.advice(match (here, v2) {
        (Some(None), true) => "it is a file of cgroup v1, and this is cgroup v2".to_owned(),
        (Some(None), false) => "it is a file of cgroup v2, and this is cgroup v1".to_owned(),
        _ => "this kernel does not have the file".to_owned(),
    });
    if let (Some(Some(_)), Some(row)) = (here, row) {
        return match attribute::needs(row, v2) {
            Some(needs) => error.advice(format!("it needs {needs}")),
            None => error,
        };
    }
    let files = files(refused.cgroup);
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    match nearest(refused.file, &names) {
        Some(name) => error.advice(format!("did you mean {name}?")),
        None => error,
    }
}

/// Returns the names in the cgroup's directory.
fn files(cgroup: Cgroup<'_>) -> Vec<String> {
    let Ok(fd) = cgroup.open("", OFlags::RDONLY | OFlags::DIRECTORY) else { return Vec::new() };
    let Ok(entries) = Dir::new(fd) else { return Vec::new() };
    let names = entries.filter_map(std::result::Result::ok);
    let mut names: Vec<String> =
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    sort(&mut names);
    names
}
