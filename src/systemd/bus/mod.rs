//! A D-Bus connection without threads, without a reactor and without an executor: a socket,
//! poll(2), and a deadline for everything. zbus knows what messages look like.

pub(super) mod address;
mod auth;
mod connection;
mod convert;
mod deadline;
mod fault;
mod message;
mod outgoing;
mod socket;

pub(super) use connection::{Answer, Connection, Method};
pub(super) use convert::{from_wire, text, to_wire};
pub(super) use deadline::Deadline;
pub(super) use fault::{Fault, Outcome, Remote};
pub(super) use message::Incoming;
