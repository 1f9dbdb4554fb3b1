// SPDX-License-Identifier: Apache-2.0
//! Allows and denies single devices, and lists the device rules in force.

use oci_spec::runtime::LinuxDeviceCgroup;

use super::core::Manager;
use crate::cgroupfs::interface_file::{deleted, deleted_or};
use crate::devices::{to_oci, Access, Devices, Rule, State};
use crate::error::{fail, Code, Result};
use crate::host::Version;
use crate::plan::Step;
use crate::systemd::Bus;
use crate::transaction::{read_list, read_program, read_unit};

impl Manager {
    /// Allows or denies devices, in addition to the rules in force. Returns the warnings.
    ///
    /// Calls for one cgroup take turns, even those of different processes, so that no change is
    /// lost.
    ///
    /// On v2, the library puts code that allows the devices in front of other owners' device
    /// programs.
    ///
    /// In a unit the library tells systemd as well, so that a daemon-reload keeps the devices. A
    /// manager with the cgroupfs driver on a unit's path cannot tell systemd, and warns of that.
    ///
    /// Errors: a wider rule says the opposite of these devices and others ([`Code::Value`]);
    /// another owner's device program cannot be extended, or the unit is of a user's systemd
    /// ([`Code::Unsupported`]).
    pub fn change_device(
        &self,
        allow: bool,
        devices: Devices,
        access: Access,
    ) -> Result<Vec<String>> {
        self.require_own_cgroup()?;
        match self.driver.unit() {
            Some(unit) if unit.bus == Bus::User => {
                return fail(Code::Unsupported, "a user's systemd cannot apply device rules");
            }
            // The version is queried now: on v1 the cgroup is frozen later.
            Some(unit) => drop(unit.client.version()?),
            None => {}
        }
        let rule = Rule { allow, devices: Some(devices), access };
        let hierarchy = self.placement.require("devices")?.id;
        let _busy = self.one_at_a_time();
        let Some(lock) = self.lock(&|_| false)? else { return Err(deleted(self.main_cgroup()?)) };
        let mut transaction = self.transaction();
        let change = Step::ChangeDevice { hierarchy, rule };
        let steps = match self.driver.freezes_for_devices(&self.placement) {
            true => vec![Step::Freeze, change, Step::Thaw],
            false => vec![change],
        };
        transaction.set_keep_old(true);
        transaction.carry_out(&steps)?;
        drop(lock);
        self.remember(rule);
        Ok(self.warn(transaction.take_warnings()))
    }

    /// Adds the rule to the manager's own resources, if these have device rules. Otherwise a later
    /// set of the resources would undo the rule.
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

    /// Returns the device rules in force: on v1 those of `devices.list`, on v2 those of this
    /// library's device program, whichever process attached the program. In a unit on v2 they are
    /// systemd's rules, if systemd's device program is attached.
    ///
    /// Errors: another owner's device program is attached, or the kernel hides the instructions
    /// ([`Code::Unsupported`]).
    pub fn device_rules(&self) -> Result<Vec<LinuxDeviceCgroup>> {
        let cgroup = self.cgroup_at(self.placement.require("devices")?)?;
        let state = match cgroup.version() {
            Version::V1 => read_list(cgroup),
            Version::V2 if self.driver.unit().is_some_and(|unit| unit.bus == Bus::System) => {
                read_unit(self.scope(), cgroup)
            }
            Version::V2 => read_program(cgroup),
        };
        Ok(to_oci(&state.map_err(|e| deleted_or(cgroup, e))?))
    }
}
