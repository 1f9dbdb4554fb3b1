// SPDX-License-Identifier: Apache-2.0

//! Stopping and abandoning a unit. `StopUnit` kills the unit's processes, so a unit with processes
//! is not stopped.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::cgroupfs::{Cgroup, REMOVE_TIMEOUT};
use crate::error::{Code, Error, Result};
use crate::systemd::SystemdUnit;
use crate::transaction::{abandon, home, remove_empty_directories, stop_empty, Scope};

/// Stops the unit and removes its directories.
///
/// Errors: processes are still inside after a second, or a slice has units ([`Code::Busy`]).
pub fn stop(scope: Scope<'_>, unit: &SystemdUnit) -> Result<()> {
    let deadline = Instant::now() + REMOVE_TIMEOUT;
    let mut pause = Duration::from_millis(1);
    loop {
        let inside = processes(scope, unit)?;
        let Some(pid) = inside.first() else { break };
        if Instant::now() >= deadline {
            let text = format!(
                "cannot stop {}: {} processes are in it, the first is {pid}",
                unit.unit.name,
                inside.len()
            );
            return Err(Error::new(Code::Busy, text).advice("kill or move them first"));
        }
        std::thread::sleep(pause);
        pause *= 2;
    }
    stop_empty(scope)
}

/// Stops the unit if no process is in it. Otherwise abandons the unit, so that it ends with its
/// last process, and removes the empty directories. Returns whether a directory or the unit is
/// left.
///
/// A slice with units or processes inside stays unchanged: other units may share it.
pub fn release(scope: Scope<'_>, unit: &SystemdUnit) -> Result<bool> {
    if processes(scope, unit)?.is_empty() {
        match stop_empty(scope) {
            // A process has entered since, or is invisible from this namespace.
            Err(e) if e.code() == Code::Busy => {}
            stopped => return stopped.map(|()| false),
        }
    }
    if unit.unit.is_slice() {
        return Ok(true);
    }
    abandon(unit)?;
    remove_empty_directories(scope)
}

/// Returns all processes of the cgroup and below it, in every hierarchy.
fn processes(scope: Scope<'_>, unit: &SystemdUnit) -> Result<Vec<i32>> {
    let mut all = BTreeSet::new();
    let home = home(scope, unit)?;
    let unjoined = Some(&home).filter(|home| scope.placement.live().all(|s| s.id != home.id));
    for site in scope.placement.live().chain(unjoined) {
        let cgroup = scope.hierarchies.cgroup(site.id, &site.path)?;
        let mut list = |cgroup: Cgroup<'_>| {
            all.extend(cgroup.pids()?);
            Ok(())
        };
        match cgroup.walk(&mut list) {
            // systemd may remove the cgroup during the walk.
            Err(e) if (e.is(Errno::NOENT) || e.is(Errno::NODEV)) && !cgroup.exists()? => {}
            other => other?,
        }
    }
    Ok(all.into_iter().collect())
}
