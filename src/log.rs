// SPDX-License-Identifier: Apache-2.0

//! The log: a descriptor of the caller's that takes warnings.

use rustix::fd::{BorrowedFd, RawFd};

use crate::bytes::one_line;
use crate::error::{fail, Code, Result};

/// A descriptor of the caller's. Each warning is one line in one write.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    fd: RawFd,
}

/// Stands for no log among descriptors.
pub(crate) const NO_LOG: RawFd = -1;

impl Log {
    pub(crate) fn number(log: Option<Log>) -> RawFd {
        log.map_or(NO_LOG, |log| log.fd)
    }

    /// Writes warnings to this descriptor. It stays the caller's, and must stay open while the
    /// manager is used.
    pub fn new(fd: RawFd) -> Result<Log> {
        if fd < 0 {
            return fail(Code::Argument, format!("log descriptor {fd} is not one"));
        }
        Ok(Log { fd })
    }

    /// Returns the log that [`Log::number`] gave the number of.
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
