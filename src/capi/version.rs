//! Section "version".

use std::ffi::CStr;
use std::os::raw::c_char;

/// This header's version: KATACG_VERSION_MAJOR.KATACG_VERSION_MINOR.KATACG_VERSION_PATCH.
pub const KATACG_VERSION_MAJOR: u32 = 0;
/// See KATACG_VERSION_MAJOR.
pub const KATACG_VERSION_MINOR: u32 = 1;
/// See KATACG_VERSION_MAJOR.
pub const KATACG_VERSION_PATCH: u32 = 0;
/// Counts up whenever functions, flags or fields are added. Compare with katacg_api_level() to
/// learn at run time whether the library has what this header has.
pub const KATACG_API_LEVEL: u32 = 1;

const VERSION: &CStr = c"0.1.0";

/// The library's version at run time.
///
/// Returns: "MAJOR.MINOR.PATCH", static, never NULL. Ownership: the library's. Errors: none.
/// Threads: any. Fork: safe.
#[no_mangle]
pub extern "C" fn katacg_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The library's API level at run time; see KATACG_API_LEVEL.
///
/// Returns: the level, 1 or more. Errors: none. Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub extern "C" fn katacg_api_level() -> u32 {
    KATACG_API_LEVEL
}
