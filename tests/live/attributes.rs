// SPDX-License-Identifier: Apache-2.0

//! The table of interface files against the running kernel.

use katacg::host::Version;
use katacg::resources::attribute::{self, InterfaceFile, Kernel};

use crate::fixture::*;

/// The controllers whose writable files are all in the table.
const WHOLE: &[&str] =
    &["cpu", "cpuset", "memory", "io", "blkio", "pids", "hugetlb", "rdma", "misc"];

/// Returns the version of the running kernel.
fn kernel() -> Kernel {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

fn since(row: &InterfaceFile, version: Version) -> Option<Kernel> {
    match version {
        Version::V1 => row.v1,
        Version::V2 => row.v2,
    }
}

/// Whether the row's controller is enabled in the cgroup. Every v2 cgroup has the files of the
/// core.
fn is_enabled(row: &InterfaceFile, fresh: &Fresh) -> bool {
    let controller = attribute::controller_of(row.name);
    match controller {
        "cgroup" | "irq" => fresh.version == Version::V2,
        name => fresh.controllers.iter().any(|c| c == name),
    }
}

#[test]
fn every_row_has_its_file_unless_the_kernel_is_older_or_lacks_what_the_row_needs() {
    let cgroups = Fresh::in_all_hierarchies();
    need!(!cgroups.is_empty(), "no hierarchy in which this user may create a cgroup");
    let kernel = kernel();
    let mut missing = Vec::new();
    for fresh in &cgroups {
        for row in attribute::all().iter().filter(|row| is_enabled(row, fresh)) {
            let Some(since) = since(row, fresh.version) else { continue };
            let exists = fresh.files.iter().any(|(file, _)| row.matches(file));
            let expected = kernel >= since && row.until.is_none_or(|until| kernel < until);
            let text = format!(
                "{} on {:?}: kernel {kernel:?}, since {since:?}, until {:?}",
                row.name, fresh.version, row.until
            );
            match (exists, expected, row.needs) {
                (true, true, _) | (false, false, _) => {}
                // A distribution's kernel may have the file earlier, or keep it longer.
                (true, false, _) => println!("exists: {text}"),
                (false, true, Some(needs)) => println!("missing, which needs {needs}: {text}"),
                (false, true, None) => missing.push(text),
            }
        }
    }
    assert!(missing.is_empty(), "rows without a file: {missing:#?}");
}

#[test]
fn every_file_that_can_be_written_has_a_row() {
    let version = std::fs::read_to_string("/proc/version").unwrap();
    need!(version.contains("Debian"), "another vendor's kernel may have files of its own");
    let cgroups = Fresh::in_all_hierarchies();
    need!(!cgroups.is_empty(), "no hierarchy in which this user may create a cgroup");
    let mut unknown = Vec::new();
    for fresh in &cgroups {
        for (file, mode) in fresh.files.iter().filter(|(_, mode)| mode & 0o222 != 0) {
            let whole = WHOLE.contains(&attribute::controller_of(file));
            if !whole {
                continue;
            }
            let row = attribute::find(file).filter(|row| since(row, fresh.version).is_some());
            if row.is_none() {
                unknown.push(format!("{file} on {:?}, mode {mode:o}", fresh.version));
            }
        }
    }
    assert!(unknown.is_empty(), "files without a row: {unknown:#?}");
}
