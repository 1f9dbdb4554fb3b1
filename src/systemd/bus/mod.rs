// SPDX-License-Identifier: Apache-2.0

//! A D-Bus connection without threads: a unix socket, poll(2), and a deadline for every wait.
//!
//! The zbus crate only encodes and decodes messages. Its connections start threads, and these
//! would stay behind in the caller's process.
//! D-Bus specification: <https://dbus.freedesktop.org/doc/dbus-specification.html>.

mod address;
mod auth;
mod connection;
mod convert;
mod deadline;
mod fault;
mod header;
mod incoming;
mod method;
mod outgoing;
mod socket;
mod well_known;

pub use address::check_address;
pub(super) use address::{parse_address, Endpoint};
pub(super) use connection::Connection;
pub(super) use convert::{checked_str, from_wire, to_wire};
pub(super) use deadline::Deadline;
pub(super) use fault::{ErrorReply, Fault, Outcome};
pub(super) use incoming::Incoming;
pub(super) use method::{Method, Reply};
pub use well_known::Bus;
