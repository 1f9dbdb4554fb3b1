//! Section "errors".

use std::mem::size_of;
use std::os::raw::c_char;

use crate::error::{Code, Error};

/// An argument is missing, malformed or contradicts another one.
pub const KATACG_ERR_ARGUMENT: i32 = 1;
/// A path or unit name breaks the rule that it was checked against.
pub const KATACG_ERR_PATH: i32 = 2;
/// JSON that cannot be read (the message has line and column), or is not what it should be.
pub const KATACG_ERR_JSON: i32 = 3;
/// A value that is out of range or contradicts another one.
pub const KATACG_ERR_VALUE: i32 = 4;
/// No cgroup mount, or none with the controller that is needed.
pub const KATACG_ERR_NOT_MOUNTED: i32 = 5;
/// The controller is not available in this cgroup; the message lists those that are.
pub const KATACG_ERR_CONTROLLER: i32 = 6;
/// A system call failed; see sys_errno.
pub const KATACG_ERR_SYSTEM: i32 = 7;
/// Cannot be done on this layout, or by this version.
pub const KATACG_ERR_UNSUPPORTED: i32 = 8;
/// The cgroup does not exist (any more).
pub const KATACG_ERR_DELETED: i32 = 9;
/// The kernel took a value and changed it.
pub const KATACG_ERR_CLAMPED: i32 = 10;
/// Without root: no cgroup could be made to hold the limits that were asked for.
pub const KATACG_ERR_ROOTLESS: i32 = 11;
/// Still in use after the deadline; the message names what is left.
pub const KATACG_ERR_BUSY: i32 = 12;
/// A deadline passed.
pub const KATACG_ERR_TIMEOUT: i32 = 13;
/// A bug in this library was caught. What the call did is not known.
pub const KATACG_ERR_PANIC: i32 = 14;
/// An options structure has fields set that this version does not know.
pub const KATACG_ERR_TOO_NEW: i32 = 15;
/// systemd cannot be reached: no bus, or no systemd on it.
pub const KATACG_ERR_BUS: i32 = 16;

/// Bytes of a message, its NUL included. A longer message ends in "...".
pub const KATACG_ERROR_MESSAGE: usize = 496;

/// Why a call failed. The caller owns it; every function takes it last, takes NULL for "not
/// wanted", and writes it only on failure. It holds no memory of its own. Start it as
/// KATACG_ERROR_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_error {
    /// sizeof(struct katacg_error), set by the caller. No more than this many bytes are
    /// written. 0 (a zeroed structure) means the 512 bytes of the first version.
    pub size: u32,
    /// One of KATACG_ERR_*.
    pub code: i32,
    /// The errno of the system call that failed; 0 when none did.
    pub sys_errno: i32,
    /// Always 0.
    pub reserved: u32,
    /// One line, NUL-terminated: operation, file, value, cause, what the caller can do. File
    /// names are bytes as they are, not necessarily UTF-8.
    pub message: [c_char; KATACG_ERROR_MESSAGE],
}

const HEAD: usize = size_of::<katacg_error>() - KATACG_ERROR_MESSAGE;
const _: () = assert!(size_of::<katacg_error>() == 512 && HEAD == 16);

/// Every code has its constant, under the same number.
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

/// Fills the caller's structure, as far as its size says that it reaches.
pub(super) unsafe fn fill(err: *mut katacg_error, error: &Error) {
    if err.is_null() {
        return;
    }
    // SAFETY: the header asks for a katacg_error that can be written; `size` comes first in
    // every version.
    let size = unsafe { (&raw const (*err).size).read() };
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
    // SAFETY: HEAD + room bytes are the caller's, by its own size; `message` is no longer
    // than room. Raw places, because a short structure is not a whole katacg_error.
    unsafe {
        (&raw mut (*err).code).write(code(error.code()));
        (&raw mut (*err).sys_errno)
            .write(error.sys_errno().map_or(0, rustix::io::Errno::raw_os_error));
        (&raw mut (*err).reserved).write(0);
        let to = (&raw mut (*err).message).cast::<u8>();
        std::ptr::copy_nonoverlapping(message.as_ptr(), to, message.len());
    }
}
