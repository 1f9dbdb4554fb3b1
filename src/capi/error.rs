// SPDX-License-Identifier: Apache-2.0

//! Header section "Errors".
//!
//! The code says what kind of failure it was. The result of the function is -errno.

use std::mem::size_of;
use std::os::raw::c_char;

use crate::error::{Code, Error};

/// An argument is missing, malformed or contradicts another argument.
pub const KATACG_ERR_ARGUMENT: i32 = 1;
/// A path or unit name breaks the rule that it was checked against.
pub const KATACG_ERR_PATH: i32 = 2;
/// JSON is malformed or has the wrong content. For malformed JSON the message has line and column.
pub const KATACG_ERR_JSON: i32 = 3;
/// A value is out of range or contradicts another value.
pub const KATACG_ERR_VALUE: i32 = 4;
/// No cgroup file system is mounted, or none with the controller that is needed.
pub const KATACG_ERR_NOT_MOUNTED: i32 = 5;
/// The controller is not available in this cgroup. The message lists the available ones.
pub const KATACG_ERR_CONTROLLER: i32 = 6;
/// A system call failed. See sys_errno.
pub const KATACG_ERR_SYSTEM: i32 = 7;
/// The request cannot be carried out on this layout or by this version.
pub const KATACG_ERR_UNSUPPORTED: i32 = 8;
/// The cgroup does not exist, or no longer exists.
pub const KATACG_ERR_DELETED: i32 = 9;
/// The kernel accepted a value but stored another one.
pub const KATACG_ERR_CLAMPED: i32 = 10;
/// The caller is not root and no cgroup could be created to hold the limits.
pub const KATACG_ERR_ROOTLESS: i32 = 11;
/// The cgroup is still in use after the deadline. The message names what is left.
pub const KATACG_ERR_BUSY: i32 = 12;
/// A deadline passed.
pub const KATACG_ERR_TIMEOUT: i32 = 13;
/// The library caught a bug of its own. The effect of the call is unknown.
pub const KATACG_ERR_PANIC: i32 = 14;
/// A struct of options sets fields that this version of the library does not know.
pub const KATACG_ERR_TOO_NEW: i32 = 15;
/// systemd cannot be reached: there is no bus, or no systemd on the bus.
pub const KATACG_ERR_BUS: i32 = 16;

/// Size of a message in bytes, including its NUL. A longer message is cut and ends in "...".
pub const KATACG_ERROR_MESSAGE: usize = 496;

/// Why a call failed.
///
/// The caller owns the struct and starts it with KATACG_ERROR_INIT. Every function takes it last. A
/// function writes it only on failure. NULL means that the caller does not want the details. The
/// struct owns no memory.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_error {
    /// sizeof(struct katacg_error), set by the caller. A function writes at most this many bytes. 0
    /// (a zeroed struct) means 512, the size in the first version.
    pub size: u32,
    /// One of KATACG_ERR_*.
    pub code: i32,
    /// errno of the system call that failed, or 0 when no system call failed.
    pub sys_errno: i32,
    /// Always 0.
    pub reserved: u32,
    /// One line that ends in NUL: operation, file, value, cause, and what the caller can do. File
    /// names appear as the bytes they are, which need not be UTF-8.
    pub message: [c_char; KATACG_ERROR_MESSAGE],
}

// header: /* Starts a struct katacg_error. */
// header: #define KATACG_ERROR_INIT { sizeof(struct katacg_error), 0, 0, 0, {0} }

const HEAD: usize = size_of::<katacg_error>() - KATACG_ERROR_MESSAGE;
const _: () = assert!(size_of::<katacg_error>() == 512 && HEAD == 4 * size_of::<u32>());

/// Returns the KATACG_ERR_* constant of a code. The numbers are equal.
pub(super) fn code(code: Code) -> i32 {
    match code {
        Code::Argument => KATACG_ERR_ARGUMENT,
        Code::Path => KATACG_ERR_PATH,
        Code::Json => KATACG_ERR_JSON,
        Code::Value => KATACG_ERR_VALUE,
        Code::NotMounted => KATACG_ERR_NOT_MOUNTED,
        Code::Controller => KATACG_ERR_CONTROLLER,
        Code::System => KATACG_ERR_SYSTEM,
        Code::Unsupported => KATACG_ERR_UNSUPPORTED,
        Code::Deleted => KATACG_ERR_DELETED,
        Code::Clamped => KATACG_ERR_CLAMPED,
        Code::Rootless => KATACG_ERR_ROOTLESS,
        Code::Busy => KATACG_ERR_BUSY,
        Code::Timeout => KATACG_ERR_TIMEOUT,
        Code::Panic => KATACG_ERR_PANIC,
        Code::TooNew => KATACG_ERR_TOO_NEW,
        Code::Bus => KATACG_ERR_BUS,
    }
}

/// Fills the caller's struct, up to the size that it states. The struct need not be aligned.
pub(super) unsafe fn fill(err: *mut katacg_error, error: &Error) {
    if err.is_null() {
        return;
    }
    // SAFETY: the header asks for a katacg_error that can be written. `size` is the first
    // field in every version.
    let size = unsafe { err.cast::<u32>().read_unaligned() };
    let room = match usize::try_from(size).unwrap_or(0) {
        0 => size_of::<katacg_error>(),
        size => size.min(size_of::<katacg_error>()),
    };
    let Some(room) = room.checked_sub(HEAD).filter(|&room| room > 0) else {
        return;
    };
    let mut message = error.text().to_vec();
    if message.len() >= room {
        message.truncate(room.saturating_sub(4));
        message.extend_from_slice(b"...");
        message.truncate(room - 1);
    }
    // A NUL would end the message early.
    message.iter_mut().filter(|b| **b == 0).for_each(|b| *b = b'?');
    message.push(0);
    let sys_errno = error.sys_errno().map_or(0, rustix::io::Errno::raw_os_error);
    // All fields after `size`, as bytes: a short struct is not a whole katacg_error.
    let mut bytes = Vec::with_capacity(HEAD + message.len());
    bytes.extend_from_slice(&code(error.code()).to_ne_bytes());
    bytes.extend_from_slice(&sys_errno.to_ne_bytes());
    bytes.extend_from_slice(&0u32.to_ne_bytes());
    bytes.append(&mut message);
    // SAFETY: the caller's size says that HEAD + room bytes can be written. `bytes` begins after
    // `size` and ends at most `room` bytes after HEAD.
    unsafe {
        let to = err.cast::<u8>().add(size_of::<u32>());
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
    }
}
