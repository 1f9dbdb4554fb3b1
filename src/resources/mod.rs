// SPDX-License-Identifier: Apache-2.0

//! Converts OCI resources to a plan and to unit properties. Pure: no file is read or written here.
//!
//! Each section of OCI resources has one file with its v1, v2 and systemd side, so that the layouts
//! cannot drift apart. [`attribute`] is the table of interface files. A new resource is one row
//! there, and one file here if OCI has a section for it.
//! OCI: runtime-spec config-linux.md "Control groups".

pub mod attribute;
mod bandwidth;
mod cpu;
mod cpuset;
mod decode;
mod devices;
mod fill_omitted;
mod hugetlb;
mod io;
mod memory;
mod merge;
mod network;
mod notes;
mod oci;
mod overlay;
pub mod parse;
mod pids;
mod property_builder;
mod property_from_file;
mod rdma;
mod reassert;
mod unified;
mod unified_properties;

pub use cpu::{clamp_shares, weight_from_shares};
pub use cpuset::file_name as cpuset_file;
pub use devices::{list_properties, one_more, restoring_devices, told, unit_devices, UnitDevices};
pub use fill_omitted::{fill_omitted, has_period_alone, is_half};
#[cfg(any(test, feature = "internals"))]
pub use io::weight_from_blkio;
#[cfg(any(test, feature = "internals"))]
pub use memory::swap_max;
pub use merge::merge;
pub use property_builder::{Properties, PropertyContext};
pub use property_from_file::{file_shows_property, property_from_file};
pub use reassert::reassert;

use oci_spec::runtime::LinuxResources;

use crate::devices::State;
use crate::error::{fail, Code, Result};
use crate::host::controllers;
use crate::placement::Placement;
use crate::plan::{Plan, Step, Write};
use property_builder::PropertyBuilder;

/// Who applies device rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DevicePolicy {
    /// This library.
    #[default]
    Enforce,
    /// systemd, by properties of the unit.
    Systemd,
    /// The caller, or nobody.
    Skip,
}

/// Options of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Who applies device rules.
    pub devices: DevicePolicy,
    /// Turn warnings about resources that the layout has no file for into errors.
    pub strict: bool,
}

/// Adds the writes of one OCI section.
type Section = fn(&LinuxResources, &Placement, &mut Plan) -> Result<()>;

const V1_ORDER: &[Section] = &[
    cpuset::plan,
    memory::plan,
    cpu::plan,
    pids::plan,
    io::plan,
    hugetlb::plan,
    network::plan_class,
    network::plan_priorities,
    rdma::plan,
    unified::plan,
];

const V2_ORDER: &[Section] = &[
    pids::plan,
    memory::plan,
    io::plan,
    cpu::plan,
    cpuset::plan,
    hugetlb::plan,
    rdma::plan,
    network::warn_on_v2,
    unified::plan,
];

/// Adds the writes of the sections.
///
/// A limit of a missing controller is an error. If the caller listed subsystems it is a warning,
/// unless in strict mode: the caller left the controller out on purpose, or a listed hierarchy has
/// been unmounted since.
fn add(
    sections: &[Section],
    resources: &LinuxResources,
    placement: &Placement,
    strict: bool,
    out: &mut Plan,
) -> Result<()> {
    for section in sections {
        match section(resources, placement, out) {
            Err(e) if e.code() == Code::Controller && placement.is_listed && !strict => {
                out.warn(format!("{e}; not applied"));
            }
            done => done?,
        }
    }
    Ok(())
}

/// Returns the writes that give a cgroup these resources, in runc's order.
///
/// v1 starts with cpuset, because only a cpuset with CPUs accepts a process. v2 starts with pids.
pub fn plan(resources: &LinuxResources, placement: &Placement, options: Options) -> Result<Plan> {
    let mut out = Plan { steps: Vec::with_capacity(8), ..Plan::default() };
    devices(resources, placement, options, &mut out)?;
    let sections: &[Section] = match placement.is_unified() {
        true => V2_ORDER,
        false => V1_ORDER,
    };
    add(sections, resources, placement, options.strict, &mut out)?;
    out.writes().try_for_each(check_nul)?;
    // A check comes before all writes. Memory has the only one.
    if let Some(at) = out.steps.iter().position(Step::is_check) {
        let check = out.steps.remove(at);
        out.steps.insert(0, check);
    }
    options.check(&out.warnings)?;
    Ok(out)
}

/// Refuses a value that contains a NUL: the kernel would end the value there.
fn check_nul(write: &Write) -> Result<()> {
    if !write.value.contains('\0') {
        return Ok(());
    }
    fail(Code::Value, format!("{} cannot be {:?}: it has a NUL", write.file, write.value))
}

impl Options {
    /// Fails with the first warning in strict mode.
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

/// Returns the writes that must precede the first process: cpuset, and realtime bandwidth, without
/// which the kernel refuses a realtime task.
pub fn plan_before_join(
    resources: &LinuxResources,
    placement: &Placement,
    options: Options,
) -> Result<Plan> {
    let mut out = Plan::default();
    let sections: &[Section] = &[cpuset::plan, cpu::plan_realtime];
    add(sections, resources, placement, options.strict, &mut out)?;
    Ok(out)
}

/// Returns a controller that the plan writes limits of and that threaded v2 cgroups lack.
pub fn needs_domain(plan: &Plan) -> Option<&'static str> {
    // Taken from the file's name: writes of the `unified` map have "unified" as controller.
    let controller = |w: &Write| w.file.split('.').next().map(str::to_owned);
    let written: Vec<String> = plan.writes().filter_map(controller).collect();
    controllers::domain_only().find(|name| written.iter().any(|w| w == name))
}

/// Plans the step that enforces the device rules, if there are any and this library is to do so.
/// An error in the rules is reported before all others.
fn devices(
    resources: &LinuxResources,
    placement: &Placement,
    options: Options,
    out: &mut Plan,
) -> Result<()> {
    let rules = resources.devices().as_deref().unwrap_or_default();
    if rules.is_empty() || options.devices != DevicePolicy::Enforce {
        return Ok(());
    }
    let state = State::from_rules(rules, &mut out.warnings)?;
    let site = placement.require("devices")?;
    out.steps.push(Step::Devices { hierarchy: site.id, state });
    Ok(())
}

/// Returns the unit properties for these resources.
///
/// systemd rewrites every attribute that it manages with its own value, at daemon-reload and when a
/// sibling unit starts. So systemd gets every value that it has a property for. The files are
/// written after that, for the values without a property.
pub fn properties(
    r: &LinuxResources,
    placement: &Placement,
    context: PropertyContext<'_>,
) -> Result<Properties> {
    let mut builder = PropertyBuilder::new(placement, context);
    memory::properties(r, &mut builder)?;
    cpu::properties(r, &mut builder);
    io::properties(r, &mut builder);
    pids::properties(r, &mut builder);
    cpuset::properties(r, &mut builder)?;
    unified_properties::properties(r, &mut builder)?;
    Ok(builder.out)
}

/// Returns the unit properties that only the creation of a unit accepts.
pub fn at_creation(
    r: &LinuxResources,
    placement: &Placement,
    context: PropertyContext<'_>,
) -> Properties {
    let mut builder = PropertyBuilder::new(placement, context);
    unified_properties::oom_policy(r, &mut builder);
    builder.out
}

/// Returns warnings for changed resources that an existing unit has no property for.
pub fn too_late(
    r: &LinuxResources,
    placement: &Placement,
    context: PropertyContext<'_>,
) -> Vec<String> {
    let mut builder = PropertyBuilder::new(placement, context);
    unified_properties::oom_policy_changed(r, &mut builder);
    builder.out.warnings
}

/// Returns the resources to write to the files of a unit: systemd rounds CPU quota up to whole
/// percent, and the files must hold the value that systemd writes.
pub fn rounded(
    r: &LinuxResources,
    placement: &Placement,
    context: PropertyContext<'_>,
) -> LinuxResources {
    let mut out = r.clone();
    cpu::round(&mut out, placement, context);
    unified_properties::round(&mut out, context.known);
    out
}
