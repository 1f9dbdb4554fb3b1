// SPDX-License-Identifier: Apache-2.0

//! Setting resources, as a transaction.

use oci_spec::runtime::LinuxResources;

use super::core::Manager;
use crate::cgroupfs::interface_file::deleted;
use crate::devices::State;
use crate::error::Result;
use crate::plan::{Plan, Step};
use crate::resources;
use crate::transaction::Transaction;

impl Manager {
    /// Returns what [`Manager::set`] would do; changes nothing.
    pub fn plan(&self, resources: &LinuxResources) -> Result<Plan> {
        self.require_own_cgroup()?;
        let own = self.resources();
        let known = self.refresh(resources, &own);
        let resources = resources::fill_omitted(resources, &known, &self.placement);
        self.driver.plan_set(self.context(&own, &known), &resources)
    }

    /// Sets these resources. A value that they leave out stays unchanged. Returns the warnings.
    ///
    /// When a write fails, this call restores the values that it changed, in reverse order, unless
    /// [`crate::config::Flags::no_rollback`] is set. The error names the values that could not be
    /// restored. Calls for one cgroup take turns, also those of other processes.
    pub fn set(&self, resources: &LinuxResources) -> Result<Vec<String>> {
        self.require_own_cgroup()?;
        let _busy = self.one_at_a_time();
        let mut warnings = self.leave_unmounted();
        let own = self.resources();
        warnings.append(&mut self.set_in(&mut self.transaction(), resources, &own, &[])?);
        Ok(warnings)
    }

    /// Sets resources as a part of a larger transaction, then carries out the steps `then` under
    /// the same lock.
    pub(super) fn set_in(
        &self,
        transaction: &mut Transaction<'_>,
        resources: &LinuxResources,
        own: &LinuxResources,
        then: &[Step],
    ) -> Result<Vec<String>> {
        // Lock before reading values that another call may be about to write.
        let lock = self.lock(&|_| false);
        if !matches!(lock, Ok(Some(_))) {
            // Report an error in the resources rather than one of the cgroup.
            self.driver.plan_set(self.context(own, own), resources)?;
        }
        let Some(lock) = lock? else { return Err(deleted(self.main_cgroup()?)) };
        let known = self.refresh(resources, own);
        let resources = resources::fill_omitted(resources, &known, &self.placement);
        let mut plan = self.driver.plan_set(self.context(own, &known), &resources)?;
        transaction.set_keep_old(!self.config.flags.no_rollback);
        let devices = known.devices().as_deref();
        let devices = devices.and_then(|rules| State::from_rules(rules, &mut Vec::new()).ok());
        transaction.set_known_devices(devices);
        transaction.carry_out(&plan.steps)?;
        transaction.carry_out(then)?;
        self.note_enabled(transaction);
        drop(lock);
        self.set_resources(resources::merge(&known, &resources, &self.placement));
        plan.warnings.append(&mut transaction.take_warnings());
        Ok(self.warn(plan.warnings))
    }
}
