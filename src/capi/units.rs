// SPDX-License-Identifier: Apache-2.0

//! Header section "Kata's rules: slices and scopes".

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{guard, put, text};
use crate::kata::path;
use crate::path::slice;

/// Returns the path of a slice from its name.
///
/// "a-b.slice" is "/a.slice/a-b.slice", and "-.slice" is "/".
///
/// @param slice    the name of the slice
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -EINVAL  (KATACG_ERR_PATH)      slice is not the name of a slice
///   -EINVAL  (KATACG_ERR_ARGUMENT)  slice is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_slice_expand(
    slice: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put(&slice::expand(text(slice, "slice")?)?, buf, buf_len)) }
}

/// Returns the slice of a systemd path: "x.slice" of "x.slice:prefix:name".
///
/// @param path     the path
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -EINVAL  (KATACG_ERR_PATH)      path does not have this form
///   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_slice(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put(&path::slice_and_unit_k3(text(path, "path")?)?.0, buf, buf_len)) }
}

/// Returns the scope of a systemd path by the rule of Kata 3.x.
///
/// It is "prefix-name.scope" of "x.slice:prefix:name". A manager also creates scopes without a
/// prefix, and slices. katacg_manager_unit returns the name that it uses.
///
/// @param path     the path
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -EINVAL  (KATACG_ERR_PATH)      path does not have this form
///   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_unit(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put(&path::slice_and_unit_k3(text(path, "path")?)?.1, buf, buf_len)) }
}
