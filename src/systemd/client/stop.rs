// SPDX-License-Identifier: Apache-2.0

//! Stops units: queues `StopUnit`, waits for the job, and resets the unit if it failed. Abandons
//! scopes.
//!
//! org.freedesktop.systemd1(5), "StopUnit()", "AbandonScope()".

use super::error::has_name;
use super::job::End;
use super::request::{Request, Step};
use super::single_call::manager;
use crate::error::Result;
use crate::systemd::bus::{ErrorReply, Fault};

impl Request<'_> {
    /// Stops the unit. Returns a warning when the job ended in anything but `done`.
    pub fn stop(&mut self) -> Result<Option<String>> {
        let unit = self.info.subject;
        let warning = match self.run_job("StopUnit")? {
            None => return Ok(None),
            Some(End::Result(result)) if result == "done" => None,
            Some(End::State(state)) if state != "active" => None,
            Some(End::Result(result)) => Some(format!("its job ended as '{result}'")),
            Some(End::State(state)) => {
                Some(format!("its job disappeared without a signal, and the unit is {state}"))
            }
            Some(End::Pending) => return Err(self.job_timed_out()),
        };
        self.reset_failed_best_effort();
        Ok(warning.map(|what| format!("StopUnit of {unit}: {what}")))
    }

    /// Abandons the scope.
    pub fn abandon(&mut self) -> Result<()> {
        let unit = self.info.subject;
        let done = self.run(|Step { connection, reply_deadline, .. }| {
            match connection.call(manager("AbandonScope"), &unit, reply_deadline) {
                Err(Fault::Refused(e)) if is_ending(&e) => Ok(()),
                other => other.map(drop),
            }
        });
        done.map_err(|fault| self.error(fault))
    }
}

/// Whether systemd refused to abandon a scope because the scope has ended or is being stopped.
fn is_ending(e: &ErrorReply) -> bool {
    has_name(e, "NoSuchUnit") || has_name(e, "ScopeNotRunning")
}
