//! Waiting for a job: by its signal, and by looking when the signal does not come.

use std::time::Duration;

use zbus::zvariant::{ObjectPath, OwnedObjectPath};

use super::name;
use super::requests::{manager, SYSTEMD};
use super::talk::{Step, Talk};
use crate::systemd::bus::{Connection, Deadline, Fault, Incoming, Outcome};

/// How long the signal is waited for before a look; then twice as long, and so on.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// The same when it is known that there will be no signal.
const SHORT_LOOK: Duration = Duration::from_millis(20);

/// A job that systemd has taken up.
#[derive(Clone, Debug)]
pub(super) struct Job {
    path: OwnedObjectPath,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `done`, or anything else that systemd says: `failed`, `canceled`, `timeout` …
    Result(String),
    /// The signal was lost; the unit is in this state and has no such job (any more).
    State(String),
    /// It has not ended.
    Open,
}

/// What a unit is like now.
#[derive(Debug)]
pub(super) struct State {
    /// `active`, `inactive`, `failed`, `activating` …
    pub active: String,
    /// The job that it has; `/` when there is none.
    job: OwnedObjectPath,
}

impl Job {
    /// From the answer to the call that started it.
    pub fn read(reply: &Incoming) -> Outcome<Job> {
        let path: ObjectPath<'_> = reply.read()?;
        Ok(Job { path: path.into() })
    }

    /// The result that a signal brings of this job; one of another job says nothing.
    fn result(&self, signal: &Incoming) -> Outcome<Option<String>> {
        let is_removal = signal.member.as_deref() == Some("JobRemoved")
            && signal.interface.as_deref() == Some(manager("").interface);
        // Anybody on the bus can send this connection a signal that looks like systemd's. One that
        // is sent to all passed the match rule, which says by whom.
        if !is_removal || signal.is_directed {
            return Ok(None);
        }
        let (_, path, _, result): (u32, ObjectPath<'_>, &str, &str) = signal.read()?;
        Ok((path == *self.path).then(|| result.to_owned()))
    }

    /// Waits until it has ended, or the deadline has passed.
    pub fn wait(&self, unit: &str, step: &mut Step<'_>, deadline: Deadline) -> Outcome<End> {
        let mut pause = match step.connection.is_deaf() {
            true => SHORT_LOOK,
            false => FIRST_LOOK,
        };
        loop {
            let until = deadline.within(pause);
            while let Some(signal) = step.connection.signal(until)? {
                if let Some(result) = self.result(&signal)? {
                    return Ok(End::Result(result));
                }
            }
            if deadline.has_passed() {
                return Ok(End::Open);
            }
            // No signal: it may be lost (runc#3904). What systemd sent before this answer is
            // here before it.
            let state = state(unit, step.connection, deadline);
            while let Some(signal) = step.connection.kept() {
                if let Some(result) = self.result(&signal)? {
                    return Ok(End::Result(result));
                }
            }
            let state = match state {
                Err(Fault::Silent { .. }) => return Ok(End::Open),
                other => other?,
            };
            if state.job != self.path && state.is_settled() {
                return Ok(End::State(state.active));
            }
            pause *= 2;
        }
    }
}

impl State {
    /// Nothing is going on.
    pub fn is_settled(&self) -> bool {
        matches!(self.active.as_str(), "active" | "inactive" | "failed")
    }

    pub fn has_job(&self) -> bool {
        self.job.as_str() != "/"
    }
}

/// What `ListUnitsByNames` (since systemd 230) says of a unit: name, description, load state,
/// active state, sub state, followed unit, object, job's number, type and object.
type Listed<'a> = (
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

/// State and job of a unit at one moment, which two properties would not be. A unit that does
/// not exist is inactive.
pub(super) fn state(unit: &str, connection: &mut Connection, deadline: Deadline) -> Outcome<State> {
    let reply = connection.call(manager("ListUnitsByNames"), &(&[unit][..],), deadline)?;
    let units: Vec<Listed<'_>> = reply.read()?;
    let none = || (String::from("inactive"), OwnedObjectPath::default());
    let (active, job) =
        units.into_iter().next().map_or_else(none, |u| (u.3.to_owned(), u.9.into()));
    Ok(State { active, job })
}

impl Talk<'_> {
    /// Waits until a unit is active that was perhaps started by a request whose answer was lost.
    pub fn wait_active(&mut self) -> Outcome<End> {
        let unit = self.asked.subject;
        let deadline = self.deadline;
        self.run(|Step { connection, .. }| {
            let mut pause = SHORT_LOOK;
            loop {
                let state = state(unit, connection, deadline)?;
                if state.is_settled() && !state.has_job() {
                    return Ok(End::State(state.active));
                }
                if !deadline.sleep(pause) {
                    return Ok(End::Open);
                }
                pause = (pause * 2).min(FIRST_LOOK);
            }
        })
    }

    /// When the unit last left the inactive state, in microseconds of the monotonic clock.
    pub fn started_at(&mut self) -> Outcome<u64> {
        let path = name::object(self.asked.subject);
        let interface = format!("{SYSTEMD}.Unit");
        let name = "InactiveExitTimestampMonotonic";
        match self.run(|mut step| super::requests::property(&mut step, &path, &interface, name))? {
            crate::systemd::Value::U64(time) => Ok(time),
            other => Err(Fault::Broken(format!("{name} as {other}"))),
        }
    }
}
