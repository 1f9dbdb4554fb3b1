//! Section "units".

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{guard, put, text};
use crate::kata::slice;

/// A slice's path from its name: "a-b.slice" is "/a.slice/a-b.slice", "-.slice" is "/".
///
/// slice: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
/// NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
/// Errors: -EINVAL (KATACG_ERR_PATH: not such a name; KATACG_ERR_ARGUMENT: NULL). Threads: any.
/// Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_slice_expand(
    slice: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put(&slice::expand(text(slice, "slice")?)?, buf, buf_len)) }
}

/// The slice of a systemd path "x.slice:prefix:name": "x.slice".
///
/// path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
/// NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
/// Errors: -EINVAL (KATACG_ERR_PATH: not such a name; KATACG_ERR_ARGUMENT: NULL). Threads: any.
/// Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_slice(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put(&slice::slice_and_unit_k3(text(path, "path")?)?.0, buf, buf_len)) }
}

/// The scope of a systemd path "x.slice:prefix:name": "prefix-name.scope", by Kata 3.x's rule. A
/// manager also makes scopes without a prefix, and slices: katacg_manager_unit tells.
///
/// path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
/// NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
/// Errors: -EINVAL (KATACG_ERR_PATH: not such a name; KATACG_ERR_ARGUMENT: NULL). Threads: any.
/// Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_unit(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put(&slice::slice_and_unit_k3(text(path, "path")?)?.1, buf, buf_len)) }
}
