// SPDX-License-Identifier: Apache-2.0

//! Header section "Manager: paths, state, unit, log".

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{guard, handle, name, put};
use super::manager::{katacg_manager, log};

/// Returns the directories of the cgroup, one for each subsystem. They need not exist yet.
///
/// The result is JSON: {"cpu":"/sys/fs/cgroup/cpu/x",...}. The key of cgroup2 is "". A path that is
/// not UTF-8 appears as {"hex":"..."}.
///
/// @param manager  the manager
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_paths(
    manager: *const katacg_manager,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || put(handle(manager, "manager")?.0.paths_json()?.as_bytes(), buf, buf_len))
    }
}

/// Returns the directory of the cgroup for one subsystem.
///
/// @param manager    the manager
/// @param subsystem  a v1 subsystem, or "" for cgroup2. On a unified host every name gives the one
///                   directory.
/// @param buf        receives the result; may be NULL if buf_len is 0
/// @param buf_len    size of buf in bytes; 0 asks for the length only
/// @param err        filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  the manager has not joined this subsystem
///   -EINVAL  (KATACG_ERR_ARGUMENT)     manager or subsystem is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_path(
    manager: *const katacg_manager,
    subsystem: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            put(&manager.path(name(subsystem, "subsystem")?)?, buf, buf_len)
        })
    }
}

/// Returns the state of the manager, for katacg_manager_load.
///
/// With it, another process, or this one after a restart, continues with the same cgroup.
///
/// @param manager  the manager
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit. The state is JSON.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
/// Threads: any. Fork: safe, unless another thread was in a call on this manager.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_state(
    manager: *const katacg_manager,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put(handle(manager, "manager")?.0.state()?.as_bytes(), buf, buf_len)) }
}

/// Returns the name of the systemd unit: "prefix-name.scope", "name.scope" or "name.slice".
///
/// @param manager  the manager
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit. It is 0 if the cgroup
/// is no unit. That is so with the cgroupfs driver, and for the parent of a unit.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_unit(
    manager: *const katacg_manager,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let unit = handle(manager, "manager")?.0.unit().unwrap_or_default();
            put(unit.as_bytes(), buf, buf_len)
        })
    }
}

/// Sets where warnings go from now on.
///
/// The arguments mean what opts.log_fd and opts.log_level mean. A manager that katacg_manager_new
/// did not create is silent at first.
///
/// @param manager  the manager
/// @param fd       the descriptor. The caller owns it. It must stay open while the manager is used,
///                 or until the next call of this function.
/// @param level    0: silent. 1: warnings.
/// @param err      filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL, fd is negative, or level is unknown
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_log(
    manager: *const katacg_manager,
    fd: i32,
    level: u32,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            manager.set_log(log(fd, level)?);
            Ok(0)
        })
    }
}
