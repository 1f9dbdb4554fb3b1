// SPDX-License-Identifier: Apache-2.0

//! Planning a set on a unit that exists.

use oci_spec::runtime::LinuxResources;

use super::start::enable;
use super::wanted::{has_bfq, property_context, too_late, wanted, Wanted};
use crate::driver::context::Context;
use crate::error::Result;
use crate::placement::Placement;
use crate::plan::{Plan, Step};
use crate::resources::{self, DevicePolicy, Options};
use crate::systemd::SystemdUnit;

/// Plans a set: checks, properties, then files.
pub fn plan_set(context: Context<'_>, unit: &SystemdUnit, r: &LinuxResources) -> Result<Plan> {
    let Wanted { properties, mut plan, look } = wanted(context, unit, r)?;
    plan.warnings.append(&mut too_late(context, r));
    plan.warnings.extend(not_frozen_warning(context, r));
    context.config.flags.resource_options().check(&plan.warnings)?;
    let enable = enable(context, &plan.steps);
    let (mut steps, mut files): (Vec<Step>, Vec<Step>) =
        plan.steps.into_iter().partition(Step::is_check);
    if !properties.is_empty() {
        files.extend(rewrites_after_change(context, unit, r)?);
        let freezes = freezes(context, unit, r);
        steps.extend(freezes.then_some(Step::Freeze));
        steps.push(Step::SetProperties { unit: unit.unit.name.clone(), properties });
        // On v1 systemd first denies all devices, also after its reply.
        steps.extend(look);
        steps.extend(freezes.then_some(Step::Thaw));
    }
    steps.extend(enable);
    steps.extend(files);
    Ok(Plan { steps, warnings: plan.warnings })
}

/// Returns writes of files that systemd resets at any change of the unit.
fn rewrites_after_change(
    context: Context<'_>,
    unit: &SystemdUnit,
    r: &LinuxResources,
) -> Result<Vec<Step>> {
    let (known, placement) = (context.known, context.placement);
    let mut about = property_context(context, unit, r)?;
    // On v2 weights are properties, or keys of the unified map.
    about.bfq = known.block_io().is_some() && !placement.is_unified() && has_bfq(context);
    let again = resources::reassert(known, r, placement, about);
    let options = Options { devices: DevicePolicy::Systemd, strict: false };
    Ok(resources::plan(&again, placement, options)?.steps)
}

/// Whether resources have device rules.
fn has_rules(r: &LinuxResources) -> bool {
    r.devices().as_ref().is_some_and(|rules| !rules.is_empty())
}

/// Returns a warning when device rules change while processes run on.
fn not_frozen_warning(context: Context<'_>, r: &LinuxResources) -> Option<String> {
    let changes =
        has_rules(r) && !context.config.flags.skip_devices && !context.placement.is_unified();
    (changes && context.placement.site("freezer").is_none()).then(|| {
        "device rules change without a freeze, since the cgroup has no freezer: processes may \
         be denied a device for a moment"
            .to_owned()
    })
}

/// Whether a unit's cgroup is frozen while its device rules change.
pub fn can_freeze(placement: &Placement, unit: &SystemdUnit) -> bool {
    let v1 = !placement.is_unified();
    v1 && placement.site("freezer").is_some() && !unit.unit.is_slice()
}

/// Whether to freeze the cgroup during the change. On v1, at every change of a unit with device
/// rules, systemd denies all devices for a moment. A slice is not frozen: the bus daemon may be
/// inside, and could not answer.
fn freezes(context: Context<'_>, unit: &SystemdUnit, r: &LinuxResources) -> bool {
    can_freeze(context.placement, unit)
        && !context.config.flags.skip_devices
        && (has_rules(r) || has_rules(context.known))
}
