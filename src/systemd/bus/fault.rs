// SPDX-License-Identifier: Apache-2.0

//! Errors of a connection, one variant for each way to go on.

use rustix::io::Errno;

use crate::error::Error;

/// Why a step on a connection failed.
#[derive(Debug)]
pub(in crate::systemd) enum Fault {
    /// The other side closed the connection, or reading or waiting failed. A new connection may
    /// succeed.
    Lost {
        /// The whole request had been sent, so the receiver may have carried it out.
        sent: bool,
        errno: Errno,
        /// What this side was doing: "while sending".
        when: &'static str,
    },
    /// The deadline passed. `seconds` is its timeout.
    Timeout { seconds: f64 },
    /// The reply is an error. The connection can be used again.
    Refused(ErrorReply),
    /// The other side broke the D-Bus protocol; the text says how. The connection cannot be
    /// used again.
    Protocol(String),
    /// This side failed, or the bus refused to let this process in.
    Failed(Error),
}

/// The result of a step on a connection.
pub(in crate::systemd) type Outcome<T> = std::result::Result<T, Fault>;

/// A D-Bus error reply.
#[derive(Clone, Debug)]
pub(in crate::systemd) struct ErrorReply {
    pub name: String,
    pub text: String,
}

impl Fault {
    /// Returns the fault of a system call on the bus's socket.
    pub fn system(operation: &str, errno: Errno) -> Fault {
        Fault::Failed(Error::system(operation, b"the bus", errno))
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Failed(error)
    }
}
