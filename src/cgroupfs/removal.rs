// SPDX-License-Identifier: Apache-2.0

//! Tells whether an error comes from the file itself or from the removal of its whole cgroup.
//!
//! Another process can remove a cgroup and create it again between a call that fails and the search
//! for the reason. The search then finds both the cgroup and the file that could not be opened.

use rustix::fd::OwnedFd;
use rustix::fs::{fstat, openat, Mode, OFlags};
use rustix::io::Errno;

use super::cgroup::Cgroup;
use crate::error::{Code, Error};

/// Returns the error as [`Code::Deleted`] if it comes from the cgroup's removal, even when another
/// process has created the cgroup again since; else unchanged.
///
/// `fd` is the open file of an error of read(2) or write(2); None when the file was not opened. An
/// empty `file` is the directory.
pub(crate) fn removed_or(
    cgroup: Cgroup<'_>,
    file: &str,
    fd: Option<&OwnedFd>,
    error: Error,
) -> Error {
    let removed = match (error.sys_errno(), fd) {
        (Some(Errno::NOENT), None) => file.is_empty() || was_missing(cgroup, file),
        // The directory went away between the two halves of open(2).
        (Some(Errno::NODEV), None) => true,
        // Some files return ENODEV for a value, too: io.max does for a device that does not exist.
        (Some(Errno::NODEV), Some(fd)) => !is_open_file(cgroup, file, fd),
        _ => false,
    };
    match removed {
        true => error.with_code(Code::Deleted).advice(
            "the cgroup does not exist, or another process has removed it meanwhile; apply again",
        ),
        false => error,
    }
}

/// Whether a file could not be opened because its cgroup does not exist. The answer comes from one
/// open directory, so a new cgroup of the same name cannot change it.
fn was_missing(cgroup: Cgroup<'_>, file: &str) -> bool {
    let directory = match cgroup.open("", OFlags::PATH | OFlags::DIRECTORY) {
        Ok(directory) => directory,
        Err(errno) => return errno == Errno::NOENT,
    };
    let has = |file: &str| {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&directory, file, flags, Mode::empty()).map(drop)
    };
    match has(file) {
        Ok(()) => true,
        // Every directory has cgroup.procs until it is removed.
        Err(Errno::NOENT) => has("cgroup.procs") == Err(Errno::NOENT),
        Err(_) => false,
    }
}

/// Whether the file at a cgroup's path is the one that is open.
pub(crate) fn is_open_file(cgroup: Cgroup<'_>, file: &str, fd: &OwnedFd) -> bool {
    let there = cgroup.open(file, OFlags::PATH).and_then(|there| fstat(&there));
    match (fstat(fd), there) {
        (Ok(open), Ok(there)) => open.st_ino == there.st_ino,
        (_, Err(Errno::NOENT)) => false,
        // The path cannot be read, so the answer is unknown.
        _ => true,
    }
}
