//! Creating the cgroup and moving a process in.

use oci_spec::runtime::LinuxResources;
use rustix::io::Errno;

use super::core::Manager;
use crate::driver::Phases;
use crate::error::{fail, Code, Error, Result};
use crate::host::HierarchyId;
use crate::plan::{Plan, Step};
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
    /// What was asked for and has no effect on this host.
    pub warnings: Vec<String>,
    /// Number of hierarchies in which a rootless caller could not create the cgroup.
    pub dropped: usize,
}

impl Manager {
    /// Returns what [`Manager::apply`] would do; changes nothing. With `set`, the cgroup gets these
    /// resources; without, only what a process needs to enter.
    pub fn plan_apply(&self, pid: i32, set: Option<&LinuxResources>) -> Result<Plan> {
        let phases = self.plan_phases(pid, set)?;
        Ok(Plan { steps: phases.steps(), warnings: phases.warnings })
    }

    fn plan_phases(&self, pid: i32, set: Option<&LinuxResources>) -> Result<Phases> {
        self.refuse_shared()?;
        if pid != NOBODY && pid < 1 {
            return fail(Code::Argument, format!("{pid} is not a pid; -1 moves nobody"));
        }
        let pid = Some(pid).filter(|&pid| pid != NOBODY);
        let (own, none) = (self.resources(), LinuxResources::default());
        let Some(set) = set else {
            return self.driver.plan_apply(self.context(&own, &none), pid, None);
        };
        let known = self.refresh(set, &none);
        let set = resources::fill_omitted(set, &known, &self.placement);
        self.driver.plan_apply(self.context(&own, &known), pid, Some(&set))
    }

    /// Creates the cgroup in every hierarchy and moves a process in; [`NOBODY`] only creates. With
    /// `set`, the manager's resources are set before the process enters.
    ///
    /// On failure, directories that this call created are removed, and the process is where it was.
    /// A unit is stopped after its process has left, because stopping kills.
    pub fn apply(&self, pid: i32, set: bool) -> Result<ApplyOutcome> {
        self.refuse_shared()?;
        let _busy = self.one_at_a_time();
        let own = self.resources();
        let mut tries = 0;
        // Also repeats for each hierarchy that a rootless caller has to go without.
        loop {
            tries += 1;
            let phases = self.plan_phases(pid, set.then_some(&own))?;
            let mut transaction = self.transaction();
            if pid != NOBODY {
                transaction.ensure_alive(&phases.steps(), pid)?;
            }
            match self.carry_out(&mut transaction, phases, set, &own) {
                Ok(warnings) => {
                    return Ok(ApplyOutcome { warnings, dropped: self.placement.dropped() })
                }
                // Another process removes empty cgroups. systemd does on v1, of unknown cgroups.
                Err(e)
                    if tries < TRIES
                        && transaction.progress().made
                        && e.code() == Code::Deleted => {}
                Err(e) => self.drop_or_fail(e, transaction.progress().failed_in, &own)?,
            }
        }
    }

    /// Carries out the phases of an apply. Returns the warnings, which are logged.
    fn carry_out(
        &self,
        transaction: &mut Transaction<'_>,
        phases: Phases,
        set: bool,
        own: &LinuxResources,
    ) -> Result<Vec<String>> {
        let Phases { make, fill, enter, mut warnings } = phases;
        transaction.carry_out(&make)?;
        if set && transaction.progress().unit == Some(Started::Existed) {
            return self.set_on_existing(transaction, fill, &enter, own);
        }
        // Others may be setting a cgroup that was there before: take turns, and keep old values.
        let shared = fill.iter().any(Step::is_limit) && !transaction.has_made_all();
        transaction.set_keep_old(shared && !self.config.flags.no_rollback);
        let lock = match shared {
            true => self.lock().map_err(|e| transaction.unwind(e))?,
            false => None,
        };
        let done = transaction.carry_out(&fill).and_then(|()| transaction.carry_out(&enter));
        let done = done.and_then(|()| transaction.verify());
        // Unwinding comes before unlocking.
        drop(lock);
        done?;
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
        // Set writes the files and enables controllers.
        let mut fill = fill;
        fill.retain(|step| !step.is_limit() && !matches!(step, Step::Enable { .. }));
        transaction.carry_out(&fill)?;
        let set = self.set_in(transaction, own, own, enter);
        let mut warnings = set.map_err(|e| transaction.unwind(e))?;
        // Nothing tells which properties the unit was created with.
        let none = LinuxResources::default();
        let late = self.driver.too_late(self.context(own, &none), own);
        warnings.extend(self.warn(late));
        Ok(warnings)
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
        let Some(id) = failed_in.filter(|_| permission && rootless) else {
            return Err(error);
        };
        let limits = self.context(wanted, wanted).writes_of(wanted)?;
        if limits.steps.iter().any(|step| step.is_limit() && step.hierarchy() == Some(id)) {
            return Err(error.with_code(Code::Rootless).advice(
                "limits need a cgroup: give a path in a cgroup that is delegated to you, \
                 or ask for no limits",
            ));
        }
        self.warn(vec![format!("going without a cgroup: {error}")]);
        self.placement.drop_out(id);
        Ok(())
    }
}
