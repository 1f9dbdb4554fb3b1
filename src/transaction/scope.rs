// SPDX-License-Identifier: Apache-2.0

//! What one transaction works on.

use std::borrow::Cow;
use std::sync::atomic::AtomicBool;

use super::last_program::LastProgram;
use crate::cgroupfs::{Cgroup, Hierarchies};
use crate::error::{fail, Code, Result};
use crate::events::Registry;
use crate::host::{HierarchyId, HostInfo, Version};
use crate::log::Log;
use crate::placement::{Placement, Site};
use crate::systemd::SystemdUnit;

/// The cgroup that a transaction changes, and the means to change it.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The host's open hierarchies.
    pub hierarchies: &'a Hierarchies,
    /// Where the cgroup is.
    pub placement: &'a Placement,
    /// The cgroup's unit, if systemd creates the cgroup.
    pub unit: Option<&'a SystemdUnit>,
    /// The caller has frozen the cgroup. A transaction that freezes it for a moment must not thaw
    /// it.
    pub wants_frozen: &'a AtomicBool,
    /// The host's watches of events. A removal lets them read the last counts.
    pub events: &'a Registry,
    /// v2: the device program that the manager attached last.
    pub last_program: &'a LastProgram,
    /// Where warnings go at once.
    pub log: Option<Log>,
}

impl<'a> Scope<'a> {
    /// Returns the host's facts.
    pub fn info(&self) -> &'a HostInfo {
        self.hierarchies.info()
    }

    /// Returns the cgroup at a site.
    pub fn cgroup_at(&self, site: &'a Site) -> Result<Cgroup<'a>> {
        self.hierarchies.cgroup(site.id, &site.path)
    }

    /// Returns the cgroup in a hierarchy.
    pub fn cgroup(&self, id: HierarchyId) -> Result<Cgroup<'a>> {
        self.cgroup_at(self.placement.at(id)?)
    }

    /// Returns the path of a cgroup below this one; of this one with an empty `subcgroup`.
    pub fn subcgroup_path(&self, id: HierarchyId, subcgroup: &[u8]) -> Result<Cow<'a, [u8]>> {
        let path = &self.placement.at(id)?.path[..];
        Ok(match subcgroup {
            b"" => Cow::Borrowed(path),
            // A leading slash would make the path absolute, and mkdirat would leave the hierarchy.
            subcgroup if path.is_empty() => Cow::Owned(subcgroup.to_vec()),
            subcgroup => Cow::Owned([path, b"/", subcgroup].concat()),
        })
    }

    /// Whether a hierarchy is the v1 cpuset.
    pub fn is_v1_cpuset(&self, id: HierarchyId) -> bool {
        self.info().hierarchy(id).is_some_and(|h| {
            h.version == Version::V1 && h.controllers.iter().any(|c| c == "cpuset")
        })
    }

    /// Returns the unit.
    ///
    /// Errors: a step for systemd in the plan of a cgroup without a unit.
    pub fn require_unit(&self) -> Result<&'a SystemdUnit> {
        match self.unit {
            Some(unit) => Ok(unit),
            None => fail(Code::Argument, "the plan is for systemd, and the cgroup has no unit"),
        }
    }

    /// Writes a warning to the log.
    pub fn warn(&self, text: &str) {
        if let Some(log) = self.log {
            log.warn(text);
        }
    }
}
