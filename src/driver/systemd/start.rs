// SPDX-License-Identifier: Apache-2.0

//! Planning the start of a unit.

use oci_spec::runtime::LinuxResources;

use super::wanted::{property_context, too_late, wanted, Wanted};
use crate::driver::context::{Context, Phases};
use crate::error::Result;
use crate::host::controllers;
use crate::host::Version;
use crate::placement::Site;
use crate::plan::{writes, Step};
use crate::resources;
use crate::systemd::{Property, SystemdUnit};

/// Plans an apply: systemd creates the unit with the process and the limits; then come the
/// hierarchies that systemd does not manage, and the files.
pub fn plan_apply(
    context: Context<'_>,
    unit: &SystemdUnit,
    pid: Option<i32>,
    set: Option<&LinuxResources>,
) -> Result<Phases> {
    let placement = context.placement;
    let Wanted { properties: limits, plan, look } = match set {
        Some(resources) => wanted(context, unit, resources)?,
        None if placement.is_unified() => Wanted::default(),
        // Only the files that a process needs to enter.
        None => Wanted {
            plan: resources::plan_before_join(
                context.own,
                placement,
                context.config.flags.resource_options(),
            )?,
            ..Wanted::default()
        },
    };
    let mut warnings = plan.warnings;
    let process = pid.and_then(|pid| u32::try_from(pid).ok());
    let mut properties = unit.unit.creation(process, placement.is_unified());
    properties.extend_from_slice(&unit.user_properties);
    let resources = set.unwrap_or(&context.config.resources);
    properties.extend(at_creation(context, unit, resources, &mut warnings)?);
    warnings.extend(context.no_delegation_warning());
    context.config.flags.resource_options().check(&warnings)?;

    let enable = enable(context, &plan.steps);
    let (mut make, files): (Vec<Step>, Vec<Step>) =
        plan.steps.into_iter().partition(Step::is_check);
    // systemd starts a scope with its process, so the program must be there before.
    make.extend(files.iter().filter(|_| process.is_some()).find_map(|step| match step {
        Step::Devices { hierarchy, state } if !unit.unit.is_slice() => {
            Some(Step::PrepareDevices { hierarchy: *hierarchy, state: state.clone() })
        }
        _ => None,
    }));
    make.push(Step::Start { unit: unit.unit.name.clone(), properties, resources: limits });
    let ours = |site: &&Site| is_ours(context, site);
    make.extend(placement.live().filter(ours).map(Context::create));
    let mut fill: Vec<Step> = look.into_iter().chain(enable).collect();
    fill.extend(context.inherit_cpuset(&files));
    fill.extend(files);
    let mut enter = Vec::new();
    if let Some(pid) = pid {
        // systemd moves no process into a slice, and a scope's process only in its own hierarchies.
        let takes = |site: &&Site| unit.unit.is_slice() || is_ours(context, site);
        enter.extend(placement.live().filter(takes).map(|site| Context::attach(site, pid)));
    }
    enter.extend(context.delegate());
    Ok(Phases { make, fill, enter, warnings })
}

/// Whether this library creates the directory. A cgroup2 mount beside v1 need not be systemd's:
/// Cilium has one of its own.
fn is_ours(context: Context<'_>, site: &Site) -> bool {
    let v1 = site.version == Version::V1 && !site.names.iter().any(|n| n == "name=systemd");
    v1 || context.placement.is_hybrid_v2(site)
}

/// Returns the steps that enable the controllers that limits need and that systemd does not enable.
/// systemd disables all others again, so only the needed ones are enabled.
pub fn enable(context: Context<'_>, steps: &[Step]) -> Vec<Step> {
    let unified = context.placement.is_unified();
    let systemd_enables = |step| controllers::systemd_enables(step);
    if unified && writes(steps).all(|write| systemd_enables(write.file_controller())) {
        return Vec::new();
    }
    context.enable(steps, true)
}

/// Returns the properties that a unit can only be created with.
fn at_creation(
    context: Context<'_>,
    unit: &SystemdUnit,
    r: &LinuxResources,
    warnings: &mut Vec<String>,
) -> Result<Vec<Property>> {
    if r.unified().is_none() {
        return Ok(Vec::new());
    }
    let none = LinuxResources::default();
    let context = Context { known: &none, ..context };
    // A slice has none of these properties.
    if unit.unit.is_slice() {
        warnings.append(&mut too_late(context, r));
        return Ok(Vec::new());
    }
    let about = property_context(context, unit, r)?;
    let mut created = resources::at_creation(r, context.placement, about);
    warnings.append(&mut created.warnings);
    Ok(created.list)
}
