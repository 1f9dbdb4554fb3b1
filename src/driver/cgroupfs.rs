// SPDX-License-Identifier: Apache-2.0

//! The cgroupfs driver: this library creates the directories.
//!
//! The driver creates all directories, writes the files while no process is inside, and then moves
//! the process in all hierarchies at once. This order is the fastest: only the first write to a
//! cgroup.procs after a quiet moment waits for an RCU grace period.

use std::borrow::Cow;

use oci_spec::runtime::LinuxResources;

use super::context::{Context, Phases};
use crate::error::Result;
use crate::placement::{Placement, Site};
use crate::plan::{Plan, Step};
use crate::resources;

/// Plans an apply. With `set`, the cgroup gets these resources; without, only what a process needs
/// to enter.
pub fn plan_apply(
    context: Context<'_>,
    pid: Option<i32>,
    set: Option<&LinuxResources>,
) -> Result<Phases> {
    let placement = context.placement;
    let unified = placement.is_unified();
    let plan = match set {
        Some(resources) => context.writes_of(resources)?,
        None if unified => Plan::default(),
        None => resources::plan_before_join(
            context.own,
            placement,
            context.config.flags.resource_options(),
        )?,
    };
    // Without `set` the caller sets these limits later, so their controllers are enabled now.
    let limits = match set {
        Some(_) => Cow::Borrowed(&plan),
        None => Cow::Owned(context.limits_of(&context.config.resources)),
    };
    let mut fill = context.enable(&limits.steps, context.config.flags.only_needed);
    if let Some(site) = placement.live().next().filter(|_| unified) {
        let domain = resources::needs_domain(&limits);
        fill.push(Step::SettleType { hierarchy: site.id, domain });
    }
    fill.reserve(plan.steps.len() + 1);
    fill.extend(context.inherit_cpuset(&plan.steps));
    fill.extend(plan.steps);
    let mut enter = match pid {
        Some(pid) => at_each(placement, |site| Context::attach(site, pid)),
        None => Vec::new(),
    };
    // Delegate last, so that a call that fails gives the user nothing.
    enter.extend(context.delegate());
    let mut warnings = plan.warnings;
    warnings.extend(context.no_delegation_warning());
    context.config.flags.resource_options().check(&warnings)?;
    let make = at_each(placement, Context::create);
    Ok(Phases { make, fill, enter, warnings })
}

/// Returns one step for each site, in a list that never has to grow.
fn at_each(placement: &Placement, step: impl Fn(&Site) -> Step) -> Vec<Step> {
    let sites = placement.live();
    let mut steps = Vec::with_capacity(sites.size_hint().1.unwrap_or_default());
    steps.extend(sites.map(step));
    steps
}

/// Plans a set.
pub fn plan_set(context: Context<'_>, resources: &LinuxResources) -> Result<Plan> {
    let mut plan = context.writes_of(resources)?;
    let only_needed = context.config.flags.only_needed;
    if only_needed || !context.placement.is_unified() {
        // Apply enabled only the controllers that its own limits needed.
        let enable = context.enable(&plan.steps, only_needed);
        let at = plan.steps.iter().take_while(|step| step.is_check()).count();
        plan.steps.splice(at..at, enable);
    }
    Ok(plan)
}
