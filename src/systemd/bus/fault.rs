//! What can go wrong on a connection, by what is to be done about it.

use rustix::io::Errno;

use crate::error::Error;

/// Why a step on a connection did not succeed.
#[derive(Debug)]
pub(in crate::systemd) enum Fault {
    /// The other side closed the connection, or what waited for an answer of a peer will get none.
    Lost {
        /// A request had been handed over whole: it may have been carried out.
        sent: bool,
        errno: Errno,
        when: &'static str,
    },
    /// The deadline passed (it was so many seconds away).
    Silent { seconds: f64 },
    /// The answer is an error; the connection is as good as before.
    Refused(Remote),
    /// The other side does not speak D-Bus as it should; nothing more is read from it.
    Broken(String),
    /// Something on this side, before anything was sent.
    Failed(Error),
}

/// The result of a step on a connection.
pub(in crate::systemd) type Outcome<T> = std::result::Result<T, Fault>;

/// An error reply.
#[derive(Clone, Debug)]
pub(in crate::systemd) struct Remote {
    pub name: String,
    pub text: String,
}

impl Fault {
    pub fn system(operation: &str, errno: Errno) -> Fault {
        Fault::Failed(Error::system(operation, b"the bus", errno))
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Failed(error)
    }
}
