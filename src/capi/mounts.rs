//! Section "mounts".

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{bytes, guard, put, text};
use crate::error::{fail, Code};
use crate::host::v1mount;
use crate::kata::path;
use crate::kata::subsystems::Set;

/// katacg_subsystems: those that may limit a hypervisor (cpuset, cpu, cpuacct).
pub const KATACG_SUBSYSTEMS_CONSTRAINTS: u32 = 1;
/// katacg_subsystems: those that must not (memory).
pub const KATACG_SUBSYSTEMS_NO_CONSTRAINTS: u32 = 2;
/// katacg_subsystems: every v1 subsystem, and the named hierarchy "systemd".
pub const KATACG_SUBSYSTEMS_ALL: u32 = 3;

/// A cgroup's directory: root, subsystem and path joined and cleaned. Lexical: ".." in the path
/// climbs, as it does in the Go library that this follows.
///
/// root, subsystem, path: NUL-terminated. buf, buf_len: the result, as snprintf writes it; NULL
/// and 0 ask for its length. Returns: the length without NUL, also when it did not fit. Errors:
/// -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_subsystem_path(
    root: *const c_char,
    subsystem: *const c_char,
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let (root, subsystem) = (text(root, "root")?, text(subsystem, "subsystem")?);
            put(&path::subsystem_path(root, subsystem, text(path, "path")?), buf, buf_len)
        })
    }
}

/// The directory that holds the v1 hierarchies, from a mountinfo: the parent of the first mount
/// of type cgroup. Kata's old rule; katacg_host_mountpoint gives any controller's real mount.
///
/// mountinfo, len: bytes as in /proc/self/mountinfo, lines of any length; NULL and 0 are empty.
/// buf, buf_len: the result, unescaped, as snprintf writes it; NULL and 0 ask for its length.
/// Returns: the length without NUL, also when it did not fit. Errors: -ENOENT
/// (KATACG_ERR_NOT_MOUNTED: no v1 mount, or a line that is no mountinfo line before the first),
/// -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_v1_mountpoint_parse(
    mountinfo: *const c_char,
    len: usize,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || put(&v1mount::find(bytes(mountinfo, len, "mountinfo")?)?, buf, buf_len))
    }
}

/// As katacg_v1_mountpoint_parse, of this process's own /proc/self/mountinfo.
///
/// buf, buf_len: the result, as snprintf writes it; NULL and 0 ask for its length. Returns: the
/// length without NUL, also when it did not fit. Errors: as katacg_v1_mountpoint_parse, and what
/// open(2) and read(2) give (KATACG_ERR_SYSTEM). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_v1_mountpoint(
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put(&v1mount::find_own()?, buf, buf_len)) }
}

/// The subsystems of one of Kata's sets that a host has: those for which lstat(root/name)
/// succeeds.
///
/// root: the directory that holds the v1 hierarchies (katacg_v1_mountpoint). set: one of
/// KATACG_SUBSYSTEMS_*. buf, buf_len: the result, comma-separated, as snprintf writes it; NULL
/// and 0 ask for its length. Returns: the length without NUL, also when it did not fit; 0 when
/// there are none. Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL, an unknown set). Threads: any.
/// Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_subsystems(
    root: *const c_char,
    set: u32,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let root = text(root, "root")?;
            let set = match set {
                KATACG_SUBSYSTEMS_CONSTRAINTS => Set::Constraints,
                KATACG_SUBSYSTEMS_NO_CONSTRAINTS => Set::NoConstraints,
                KATACG_SUBSYSTEMS_ALL => Set::All,
                other => return fail(Code::Argument, format!("unknown subsystem set {other}")),
            };
            put(set.present(root).join(",").as_bytes(), buf, buf_len)
        })
    }
}
