// SPDX-License-Identifier: Apache-2.0

//! The number of tasks.
//!
//! Kernel: admin-guide/cgroup-v1/pids.rst, admin-guide/cgroup-v2.rst "PID".
//! systemd: systemd.resource-control(5) "TasksMax=".

use oci_spec::runtime::LinuxResources;

use super::property_builder::{PropertyBuilder, INFINITY};
use crate::error::Result;
use crate::placement::Placement;
use crate::plan::{Plan, Write};

/// Adds the write of `pids.max`. A negative limit means "no limit".
///
/// 0 becomes 1, because systemd refuses `TasksMax=0` and both drivers must give the same limit.
pub(super) fn plan(r: &LinuxResources, placement: &Placement, out: &mut Plan) -> Result<()> {
    let Some(pids) = r.pids() else { return Ok(()) };
    let value = match pids.limit() {
        0 => "1".to_owned(),
        limit if limit < 0 => "max".to_owned(),
        limit => limit.to_string(),
    };
    out.write(Write::limit(placement, "pids", "pids.max", value)?);
    Ok(())
}

/// Adds `TasksMax`.
pub(super) fn properties(r: &LinuxResources, out: &mut PropertyBuilder<'_>) {
    if let Some(pids) = r.pids().filter(|_| out.side("pids").is_some()) {
        out.number("TasksMax", u64::try_from(pids.limit()).map_or(INFINITY, |limit| limit.max(1)));
    }
}
