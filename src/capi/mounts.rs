// SPDX-License-Identifier: Apache-2.0

//! Header section "Kata's rules: v1 mounts and subsystems".

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{bytes, guard, put, text};
use crate::error::{fail, Code};
use crate::host::v1mount;
use crate::kata::path;
use crate::kata::subsystems::Set;

/// Set of katacg_subsystems: those that may limit a hypervisor (cpuset, cpu, cpuacct).
pub const KATACG_SUBSYSTEMS_CONSTRAINTS: u32 = 1;
/// Set of katacg_subsystems: those that must not limit a hypervisor (memory).
pub const KATACG_SUBSYSTEMS_NO_CONSTRAINTS: u32 = 2;
/// Set of katacg_subsystems: every v1 subsystem, and the named hierarchy "systemd".
pub const KATACG_SUBSYSTEMS_ALL: u32 = 3;

/// Returns the directory of a cgroup: root, subsystem and path, joined and cleaned.
///
/// The function looks at the text only. ".." in the path climbs up, as in Kata's Go code.
///
/// @param root       the directory that holds the v1 hierarchies
/// @param subsystem  the subsystem
/// @param path       the path of the cgroup
/// @param buf        receives the result; may be NULL if buf_len is 0
/// @param buf_len    size of buf in bytes; 0 asks for the length only
/// @param err        filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  an argument is NULL
/// Threads: any. Fork: safe.
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
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let (root, subsystem) = (text(root, "root")?, text(subsystem, "subsystem")?);
            put(&path::subsystem_path(root, subsystem, text(path, "path")?), buf, buf_len)
        })
    }
}

/// Returns the directory that holds the v1 hierarchies, from the text of a mountinfo file.
///
/// This is Kata's old rule: the parent of the first mount of type cgroup. katacg_host_mountpoint
/// returns the real mount point of any controller.
///
/// @param mountinfo  text in the format of /proc/self/mountinfo, with lines of any length; NULL
///                   with len 0 is empty
/// @param len        its length in bytes
/// @param buf        receives the result; may be NULL if buf_len is 0
/// @param buf_len    size of buf in bytes; 0 asks for the length only
/// @param err        filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit. Escapes are decoded.
/// Errors:
///   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  there is no v1 mount, or a malformed line comes before it
///   -EINVAL  (KATACG_ERR_ARGUMENT)     mountinfo is NULL and len is not 0
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_v1_mountpoint_parse(
    mountinfo: *const c_char,
    len: usize,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || put(&v1mount::find(bytes(mountinfo, len, "mountinfo")?)?, buf, buf_len))
    }
}

/// Returns the directory that holds the v1 hierarchies, from /proc/self/mountinfo.
///
/// The rule is that of katacg_v1_mountpoint_parse.
///
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -errno  (KATACG_ERR_SYSTEM)  open(2) or read(2) failed
/// Also the errors of katacg_v1_mountpoint_parse.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_v1_mountpoint(
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put(&v1mount::find_own()?, buf, buf_len)) }
}

/// Lists the subsystems of one of Kata's sets that the host has.
///
/// The host has a subsystem if lstat(2) of root/name succeeds.
///
/// @param root     the directory that holds the v1 hierarchies (see katacg_v1_mountpoint)
/// @param set      one of KATACG_SUBSYSTEMS_*
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit. It is 0 if the host
/// has none. The result is separated by commas.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  root is NULL, or set is unknown
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_subsystems(
    root: *const c_char,
    set: u32,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
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
