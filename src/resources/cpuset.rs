//! CPUs and memory nodes.

use std::borrow::Cow;

use oci_spec::runtime::LinuxResources;

use super::properties::Draft;
use super::Target;
use crate::error::Result;
use crate::host::Hierarchy;
use crate::plan::Plan;
use crate::systemd::{bitmask, Value};

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

/// The properties exist on v1 too, where systemd leaves the files alone.
pub(super) fn properties(r: &LinuxResources, out: &mut Draft<'_>) -> Result<()> {
    let Some(cpu) = r.cpu() else { return Ok(()) };
    for (file, list) in [("cpuset.cpus", cpu.cpus()), ("cpuset.mems", cpu.mems())] {
        if let Some(list) = list.as_deref().filter(|list| !list.is_empty()) {
            property(file, list, out)?;
        }
    }
    Ok(())
}

/// One of the two files' property. An empty list (of the `unified` map) is no restriction.
pub(super) fn property(file: &'static str, list: &str, out: &mut Draft<'_>) -> Result<()> {
    let name = if file == "cpuset.cpus" { "AllowedCPUs" } else { "AllowedMemoryNodes" };
    if out.side("cpuset").is_none() || !out.since(244, name, file) {
        return Ok(());
    }
    let mask = match list.trim() {
        "" => Vec::new(),
        list => bitmask(list).map_err(|e| e.context(file))?,
    };
    out.set(name, Value::bytes(&mask));
    Ok(())
}

/// A cpuset file's name in this hierarchy: v1 alone can be mounted without the prefix.
pub fn file_name(hierarchy: &Hierarchy, name: &'static str) -> &'static str {
    match name.strip_prefix("cpuset.") {
        Some(bare) if hierarchy.noprefix => bare,
        _ => name,
    }
}
