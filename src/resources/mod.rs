//! OCI resources to a plan. Pure: no file is read or written here.
//!
//! One file a resource, each with its v1 and v2 side together, so that the layouts cannot
//! drift apart. A new resource is one new file and one line in [`plan`].

mod bandwidth;
mod before;
mod completed;
mod cpu;
mod cpuset;
mod hugetlb;
mod io;
mod memory;
mod merge;
mod network;
mod overlay;
mod overwritten;
pub mod parse;
mod pids;
mod properties;
mod rdma;
mod shape;
mod unified;
mod unified_properties;

pub use before::before;
pub use completed::{completed, is_half};
pub use cpu::weight_from_shares;
pub use cpuset::file_name as cpuset_file;
pub use io::weight_from_blkio;
pub use memory::swap_max;
pub use merge::merge;
pub use overwritten::overwritten;
pub use properties::{at_creation, properties, rounded, too_late, unset, Facts, Properties};

use oci_spec::runtime::LinuxResources;

use crate::error::{fail, Code, Error, Result};
use crate::host::{Host, Version, DOMAIN_CONTROLLERS};
use crate::plan::{Plan, Step, Write};

/// Where a manager's cgroup is: which hierarchies it has joined.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The host's facts.
    pub host: &'a Host,
    /// Indices into [`Host::hierarchies`] of those that the manager has joined.
    pub joined: &'a [usize],
}

impl Target<'_> {
    /// Whether a resource goes to v2 files. Not all of a hybrid host is v1: what no v1 hierarchy
    /// has (memory and cpuset on kernels built without their v1 side) cgroup2 may have.
    pub fn v2(&self, v1_name: &str, v2_name: &str) -> bool {
        let v1_has = || self.host.find(v1_name).is_some();
        self.host.is_unified() || !v1_has() && self.host.cgroup2_with(v2_name).is_some()
    }

    /// The hierarchy to write a controller's files in.
    ///
    /// v1: the one whose super options have the controller; an error that lists those that
    /// are joined when there is none. v2: the cgroup2 hierarchy; whether the controller is
    /// enabled there is a fact of the moment, which the executor reports.
    pub fn hierarchy(&self, controller: &str) -> Result<usize> {
        let found = match self.host.is_unified() {
            true => self.host.find(""),
            false => self.host.find(controller).or_else(|| self.host.cgroup2_with(controller)),
        };
        match found.filter(|index| self.joined.contains(index)) {
            Some(index) => Ok(index),
            None => Err(self.missing(controller)),
        }
    }

    /// The cgroup2 hierarchy of a hybrid or unified host.
    pub fn cgroup2(&self) -> Option<usize> {
        self.host.find("").filter(|index| self.joined.contains(index))
    }

    fn missing(&self, controller: &str) -> Error {
        let joined: Vec<&str> = self
            .joined
            .iter()
            .filter_map(|&i| self.host.hierarchies.get(i))
            .flat_map(|h| {
                let v2 = (h.version == Version::V2).then_some("cgroup2");
                v2.into_iter().chain(h.controllers.iter().map(String::as_str))
            })
            .collect();
        Error::new(
            Code::Controller,
            format!("cannot set {controller} limit: the cgroup has no {controller} controller"),
        )
        .advice(format!("available: {}", joined.join(" ")))
    }

    /// A write that must succeed.
    fn write(
        &self,
        controller: &'static str,
        file: impl Into<std::borrow::Cow<'static, str>>,
        value: impl std::fmt::Display,
    ) -> Result<Write> {
        Ok(Write::new(self.hierarchy(controller)?, controller, file, value.to_string()))
    }
}

/// What is left out of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Leave device rules alone: the caller or systemd applies them, or there are none to apply.
    pub skip_devices: bool,
    /// What a layout has no file for is an error, where it would be a warning.
    pub strict: bool,
}

/// The writes that give a cgroup these resources, in the order in which runc does them:
/// v1 cpuset first (a process can only enter a cpuset that has CPUs), v2 pids first.
pub fn plan(resources: &LinuxResources, target: Target<'_>, options: Options) -> Result<Plan> {
    let mut out = Plan::default();
    devices(resources, options)?;
    if target.host.is_unified() {
        pids::plan(resources, target, &mut out)?;
        memory::plan(resources, target, &mut out)?;
        io::plan(resources, target, &mut out)?;
        cpu::plan(resources, target, &mut out)?;
        cpuset::plan(resources, target, &mut out)?;
        hugetlb::plan(resources, target, &mut out)?;
        rdma::plan(resources, target, &mut out)?;
        network::plan(resources, target, &mut out)?;
    } else {
        cpuset::plan(resources, target, &mut out)?;
        memory::plan(resources, target, &mut out)?;
        cpu::plan(resources, target, &mut out)?;
        pids::plan(resources, target, &mut out)?;
        io::plan(resources, target, &mut out)?;
        hugetlb::plan(resources, target, &mut out)?;
        network::plan(resources, target, &mut out)?;
        rdma::plan(resources, target, &mut out)?;
    }
    unified::plan(resources, target, &mut out)?;
    out.writes().try_for_each(whole)?;
    // What is only looked at comes before anything is written; the order stays otherwise.
    out.steps.sort_by_key(|step| !matches!(step, Step::CheckMemory { .. }));
    options.check(&out.warnings)?;
    Ok(out)
}

/// The kernel takes what it is written for a text that a NUL ends.
fn whole(write: &Write) -> Result<()> {
    if !write.value.contains('\0') {
        return Ok(());
    }
    fail(Code::Value, format!("{} cannot be {:?}: it has a NUL", write.file, write.value))
}

impl Options {
    /// In strict mode what would be a warning is an error.
    pub fn check(self, warnings: &[String]) -> Result<()> {
        match warnings.first() {
            Some(text) if self.strict => {
                let text = text.strip_suffix("; not applied").unwrap_or(text);
                fail(Code::Unsupported, text)
            }
            _ => Ok(()),
        }
    }
}

/// The realtime part of the CPU resources: it must be set before a process that already is a
/// realtime task joins.
pub fn plan_before_join(resources: &LinuxResources, target: Target<'_>) -> Result<Plan> {
    let mut out = Plan::default();
    cpuset::plan(resources, target, &mut out)?;
    cpu::plan_realtime(resources, target, &mut out)?;
    Ok(out)
}

/// A controller that the plan writes limits of, and that no threaded cgroup v2 has.
pub fn needs_domain(plan: &Plan) -> Option<&'static str> {
    // Of the file: the map's writes have one controller for all.
    let controller = |w: &Write| w.file.split('.').next().map(str::to_owned);
    let written: Vec<String> = plan.writes().filter_map(controller).collect();
    DOMAIN_CONTROLLERS.iter().copied().find(|name| written.iter().any(|w| w == name))
}

/// Device rules are not this version's to apply; not applying them in silence would give a
/// workload devices that its owner denied it.
fn devices(resources: &LinuxResources, options: Options) -> Result<()> {
    let rules = resources.devices().as_ref().map_or(0, Vec::len);
    if rules == 0 || options.skip_devices {
        return Ok(());
    }
    fail(
        Code::Unsupported,
        format!(
            "resources have {rules} device rules, which this version does not apply; \
             set the skip-devices flag and apply them elsewhere, or leave them out"
        ),
    )
}
