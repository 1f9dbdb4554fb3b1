//! Where warnings go: nowhere, unless the caller gives a descriptor.

use rustix::fd::{BorrowedFd, RawFd};

use crate::bytes::one_line;
use crate::error::{fail, Code, Result};

/// A descriptor of the caller's that warnings are written to, a line each.
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

    /// The descriptor stays the caller's; it must be open whenever the manager is used.
    pub fn new(fd: RawFd) -> Result<Log> {
        if fd < 0 {
            return fail(Code::Argument, format!("log descriptor {fd} is not one"));
        }
        Ok(Log { fd })
    }

    /// One line, one write; what the descriptor does with it is the caller's affair.
    pub(crate) fn warn(self, text: &str) {
        // SAFETY: not negative (checked), and used for the length of one write only. A closed
        // number gives EBADF, which is harmless.
        #[allow(unsafe_code)]
        let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
        let line = [b"katacg: warning: ", &*one_line(text.as_bytes()), b"\n"].concat();
        let _ = rustix::io::write(fd, &line);
    }
}
