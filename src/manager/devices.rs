// SPDX-License-Identifier: Apache-2.0
//! The device rules in force: allowing one device more or less, and listing the rules.

use oci_spec::runtime::LinuxDeviceCgroup;

use super::core::Manager;
use crate::cgroupfs::interface_file::{deleted, deleted_or};
use crate::devices::{to_oci, Access, Devices, Rule, State};
use crate::error::{fail, Code, Result};
use crate::host::Version;
use crate::plan::Step;
use crate::transaction::{read_list, read_program};

impl Manager {
    /// Allows or denies devices, on top of the rules in force. Does nothing if the rules say so
    /// already.
    ///
    /// Calls for one cgroup take turns, also those of other processes, so that no change is lost.
    ///
    /// On v2, devices are allowed in front of other programs' device programs.
    ///
    /// Errors: the rule denies a part of what a wider rule allows ([`Code::Value`]); systemd owns
    /// the cgroup, or another's device program cannot be extended ([`Code::Unsupported`]).
    pub fn change_device(&self, allow: bool, devices: Devices, access: Access) -> Result<()> {
        self.require_own_cgroup()?;
        if let Some(unit) = self.unit() {
            let text =
                format!("systemd owns the device rules of {unit}; set the whole list instead");
            return fail(Code::Unsupported, text);
        }
        let rule = Rule { allow, devices: Some(devices), access };
        let hierarchy = self.placement.require("devices")?.id;
        let _busy = self.one_at_a_time();
        let Some(lock) = self.lock(&|_| false)? else { return Err(deleted(self.main_cgroup()?)) };
        let mut transaction = self.transaction();
        transaction.carry_out(&[Step::ChangeDevice { hierarchy, rule }])?;
        drop(lock);
        self.remember(rule);
        Ok(())
    }

    /// Adds the rule to the manager's own resources, if they have device rules: a later set of
    /// these resources must not undo the rule.
    fn remember(&self, rule: Rule) {
        let mut resources = self.resources();
        let mut state = State::default();
        let Some(rules) = resources.devices_mut().as_mut().filter(|rules| !rules.is_empty()) else {
            return;
        };
        if let Some(devices) = rule.devices {
            state.except(devices, rule.access);
        }
        let added = to_oci(&state).into_iter().skip(1).map(|mut one| {
            one.set_allow(rule.allow);
            one
        });
        rules.extend(added);
        self.set_resources(resources);
    }

    /// Returns the device rules in force: on v1 from `devices.list`, on v2 from the program that
    /// this library has attached, in this process or another.
    ///
    /// Errors: another program's device program is attached, or the kernel does not show the
    /// instructions ([`Code::Unsupported`]).
    pub fn device_rules(&self) -> Result<Vec<LinuxDeviceCgroup>> {
        let cgroup = self.cgroup_at(self.placement.require("devices")?)?;
        let state = match cgroup.version() {
            Version::V1 => read_list(cgroup),
            Version::V2 => read_program(cgroup),
        };
        Ok(to_oci(&state.map_err(|e| deleted_or(cgroup, e))?))
    }
}
