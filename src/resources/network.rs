// SPDX-License-Identifier: Apache-2.0

//! Traffic class and interface priorities, which only v1 has. On v2 BPF and netfilter replace them.
//!
//! Kernel: admin-guide/cgroup-v1/net_cls.rst, admin-guide/cgroup-v1/net_prio.rst.

use oci_spec::runtime::{LinuxInterfacePriority, LinuxResources};

use crate::error::{fail, Code, Result};
use crate::placement::Placement;
use crate::plan::{Plan, Write};

/// Warns that v2 has no files for the network section.
#[allow(clippy::unnecessary_wraps)] // A section can fail.
pub(super) fn warn_on_v2(r: &LinuxResources, _: &Placement, out: &mut Plan) -> Result<()> {
    if class(r).is_some() || !priorities(r).is_empty() {
        out.warn("network class and priorities have no files on cgroup v2; not applied");
    }
    Ok(())
}

/// Adds the write of the class.
pub(super) fn plan_class(r: &LinuxResources, placement: &Placement, out: &mut Plan) -> Result<()> {
    if let Some(class) = class(r) {
        out.write(Write::limit(placement, "net_cls", "net_cls.classid", class)?);
    }
    Ok(())
}

/// Adds the writes of the priorities.
pub(super) fn plan_priorities(
    r: &LinuxResources,
    placement: &Placement,
    out: &mut Plan,
) -> Result<()> {
    for interface in priorities(r) {
        let name = interface.name();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return fail(Code::Value, format!("network interface {name:?} is not a name"));
        }
        let value = format!("{name} {}", interface.priority());
        out.write(Write::limit(placement, "net_prio", "net_prio.ifpriomap", value)?);
    }
    Ok(())
}

fn class(r: &LinuxResources) -> Option<u32> {
    r.network().as_ref()?.class_id().filter(|&id| id != 0)
}

fn priorities(r: &LinuxResources) -> &[LinuxInterfacePriority] {
    let network = r.network().as_ref();
    network.and_then(|n| n.priorities().as_deref()).unwrap_or_default()
}
