// SPDX-License-Identifier: Apache-2.0

//! Header section "Manager: interface files".

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{bytes, guard, handle, name, put};
use super::manager::katacg_manager;

/// Reads one file of the cgroup.
///
/// @param manager    the manager
/// @param subsystem  as for katacg_manager_path
/// @param file       the name of the file, without a slash
/// @param buf        receives the result; may be NULL if buf_len is 0
/// @param buf_len    size of buf in bytes; 0 asks for the length only
/// @param err        filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  the manager has not joined this subsystem
///   -ENOENT  (KATACG_ERR_DELETED)      the cgroup does not exist
///   -EINVAL  (KATACG_ERR_ARGUMENT)     an argument is NULL, or file is not a file name
///   -errno   (KATACG_ERR_SYSTEM)       openat2(2) or read(2) failed
/// Threads: any. Fork: safe.
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
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            let (subsystem, file) = (name(subsystem, "subsystem")?, name(file, "file")?);
            put(&manager.read(subsystem, file)?, buf, buf_len)
        })
    }
}

/// Writes one file of the cgroup in one write(2).
///
/// Use it for files that no resource stands for.
///
/// @param manager    the manager
/// @param subsystem  as for katacg_manager_path
/// @param file       the name of the file, without a slash
/// @param value      the bytes to write
/// @param len        their number
/// @param err        filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  the manager has not joined this subsystem
///   -ENOENT  (KATACG_ERR_DELETED)      the cgroup does not exist
///   -EINVAL  (KATACG_ERR_ARGUMENT)     an argument is NULL, or file is not a file name
///   -errno   (KATACG_ERR_SYSTEM)       openat2(2) or write(2) failed
/// Threads: any. Fork: safe.
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
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            let (subsystem, file) = (name(subsystem, "subsystem")?, name(file, "file")?);
            manager.write(subsystem, file, bytes(value, len, "value")?)?;
            Ok(0)
        })
    }
}
