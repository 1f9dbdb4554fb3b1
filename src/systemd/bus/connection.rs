//! A connection: messages out, answers in, and the signals that one was told to wait for.

use std::num::NonZeroU32;

use rustix::io::Errno;
use rustix::process::Pid;
use serde::Serialize;
use zbus::message::Type;
use zbus::zvariant::DynamicType;

use super::address::Endpoint;
use super::message::{self, Incoming, FIXED};
use super::socket::Socket;
use super::{auth, outgoing, Deadline, Fault, Outcome};
use crate::error::{Code, Error};

/// A method to call.
#[derive(Clone, Copy, Debug)]
pub(in crate::systemd) struct Method<'a> {
    pub to: &'static str,
    pub path: &'a str,
    pub interface: &'static str,
    pub name: &'static str,
}

/// Whether a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::systemd) enum Answer {
    Wanted,
    None,
}

/// The bus itself.
const fn driver(name: &'static str) -> Method<'static> {
    let bus = "org.freedesktop.DBus";
    Method { to: bus, path: "/org/freedesktop/DBus", interface: bus, name }
}

/// Messages, or pieces of one, that are looked at after the deadline.
const MOST_LATE: u32 = 256;

/// More than one job's worth; whoever sends more does not mean us.
const MOST_SIGNALS: usize = 64;

/// A connection to a bus that has said Hello. Closing it sends nothing.
#[derive(Debug)]
pub(in crate::systemd) struct Connection {
    socket: Socket,
    /// Which process made it: after a fork it is the parent's.
    owner: Pid,
    serial: NonZeroU32,
    output: Vec<u8>,
    input: Vec<u8>,
    /// The match rule that is in force, and the serial of the call that set it.
    rule: Option<(String, u32)>,
    /// Signals that came while the rule was in force, with their order kept.
    signals: Vec<Incoming>,
    /// The bus refused the rule: no signal will come.
    deaf: bool,
    /// How much has been received since the deadline passed.
    late: u32,
}

impl Connection {
    /// To the first socket that can be connected to.
    pub fn open(endpoints: &[Endpoint], deadline: Deadline) -> Outcome<Connection> {
        let mut failed = Error::new(Code::Argument, "no address to connect to");
        for endpoint in endpoints {
            match Socket::connect(endpoint, deadline) {
                Ok(socket) => return Connection::greet(socket, deadline),
                Err(Errno::TIMEDOUT) => return Err(Fault::Silent { seconds: deadline.seconds() }),
                Err(e) => {
                    let file = endpoint.to_string();
                    failed = Error::system("connect to", file.as_bytes(), e);
                }
            }
        }
        Err(Fault::Failed(failed))
    }

    fn greet(socket: Socket, deadline: Deadline) -> Outcome<Connection> {
        let mut connection = Connection {
            socket,
            owner: rustix::process::getpid(),
            serial: NonZeroU32::MIN,
            output: auth::OPENING.to_vec(),
            input: Vec::new(),
            rule: None,
            signals: Vec::new(),
            deaf: false,
            late: 0,
        };
        let hello = connection.push(driver("Hello"), &(), Answer::Wanted)?;
        connection.flush(deadline)?;
        auth::accepted(&connection.socket, &mut connection.input, deadline)?;
        // Hello can be sent again; it must not look like a call that was carried out.
        connection.reply(hello, deadline).map_err(|fault| match fault {
            Fault::Lost { errno, .. } => Fault::Lost { sent: false, errno, when: "after Hello" },
            other => other,
        })?;
        Ok(connection)
    }

    /// Whether this process made it.
    pub fn is_own(&self) -> bool {
        self.owner == rustix::process::getpid()
    }

    /// Whether it can be used: by this process, and with a bus at the other end.
    pub fn is_usable(&self) -> bool {
        self.is_own() && !self.socket.is_gone()
    }

    /// Puts a call behind those that wait to be sent, and says under which serial.
    pub fn push<B: Serialize + DynamicType>(
        &mut self,
        method: Method<'_>,
        body: &B,
        answer: Answer,
    ) -> Outcome<u32> {
        let serial = self.serial;
        outgoing::call(&mut self.output, method, body, answer, serial)
            .map_err(|e| Error::new(Code::Argument, format!("message {}: {e}", method.name)))?;
        self.serial = serial.checked_add(1).unwrap_or(NonZeroU32::MIN);
        Ok(serial.get())
    }

    /// Sends what waits to be sent.
    pub fn flush(&mut self, deadline: Deadline) -> Outcome<()> {
        let output = std::mem::take(&mut self.output);
        self.socket.write_all(&output, deadline)
    }

    /// A call and its answer.
    pub fn call<B: Serialize + DynamicType>(
        &mut self,
        method: Method<'_>,
        body: &B,
        deadline: Deadline,
    ) -> Outcome<Incoming> {
        let serial = self.push(method, body, Answer::Wanted)?;
        self.flush(deadline)?;
        self.reply(serial, deadline)
    }

    /// The answer to the call with that serial; signals that come before it are kept.
    pub fn reply(&mut self, serial: u32, deadline: Deadline) -> Outcome<Incoming> {
        loop {
            let message = self.receive(deadline)?;
            if message.kind == Type::Signal {
                self.keep(message);
            } else if message.reply_to == Some(serial) {
                return message.refusal().map_or(Ok(message), |e| Err(Fault::Refused(e)));
            } else {
                self.overheard(&message);
            }
        }
    }

    /// The next signal of those that are listened to; none came before the deadline.
    pub fn signal(&mut self, deadline: Deadline) -> Outcome<Option<Incoming>> {
        loop {
            if let Some(signal) = self.kept() {
                return Ok(Some(signal));
            }
            if self.deaf {
                deadline.sleep(deadline.left());
                return Ok(None);
            }
            match self.receive(deadline) {
                Ok(message) if message.kind == Type::Signal => self.keep(message),
                Ok(answer) => self.overheard(&answer),
                Err(Fault::Silent { .. }) => return Ok(None),
                Err(fault) => return Err(fault),
            }
        }
    }

    /// The first of the signals that were kept.
    pub fn kept(&mut self) -> Option<Incoming> {
        (!self.signals.is_empty()).then(|| self.signals.remove(0))
    }

    /// Whether systemd takes the number of a process for that of another one.
    pub fn is_elsewhere(&self) -> bool {
        self.socket.is_elsewhere()
    }

    /// Whether signals cannot come, because the bus refused to pass them on.
    pub fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// Asks for the signals that a rule matches, from the next call that is pushed on. There is
    /// one rule at most, and it is taken back by [`Connection::settle`].
    pub fn listen(&mut self, rule: &str) -> Outcome<()> {
        if self.rule.is_none() {
            self.deaf = false;
            let serial = self.push(driver("AddMatch"), &rule, Answer::Wanted)?;
            self.rule = Some((rule.to_owned(), serial));
        }
        Ok(())
    }

    /// Makes it fit for the next user, or says that it is not: nothing may be left unsent, and
    /// no rule in force, or signals would pile up that nobody reads.
    pub fn settle(&mut self) -> bool {
        self.signals.clear();
        if let Some((rule, _)) = self.rule.take() {
            if self.push(driver("RemoveMatch"), &rule, Answer::None).is_err() {
                return false;
            }
        }
        self.output.is_empty() || self.flush(Deadline::after(std::time::Duration::ZERO)).is_ok()
    }

    /// An answer that nobody asked for now: that of AddMatch, or one that came too late.
    fn overheard(&mut self, answer: &Incoming) {
        let rule = self.rule.as_ref().map(|(_, serial)| *serial);
        if rule.is_some() && rule == answer.reply_to && answer.refusal().is_some() {
            self.deaf = true;
        }
    }

    fn keep(&mut self, signal: Incoming) {
        if self.rule.is_some() && self.signals.len() < MOST_SIGNALS {
            self.signals.push(signal);
        }
    }

    /// The next message that may be of interest.
    fn receive(&mut self, deadline: Deadline) -> Outcome<Incoming> {
        loop {
            // What has come in time is taken in, however late we are; but not for ever.
            self.late = if deadline.has_passed() { self.late + 1 } else { 0 };
            if self.late > MOST_LATE {
                return Err(Fault::Silent { seconds: deadline.seconds() });
            }
            if let Some(fixed) = self.input.first_chunk::<FIXED>() {
                let length = message::length(*fixed)?;
                if self.input.len() >= length {
                    let rest = self.input.split_off(length);
                    let bytes = std::mem::replace(&mut self.input, rest);
                    match message::parse(bytes)? {
                        Some(message) => return Ok(message),
                        None => continue,
                    }
                }
            }
            self.socket.read_more(&mut self.input, deadline)?;
        }
    }
}
