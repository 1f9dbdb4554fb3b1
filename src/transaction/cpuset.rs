// SPDX-License-Identifier: Apache-2.0

//! Filling v1 cpusets from their ancestors. A v1 cpuset starts empty, and an empty one takes no
//! process.
//!
//! Kernel: admin-guide/cgroup-v1/cpusets.rst.

use crate::cgroupfs::{Cgroup, Created};
use crate::error::Result;

/// Fills the directories that were created, from the nearest ancestor with a value. In the cgroup
/// itself, fills only the files that `own` selects (CPUs, memory nodes); a later step writes the
/// others.
pub fn inherit(
    cgroup: Cgroup<'_>,
    created: &Created,
    files: [&str; 2],
    own: [bool; 2],
) -> Result<()> {
    let made_here = created.0.last().is_some_and(|&end| end == cgroup.path().len());
    for &end in created.0.iter().filter(|&&end| end < cgroup.path().len()) {
        for file in files {
            fill(cgroup.prefix(end), file)?;
        }
    }
    for (file, own) in files.into_iter().zip(own) {
        // A cgroup that existed before may have a value of its own.
        if own && (made_here || is_empty(&cgroup.read(file)?)) {
            fill(cgroup, file)?;
        }
    }
    Ok(())
}

/// Fills every ancestor that is empty.
pub fn fill_ancestors(cgroup: Cgroup<'_>, files: [&str; 2]) -> Result<()> {
    let Some(parent) = cgroup.parent() else {
        return Ok(());
    };
    for file in files {
        value(parent, file)?;
    }
    Ok(())
}

fn fill(cgroup: Cgroup<'_>, file: &str) -> Result<()> {
    match cgroup.parent() {
        Some(parent) => cgroup.write(file, &value(parent, file)?),
        None => Ok(()),
    }
}

/// Returns the value of a cgroup, after filling an empty one from its parent.
fn value(cgroup: Cgroup<'_>, file: &str) -> Result<Vec<u8>> {
    let found = cgroup.read(file)?;
    match cgroup.parent() {
        Some(parent) if is_empty(&found) => {
            let above = value(parent, file)?;
            cgroup.write(file, &above)?;
            Ok(above)
        }
        _ => Ok(found),
    }
}

fn is_empty(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_whitespace)
}
