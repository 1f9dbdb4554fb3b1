//! CPUs and memory nodes.

use std::borrow::Cow;

use oci_spec::runtime::LinuxResources;

use super::Target;
use crate::error::Result;
use crate::host::Hierarchy;
use crate::plan::Plan;

pub(super) fn plan(r: &LinuxResources, target: Target<'_>, out: &mut Plan) -> Result<()> {
    let Some(cpu) = r.cpu() else { return Ok(()) };
    for (name, list) in [("cpuset.cpus", cpu.cpus()), ("cpuset.mems", cpu.mems())] {
        let Some(list) = list.as_deref().filter(|list| !list.is_empty()) else {
            continue;
        };
        let index = target.hierarchy("cpuset")?;
        let file = target.host.hierarchies.get(index).map_or(name, |h| file_name(h, name));
        out.write(target.write("cpuset", Cow::Borrowed(file), list)?);
    }
    Ok(())
}

/// A cpuset file's name in this hierarchy: v1 alone can be mounted without the prefix.
pub fn file_name(hierarchy: &Hierarchy, name: &'static str) -> &'static str {
    match name.strip_prefix("cpuset.") {
        Some(bare) if hierarchy.noprefix => bare,
        _ => name,
    }
}
