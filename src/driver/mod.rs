// SPDX-License-Identifier: Apache-2.0

//! Who creates the cgroup: this library, or systemd.
//!
//! [`Driver`] is the only type that knows which of the two creates the cgroup.

mod cgroupfs;
mod context;
mod systemd;

pub use context::{Context, Phases};

use oci_spec::runtime::{LinuxCpu, LinuxResources};

use crate::config::Config;
use crate::error::Result;
use crate::host_handle::Host;
use crate::placement::{Place, Placement};
use crate::plan::{Plan, Step, TaskKind};
use crate::resources;
use crate::systemd::{Bus, SystemdUnit};
use crate::transaction::{remove_directories, remove_empty_directories, Scope};

/// Name of the cgroupfs driver in a manager's state.
pub const CGROUPFS: &str = "cgroupfs";
/// Name of the systemd driver in a manager's state.
pub const SYSTEMD: &str = "systemd";

/// Who creates the cgroup.
#[derive(Debug)]
pub enum Driver {
    /// This library.
    Cgroupfs,
    /// systemd, as this unit.
    Systemd(SystemdUnit),
}

/// Values that a driver needs from the cgroup's files before it can plan a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// CPU quota and period, when a call gives only one of the two.
    pub bandwidth: bool,
    /// Whether the cgroup is idle.
    pub idle: bool,
}

impl Driver {
    /// Returns the driver of a configuration.
    ///
    /// Errors: see [`crate::manager::Manager::new`].
    pub fn new(host: &Host, config: &Config) -> Result<Driver> {
        Ok(match config.is_systemd()? {
            true => Driver::Systemd(systemd::unit(host, config)?),
            false => Driver::Cgroupfs,
        })
    }

    /// Returns the driver's name in a manager's state.
    pub fn name(&self) -> &'static str {
        match self {
            Driver::Cgroupfs => CGROUPFS,
            Driver::Systemd(_) => SYSTEMD,
        }
    }

    /// Returns what decides where the cgroup is.
    pub fn place(&self, config: &Config) -> Result<Place> {
        Ok(match self {
            Driver::Cgroupfs => Place::Path(config.clean_path()),
            Driver::Systemd(unit) => Place::Unit(unit.cgroup()?),
        })
    }

    /// Checks that saved paths are the driver's. Otherwise the manager would look for processes in
    /// one cgroup and stop the unit of another.
    pub fn check_sites(&self, placement: &Placement) -> Result<()> {
        match self {
            Driver::Cgroupfs => Ok(()),
            Driver::Systemd(unit) => systemd::check_sites(unit, placement),
        }
    }

    /// Returns the driver and the path of the parent cgroup, and whether the parent only accepts
    /// processes and cannot be changed. A unit's slice cannot, because other units share it.
    pub fn parent(&self, config: &Config) -> (Driver, Vec<u8>, bool) {
        match self {
            Driver::Cgroupfs => (Driver::Cgroupfs, crate::kata::path::parent(&config.path), false),
            // systemd does not change the root slice, so its manager works on files.
            Driver::Systemd(unit) => {
                let parent = unit.parent().map_or(Driver::Cgroupfs, Driver::Systemd);
                (parent, unit.parent_path(), true)
            }
        }
    }

    /// Returns the unit, if systemd creates the cgroup.
    pub fn unit(&self) -> Option<&SystemdUnit> {
        match self {
            Driver::Cgroupfs => None,
            Driver::Systemd(unit) => Some(unit),
        }
    }

    /// Plans an apply of a process, or of none. With `set`, the cgroup gets these resources.
    pub fn plan_apply(
        &self,
        context: Context<'_>,
        pid: Option<i32>,
        set: Option<&LinuxResources>,
    ) -> Result<Phases> {
        let (set, warning) = set.map(|set| context.clamped(set)).unzip();
        let mut phases = match self {
            Driver::Cgroupfs => cgroupfs::plan_apply(context, pid, set.as_deref()),
            Driver::Systemd(unit) => systemd::plan_apply(context, unit, pid, set.as_deref()),
        }?;
        phases.warnings.extend(warning.flatten());
        Ok(phases)
    }

    /// Plans a set.
    pub fn plan_set(&self, context: Context<'_>, resources: &LinuxResources) -> Result<Plan> {
        let (resources, warning) = context.clamped(resources);
        let mut plan = match self {
            Driver::Cgroupfs => cgroupfs::plan_set(context, &resources),
            Driver::Systemd(unit) => systemd::plan_set(context, unit, &resources),
        }?;
        plan.warnings.extend(warning);
        Ok(plan)
    }

    /// Whether the cgroup is frozen while one device rule changes.
    pub fn freezes_for_devices(&self, placement: &Placement) -> bool {
        match self {
            Driver::Cgroupfs => false,
            Driver::Systemd(unit) => systemd::can_freeze(placement, unit),
        }
    }

    /// Returns warnings of resources that cannot be set on a unit that exists already.
    pub fn too_late(&self, context: Context<'_>, resources: &LinuxResources) -> Vec<String> {
        match self {
            Driver::Cgroupfs => Vec::new(),
            Driver::Systemd(_) => systemd::too_late(context, resources),
        }
    }

    /// Returns the steps that move tasks into the cgroup, or into one below it.
    ///
    /// A user's systemd is asked to move processes, because it may move processes that the user may
    /// not. systemd moves no threads, and no processes into slices.
    pub fn plan_add(
        &self,
        placement: &Placement,
        kind: TaskKind,
        ids: &[i32],
        subcgroup: &[u8],
    ) -> Vec<Step> {
        let (ids, subcgroup) = (ids.to_vec(), subcgroup.to_vec());
        match self {
            Driver::Systemd(unit)
                if unit.bus == Bus::User && kind == TaskKind::Process && !unit.unit.is_slice() =>
            {
                vec![Step::AttachUnit { unit: unit.unit.name.clone(), ids, subcgroup }]
            }
            _ => {
                let step = |hierarchy| Step::Attach {
                    hierarchy,
                    kind,
                    ids: ids.clone(),
                    subcgroup: subcgroup.clone(),
                };
                placement.live().map(|site| step(site.id)).collect()
            }
        }
    }

    /// Removes the cgroup.
    pub fn destroy(&self, scope: Scope<'_>) -> Result<()> {
        match self {
            Driver::Cgroupfs => remove_directories(scope),
            Driver::Systemd(unit) => systemd::stop(scope, unit),
        }
    }

    /// Removes the cgroup's empty directories, and abandons its unit. Returns whether a directory
    /// or the unit is left.
    pub fn release(&self, scope: Scope<'_>) -> Result<bool> {
        match self {
            Driver::Cgroupfs => remove_empty_directories(scope),
            Driver::Systemd(unit) => systemd::release(scope, unit),
        }
    }

    /// Returns the values that a set of these resources needs from the cgroup's files.
    pub fn needs(
        &self,
        placement: &Placement,
        r: &LinuxResources,
        known: &LinuxResources,
    ) -> Needs {
        let map = r.unified().as_ref();
        let half = r.cpu().as_ref().is_some_and(resources::is_half);
        match self {
            // v1 has a file for each half, so the kernel keeps the other one. v2's cpu.max holds
            // both.
            Driver::Cgroupfs => {
                Needs { bandwidth: half && placement.is_v2("cpu", "cpu"), idle: false }
            }
            Driver::Systemd(_) => {
                let limit = map.and_then(|map| map.get("cpu.max"));
                let no_period = limit.is_some_and(|v| v.split_ascii_whitespace().count() == 1);
                let by_field = r.cpu().as_ref().and_then(LinuxCpu::idle).is_some();
                let by_map = map.is_some_and(|map| {
                    map.contains_key("cpu.idle") || map.contains_key("cpu.weight")
                });
                // reassert writes cpu.max again to keep the period, and another process may have
                // set a quota since.
                let alone = resources::has_period_alone(known);
                Needs { bandwidth: half || no_period || alone, idle: by_field || by_map }
            }
        }
    }
}
