// SPDX-License-Identifier: Apache-2.0

//! Header section "Version".

use std::ffi::CStr;
use std::os::raw::c_char;

/// Major part of this header's version.
pub const KATACG_VERSION_MAJOR: u32 = 0;
/// Minor part of this header's version.
pub const KATACG_VERSION_MINOR: u32 = 1;
/// Patch part of this header's version.
pub const KATACG_VERSION_PATCH: u32 = 0;
/// Level of this header. It counts up whenever a function, flag or field is added. Compare it with
/// katacg_api_level() to learn at run time whether the library has what this header has.
pub const KATACG_API_LEVEL: u32 = 1;

const VERSION: &CStr = c"0.1.0";

/// Returns the version of the library at run time.
///
/// Return: "MAJOR.MINOR.PATCH", never NULL.
/// Errors: none.
/// Ownership: the library owns the text, which is static.
/// Threads: any. Fork: safe.
#[no_mangle]
pub extern "C" fn katacg_version() -> *const c_char {
    VERSION.as_ptr()
}

/// Returns the API level of the library at run time.
///
/// See KATACG_API_LEVEL.
///
/// Return: the level, 1 or more.
/// Errors: none.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub extern "C" fn katacg_api_level() -> u32 {
    KATACG_API_LEVEL
}
