// SPDX-License-Identifier: Apache-2.0
//! The device rules in force in a unit: those of systemd and of this library's program.

use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::device_program as program;
use super::scope::Scope;
use crate::cgroupfs::{bpf, Cgroup};
use crate::devices::{allows_all, Mode, State};
use crate::error::{fail, Code, Error, Result};
use crate::resources::{restoring_devices, told};
use crate::systemd::{Property, SystemdUnit, Value};

/// Name of systemd's device programs.
const SYSTEMDS: &str = "sd_devices";
/// The first systemd whose programs have a name. Those of crun and of older runc have none.
const NAMED: u32 = 249;

/// A unit's `DevicePolicy` and `DeviceAllow`.
pub(super) struct Told {
    policy: Value,
    rules: Value,
}

impl Told {
    pub fn ask(unit: &SystemdUnit, timeout: Option<Duration>) -> Result<Told> {
        let names = ["DevicePolicy", "DeviceAllow"];
        let (name, interface) = (&unit.unit.name, unit.interface());
        let mut values = unit.client.properties(name, &interface, &names, timeout)?.into_iter();
        match (values.next().flatten(), values.next().flatten()) {
            (Some(policy), Some(rules)) => Ok(Told { policy, rules }),
            _ => {
                fail(Code::Unsupported, format!("systemd does not tell the device rules of {name}"))
            }
        }
    }

    /// The rules of a unit that has none.
    pub fn nothing() -> Told {
        Told { policy: Value::str("auto"), rules: Value::pairs([]) }
    }

    pub fn state(&self) -> Result<Option<State>> {
        told(&self.policy, &self.rules)
    }

    /// Returns what brings these rules back, one list for each call.
    pub fn again(self) -> Vec<Vec<Property>> {
        restoring_devices(self.policy, self.rules)
    }
}

/// Returns systemd's programs that are attached to the cgroup itself.
pub fn systemds(
    scope: Scope<'_>,
    directory: &OwnedFd,
    cgroup: Cgroup<'_>,
) -> Result<Vec<bpf::Program>> {
    let version = scope.require_unit()?.client.version()?;
    let what = "look at the device programs of";
    let failed = |e| Error::system(what, &cgroup.absolute(""), e);
    let mut found = Vec::new();
    for id in bpf::query(directory).map_err(failed)? {
        match bpf::open(id) {
            Ok(program) if is_systemds(&program.name, version) => found.push(program),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(e) => return Err(failed(e)),
        }
    }
    Ok(found)
}

/// Whether a device program is systemd's, by its name.
pub fn is_systemds(name: &str, version: u32) -> bool {
    is_named_by_systemd(name) || name.is_empty() && version < NAMED
}

/// Whether a device program has the name of systemd's.
pub fn is_named_by_systemd(name: &str) -> bool {
    name == SYSTEMDS
}

/// Removes systemd's programs from those of others.
pub fn leave_out_systemds(unit: &SystemdUnit, others: &mut Vec<bpf::Program>) -> Result<()> {
    let version = unit.client.version()?;
    others.retain(|other| !is_systemds(&other.name, version));
    Ok(())
}

/// Whether systemd's programs allow all devices.
pub fn allow_all(attached: &[bpf::Program]) -> bool {
    attached.iter().all(|program| allows_all(&program.code))
}

/// Reads the device rules in force in a unit on v2.
///
/// # Errors
/// [`Code::Unsupported`]: a third program is attached; the rules of systemd and of this library
/// have no common form; systemd's list has an entry that does not name devices by number.
pub fn read_unit(scope: Scope<'_>, cgroup: Cgroup<'_>) -> Result<State> {
    let unit = scope.require_unit()?;
    let directory = program::open(cgroup)?;
    let mut found = program::ours(&directory, cgroup)?;
    leave_out_systemds(unit, &mut found.foreign)?;
    if let Some(other) = found.foreign.first() {
        let text = format!("the unit has {}, whose rules are not known", program::describe(other));
        return fail(Code::Unsupported, text);
    }
    let own = found.state(cgroup)?;
    let attached = systemds(scope, &directory, cgroup)?;
    match Told::ask(unit, None)?.state()? {
        // systemd leaves the program of its last list attached.
        None if allow_all(&attached) => Ok(own),
        None => {
            let name = &unit.unit.name;
            let text =
                format!("the last device rules of {name} are in force, which systemd forgot");
            Err(Error::new(Code::Unsupported, text).advice("set the device rules again"))
        }
        Some(_) if attached.is_empty() => Ok(own),
        Some(list) if own == State::all(Mode::Allow) => Ok(list),
        Some(_) => fail(
            Code::Unsupported,
            format!("{} has device rules of systemd and of this library", unit.unit.name),
        ),
    }
}
