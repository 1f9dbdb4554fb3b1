// SPDX-License-Identifier: Apache-2.0

//! What resources mean for a unit: properties, and the writes beside them.

use oci_spec::runtime::{LinuxBlockIo, LinuxResources};
use rustix::fs::OFlags;

use crate::cgroupfs::Cgroup;
use crate::driver::context::Context;
use crate::error::{fail, Code, Result};
use crate::host::Version;
use crate::placement::Site;
use crate::plan::{Plan, Step};
use crate::resources::{self, unit_devices, DevicePolicy, Options, PropertyContext, UnitDevices};
use crate::systemd::{Bus, Property, SystemdUnit};

const NO_DEVICES: &str = "a user's systemd cannot apply them";
const DEVICES_PERHAPS: &str =
    "device rules may have no effect: systemd in a user namespace may not be allowed to load BPF \
     programs";

/// A unit's properties, and the writes beside them.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The unit's properties.
    pub properties: Vec<Property>,
    /// The writes. Device rules are among them where systemd has no words for them.
    pub plan: Plan,
    /// Looks whether systemd enforces the device rules.
    pub look: Option<Step>,
}

/// Returns the properties and the writes for these resources.
pub fn wanted(context: Context<'_>, unit: &SystemdUnit, r: &LinuxResources) -> Result<Wanted> {
    let flags = context.config.flags;
    let placement = context.placement;
    let about = property_context(context, unit, r)?;
    let mut properties = Vec::new();
    let mut warnings = Vec::new();
    let mut look = None;
    let mut devices = DevicePolicy::Systemd;
    let rules = r.devices().as_deref().filter(|_| !flags.skip_devices).unwrap_or_default();
    match unit.bus {
        _ if rules.is_empty() => {}
        Bus::System => {
            let site = placement.site("devices").filter(|site| placement.is_live(site));
            let beside = site.is_some_and(|site| site.version == Version::V2);
            match unit_devices(rules, about.version, beside, &mut warnings)? {
                UnitDevices::Program(_) => devices = DevicePolicy::Enforce,
                UnitDevices::List { properties: list, shown } => {
                    properties = list;
                    let await_at = |site: &Site| {
                        Some(Step::AwaitDevices { hierarchy: site.id, state: shown? })
                    };
                    look = site.and_then(await_at);
                }
            }
            // In a user namespace this may be the host's systemd, or one of the namespace's own.
            let unsure = placement.info().in_user_namespace;
            warnings.extend(unsure.then(|| DEVICES_PERHAPS.to_owned()));
        }
        // A user's systemd is not allowed to load BPF programs, and reports success all the same.
        Bus::User if flags.strict => {
            return fail(Code::Unsupported, format!("device rules: {NO_DEVICES}"))
        }
        Bus::User => warnings.push(format!("device rules are not applied: {NO_DEVICES}")),
    }
    let mut limits = resources::properties(r, placement, about)?;
    properties.append(&mut limits.list);
    warnings.append(&mut limits.warnings);

    let files = resources::rounded(r, placement, about);
    let options = Options { devices, strict: flags.strict };
    let mut plan = resources::plan(&files, placement, options)?;
    plan.warnings.append(&mut warnings);
    flags.resource_options().check(&plan.warnings)?;
    Ok(Wanted { properties, plan, look })
}

/// Returns what the properties depend on. Asking for systemd's version is a round trip, so systemd
/// is asked only for resources that depend on the version.
pub fn property_context<'a>(
    context: Context<'a>,
    unit: &SystemdUnit,
    r: &LinuxResources,
) -> Result<PropertyContext<'a>> {
    let weighs = |io: &LinuxBlockIo| io.weight().is_some() || io.weight_device().is_some();
    let weighs = r.block_io().as_ref().is_some_and(weighs);
    let bfq = weighs && has_bfq(context);
    let asks = r.cpu().is_some() || r.unified().is_some() || r.devices().is_some();
    let version = if asks { unit.client.version()? } else { 0 };
    Ok(PropertyContext { version, known: context.known, bfq })
}

/// Whether BFQ has the weight files: in the cgroup, or, before it exists, in an ancestor.
pub fn has_bfq(context: Context<'_>) -> bool {
    if !context.host.is_live() {
        return false;
    }
    let unified = context.placement.is_unified();
    let Some(site) = context.placement.site("blkio") else { return false };
    let Ok(cgroup) = context.host.hierarchies().cgroup(site.id, &site.path) else { return false };
    let has = |cgroup: Cgroup<'_>, file: &str| cgroup.open(file, OFlags::PATH).is_ok();
    let bfq = |cgroup: Cgroup<'_>| match unified {
        true => has(cgroup, "io.bfq.weight"),
        false => has(cgroup, "blkio.bfq.weight") && !has(cgroup, "blkio.weight"),
    };
    bfq(cgroup) || cgroup.ancestors().any(bfq)
}

/// Returns a warning for each resource that an existing unit can only have in a file, without a
/// property.
pub fn too_late(context: Context<'_>, r: &LinuxResources) -> Vec<String> {
    let about = PropertyContext { version: 0, known: context.known, bfq: false };
    resources::too_late(r, context.placement, about)
}
