//! Stops units: queues `StopUnit`, waits for the job, and resets the unit if it failed.
//!
//! org.freedesktop.systemd1(5), "StopUnit()".

use super::job::End;
use super::request::Request;
use crate::error::Result;

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
}
