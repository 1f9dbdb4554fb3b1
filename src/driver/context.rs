// SPDX-License-Identifier: Apache-2.0

//! What both drivers plan from, and the steps that they share.

use std::borrow::Cow;

use oci_spec::runtime::LinuxResources;

use crate::config::Config;
use crate::error::Result;
use crate::host::{HierarchyId, Version};
use crate::host_handle::Host;
use crate::placement::{Placement, Site};
use crate::plan::{writes, Plan, Step, TaskKind};
use crate::resources::{self, DevicePolicy, Options};
use crate::sort::sort;

/// What a plan depends on besides the resources.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The host.
    pub host: &'a Host,
    /// Where the cgroup is.
    pub placement: &'a Placement,
    /// How the manager was configured.
    pub config: &'a Config,
    /// The manager's resources: those that were set last, or that it was made with.
    pub own: &'a LinuxResources,
    /// The resources in force before the call, as far as the call depends on them.
    pub known: &'a LinuxResources,
}

/// The three parts of an apply. The printed plan is their concatenation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Phases {
    /// Creates the cgroup.
    pub make: Vec<Step>,
    /// Sets limits while no process is inside.
    pub fill: Vec<Step>,
    /// Moves the process in.
    pub enter: Vec<Step>,
    /// Settings that have no effect on this host, each with the reason.
    pub warnings: Vec<String>,
}

impl Phases {
    /// Returns all steps in order.
    pub fn steps(&self) -> Vec<Step> {
        [&self.make[..], &self.fill, &self.enter].concat()
    }
}

impl Context<'_> {
    /// Returns the writes of these resources, and nothing else.
    pub fn writes_of(&self, resources: &LinuxResources) -> Result<Plan> {
        resources::plan(resources, self.placement, self.config.flags.resource_options())
    }

    /// Returns the writes of these resources without device rules.
    pub fn files_of(&self, resources: &LinuxResources) -> Result<Plan> {
        let strict = self.config.flags.strict;
        resources::plan(resources, self.placement, Options { devices: DevicePolicy::Skip, strict })
    }

    /// Returns the resources with their CPU shares brought into the kernel's range, and a warning
    /// if that changes them. Changes nothing for a caller that wants the kernel's error instead.
    pub fn clamped<'r>(
        &self,
        resources: &'r LinuxResources,
    ) -> (Cow<'r, LinuxResources>, Option<String>) {
        let flags = self.config.flags;
        let asks = flags.clamp_shares && !flags.strict;
        match asks.then(|| resources::clamp_shares(resources, self.placement)).flatten() {
            Some((clamped, warning)) => (Cow::Owned(clamped), Some(warning)),
            None => (Cow::Borrowed(resources), None),
        }
    }

    /// Returns the limits that these resources need on v2; none for malformed resources, whose
    /// errors [`Context::writes_of`] reports.
    pub fn limits_of(&self, resources: &LinuxResources) -> Plan {
        if self.placement.live().all(|site| site.version == Version::V1) {
            // Only v2 has controllers to enable and types to settle.
            return Plan::default();
        }
        let options = Options { devices: DevicePolicy::Skip, strict: false };
        resources::plan(resources, self.placement, options).unwrap_or_default()
    }

    /// Returns a step that creates the cgroup at a site.
    pub fn create(site: &Site) -> Step {
        Step::Create { hierarchy: site.id }
    }

    /// Returns a step that moves a process in at a site.
    pub fn attach(site: &Site, pid: i32) -> Step {
        let (hierarchy, ids, subcgroup) = (site.id, vec![pid], Vec::new());
        Step::Attach { hierarchy, kind: TaskKind::Process, ids, subcgroup }
    }

    /// Returns the steps that enable controllers in v2 hierarchies.
    ///
    /// On a unified host these are all controllers, because statistics need them, too. With
    /// `only_needed`, and always on a hybrid host, these are only the controllers that limits need:
    /// the owner of a hybrid host does not expect controllers in cgroup2.
    pub fn enable(&self, limits: &[Step], only_needed: bool) -> Vec<Step> {
        let unified = self.placement.is_unified();
        let v2 = self.placement.live().filter(|site| site.version == Version::V2);
        let step = |site: &Site| {
            let hierarchy = self.placement.info().hierarchy(site.id);
            let has = |name: &String| hierarchy.is_some_and(|h| h.controllers.contains(name));
            let here = writes(limits).filter(|write| write.hierarchy == site.id);
            let names = here.map(|write| write.file_controller().to_owned());
            let mut needed: Vec<String> = names.filter(|name| unified || has(name)).collect();
            sort(&mut needed);
            needed.dedup();
            let any = unified && !only_needed || !needed.is_empty();
            any.then_some(Step::Enable { hierarchy: site.id, needed, only_needed })
        };
        v2.filter_map(step).collect()
    }

    /// Returns the step that fills those files of a v1 cpuset that the writes leave empty.
    pub fn inherit_cpuset(&self, steps: &[Step]) -> Option<Step> {
        let written = |part: &str| writes(steps).any(|write| write.file.ends_with(part));
        let (cpus, mems) = (!written("cpus"), !written("mems"));
        let hierarchy = self.v1_hierarchy("cpuset")?;
        Some(Step::InheritCpuset { hierarchy, cpus, mems })
    }

    fn v1_hierarchy(&self, subsystem: &str) -> Option<HierarchyId> {
        let site = self.placement.site(subsystem)?;
        (site.version == Version::V1 && self.placement.is_live(site)).then_some(site.id)
    }

    /// Returns the steps that give the cgroup to its owner. v1 hierarchies have no safe delegation,
    /// because a v1 file can act outside of the subtree.
    pub fn delegate(&self) -> Vec<Step> {
        let Some((uid, gid)) = self.config.owner else { return Vec::new() };
        let v2 = self.placement.live().filter(|site| site.version == Version::V2);
        v2.map(|site| Step::Delegate { hierarchy: site.id, uid, gid }).collect()
    }

    /// Returns a warning when the cgroup has an owner but no hierarchy that can be delegated.
    pub fn no_delegation_warning(&self) -> Option<String> {
        let nowhere = self.config.owner.is_some() && self.delegate().is_empty();
        nowhere.then(|| {
            "the owner is ignored, because v1 cgroups cannot be delegated safely; not applied"
                .to_owned()
        })
    }
}
