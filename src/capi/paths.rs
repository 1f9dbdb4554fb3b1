//! Section "paths": Kata's rules for names. Pure, but for the two look-ups of the host.

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{check_flags, guard, put, text};
use crate::error::{fail, Code, Result};
use crate::kata::path::{self, Generation, Rules};

/// katacg_path_validate: the runtime was told to use systemd.
pub const KATACG_PATH_SYSTEMD: u32 = 1;
/// katacg_path_validate: refuse what Kata's rules let through although nobody can mean it.
pub const KATACG_PATH_STRICT: u32 = 2;
/// katacg_path_validate: the rules of Kata 1.x's last release.
pub const KATACG_PATH_K1: u32 = 4;
/// katacg_path_validate: the rules of Kata 3.x.
pub const KATACG_PATH_K3: u32 = 8;
/// katacg_path_validate, with KATACG_PATH_K3: the host is unified.
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

/// Whether a path is a systemd path by Kata's oldest rule: three parts between colons, each of
/// letters, digits and dots. (No '-': every real kubelet slice fails it; see
/// katacg_path_is_systemd_slice.)
///
/// path: NUL-terminated. Returns: 1 or 0; 0 for NULL. Errors: none. Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_is_systemd(path: *const c_char) -> c_int {
    // SAFETY: the caller's pointer, as the comment asks.
    let answer = unsafe {
        guard(std::ptr::null_mut(), || Ok(c_int::from(path::is_systemd(text(path, "path")?))))
    };
    answer.max(0)
}

/// Whether a path is a systemd path by the rule of Kata 1.x's last release and of 3.x: exactly
/// three parts between colons, the first ending in ".slice".
///
/// path: NUL-terminated. Returns: 1 or 0; 0 for NULL. Errors: none. Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_is_systemd_slice(path: *const c_char) -> c_int {
    // SAFETY: the caller's pointer, as the comment asks.
    let answer = unsafe {
        guard(std::ptr::null_mut(), || Ok(c_int::from(path::is_systemd_slice(text(path, "path")?))))
    };
    answer.max(0)
}

/// The path that Kata uses for a sandbox's cgroup: a systemd path as it is, an absolute path
/// cleaned, a relative one below "/vc"; the last element gets "kata_" in front (not by the rules
/// of 3.x). By the rules of 3.x on a unified host a systemd path comes back with "/" in front, as
/// Kata has it: to katacg_manager_new that is a directory, so give that the original.
///
/// path: NUL-terminated, not necessarily UTF-8. flags: KATACG_PATH_*. buf, buf_len: the result,
/// as snprintf writes it; NULL and 0 ask for its length. Returns: the length without NUL, also
/// when it did not fit. Errors: -EINVAL (KATACG_ERR_PATH: no systemd path although systemd is
/// asked for, or refused by KATACG_PATH_STRICT; KATACG_ERR_ARGUMENT: NULL, or flags that
/// contradict each other). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_validate(
    path: *const c_char,
    flags: u32,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || put(&path::validate(text(path, "path")?, rules(flags)?)?, buf, buf_len))
    }
}

/// "kata_" before a path's last element, so that cAdvisor does not take the sandbox for a
/// container.
///
/// path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
/// NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
/// Errors: -EINVAL (KATACG_ERR_PATH: the path is empty; KATACG_ERR_ARGUMENT: NULL). Threads: any.
/// Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_rename(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put(&path::rename(text(path, "path")?)?, buf, buf_len)) }
}

/// As katacg_path_rename, by the rules of Kata 3.x: "" and "." stand for "/vc".
///
/// path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
/// NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
/// Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_rename_k3(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put(&path::rename_k3(text(path, "path")?)?, buf, buf_len)) }
}

/// Where the part of a sandbox goes that no limits apply to: the path below "/kata".
///
/// path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
/// NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
/// Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_no_constraints(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put(&path::no_constraints(text(path, "path")?), buf, buf_len)) }
}

/// The parent of a path, taken from the root whether it starts with '/' or not.
///
/// path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
/// NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
/// Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_parent(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put(&path::parent(text(path, "path")?), buf, buf_len)) }
}

/// The path to use inside the guest: "/prefix/name" of a systemd path (by
/// katacg_path_is_systemd), else unchanged.
///
/// path: NUL-terminated, not necessarily UTF-8. buf, buf_len: the result, as snprintf writes it;
/// NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
/// Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_path_guest(
    path: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put(&path::guest(text(path, "path")?), buf, buf_len)) }
}
