// SPDX-License-Identifier: Apache-2.0

//! A connection to a bus: sends calls, returns their replies, and keeps the signals that arrive
//! while a match rule is in force.
//!
//! D-Bus specification, "Message Bus Messages" (Hello, AddMatch, RemoveMatch).

use std::num::NonZeroU32;

use rustix::io::Errno;
use rustix::process::Pid;
use serde::Serialize;
use zvariant::DynamicType;

use super::address::Endpoint;
use super::auth;
use super::deadline::Deadline;
use super::fault::{ErrorReply, Fault, Outcome};
use super::header::Kind;
use super::incoming::{self, Incoming, FIXED, MAX_SIGNAL};
use super::method::{bus_daemon, Method, Reply};
use super::outgoing;
use super::socket::Socket;
use crate::error::{Code, Error};

/// Greatest number of reads after the deadline has passed. Bounds the time that a peer can take by
/// sending without a pause.
const MAX_LATE_READS: u32 = 256;

/// Greatest number of signals that are kept. One job causes far fewer; the others are not about it.
const MAX_SIGNALS: usize = 64;

/// A connection on which the bus has answered Hello. Dropping it sends nothing.
#[derive(Debug)]
pub(in crate::systemd) struct Connection {
    socket: Socket,
    /// The process that opened the connection. A forked child must not use it.
    owner: Pid,
    /// Serial of the next call.
    serial: NonZeroU32,
    /// Calls that are not sent yet.
    output: Vec<u8>,
    /// Received bytes that are not decoded yet.
    input: Vec<u8>,
    /// The match rule in force, and the serial of its AddMatch call.
    rule: Option<(String, u32)>,
    /// Signals received while the rule was in force, oldest first.
    signals: Vec<Incoming>,
    /// The bus refused the match rule, so no signal will come.
    match_refused: bool,
    /// How often the connection has read since the deadline passed.
    late_reads: u32,
}

impl Connection {
    /// Connects to the first endpoint that accepts, authenticates and says Hello.
    pub fn open(endpoints: &[Endpoint], deadline: Deadline) -> Outcome<Connection> {
        let mut failed = None;
        for endpoint in endpoints {
            match Socket::connect(endpoint, deadline) {
                Ok(socket) => return Connection::handshake(socket, deadline),
                Err(Errno::TIMEDOUT) => {
                    return Err(Fault::Timeout { seconds: deadline.timeout_seconds() });
                }
                Err(e) => {
                    // The first address is the one that the caller means; the rest are fall-backs.
                    let file = endpoint.to_string();
                    failed.get_or_insert(Error::system("connect to", file.as_bytes(), e));
                }
            }
        }
        let none = || Error::new(Code::Argument, "no address to connect to");
        Err(Fault::Failed(failed.unwrap_or_else(none)))
    }

    fn handshake(socket: Socket, deadline: Deadline) -> Outcome<Connection> {
        let mut connection = Connection {
            socket,
            owner: rustix::process::getpid(),
            serial: NonZeroU32::MIN,
            output: auth::OPENING.to_vec(),
            input: Vec::new(),
            rule: None,
            signals: Vec::new(),
            match_refused: false,
            late_reads: 0,
        };
        let hello = connection.queue(bus_daemon("Hello"), &(), Reply::Expected)?;
        connection.flush(deadline)?;
        auth::read_acceptance(&connection.socket, &mut connection.input, deadline)?;
        // `sent: false`, because it does no harm to send Hello again on a new connection.
        connection.wait_reply(hello, deadline).map_err(|fault| match fault {
            Fault::Lost { errno, .. } => Fault::Lost { sent: false, errno, when: "after Hello" },
            other => other,
        })?;
        Ok(connection)
    }

    /// Returns whether this process opened the connection.
    pub fn is_own(&self) -> bool {
        self.owner == rustix::process::getpid()
    }

    /// Returns whether this process may use the connection and the bus has not closed it.
    pub fn is_usable(&self) -> bool {
        self.is_own() && !self.socket.is_closed()
    }

    /// Queues a call, to be sent by the next [`Connection::flush`]. Returns the call's serial.
    pub fn queue<B: Serialize + DynamicType>(
        &mut self,
        method: Method<'_>,
        body: &B,
        reply: Reply,
    ) -> Outcome<u32> {
        let serial = self.serial;
        outgoing::call(&mut self.output, method, body, reply, serial)
            .map_err(|e| Error::new(Code::Argument, format!("message {}: {e}", method.name)))?;
        self.serial = serial.checked_add(1).unwrap_or(NonZeroU32::MIN);
        Ok(serial.get())
    }

    /// Sends the queued calls.
    pub fn flush(&mut self, deadline: Deadline) -> Outcome<()> {
        let output = std::mem::take(&mut self.output);
        self.socket.write_all(&output, deadline)
    }

    /// Sends a call and waits for its reply.
    pub fn call<B: Serialize + DynamicType>(
        &mut self,
        method: Method<'_>,
        body: &B,
        deadline: Deadline,
    ) -> Outcome<Incoming> {
        let serial = self.queue(method, body, Reply::Expected)?;
        self.flush(deadline)?;
        self.wait_reply(serial, deadline)
    }

    /// Waits for the reply to the call with this serial. Keeps the signals that come before it.
    pub fn wait_reply(&mut self, serial: u32, deadline: Deadline) -> Outcome<Incoming> {
        loop {
            let message = self.receive(deadline)?;
            if message.kind == Kind::Signal {
                self.keep_signal(message);
            } else if message.reply_to == Some(serial) {
                return message.error_reply().map_or(Ok(message), |e| Err(Fault::Refused(e)));
            } else {
                self.note_other_reply(&message);
            }
        }
    }

    /// Sends calls together, and returns their replies in the order of the calls. Replies that are
    /// errors do not end the wait for the others.
    pub fn call_all<B: Serialize + DynamicType>(
        &mut self,
        method: Method<'_>,
        bodies: &[B],
        deadline: Deadline,
    ) -> Outcome<Vec<Result<Incoming, ErrorReply>>> {
        let queued = bodies.iter().map(|body| self.queue(method, body, Reply::Expected));
        let serials: Vec<u32> = queued.collect::<Outcome<_>>()?;
        self.flush(deadline)?;
        // The bus keeps the order of one sender's messages, and systemd replies in order.
        let replies = serials.into_iter().map(|serial| match self.wait_reply(serial, deadline) {
            Ok(reply) => Ok(Ok(reply)),
            Err(Fault::Refused(error)) => Ok(Err(error)),
            Err(fault) => Err(fault),
        });
        replies.collect()
    }

    /// Waits for the next signal that the match rule selects. Returns None when the deadline
    /// passes first.
    pub fn wait_signal(&mut self, deadline: Deadline) -> Outcome<Option<Incoming>> {
        loop {
            if let Some(signal) = self.take_signal() {
                return Ok(Some(signal));
            }
            if self.match_refused {
                deadline.sleep(deadline.remaining());
                return Ok(None);
            }
            match self.receive(deadline) {
                Ok(message) if message.kind == Kind::Signal => self.keep_signal(message),
                Ok(reply) => self.note_other_reply(&reply),
                Err(Fault::Timeout { .. }) => return Ok(None),
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Removes and returns the oldest kept signal.
    pub fn take_signal(&mut self) -> Option<Incoming> {
        (!self.signals.is_empty()).then(|| self.signals.remove(0))
    }

    /// Returns whether the bus is in another PID namespace. Process numbers then mean different
    /// processes there.
    pub fn is_peer_in_other_pid_namespace(&self) -> bool {
        self.socket.is_peer_in_other_pid_namespace()
    }

    /// Returns whether the bus refused the match rule, so that no signal will come.
    pub fn is_match_refused(&self) -> bool {
        self.match_refused
    }

    /// Queues AddMatch, so that signals that the rule selects arrive from the next call on. Does
    /// nothing when a rule is in force. [`Connection::clean_up`] removes the rule.
    pub fn add_match(&mut self, rule: &str) -> Outcome<()> {
        if self.rule.is_none() {
            self.match_refused = false;
            let serial = self.queue(bus_daemon("AddMatch"), &rule, Reply::Expected)?;
            self.rule = Some((rule.to_owned(), serial));
        }
        Ok(())
    }

    /// Prepares the connection for its next user: removes the match rule, so that no unread
    /// signals pile up, and sends everything queued. Returns false when the connection must not
    /// be used again.
    pub fn clean_up(&mut self) -> bool {
        self.signals.clear();
        if let Some((rule, _)) = self.rule.take() {
            if self.queue(bus_daemon("RemoveMatch"), &rule, Reply::NotExpected).is_err() {
                return false;
            }
        }
        self.output.is_empty() || self.flush(Deadline::after(std::time::Duration::ZERO)).is_ok()
    }

    /// Handles a reply that the current call did not ask for: the reply to AddMatch, or a late
    /// reply to an earlier call, which is ignored.
    fn note_other_reply(&mut self, reply: &Incoming) {
        let rule = self.rule.as_ref().map(|(_, serial)| *serial);
        if rule.is_some() && rule == reply.reply_to && reply.error_reply().is_some() {
            self.match_refused = true;
        }
    }

    fn keep_signal(&mut self, signal: Incoming) {
        let fits = signal.body_len() <= MAX_SIGNAL && self.signals.len() < MAX_SIGNALS;
        if self.rule.is_some() && fits {
            self.signals.push(signal);
        }
    }

    /// Returns the next message that is not to be ignored.
    fn receive(&mut self, deadline: Deadline) -> Outcome<Incoming> {
        loop {
            // After the deadline, messages that had already arrived are still read, up to a limit.
            self.late_reads = if deadline.has_passed() { self.late_reads + 1 } else { 0 };
            if self.late_reads > MAX_LATE_READS {
                return Err(Fault::Timeout { seconds: deadline.timeout_seconds() });
            }
            if let Some(fixed) = self.input.first_chunk::<FIXED>() {
                let length = incoming::length(*fixed)?;
                if self.input.len() >= length {
                    let rest = self.input.split_off(length);
                    let bytes = std::mem::replace(&mut self.input, rest);
                    match incoming::parse(bytes)? {
                        Some(message) => return Ok(message),
                        None => continue,
                    }
                }
            }
            self.socket.read_more(&mut self.input, deadline)?;
        }
    }
}
