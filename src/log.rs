// SPDX-License-Identifier: Apache-2.0

//! The log: the caller's descriptor for warnings.

use rustix::fd::{BorrowedFd, RawFd};

use crate::bytes::one_line;
use crate::error::{fail, Code, Result};

/// The caller's descriptor for warnings. Each warning is one line in one write.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    fd: RawFd,
}

/// The descriptor number that means "no log".
pub(crate) const NO_LOG: RawFd = -1;

impl Log {
    /// Returns the log's descriptor, or [`NO_LOG`]: an atomic integer can hold either.
    pub(crate) fn number(log: Option<Log>) -> RawFd {
        log.map_or(NO_LOG, |log| log.fd)
    }

    /// Makes a log on this descriptor. The descriptor stays the caller's, and must stay open while
    /// a manager uses the log.
    ///
    /// Errors: the number is negative ([`Code::Argument`]).
    pub fn new(fd: RawFd) -> Result<Log> {
        if fd < 0 {
            return fail(Code::Argument, format!("{fd} is not a log descriptor: it is negative"));
        }
        Ok(Log { fd })
    }

    /// Returns the log of a number that [`Log::number`] returned.
    pub(crate) fn of_number(fd: RawFd) -> Option<Log> {
        (fd >= 0).then_some(Log { fd })
    }

    /// Writes one warning. A failed write is ignored.
    pub(crate) fn warn(self, text: &str) {
        // SAFETY: the number is not negative, and is borrowed for one write only. A closed
        // descriptor fails with EBADF.
        #[allow(unsafe_code)]
        let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
        let line = [b"katacg: warning: ", &*one_line(text.as_bytes()), b"\n"].concat();
        let _ = rustix::io::write(fd, &line);
    }
}
