//! The number of tasks.

use oci_spec::runtime::LinuxResources;

use super::properties::{Draft, INFINITY};
use super::Target;
use crate::error::Result;
use crate::plan::Plan;

/// 0 becomes 1, because systemd takes no `TasksMax` of 0 and the drivers must agree (a limit of
/// 0 and of 1 differ only in whether the first fork fails); below 0 is no limit.
pub(super) fn plan(r: &LinuxResources, target: Target<'_>, out: &mut Plan) -> Result<()> {
    let Some(pids) = r.pids() else { return Ok(()) };
    let value = match pids.limit() {
        0 => "1".to_owned(),
        limit if limit < 0 => "max".to_owned(),
        limit => limit.to_string(),
    };
    out.write(target.write("pids", "pids.max", value)?);
    Ok(())
}

pub(super) fn properties(r: &LinuxResources, out: &mut Draft<'_>) {
    if let Some(pids) = r.pids().filter(|_| out.side("pids").is_some()) {
        out.number("TasksMax", u64::try_from(pids.limit()).map_or(INFINITY, |limit| limit.max(1)));
    }
}
