//! Section "about a manager": where its cgroup is, its state, where its warnings go.

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{guard, handle, name, put};
use super::manager::{katacg_manager, log};

/// The paths of the cgroup, one for each subsystem; they need not exist yet.
///
/// buf, buf_len: the result, JSON: {"cpu":"/sys/fs/cgroup/cpu/x",...}, the key of cgroup2 is "";
/// a path that is not UTF-8 is {"hex":"..."}. As snprintf writes it; NULL and 0 ask for its
/// length. Returns: the length without NUL, also when it did not fit. Errors: -EINVAL
/// (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_paths(
    manager: *const katacg_manager,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || put(handle(manager, "manager")?.0.paths_json()?.as_bytes(), buf, buf_len))
    }
}

/// The path of one subsystem's cgroup.
///
/// subsystem: a v1 subsystem, or "" for cgroup2; on a unified host every name gives the one
/// cgroup. buf, buf_len: the result, as snprintf writes it; NULL and 0 ask for its length.
/// Returns: the length without NUL, also when it did not fit. Errors: -ENOENT
/// (KATACG_ERR_NOT_MOUNTED: not one of this manager's), -EINVAL (KATACG_ERR_ARGUMENT: NULL).
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
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            put(&manager.path(name(subsystem, "subsystem")?)?, buf, buf_len)
        })
    }
}

/// What another process, or this one after a restart, needs to go on with this manager; give it to
/// katacg_manager_load.
///
/// buf, buf_len: the result, JSON, as snprintf writes it; NULL and 0 ask for its length. Returns:
/// the length without NUL, also when it did not fit. Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL).
/// Threads: any. Fork: safe, unless another thread was in a call on this handle.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_state(
    manager: *const katacg_manager,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put(handle(manager, "manager")?.0.state()?.as_bytes(), buf, buf_len)) }
}

/// The unit of systemd's that the cgroup is: "prefix-name.scope", "name.scope", "name.slice".
///
/// buf, buf_len: the result, as snprintf writes it; NULL and 0 ask for its length. Returns: the
/// length without NUL, also when it did not fit; 0 when it is no unit (cgroupfs, or the parent of a
/// unit). Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_unit(
    manager: *const katacg_manager,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let unit = handle(manager, "manager")?.0.unit().unwrap_or_default();
            put(unit.as_bytes(), buf, buf_len)
        })
    }
}

/// Where warnings go from now on, as opts.log_fd and opts.log_level say it for katacg_manager_new;
/// managers that come from elsewhere are silent at first.
///
/// fd: the caller's, open as long as the manager is used or until another call of this function;
/// level: 0 or 1. Returns: 0. Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL, a negative descriptor, an
/// unknown level). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_log(
    manager: *const katacg_manager,
    fd: i32,
    level: u32,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            manager.set_log(log(fd, level)?);
            Ok(0)
        })
    }
}
