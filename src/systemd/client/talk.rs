//! One request of a caller: a connection for it, made again once when it was lost.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::io::Errno;

use super::error::{is_no_reply, is_nobody, Asked};
use super::Systemd;
use crate::error::{Code, Error};
use crate::systemd::bus::{Connection, Deadline, Fault, Outcome};

/// A bus whose socket is gone: it comes back at once (most keep it), or it was stopped.
const RESTART: Duration = Duration::from_secs(1);

/// What one call of a method of [`Systemd`] has, from beginning to end.
#[derive(Debug)]
pub(super) struct Talk<'a> {
    systemd: &'a Systemd,
    pub asked: Asked<'a>,
    pub deadline: Deadline,
    connection: Option<Connection>,
    /// The way to systemd was lost, and found again; that is done once.
    remade: bool,
    /// Of the step at hand: something was sent, perhaps; it was, on a connection that was lost.
    sent: bool,
    again: bool,
}

/// What a step of a request has to work with.
pub(super) struct Step<'a> {
    pub connection: &'a mut Connection,
    /// When the step's own call must be answered.
    pub answer: Deadline,
    /// The request may have been carried out already, on a connection that was lost.
    pub again: bool,
}

impl<'a> Talk<'a> {
    pub fn new(
        systemd: &'a Systemd,
        method: &'static str,
        subject: &'a str,
        deadline: Deadline,
    ) -> Talk<'a> {
        let asked = Asked { method, subject, bus: systemd.bus };
        Talk {
            systemd,
            asked,
            deadline,
            connection: None,
            remade: false,
            sent: false,
            again: false,
        }
    }

    /// Does a step, once more on a new connection when the first was lost.
    ///
    /// Two things can be lost. The connection: the bus was restarted (runc#3476), and systemd
    /// then takes a moment to come back to it. Or systemd's own: it was re-executed, and the bus
    /// says NoReply for the request that was on its way.
    pub fn run<T>(&mut self, mut step: impl FnMut(Step<'_>) -> Outcome<T>) -> Outcome<T> {
        let mut pause = Duration::from_millis(10);
        (self.sent, self.again) = (false, false);
        loop {
            let fault = match self.step(&mut step) {
                Ok(done) => {
                    self.systemd.met.store(true, Ordering::Relaxed);
                    return Ok(done);
                }
                Err(fault) => fault,
            };
            match &fault {
                Fault::Lost { sent, .. } => {
                    self.connection = None;
                    self.again |= sent;
                    if self.remade {
                        return Err(fault);
                    }
                    self.remade = true;
                }
                Fault::Refused(e) if is_no_reply(&e.name) && !self.remade => {
                    self.again = true;
                    self.remade = true;
                }
                Fault::Refused(e) if is_nobody(&e.name) && self.expected() => {
                    if !self.deadline.sleep(pause) {
                        return Err(fault);
                    }
                    pause = (pause * 2).min(Duration::from_millis(200));
                }
                Fault::Refused(_) => return Err(fault),
                Fault::Silent { .. } | Fault::Broken(_) | Fault::Failed(_) => {
                    self.connection = None;
                    return Err(fault);
                }
            }
        }
    }

    fn step<T>(&mut self, step: &mut impl FnMut(Step<'_>) -> Outcome<T>) -> Outcome<T> {
        let answer = self.deadline.within(self.systemd.call);
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect(answer)?,
        };
        let again = self.again;
        self.sent = true;
        step(Step { connection: self.connection.insert(connection), answer, again })
    }

    fn connect(&mut self, deadline: Deadline) -> Outcome<Connection> {
        // While it is remade nothing that is idle is trusted: it is from before.
        if !self.remade {
            let (idle, lost) = self.systemd.take();
            if let Some(connection) = idle {
                return Ok(connection);
            }
            self.remade = lost;
        }
        let endpoints = self.systemd.endpoints()?;
        let patience = deadline.within(RESTART);
        loop {
            return match Connection::open(&endpoints, deadline) {
                Err(Fault::Failed(e)) if e.is(Errno::NOENT) || e.is(Errno::CONNREFUSED) => {
                    if self.expected() && patience.sleep(Duration::from_millis(20)) {
                        continue;
                    }
                    Err(Fault::Failed(self.advise(e)))
                }
                Err(Fault::Failed(e)) if e.sys_errno().is_some() => {
                    Err(Fault::Failed(self.advise(e)))
                }
                other => other,
            };
        }
    }

    /// Bus and systemd were here before, or the machine was booted with it (sd_booted(3)): who does
    /// not answer now is being restarted.
    fn expected(&self) -> bool {
        let booted = || match (&self.systemd.address, self.systemd.bus) {
            (None, super::Bus::System) => super::address::system_has_systemd(),
            (None, super::Bus::User) => super::address::user_has_systemd(),
            (Some(_), _) => false,
        };
        self.remade || self.systemd.has_met() || booted()
    }

    /// Cannot connect: what the caller can do.
    fn advise(&self, error: Error) -> Error {
        error.with_code(Code::Bus).context(self.systemd.bus).advice(match self.systemd.bus {
            super::Bus::System => "are systemd and its D-Bus running here?",
            super::Bus::User => {
                "is dbus-user-session installed, a session of the user open (or lingering \
                 enabled), and XDG_RUNTIME_DIR set to /run/user/UID?"
            }
        })
    }

    /// Sends something whose answer nobody waits for, if there is a connection. What comes of it
    /// changes nothing for the caller.
    pub fn tell(&mut self, push: impl FnOnce(&mut Connection) -> Outcome<u32>) {
        if let Some(connection) = &mut self.connection {
            let soon = Deadline::after(Duration::ZERO);
            if push(connection).and_then(|_| connection.flush(soon)).is_err() {
                self.connection = None;
            }
        }
    }

    /// Does without the connection: it is not trusted any more.
    pub fn hang_up(&mut self) {
        self.connection = None;
    }

    /// A fault is the end of the request.
    pub fn error(&self, fault: Fault) -> Error {
        let refused = matches!(fault, Fault::Refused(_));
        let answerless = matches!(fault, Fault::Silent { .. } | Fault::Broken(_)) && self.sent;
        let lost = matches!(fault, Fault::Lost { sent: true, .. });
        let error = self.asked.error(fault);
        if self.again && !refused {
            // The last try need not be the one that was lost.
            return error.or_done().advice("an earlier try may have been carried out");
        }
        // Of whoever passed it on: who should have answered went away, or took too long.
        let unclear = refused && (error.is(Errno::CONNRESET) || error.code() == Code::Timeout);
        match answerless || lost || unclear {
            true => error.or_done(),
            false => error,
        }
    }
}

impl Drop for Talk<'_> {
    /// The connection is left for the next caller, when it is clean.
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            if connection.settle() {
                self.systemd.put(connection);
            }
        }
    }
}
