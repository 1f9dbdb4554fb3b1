// SPDX-License-Identifier: Apache-2.0

//! Header section "Kata's rules: paths".
//!
//! These functions compute a path from text. They do not look at the host.

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{check_flags, guard, put, text};
use crate::error::{fail, Code, Result};
use crate::kata::path;
use crate::kata::rules::{self, Generation, Rules};

/// Flag of katacg_path_validate: the runtime was told to use systemd.
pub const KATACG_PATH_SYSTEMD: u32 = 1;
/// Flag of katacg_path_validate: also refuses paths that Kata's rules accept but no caller can
/// mean.
pub const KATACG_PATH_STRICT: u32 = 2;
/// Flag of katacg_path_validate: uses the rules of the last Kata 1.x release.
pub const KATACG_PATH_K1: u32 = 4;
/// Flag of katacg_path_validate: uses the rules of Kata 3.x.
pub const KATACG_PATH_K3: u32 = 8;
/// Flag of katacg_path_validate, with KATACG_PATH_K3: the host is unified.
pub const KATACG_PATH_V2: u32 = 16;

fn rules(flags: u32) -> Result<Rules> {
    let all =
        KATACG_PATH_SYSTEMD | KATACG_PATH_STRICT | KATACG_PATH_K1 | KATACG_PATH_K3 | KATACG_PATH_V2;
    check_flags(flags.into(), all.into())?;
    let has = |flag| flags & flag != 0;
    let generation = match (has(KATACG_PATH_K1), has(KATACG_PATH_K3), has(KATACG_PATH_V2)) {
        (false, false, false) => Generation::K0,
        (true, false, false) => Generation::K1,
        (false, true, unified) => Generation::K3 { unified },
        (true, true, _) => {
            return fail(Code::Argument, "KATACG_PATH_K1 and KATACG_PATH_K3 exclude each other")
        }
        (_, false, true) => return fail(Code::Argument, "KATACG_PATH_V2 goes with KATACG_PATH_K3"),
    };
    Ok(Rules { generation, systemd: has(KATACG_PATH_SYSTEMD), strict: has(KATACG_PATH_STRICT) })
}

/// Tells whether a path is a systemd path by Kata's oldest rule.
///
/// The rule: three parts between colons, each of letters, digits and dots. The rule allows no '-',
/// so every real slice of a kubelet fails it. See katacg_path_is_systemd_slice.
///
/// @param path  the path
///
/// Return: 1 or 0; 0 for NULL.
/// Errors: none.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_is_systemd(path: *const c_char) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    let answer = unsafe {
        guard(std::ptr::null_mut(), || Ok(c_int::from(rules::is_systemd(text(path, "path")?))))
    };
    answer.max(0)
}

/// Tells whether a path is a systemd path by the rule of the last Kata 1.x release and of Kata 3.x.
///
/// The rule: exactly three parts between colons, the first ending in ".slice".
///
/// @param path  the path
///
/// Return: 1 or 0; 0 for NULL.
/// Errors: none.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_is_systemd_slice(path: *const c_char) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    let answer = unsafe {
        guard(std::ptr::null_mut(), || {
            Ok(c_int::from(rules::is_systemd_slice(text(path, "path")?)))
        })
    };
    answer.max(0)
}

/// Returns the path that Kata uses for the cgroup of a sandbox.
///
/// A systemd path stays as it is. An absolute path is cleaned. A relative path goes below "/vc".
/// The last element gets the prefix "kata_", except by the rules of Kata 3.x.
///
/// Without KATACG_PATH_K1 and KATACG_PATH_K3 the rules are those of Kata's Go code of January 2020.
///
/// By the rules of Kata 3.x on a unified host, a systemd path gets "/" in front. To
/// katacg_manager_new that is a directory: give it the original path instead.
///
/// @param path     the path
/// @param flags    KATACG_PATH_* combined with |, or 0
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -EINVAL  (KATACG_ERR_PATH)      KATACG_PATH_SYSTEMD asks for a systemd path and path is none,
///                                   or KATACG_PATH_STRICT refuses it
///   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL, or flags are unknown or contradict each other
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_validate(
    path: *const c_char,
    flags: u32,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || put(&path::validate(text(path, "path")?, rules(flags)?)?, buf, buf_len))
    }
}

/// Puts "kata_" in front of the last element of a path.
///
/// The prefix keeps cAdvisor from taking the sandbox for a container.
///
/// @param path     the path
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -EINVAL  (KATACG_ERR_PATH)      path is empty
///   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_rename(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put(&path::rename(text(path, "path")?)?, buf, buf_len)) }
}

/// Puts "kata_" in front of the last element of a path, by the rules of Kata 3.x.
///
/// "" and "." stand for "/vc".
///
/// @param path     the path
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_rename_k3(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put(&path::rename_k3(text(path, "path")?)?, buf, buf_len)) }
}

/// Returns the path below "/kata", for the part of a sandbox to which no limits apply.
///
/// @param path     the path
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_no_constraints(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put(&path::no_constraints(text(path, "path")?), buf, buf_len)) }
}

/// Returns the parent of a path. The path counts from the root, with or without a leading '/'.
///
/// @param path     the path
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_parent(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put(&path::parent(text(path, "path")?), buf, buf_len)) }
}

/// Returns the path to use inside the guest.
///
/// For a systemd path (by katacg_path_is_systemd) it is "/prefix/name". Other paths are unchanged.
///
/// @param path     the path
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  path is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_guest(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put(&path::guest(text(path, "path")?), buf, buf_len)) }
}
