// SPDX-License-Identifier: Apache-2.0

//! Starts transient units: `StartTransientUnit`, the wait for its job, and what to do when a unit
//! of that name exists.
//!
//! org.freedesktop.systemd1(5), "StartTransientUnit()".

use std::time::Duration;

use super::error::has_name;
use super::job::{unit_state, End, Job, UnitState};
use super::name;
use super::request::{Request, Step};
use super::single_call::{check_pid_namespace, manager, properties_to_wire};
use crate::error::{Code, Result};
use crate::sys::monotonic_microseconds;
use crate::systemd::bus::{Deadline, Fault};
use crate::systemd::value::Property;

/// How long to wait for an existing unit to go away.
const UNLOAD_TIMEOUT: Duration = Duration::from_secs(1);

/// The result of `Systemd::start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// The unit was created and its job is done: its cgroup exists and its processes are in it.
    Created,
    /// A unit of that name existed. Its properties were left unchanged, and no process was moved.
    Existed,
}

/// The result of one `StartTransientUnit`.
enum Attempt {
    Ended(End),
    /// A unit of that name exists. `maybe_ours`: an earlier try of this request may have
    /// created it.
    Exists {
        maybe_ours: bool,
    },
}

impl Request<'_> {
    /// Creates the unit and waits for its job, as `Systemd::start` describes.
    pub fn start(&mut self, properties: &[Property], existing_is_fine: bool) -> Result<Started> {
        let begin = monotonic_microseconds();
        let mut unload_deadline = None;
        let mut pause = Duration::from_millis(10);
        loop {
            let maybe_ours = match self.try_start(properties)? {
                Attempt::Ended(end) => return self.started(end),
                Attempt::Exists { maybe_ours } => maybe_ours,
            };
            if maybe_ours && self.was_started_since(begin)? {
                let end = self.wait_settled().map_err(|fault| self.error(fault))?;
                return self.started(end);
            }
            if existing_is_fine {
                match self.ensure_slice_active()? {
                    true => return Ok(Started::Existed),
                    false => continue,
                }
            }
            let state = self.state()?;
            if state.active == "active" && !state.has_job() && self.processes()? > 0 {
                return Ok(Started::Existed);
            }
            match unload_deadline {
                // A failed unit stays until it is reset (runc#3780).
                None => self.reset()?,
                Some(deadline) => self.wait_for_unload(&state, deadline, pause)?,
            }
            unload_deadline =
                unload_deadline.or_else(|| Some(self.deadline.capped(UNLOAD_TIMEOUT)));
            pause *= 2;
        }
    }

    fn state(&mut self) -> Result<UnitState> {
        let unit = self.info.subject;
        let state = self.run(|Step { connection, reply_deadline, .. }| {
            unit_state(unit, connection, reply_deadline)
        });
        state.map_err(|fault| self.error(fault))
    }

    /// Waits until an existing slice is active, and starts it when no other program does. A slice
    /// with a unit file can exist without ever having been started, and another program may be
    /// starting it now. Returns false when the slice has gone away. Returns true for a scope,
    /// without a check.
    fn ensure_slice_active(&mut self) -> Result<bool> {
        let unit = self.info.subject;
        if unit.strip_suffix(".slice").is_none() {
            return Ok(true);
        }
        match self.wait_settled().map_err(|fault| self.error(fault))? {
            End::State(state) if state == "active" => return Ok(true),
            End::Pending => return Err(self.job_timed_out()),
            _ => {}
        }
        match self.run_job("StartUnit")? {
            Some(end) => self.started(end).map(|_| true),
            // systemd unloads a slice that is not active.
            None if self.deadline.has_passed() => Err(self.job_timed_out()),
            None => Ok(false),
        }
    }

    /// Sends one `StartTransientUnit` and waits for its job.
    fn try_start(&mut self, properties: &[Property]) -> Result<Attempt> {
        let unit = self.info.subject;
        let properties = properties_to_wire(properties).map_err(|e| self.error(e.into()))?;
        let rule = name::job_removed_rule(unit);
        let deadline = self.deadline;
        let mut accepted = false;
        let names_processes = properties.iter().any(|(name, _)| *name == "PIDs");
        let attempt = self.run(|Step { connection, reply_deadline, maybe_done }| {
            if names_processes {
                check_pid_namespace(connection)?;
            }
            // AddMatch and the call go out together. The bus handles them in order, so it
            // forwards the signal even when the job ends at once. systemd 209 and later sends
            // the signal to the client that queued the job without a Subscribe.
            connection.add_match(&rule)?;
            let auxiliary: [(&str, Vec<(&str, zvariant::Value<'_>)>); 0] = [];
            let body = (unit, "replace", &properties, &auxiliary[..]);
            match connection.call(manager("StartTransientUnit"), &body, reply_deadline) {
                Ok(reply) => {
                    accepted = true;
                    Job::read(&reply)?.wait(unit, connection, deadline).map(Attempt::Ended)
                }
                Err(Fault::Refused(e)) if has_name(&e, "UnitExists") => {
                    Ok(Attempt::Exists { maybe_ours: maybe_done || accepted })
                }
                Err(fault) => Err(fault),
            }
        });
        attempt.map_err(|fault| self.error(fault))
    }

    /// Returns whether the existing unit became active after `begin`. If so, this request
    /// created it and only the reply was lost, so the unit must not be reset. An older unit does
    /// not contain the caller's processes.
    fn was_started_since(&mut self, begin: u64) -> Result<bool> {
        let start = self.start_time().map_err(|fault| self.error(fault))?;
        // Zero while the job has not begun: then the job is this request's.
        Ok(start == 0 || start >= begin)
    }

    /// Makes systemd unload the unit if it failed. A unit that is already gone is success.
    fn reset(&mut self) -> Result<()> {
        let unit = self.info.subject;
        let done = self.run(|Step { connection, reply_deadline, .. }| {
            match connection.call(manager("ResetFailedUnit"), &unit, reply_deadline) {
                Err(Fault::Refused(e)) if has_name(&e, "NoSuchUnit") => Ok(()),
                other => other.map(drop),
            }
        });
        done.map_err(|fault| self.error(fault))
    }

    /// Pauses, so that an existing unit in this state can go away, and resets it if it failed.
    /// Fails with [`Code::Busy`] after the deadline.
    ///
    /// A unit whose last process has exited stays active until systemd notices, and loaded until
    /// systemd has sent the unit's last change.
    fn wait_for_unload(
        &mut self,
        state: &UnitState,
        deadline: Deadline,
        pause: Duration,
    ) -> Result<()> {
        if !deadline.sleep(pause) {
            let what = format!("a unit of that name exists and is {}", state.active);
            let error = self.info.failed(Code::Busy, &what);
            return Err(error.advice("stop that unit, or choose another name"));
        }
        match state.active.as_str() {
            "failed" => self.reset(),
            _ => Ok(()),
        }
    }

    /// Returns success when the job ended well, else the error. Resets a failed unit.
    fn started(&mut self, end: End) -> Result<Started> {
        let advice = "systemctl status and journalctl -u say more";
        let error = match end {
            End::Result(result) if result == "done" => return Ok(Started::Created),
            End::State(state) if state == "active" => return Ok(Started::Created),
            End::Result(result) => {
                let code = if result == "timeout" { Code::Timeout } else { Code::System };
                self.info.failed(code, &format!("its job ended as '{result}'")).advice(advice)
            }
            End::State(state) => {
                let what = format!("its job disappeared without a signal, and the unit is {state}");
                self.info.failed(Code::System, &what).advice(advice)
            }
            End::Pending => return Err(self.job_timed_out()),
        };
        self.reset_failed_best_effort();
        Err(error)
    }
}
