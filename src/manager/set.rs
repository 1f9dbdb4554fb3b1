//! Setting resources, as a transaction.

use std::time::{Duration, Instant};

use oci_spec::runtime::LinuxResources;
use rustix::fd::OwnedFd;
use rustix::fs::{flock, FlockOperation, OFlags};
use rustix::io::Errno;

use super::knob::gone;
use super::{Manager, Run};
use crate::error::{Error, Result};
use crate::plan::{Plan, Step};
use crate::resources;

/// How long one Set waits for another one of the same cgroup.
const WAIT: Duration = Duration::from_secs(2);

impl Manager {
    /// What [`Manager::set`] would do; touches nothing.
    pub fn plan(&self, resources: &LinuxResources) -> Result<Plan> {
        self.not_the_root()?;
        let known = self.resources();
        let known = self.known_now(resources, &known);
        self.plan_on(&self.completed(resources, &known), &known)
    }

    /// The same, after these resources.
    fn plan_on(&self, resources: &LinuxResources, known: &LinuxResources) -> Result<Plan> {
        if let Some(on) = &self.unit {
            return self.plan_told(on, resources, known);
        }
        let mut plan = self.knobs(resources)?;
        if !self.shared.host().is_unified() {
            // Apply left controllers off that no limit needed.
            let enable = self.to_enable(&plan);
            // Behind the checks, which come before anything is written.
            let check = |step: &&Step| matches!(step, Step::CheckMemory { .. });
            let at = plan.steps.iter().take_while(check).count();
            plan.steps.splice(at..at, enable);
        }
        Ok(plan)
    }

    /// The writes alone.
    pub(super) fn knobs(&self, resources: &LinuxResources) -> Result<Plan> {
        resources::plan(resources, self.target(), self.config.flags.resource_options())
    }

    /// Gives the cgroup these resources; what they leave out stays as it is. Returns what had no
    /// effect.
    ///
    /// When a write fails, what this call changed is put back in reverse order, and the error
    /// says what could not be (unless [`super::Flags::no_rollback`]). Two calls of managers with
    /// the same subsystems for one cgroup, in whatever processes, take turns: an advisory lock on
    /// its directory, of the devices hierarchy or else the first.
    pub fn set(&self, resources: &LinuxResources) -> Result<Vec<String>> {
        self.not_the_root()?;
        let _one_at_a_time = self.one_at_a_time();
        let known = self.resources();
        self.set_known(resources, &known, &mut Run::new(self), &Plan::default())
    }

    /// The same as a part of a call that does more, `then` before the next one has its turn. For who
    /// has seen to that no other thread does it.
    pub(super) fn set_known(
        &self,
        resources: &LinuxResources,
        known: &LinuxResources,
        run: &mut Run<'_>,
        then: &Plan,
    ) -> Result<Vec<String>> {
        // Before anything is read that somebody else may be about to write.
        let turn = self.take_turn();
        if !matches!(turn, Ok(Some(_))) {
            // What is wrong with the resources is said first.
            self.plan_on(resources, known)?;
        }
        let Some(turn) = turn? else { return Err(gone(self.main()?)) };
        let known = self.known_now(resources, known);
        let resources = self.completed(resources, &known);
        let mut plan = self.plan_on(&resources, &known)?;
        run.keep_old_values(!self.config.flags.no_rollback);
        run.carry_out(&plan)?;
        run.carry_out(then)?;
        drop(turn);
        *self.lock() = resources::merge(&known, &resources, self.target());
        plan.warnings.append(&mut run.warnings);
        Ok(self.warn(plan.warnings))
    }

    /// Waits for the lock on the cgroup's directory, within reason: whoever may open the directory
    /// may hold the lock, and nobody shall keep limits from being set.
    /// None when there is no cgroup.
    pub(super) fn take_turn(&self) -> Result<Option<Turn>> {
        let cgroup = self.main()?;
        let fd = match cgroup.open("", OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::NOENT) => return Ok(None),
            other => other.map_err(|e| Error::system("open", &cgroup.absolute(""), e))?,
        };
        let end = Instant::now() + WAIT;
        let mut pause = Duration::from_micros(100);
        loop {
            match flock(&fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(Turn(fd))),
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) if Instant::now() < end => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(10));
                }
                Err(Errno::WOULDBLOCK) => {
                    let path = String::from_utf8_lossy(&cgroup.absolute("")).into_owned();
                    self.warn(vec![format!("{path} stays locked by somebody; set out of turn")]);
                    return Ok(Some(Turn(fd)));
                }
                Err(e) => return Err(Error::system("lock", &cgroup.absolute(""), e)),
            }
        }
    }
}

/// The lock, while it lasts. Unlocked by name: a child that another thread forks meanwhile has the
/// descriptor too, and closing ours would leave the lock to it.
pub(super) struct Turn(OwnedFd);

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}
