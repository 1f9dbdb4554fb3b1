// SPDX-License-Identifier: Apache-2.0

//! What a caller can do about a write that the kernel refused.
//!
//! The kernel says EINVAL and little more. [`TABLE`] has one row per reason for which the kernel
//! refuses a value; the row's function looks at the cgroup and tells whether that reason holds.
//! Nothing is read before a write has failed.

mod bandwidth;
mod cpuset;
mod memory;
mod missing;
mod number;
mod refused;
mod task;
#[cfg(test)]
mod tests;

pub(super) use task::explain as explain_move;

use rustix::io::Errno;

use super::cgroup::Cgroup;
use super::interface_file::deleted;
use crate::error::{Code, Error};
use refused::Refused;

/// One reason for which the kernel refuses a value.
struct Row {
    /// Files, as [`Refused::is`] matches them.
    files: &'static [&'static str],
    /// The errors that the kernel returns for this reason.
    errnos: &'static [Errno],
    /// Returns the advice, or None when the reason is another one.
    advice: fn(&Refused<'_>) -> Option<String>,
}

const INVALID: &[Errno] = &[Errno::INVAL, Errno::RANGE];
const CPUSET: &[&str] = &["cpuset.cpus", "cpuset.mems", "cpus", "mems"];
const TASKS: &[&str] = &["cgroup.procs", "cgroup.threads", "tasks"];
const DEVICE_FILES: &[&str] = &["io.*", "blkio.*"];

/// The reasons. The first one that holds gives the advice.
const TABLE: &[Row] = &[
    Row { files: &["*"], errnos: INVALID, advice: number::range },
    Row { files: bandwidth::FILES, errnos: &[Errno::INVAL], advice: bandwidth::range },
    Row { files: bandwidth::FILES, errnos: &[Errno::INVAL], advice: bandwidth::burst },
    Row { files: bandwidth::V1_FILES, errnos: &[Errno::INVAL], advice: bandwidth::parent },
    Row { files: bandwidth::V1_FILES, errnos: &[Errno::INVAL], advice: bandwidth::child },
    Row { files: bandwidth::WEIGHTS, errnos: &[Errno::INVAL], advice: bandwidth::idle },
    Row { files: bandwidth::RUNTIME, errnos: &[Errno::INVAL], advice: bandwidth::realtime },
    Row { files: memory::V1_FILES, errnos: &[Errno::INVAL], advice: memory::order },
    Row { files: CPUSET, errnos: INVALID, advice: cpuset::not_on_this_host },
    Row { files: CPUSET, errnos: &[Errno::INVAL], advice: cpuset::exclusive },
    Row { files: CPUSET, errnos: &[Errno::ACCESS], advice: cpuset::parent },
    Row { files: CPUSET, errnos: &[Errno::BUSY], advice: cpuset::child },
    Row { files: CPUSET, errnos: &[Errno::NOSPC], advice: cpuset::in_use },
    Row { files: DEVICE_FILES, errnos: &[Errno::NODEV], advice: number::device },
];

/// Adds advice to the error of a failed write or read of a file.
pub(crate) fn explain(cgroup: Cgroup<'_>, file: &str, value: &str, error: Error) -> Error {
    let Some(errno) = error.sys_errno().filter(|_| error.code() == Code::System) else {
        return error;
    };
    if TASKS.contains(&file) {
        return explain_move(cgroup, value.trim(), error);
    }
    let refused = Refused { cgroup, file, value };
    if errno == Errno::BUSY && refused.is("memory.*") {
        return memory::usage(&refused, error);
    }
    if errno == Errno::NODEV && !cgroup.exists().unwrap_or(true) {
        return deleted(cgroup);
    }
    let rows = TABLE.iter().filter(|row| row.errnos.contains(&errno));
    let of_file = rows.filter(|row| row.files.iter().any(|file| refused.is(file)));
    if let Some(advice) = of_file.map(|row| (row.advice)(&refused)).find_map(|advice| advice) {
        return error.advice(advice);
    }
    match errno {
        Errno::NOENT | Errno::PERM | Errno::ACCESS => missing::explain(&refused, error),
        _ => error,
    }
}
