//! Traffic class and interface priorities, which only v1 has. On v2 BPF and netfilter replace them.
//!
//! Kernel: admin-guide/cgroup-v1/net_cls.rst, admin-guide/cgroup-v1/net_prio.rst.

use oci_spec::runtime::LinuxResources;

use crate::error::{fail, Code, Result};
use crate::placement::Placement;
use crate::plan::{Plan, Write};

/// Adds the writes of the network section, or on v2 a warning.
pub(super) fn plan(r: &LinuxResources, placement: &Placement, out: &mut Plan) -> Result<()> {
    let Some(network) = r.network() else {
        return Ok(());
    };
    let class = network.class_id().filter(|&id| id != 0);
    let priorities = network.priorities().as_deref().unwrap_or_default();
    if placement.is_unified() {
        if class.is_some() || !priorities.is_empty() {
            out.warn("network class and priorities have no files on cgroup v2; not applied");
        }
        return Ok(());
    }
    if let Some(class) = class {
        out.write(Write::limit(placement, "net_cls", "net_cls.classid", class)?);
    }
    for interface in priorities {
        let name = interface.name();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return fail(Code::Value, format!("network interface {name:?} is not a name"));
        }
        let value = format!("{name} {}", interface.priority());
        out.write(Write::limit(placement, "net_prio", "net_prio.ifpriomap", value)?);
    }
    Ok(())
}
