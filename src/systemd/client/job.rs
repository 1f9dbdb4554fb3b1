// SPDX-License-Identifier: Apache-2.0

//! Waits until a job has ended.
//!
//! systemd sends the signal `JobRemoved` with the job's result. The signal can get lost
//! (runc#3904), so the unit's state is queried as well, at growing intervals.
//! org.freedesktop.systemd1(5), "Signals".

use std::time::Duration;

use zvariant::{ObjectPath, OwnedObjectPath};

use super::error::has_name;
use super::name;
use super::request::{Request, Step};
use super::single_call::{manager, property, queue_reset_failed, shown, SYSTEMD};
use crate::bytes::cut;
use crate::error::{Error, Result};
use crate::systemd::bus::{Connection, Deadline, Fault, Incoming, Outcome};
use crate::systemd::value::Value;

/// Wait for the signal before the first query of the unit's state. Doubles with each query.
const QUERY_PAUSE: Duration = Duration::from_secs(1);
/// The same when no signal will come.
const SHORT_QUERY_PAUSE: Duration = Duration::from_millis(20);

/// A job that systemd has queued.
#[derive(Clone, Debug)]
pub(super) struct Job {
    path: OwnedObjectPath,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The signal came with this result: `done`, `failed`, `canceled`, `timeout` …
    Result(String),
    /// No signal came. The unit has no such job any more and is in this active state.
    State(String),
    /// The job is still queued or running.
    Pending,
}

/// A unit's active state and its job, at one moment.
#[derive(Debug)]
pub(super) struct UnitState {
    /// `active`, `inactive`, `failed`, `activating` …
    pub active: String,
    /// Object path of the unit's job; `/` when there is none.
    job: OwnedObjectPath,
}

impl Job {
    /// Reads the job from the reply to the call that queued it.
    pub fn read(reply: &Incoming) -> Outcome<Job> {
        let path: ObjectPath<'_> = reply.read()?;
        Ok(Job { path: path.into() })
    }

    /// Returns this job's result, or None for a signal about anything else.
    fn result_in(&self, signal: &Incoming) -> Outcome<Option<String>> {
        let is_removal = signal.member.as_deref() == Some("JobRemoved")
            && signal.interface.as_deref() == Some(manager("").interface);
        // Any process can send this connection a unicast signal that looks like systemd's. A
        // broadcast has passed the match rule, which accepts only systemd as the sender.
        if !is_removal || signal.is_unicast {
            return Ok(None);
        }
        let (_, path, _, result): (u32, ObjectPath<'_>, &str, &str) = signal.read()?;
        Ok((path == *self.path).then(|| cut(result, 64)))
    }

    /// Waits until the job has ended or the deadline has passed.
    pub fn wait(
        &self,
        unit: &str,
        connection: &mut Connection,
        deadline: Deadline,
    ) -> Outcome<End> {
        let mut pause = match connection.is_match_refused() {
            true => SHORT_QUERY_PAUSE,
            false => QUERY_PAUSE,
        };
        loop {
            let next_query = deadline.capped(pause);
            while let Some(signal) = connection.wait_signal(next_query)? {
                if let Some(result) = self.result_in(&signal)? {
                    return Ok(End::Result(result));
                }
            }
            if deadline.has_passed() {
                return Ok(End::Pending);
            }
            let state = unit_state(unit, connection, deadline);
            // A signal that systemd sent before its reply has arrived before the reply.
            while let Some(signal) = connection.take_signal() {
                if let Some(result) = self.result_in(&signal)? {
                    return Ok(End::Result(result));
                }
            }
            let state = match state {
                Err(Fault::Timeout { .. }) => return Ok(End::Pending),
                other => other?,
            };
            if state.job != self.path && state.is_settled() {
                return Ok(End::State(state.active));
            }
            pause *= 2;
        }
    }
}

impl UnitState {
    /// Returns whether the unit is in a lasting state, neither starting nor stopping.
    pub fn is_settled(&self) -> bool {
        matches!(self.active.as_str(), "active" | "inactive" | "failed")
    }

    pub fn has_job(&self) -> bool {
        self.job.as_str() != "/"
    }
}

/// A unit in the reply to `ListUnitsByNames` (systemd 230 and later): name, description, load
/// state, active state, sub state, followed unit, object path; and its job's number, type and
/// object path.
type ListedUnit<'a> = (
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    ObjectPath<'a>,
    u32,
    &'a str,
    ObjectPath<'a>,
);

/// Queries a unit's active state and job in one call. Two property reads could fall on both sides
/// of a change. A unit that does not exist is inactive.
pub(super) fn unit_state(
    unit: &str,
    connection: &mut Connection,
    deadline: Deadline,
) -> Outcome<UnitState> {
    let reply = connection.call(manager("ListUnitsByNames"), &(&[unit][..],), deadline)?;
    let units: Vec<ListedUnit<'_>> = reply.read()?;
    let none = || (String::from("inactive"), OwnedObjectPath::default());
    let (active, job) = units.into_iter().next().map_or_else(none, |u| (cut(u.3, 64), u.9.into()));
    Ok(UnitState { active, job })
}

impl Request<'_> {
    /// Queues a job for an existing unit and waits until it has ended. Returns None when there is
    /// no such unit.
    pub fn run_job(&mut self, method: &'static str) -> Result<Option<End>> {
        let unit = self.info.subject;
        let rule = name::job_removed_rule(unit);
        let deadline = self.deadline;
        let end = self.run(|Step { connection, reply_deadline, .. }| {
            connection.add_match(&rule)?;
            match connection.call(manager(method), &(unit, "replace"), reply_deadline) {
                Ok(reply) => Job::read(&reply)?.wait(unit, connection, deadline).map(Some),
                Err(Fault::Refused(e)) if has_name(&e, "NoSuchUnit") => Ok(None),
                Err(fault) => Err(fault),
            }
        });
        end.map_err(|fault| self.error(fault))
    }

    /// Waits until the unit has no job and is in a lasting state, and returns that state.
    pub fn wait_settled(&mut self) -> Outcome<End> {
        let unit = self.info.subject;
        let deadline = self.deadline;
        self.run(|Step { connection, .. }| {
            let mut pause = SHORT_QUERY_PAUSE;
            loop {
                let state = unit_state(unit, connection, deadline)?;
                if state.is_settled() && !state.has_job() {
                    return Ok(End::State(state.active));
                }
                if !deadline.sleep(pause) {
                    return Ok(End::Pending);
                }
                pause = (pause * 2).min(QUERY_PAUSE);
            }
        })
    }

    /// Returns when the unit last left the inactive state, in microseconds of CLOCK_MONOTONIC.
    pub fn start_time(&mut self) -> Outcome<u64> {
        let path = name::object_path(self.info.subject);
        let interface = format!("{SYSTEMD}.Unit");
        let name = "InactiveExitTimestampMonotonic";
        match self.run(|mut step| property(&mut step, &path, &interface, name))? {
            Value::U64(time) => Ok(time),
            other => Err(Fault::Protocol(format!("{name} as {}", shown(&other)))),
        }
    }

    /// Returns the error of a job that did not end in time. The connection is dropped, because
    /// the job's signal may still come.
    pub fn job_timed_out(&mut self) -> Error {
        self.reset_failed_best_effort();
        self.drop_connection();
        self.info.timeout("its job did not end", self.deadline.timeout_seconds()).into_uncertain()
    }

    /// Makes systemd unload the unit if it failed: a failed unit would block its name for the
    /// next unit.
    pub fn reset_failed_best_effort(&mut self) {
        let unit = self.info.subject;
        self.send_best_effort(|connection| queue_reset_failed(connection, unit));
    }
}
