//! Section "files": the cgroup's files by name.

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{bytes, guard, handle, name, put};
use super::manager::katacg_manager;

/// Reads one file of the cgroup.
///
/// subsystem: as for katacg_manager_path. file: its name, without a slash. buf, buf_len: the
/// contents, as snprintf writes it; NULL and 0 ask for their length. Returns: the length without
/// NUL, also when it did not fit. Errors: what openat2(2) and read(2) give (KATACG_ERR_SYSTEM),
/// -ENOENT (KATACG_ERR_NOT_MOUNTED: not one of this manager's subsystems; KATACG_ERR_DELETED: no
/// such cgroup), -EINVAL
/// (KATACG_ERR_ARGUMENT: NULL, or not a file name). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_read(
    manager: *const katacg_manager,
    subsystem: *const c_char,
    file: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            let (subsystem, file) = (name(subsystem, "subsystem")?, name(file, "file")?);
            put(&manager.read(subsystem, file)?, buf, buf_len)
        })
    }
}

/// Writes one file of the cgroup, in one write(2): the raw setter, for what has no resource.
///
/// subsystem, file: as for katacg_manager_read. value, len: what to write. Returns: 0. Errors:
/// what openat2(2) and write(2) give (KATACG_ERR_SYSTEM), -ENOENT (KATACG_ERR_NOT_MOUNTED,
/// KATACG_ERR_DELETED), -EINVAL
/// (KATACG_ERR_ARGUMENT). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_write(
    manager: *const katacg_manager,
    subsystem: *const c_char,
    file: *const c_char,
    value: *const c_char,
    len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            let (subsystem, file) = (name(subsystem, "subsystem")?, name(file, "file")?);
            manager.write(subsystem, file, bytes(value, len, "value")?)?;
            Ok(0)
        })
    }
}
