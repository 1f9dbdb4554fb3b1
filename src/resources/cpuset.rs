// SPDX-License-Identifier: Apache-2.0

//! CPUs and memory nodes.
//!
//! The files have the same names on v1 and v2; v1 mounted with `noprefix` drops `cpuset.`.
//! Kernel: admin-guide/cgroup-v1/cpusets.rst, admin-guide/cgroup-v2.rst "Cpuset".
//! systemd: systemd.resource-control(5) "AllowedCPUs=", "AllowedMemoryNodes=".

use std::borrow::Cow;

use oci_spec::runtime::LinuxResources;

use super::attribute::{self, Form};
use super::property_builder::PropertyBuilder;
use crate::error::Result;
use crate::host::Hierarchy;
use crate::placement::Placement;
use crate::plan::{Plan, Write};
use crate::systemd::{bitmask, Value};

/// Adds the writes of `cpus` and `mems`.
pub(super) fn plan(r: &LinuxResources, placement: &Placement, out: &mut Plan) -> Result<()> {
    let Some(cpu) = r.cpu() else { return Ok(()) };
    for (name, list) in [("cpuset.cpus", cpu.cpus()), ("cpuset.mems", cpu.mems())] {
        let Some(list) = list.as_deref().filter(|list| !list.is_empty()) else {
            continue;
        };
        let index = placement.require("cpuset")?.id;
        let file = placement.info().hierarchy(index).map_or(name, |h| file_name(h, name));
        out.write(Write::limit(placement, "cpuset", Cow::Borrowed(file), list)?);
    }
    Ok(())
}

/// Adds the properties. systemd accepts them on v1 too, and writes no file there.
pub(super) fn properties(r: &LinuxResources, out: &mut PropertyBuilder<'_>) -> Result<()> {
    let Some(cpu) = r.cpu() else { return Ok(()) };
    for (file, list) in [("cpuset.cpus", cpu.cpus()), ("cpuset.mems", cpu.mems())] {
        if let Some(list) = list.as_deref().filter(|list| !list.is_empty()) {
            property(file, list, out)?;
        }
    }
    Ok(())
}

/// Adds the property of `cpuset.cpus` or `cpuset.mems`. An empty list, which only the `unified` map
/// can have, means "no restriction".
pub(super) fn property(
    file: &'static str,
    list: &str,
    out: &mut PropertyBuilder<'_>,
) -> Result<()> {
    let Some((name, since)) = attribute::property_of(file, Form::Mask) else { return Ok(()) };
    if out.side("cpuset").is_none() || !out.since(since, name, file) {
        return Ok(());
    }
    let mask = match list.trim() {
        "" => Vec::new(),
        list => bitmask(list).map_err(|e| e.context(file))?,
    };
    out.set(name, Value::bytes(&mask));
    Ok(())
}

/// Returns a cpuset file's name in this hierarchy: v1 can be mounted with `noprefix`.
pub fn file_name(hierarchy: &Hierarchy, name: &'static str) -> &'static str {
    match name.strip_prefix("cpuset.") {
        Some(bare) if hierarchy.noprefix => bare,
        _ => name,
    }
}
