// SPDX-License-Identifier: Apache-2.0

//! One request of a caller: its connection, its deadline, and a second try when the connection
//! is lost.

use std::time::Duration;

use rustix::io::Errno;

use super::connection_pool::ConnectionPool;
use super::error::{is_no_reply, is_service_absent, RequestInfo};
use crate::error::{Code, Error};
use crate::systemd::bus::{Bus, Connection, Deadline, Fault, Outcome};

/// How long to wait for the bus's socket to come back when it is gone. A bus that is restarted
/// takes less; one that was stopped does not come back.
const BUS_RESTART_TIMEOUT: Duration = Duration::from_secs(1);

/// The state of one call of a method of `Systemd`.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pool: &'a ConnectionPool,
    pub info: RequestInfo<'a>,
    pub deadline: Deadline,
    /// Timeout for each reply.
    call_timeout: Duration,
    connection: Option<Connection>,
    /// The connection, or systemd, was lost and the request was tried again. Done only once.
    retried: bool,
    /// The current step has a connection and may have sent something.
    sent: bool,
    /// An earlier try of the current step sent its request and lost the connection.
    maybe_done: bool,
}

/// What a step of a request works with.
pub(super) struct Step<'a> {
    pub connection: &'a mut Connection,
    /// Deadline for the reply to the step's own call.
    pub reply_deadline: Deadline,
    /// An earlier try may have carried out the request.
    pub maybe_done: bool,
}

impl<'a> Request<'a> {
    pub fn new(
        pool: &'a ConnectionPool,
        method: &'static str,
        subject: &'a str,
        deadline: Deadline,
        call_timeout: Duration,
    ) -> Request<'a> {
        Request {
            pool,
            info: RequestInfo { method, subject, bus: pool.bus },
            deadline,
            call_timeout,
            connection: None,
            retried: false,
            sent: false,
            maybe_done: false,
        }
    }

    /// Runs a step, and runs it once more when the connection was lost.
    ///
    /// There are two such cases. When the bus restarts (runc#3476), it closes the connection, and
    /// systemd takes a moment to connect to the new bus. When systemd re-executes itself, the bus
    /// answers `NoReply` to the request.
    pub fn run<T>(&mut self, mut step: impl FnMut(Step<'_>) -> Outcome<T>) -> Outcome<T> {
        let mut pause = Duration::from_millis(10);
        (self.sent, self.maybe_done) = (false, false);
        loop {
            let fault = match self.try_step(&mut step) {
                Ok(done) => {
                    self.pool.note_reply();
                    return Ok(done);
                }
                Err(fault) => fault,
            };
            match &fault {
                Fault::Lost { sent, .. } => {
                    self.connection = None;
                    self.maybe_done |= sent;
                    if self.retried {
                        return Err(fault);
                    }
                    self.retried = true;
                }
                Fault::Refused(e) if is_no_reply(e) && !self.retried => {
                    self.maybe_done = true;
                    self.retried = true;
                }
                Fault::Refused(e) if is_service_absent(e) && self.is_systemd_expected() => {
                    if !self.deadline.sleep(pause) {
                        return Err(fault);
                    }
                    pause = (pause * 2).min(Duration::from_millis(200));
                }
                Fault::Refused(_) => return Err(fault),
                Fault::Timeout { .. } | Fault::Protocol(_) | Fault::Failed(_) => {
                    self.connection = None;
                    return Err(fault);
                }
            }
        }
    }

    fn try_step<T>(&mut self, step: &mut impl FnMut(Step<'_>) -> Outcome<T>) -> Outcome<T> {
        let reply_deadline = self.deadline.capped(self.call_timeout);
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect(reply_deadline)?,
        };
        let maybe_done = self.maybe_done;
        self.sent = true;
        step(Step { connection: self.connection.insert(connection), reply_deadline, maybe_done })
    }

    fn connect(&mut self, deadline: Deadline) -> Outcome<Connection> {
        // On the second try the idle connections are as old as the lost one, so none is used.
        if !self.retried {
            let (idle, lost) = self.pool.take();
            if let Some(connection) = idle {
                return Ok(connection);
            }
            self.retried = lost;
        }
        let endpoints = self.pool.endpoints()?;
        let restart_deadline = deadline.capped(BUS_RESTART_TIMEOUT);
        loop {
            return match Connection::open(&endpoints, deadline) {
                Err(Fault::Failed(e)) if e.is(Errno::NOENT) || e.is(Errno::CONNREFUSED) => {
                    let pause = Duration::from_millis(20);
                    if self.is_systemd_expected() && restart_deadline.sleep(pause) {
                        continue;
                    }
                    Err(Fault::Failed(self.with_connect_advice(e)))
                }
                Err(Fault::Failed(e)) if e.sys_errno().is_some() => {
                    Err(Fault::Failed(self.with_connect_advice(e)))
                }
                other => other,
            };
        }
    }

    /// Returns whether to wait for systemd when it cannot be reached: it is probably restarting.
    fn is_systemd_expected(&self) -> bool {
        self.retried || self.pool.is_systemd_expected()
    }

    /// Returns the error of a failed connect as [`Code::Bus`], with advice.
    fn with_connect_advice(&self, error: Error) -> Error {
        let bus = self.pool.bus;
        error.with_code(Code::Bus).context(bus).advice(match bus {
            Bus::System => {
                "are systemd and its D-Bus running here? Without systemd, use a path such as /a/b \
                 and the cgroupfs driver"
            }
            Bus::User => {
                "is dbus-user-session installed, a session of the user open (or lingering \
                 enabled), and XDG_RUNTIME_DIR set to /run/user/UID?"
            }
        })
    }

    /// Sends a call without waiting for a reply, if there is a connection. Ignores failures.
    pub fn send_best_effort(&mut self, queue: impl FnOnce(&mut Connection) -> Outcome<u32>) {
        if let Some(connection) = &mut self.connection {
            let now = Deadline::after(Duration::ZERO);
            if queue(connection).and_then(|_| connection.flush(now)).is_err() {
                self.connection = None;
            }
        }
    }

    /// Drops the connection; its stream may be out of sync.
    pub fn drop_connection(&mut self) {
        self.connection = None;
    }

    /// Returns the caller's error for a fault that ended the request.
    pub fn error(&self, fault: Fault) -> Error {
        let refused = matches!(fault, Fault::Refused(_));
        let no_valid_reply = matches!(fault, Fault::Timeout { .. } | Fault::Protocol(_));
        let unanswered = no_valid_reply && self.sent;
        let lost = matches!(fault, Fault::Lost { sent: true, .. });
        let error = self.info.error(fault);
        if self.maybe_done && !refused {
            // This fault may be that of the second try, which need not have sent anything.
            return error.into_uncertain().advice("an earlier try may have been carried out");
        }
        // The bus refuses in systemd's place when systemd disconnected or took too long.
        let unclear = refused && (error.is(Errno::CONNRESET) || error.code() == Code::Timeout);
        match unanswered || lost || unclear {
            true => error.into_uncertain(),
            false => error,
        }
    }
}

impl Drop for Request<'_> {
    /// Returns the connection to the pool if it can be used again.
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            if connection.clean_up() {
                self.pool.put(connection);
            }
        }
    }
}
