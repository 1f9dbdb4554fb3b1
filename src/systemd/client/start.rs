//! Starting and stopping units.

use std::time::Duration;

use super::error::is;
use super::job::{state, End, Job};
use super::name;
use super::requests::{known_here, manager, reset_failed, wire};
use super::talk::{Step, Talk};
use super::Started;
use crate::error::{Code, Error, Result};
use crate::sys::monotonic_microseconds;
use crate::systemd::bus::{Deadline, Fault};
use crate::systemd::Property;

/// How long a unit may take to go away.
const COLLECTED: Duration = Duration::from_secs(1);

/// What came of one StartTransientUnit.
enum Attempt {
    Ended(End),
    /// There is a unit of that name; `again`: perhaps of this request, sent before.
    Exists {
        again: bool,
    },
}

impl Talk<'_> {
    pub fn start(&mut self, properties: &[Property], existing_is_fine: bool) -> Result<Started> {
        let since = monotonic_microseconds();
        let mut patience = None;
        let mut pause = Duration::from_millis(10);
        loop {
            let again = match self.start_once(properties)? {
                Attempt::Ended(end) => return self.started(end),
                Attempt::Exists { again } => again,
            };
            if again && self.is_ours(since)? {
                let end = self.wait_active().map_err(|fault| self.error(fault))?;
                return self.started(end);
            }
            if existing_is_fine {
                match self.join()? {
                    true => return Ok(Started::Existed),
                    false => continue,
                }
            }
            match patience {
                // A failed unit stays until it is reset (runc#3780).
                None => self.reset()?,
                Some(patience) => self.may_go_away(patience, pause)?,
            }
            patience = patience.or_else(|| Some(self.deadline.within(COLLECTED)));
            pause *= 2;
        }
    }

    /// Waits until a slice that exists is active, and starts it when nobody does: it may have a
    /// unit file and never have been started, or just be started for somebody else. False when it
    /// went away meanwhile.
    fn join(&mut self) -> Result<bool> {
        let unit = self.asked.subject;
        if unit.strip_suffix(".slice").is_none() {
            return Ok(true);
        }
        match self.wait_active().map_err(|fault| self.error(fault))? {
            End::State(state) if state == "active" => return Ok(true),
            End::Open => return Err(self.unfinished()),
            _ => {}
        }
        match self.job("StartUnit")? {
            Some(end) => self.started(end).map(|_| true),
            // systemd forgets a slice that is not active.
            None if self.deadline.has_passed() => Err(self.unfinished()),
            None => Ok(false),
        }
    }

    /// Listens, asks, waits.
    fn start_once(&mut self, properties: &[Property]) -> Result<Attempt> {
        let unit = self.asked.subject;
        let properties = wire(properties).map_err(|e| self.error(e.into()))?;
        let rule = name::job_removed(unit);
        let deadline = self.deadline;
        let mut accepted = false;
        let names_processes = properties.iter().any(|(name, _)| *name == "PIDs");
        let attempt = self.run(|mut step| {
            if names_processes {
                known_here(step.connection)?;
            }
            // Both go out at once. The bus works in order, so that it passes the signal on even
            // if the job is done at once; whoever starts a job is sent its end without a
            // Subscribe (systemd 209 and later).
            step.connection.listen(&rule)?;
            let auxiliary: [(&str, Vec<(&str, zbus::zvariant::Value<'_>)>); 0] = [];
            let body = (unit, "replace", &properties, &auxiliary[..]);
            match step.connection.call(manager("StartTransientUnit"), &body, step.answer) {
                Ok(reply) => {
                    accepted = true;
                    Job::read(&reply)?.wait(unit, &mut step, deadline).map(Attempt::Ended)
                }
                Err(Fault::Refused(e)) if is(&e, "UnitExists") => {
                    Ok(Attempt::Exists { again: step.again || accepted })
                }
                Err(fault) => Err(fault),
            }
        });
        attempt.map_err(|fault| self.error(fault))
    }

    /// Whether the unit that exists was started by this request, when its answer was lost: then
    /// it must not be reset. It was if it became active after that; one that was there before
    /// does not have the caller's processes in it.
    fn is_ours(&mut self, since: u64) -> Result<bool> {
        let started = self.started_at().map_err(|fault| self.error(fault))?;
        // Zero as long as the job has not begun: nobody else's, then.
        Ok(started == 0 || started >= since)
    }

    /// Has systemd forget that the unit failed.
    fn reset(&mut self) -> Result<()> {
        let unit = self.asked.subject;
        let done = self.run(|Step { connection, answer, .. }| {
            match connection.call(manager("ResetFailedUnit"), &unit, answer) {
                // It went away by itself.
                Err(Fault::Refused(e)) if is(&e, "NoSuchUnit") => Ok(()),
                other => other.map(drop),
            }
        });
        done.map_err(|fault| self.error(fault))
    }

    /// Waits a moment for a unit that may be on its way out: it is active until systemd has seen
    /// that its last process is gone, and there until its last change was sent.
    fn may_go_away(&mut self, patience: Deadline, pause: Duration) -> Result<()> {
        let unit = self.asked.subject;
        let state = self.run(|Step { connection, answer, .. }| state(unit, connection, answer));
        let state = state.map_err(|fault| self.error(fault))?;
        if !patience.sleep(pause) {
            let what = format!("a unit of that name exists and is {}", state.active);
            let error = self.asked.plain(Code::Busy, &what);
            return Err(error.advice("stop that unit, or choose another name"));
        }
        match state.active.as_str() {
            "failed" => self.reset(),
            _ => Ok(()),
        }
    }

    /// A job on a unit that is there, to its end; none when there is no such unit.
    fn job(&mut self, method: &'static str) -> Result<Option<End>> {
        let unit = self.asked.subject;
        let rule = name::job_removed(unit);
        let deadline = self.deadline;
        let end = self.run(|mut step| {
            step.connection.listen(&rule)?;
            match step.connection.call(manager(method), &(unit, "replace"), step.answer) {
                Ok(reply) => Job::read(&reply)?.wait(unit, &mut step, deadline).map(Some),
                Err(Fault::Refused(e)) if is(&e, "NoSuchUnit") => Ok(None),
                Err(fault) => Err(fault),
            }
        });
        end.map_err(|fault| self.error(fault))
    }

    /// What the end of the job means.
    fn started(&mut self, end: End) -> Result<Started> {
        let look = "systemctl status and journalctl -u say more";
        let error = match end {
            End::Result(result) if result == "done" => return Ok(Started::Created),
            End::State(state) if state == "active" => return Ok(Started::Created),
            End::Result(result) => {
                let code = if result == "timeout" { Code::Timeout } else { Code::System };
                self.asked.plain(code, &format!("its job ended as '{result}'")).advice(look)
            }
            End::State(state) => {
                let what = format!("its job is gone without a signal, and the unit is {state}");
                self.asked.plain(Code::System, &what).advice(look)
            }
            End::Open => return Err(self.unfinished()),
        };
        self.forget();
        Err(error)
    }

    fn unfinished(&mut self) -> Error {
        self.forget();
        self.hang_up();
        self.asked.timeout("its job did not end", self.deadline.seconds()).or_done()
    }

    /// A unit that failed must not be in the way of the next of that name.
    fn forget(&mut self) {
        let unit = self.asked.subject;
        self.tell(|connection| reset_failed(connection, unit));
    }

    pub fn stop(&mut self) -> Result<Option<String>> {
        let unit = self.asked.subject;
        let warning = match self.job("StopUnit")? {
            None => return Ok(None),
            Some(End::Result(result)) if result == "done" => None,
            Some(End::State(state)) if state != "active" => None,
            Some(End::Result(result)) => Some(format!("its job ended as '{result}'")),
            Some(End::State(state)) => Some(format!("its job is gone, and the unit is {state}")),
            Some(End::Open) => return Err(self.unfinished()),
        };
        self.forget();
        Ok(warning.map(|what| format!("StopUnit of {unit}: {what}")))
    }
}
