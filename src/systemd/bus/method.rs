// SPDX-License-Identifier: Apache-2.0

//! The method that a message calls, and whether the caller wants its reply.

/// A method to call.
#[derive(Clone, Copy, Debug)]
pub(in crate::systemd) struct Method<'a> {
    /// Bus name of the receiver.
    pub destination: &'static str,
    /// Object path.
    pub path: &'a str,
    pub interface: &'static str,
    pub name: &'static str,
}

/// Whether the receiver sends a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::systemd) enum Reply {
    Expected,
    /// The call has the flag `NO_REPLY_EXPECTED`.
    NotExpected,
}

/// Returns a method of the bus daemon itself.
pub(super) const fn bus_daemon(name: &'static str) -> Method<'static> {
    let bus = "org.freedesktop.DBus";
    Method { destination: bus, path: "/org/freedesktop/DBus", interface: bus, name }
}
