// SPDX-License-Identifier: Apache-2.0

//! Creating the cgroup and moving a process in.

use std::borrow::Cow;

use oci_spec::runtime::LinuxResources;
use rustix::io::Errno;

use super::core::Manager;
use crate::driver::Phases;
use crate::error::{fail, Code, Error, Result};
use crate::host::{controllers, HierarchyId};
use crate::plan::{Plan, Step, TaskKind};
use crate::resources;
use crate::systemd::Started;
use crate::transaction::Transaction;

/// The pid that stands for no process: apply only creates the cgroup.
pub const NOBODY: i32 = -1;

/// Attempts to recreate a cgroup that another process removes during apply.
const TRIES: u32 = 5;

/// Result of [`Manager::apply`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApplyOutcome {
    /// One text per setting that has no effect on this host, or not the effect that was asked for.
    pub warnings: Vec<String>,
    /// Number of hierarchies in which a rootless caller could not create the cgroup.
    pub dropped: usize,
}

impl Manager {
    /// Returns what [`Manager::apply`] would do; changes nothing. With `set`, the cgroup gets these
    /// resources; without, only what a process needs to enter.
    pub fn plan_apply(&self, pid: i32, set: Option<&LinuxResources>) -> Result<Plan> {
        let phases = self.plan_phases(pid, &self.resources(), set)?;
        let path = self.config.path_warning().into_iter();
        let warnings = path.chain(phases.warnings.iter().cloned()).collect();
        Ok(Plan { steps: phases.steps(), warnings })
    }

    fn plan_phases(
        &self,
        pid: i32,
        own: &LinuxResources,
        set: Option<&LinuxResources>,
    ) -> Result<Phases> {
        self.require_own_cgroup()?;
        if pid != NOBODY && pid < 1 {
            return fail(Code::Argument, format!("{pid} is not a pid; use -1 to move no process"));
        }
        let pid = Some(pid).filter(|&pid| pid != NOBODY);
        let none = LinuxResources::default();
        let Some(set) = set else {
            return self.driver.plan_apply(self.context(own, &none), pid, None);
        };
        let known = self.refresh(set, &none);
        let set = resources::fill_omitted(set, &known, &self.placement);
        self.driver.plan_apply(self.context(own, &known), pid, Some(&set))
    }

    /// Creates the cgroup in every hierarchy and moves a process in; [`NOBODY`] only creates. With
    /// `set`, the manager's resources are set before the process enters.
    ///
    /// Joins a cgroup or an active unit that exists already. On failure, removes the directories
    /// that this call created and moves the process back. A unit is stopped only after its process
    /// has left, because stopping a unit kills its processes.
    pub fn apply(&self, pid: i32, set: bool) -> Result<ApplyOutcome> {
        self.apply_how(pid, set, false)
    }

    /// Does as [`Manager::apply`], for a cgroup that must not exist yet.
    ///
    /// Errors: the cgroup's directory or unit exists (EEXIST); it stays unchanged.
    pub fn apply_exclusively(&self, pid: i32, set: bool) -> Result<ApplyOutcome> {
        self.apply_how(pid, set, true)
    }

    fn apply_how(&self, pid: i32, set: bool, exclusive: bool) -> Result<ApplyOutcome> {
        self.require_own_cgroup()?;
        let _busy = self.one_at_a_time();
        let mut left = self.leave_unmounted();
        let own = self.resources();
        let mut tries = 0;
        // A unit that this call started and that has ended is not started again.
        let again = |transaction: &Transaction<'_>| {
            transaction.progress().made || has_existed(transaction) || self.driver.unit().is_none()
        };
        // Repeats after another process removed the cgroup, and after each dropped hierarchy.
        loop {
            tries += 1;
            let phases = self.plan_phases(pid, &own, set.then_some(&own))?;
            let mut transaction = self.transaction();
            // Of a unit, only the unit itself must be new. Directories in hierarchies that systemd
            // does not manage may be left from an earlier unit.
            transaction.set_exclusive(exclusive && self.driver.unit().is_none());
            if pid != NOBODY {
                let steps = [&phases.make, &phases.fill, &phases.enter];
                transaction.ensure_alive(steps.into_iter().flatten(), pid)?;
            }
            let done = self
                .make(&mut transaction, phases, pid, exclusive)
                .and_then(|phases| self.carry_out(&mut transaction, phases, set, &own));
            match done {
                Ok(mut warnings) => {
                    left.append(&mut warnings);
                    let dropped = self.placement.dropped();
                    return Ok(ApplyOutcome { warnings: left, dropped });
                }
                // Another try would take what is left behind for a cgroup that existed before.
                Err(e) if !transaction.is_unwound() => return Err(e),
                // Another process removed the empty cgroup: on v1 systemd removes cgroups that it
                // does not know. Or the existing unit ended with its last process.
                Err(e) if tries < TRIES && e.code() == Code::Deleted && again(&transaction) => {}
                Err(e) => self.drop_or_fail(e, transaction.progress().failed_in, &own)?,
            }
        }
    }

    /// Carries out the first phase of an apply, and returns the other two.
    fn make(
        &self,
        transaction: &mut Transaction<'_>,
        phases: Phases,
        pid: i32,
        exclusive: bool,
    ) -> Result<Phases> {
        let Phases { make, fill, mut enter, warnings } = phases;
        transaction.carry_out(&make)?;
        if has_existed(transaction) {
            let name = self.unit().unwrap_or_default();
            if exclusive {
                let error = Error::system("StartTransientUnit of", name.as_bytes(), Errno::EXIST);
                return Err(transaction.unwind(error));
            }
            // systemd moves a process into a scope only when it creates the scope.
            if pid != NOBODY {
                enter.retain(|step| !matches!(step, Step::Attach { .. }));
                let add = self.driver.plan_add(&self.placement, TaskKind::Process, &[pid], b"");
                enter = [add, enter].concat();
            }
        }
        Ok(Phases { make: Vec::new(), fill, enter, warnings })
    }

    /// Carries out the rest of an apply. Returns the warnings, which are logged.
    fn carry_out(
        &self,
        transaction: &mut Transaction<'_>,
        phases: Phases,
        set: bool,
        own: &LinuxResources,
    ) -> Result<Vec<String>> {
        let Phases { fill, enter, mut warnings, .. } = phases;
        transaction.hold(&enter)?;
        if set && has_existed(transaction) {
            return self.set_on_existing(transaction, fill, &enter, own);
        }
        // Another process may be setting a cgroup that existed before: take turns, and keep the old
        // values.
        let shared = fill.iter().any(Step::is_limit) && !transaction.has_made_all();
        transaction.set_keep_old(shared && !self.config.flags.no_rollback);
        let lock = match shared {
            true => {
                let made = |id| transaction.has_made_in(id);
                self.lock(&made).map_err(|e| transaction.unwind(e))?
            }
            false => None,
        };
        let done = transaction.carry_out(&fill).and_then(|()| transaction.carry_out(&enter));
        let done = done.and_then(|()| transaction.verify());
        // A failed step has been undone by now, still under the lock.
        drop(lock);
        done?;
        self.note_enabled(transaction);
        warnings.append(&mut transaction.take_warnings());
        Ok(self.warn(warnings))
    }

    /// Sets a unit that was there before as [`Manager::set`] does, before the process enters.
    fn set_on_existing(
        &self,
        transaction: &mut Transaction<'_>,
        fill: Vec<Step>,
        enter: &[Step],
        own: &LinuxResources,
    ) -> Result<Vec<String>> {
        // The set below writes the limits and enables controllers.
        let mut fill = fill;
        fill.retain(|step| !step.is_limit() && !matches!(step, Step::Enable { .. }));
        transaction.carry_out(&fill)?;
        let set = self.set_in(transaction, own, own, enter);
        let mut warnings = set.map_err(|e| transaction.unwind(e))?;
        // Whoever created the unit may have left out the properties that only creation can set.
        let none = LinuxResources::default();
        let late = self.driver.too_late(self.context(own, &none), own);
        warnings.extend(self.warn(late));
        Ok(warnings)
    }

    /// Whether systemd keeps the unit's processes in a hierarchy. A manager without that hierarchy
    /// could neither see the processes nor move them out before the unit is stopped.
    fn is_unit_home(&self, id: HierarchyId) -> bool {
        let attaches = |name: &Cow<'static, str>| controllers::systemd_attaches(name);
        let site = self.placement.at(id);
        self.driver.unit().is_some() && site.is_ok_and(|site| site.names.iter().any(attaches))
    }

    /// Goes on without the hierarchy that failed, when a rootless caller named no path and sets no
    /// limits there; else returns the error.
    fn drop_or_fail(
        &self,
        error: Error,
        failed_in: Option<HierarchyId>,
        wanted: &LinuxResources,
    ) -> Result<()> {
        let permission = [Errno::ACCESS, Errno::PERM, Errno::ROFS].into_iter().any(|e| error.is(e));
        let rootless = self.info().rootless && self.config.implicit;
        let Some(id) = failed_in.filter(|id| permission && rootless && !self.is_unit_home(*id))
        else {
            return Err(error);
        };
        let limits = self.context(wanted, wanted).files_of(wanted)?;
        if limits.steps.iter().any(|step| step.is_limit() && step.hierarchy() == Some(id)) {
            return Err(error.with_code(Code::Rootless).advice(
                "limits need a cgroup: give a path in a cgroup that is delegated to you, \
                 or ask for no limits",
            ));
        }
        self.warn(vec![format!("continuing without this cgroup: {error}")]);
        self.placement.drop_out(id);
        Ok(())
    }
}

/// Whether the unit existed before the transaction.
fn has_existed(transaction: &Transaction<'_>) -> bool {
    transaction.progress().unit == Some(Started::Existed)
}
