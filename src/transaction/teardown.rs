// SPDX-License-Identifier: Apache-2.0

//! Removing the cgroup: its directories, and then its unit.
//!
//! StopUnit kills, so it comes last. The kernel removes a directory only if no process is inside,
//! in any PID namespace, and no process can enter a removed directory.

use std::time::Instant;

use super::scope::Scope;
use crate::bytes::{list_some, shorten};
use crate::cgroupfs::{Cgroup, REMOVE_TIMEOUT};
use crate::error::{Code, Error, Result};
use crate::placement::Site;
use crate::systemd::{SystemdUnit, Value};

/// Length of a message that C callers have room for, less the words "… and N more".
const SHOWN_MESSAGE: usize = 460;

/// Returns the unit's site in the hierarchy in which systemd has its units.
pub fn home(scope: Scope<'_>, unit: &SystemdUnit) -> Result<Site> {
    scope.placement.home(|| unit.cgroup())
}

/// Removes the cgroup's directories with their children. Goes on in the other hierarchies when one
/// fails; the error names every directory that is left.
pub fn remove_directories(scope: Scope<'_>) -> Result<()> {
    let deadline = Instant::now() + REMOVE_TIMEOUT;
    let mut first: Option<Error> = None;
    let mut left: Vec<String> = Vec::new();
    let verified = scope.placement.is_verified();
    for site in scope.placement.live() {
        let cgroup = scope.cgroup_at(site);
        let removed = cgroup.and_then(|cgroup| {
            // rmdir enters mounts on the way, which opening does not. A verified cgroup has been
            // opened before.
            if verified || cgroup.exists()? {
                remove(scope, cgroup, deadline)?;
            }
            Ok(())
        });
        if let Err(e) = removed {
            let path = scope.cgroup_at(site).map_or_else(|_| site.path.clone(), |c| c.absolute(""));
            left.push(String::from_utf8_lossy(&shorten(&path)).into_owned());
            first.get_or_insert(e);
        }
    }
    match first {
        None => Ok(()),
        Some(e) if left.len() > 1 => {
            let rest = SHOWN_MESSAGE.saturating_sub(e.text().len());
            Err(e.advice(format!("left: {}", list_some(left.iter(), rest))))
        }
        Some(e) => Err(e),
    }
}

/// Removes a cgroup. Its watches of events read the last counts before each attempt.
fn remove(scope: Scope<'_>, cgroup: Cgroup<'_>, deadline: Instant) -> Result<()> {
    cgroup.remove_by(deadline, &|| scope.events.removing(cgroup, || cgroup.rmdir()))
}

/// Removes what of the cgroup is empty now. Returns whether something is left.
pub fn remove_empty_directories(scope: Scope<'_>) -> Result<bool> {
    let now = Instant::now();
    let (mut left, mut done) = (false, Ok(()));
    for site in scope.placement.live() {
        let cgroup = scope.cgroup_at(site)?;
        let removed = cgroup.exists().and_then(|exists| match exists {
            true => remove(scope, cgroup, now),
            false => Ok(()),
        });
        match removed {
            Err(e) if e.code() == Code::Busy => left = true,
            other => done = done.and(other),
        }
    }
    done.map(|()| left)
}

/// Abandons the unit: it ends with its last process, and systemd no longer waits for a manager.
pub fn abandon(unit: &SystemdUnit) -> Result<()> {
    check_same_cgroup(unit)?;
    unit.client.abandon(&unit.unit.name)
}

/// Removes the directories of a unit that has no process, and stops the unit.
pub fn stop_empty(scope: Scope<'_>) -> Result<()> {
    let unit = scope.require_unit()?;
    let name = &unit.unit.name;
    let home = home(scope, unit)?;
    let joined = scope.placement.live().any(|site| site.id == home.id);
    let home = scope.hierarchies.cgroup(home.id, &home.path)?;
    if unit.unit.is_slice() {
        if let Some(child) = home.children()?.first() {
            let child = String::from_utf8_lossy(child);
            let text = format!("cannot stop {name}: {child} is in it");
            return Err(Error::new(Code::Busy, text).advice("stop what is in the slice first"));
        }
    }
    let existed = home.exists()?;
    if !joined {
        remove(scope, home, Instant::now() + REMOVE_TIMEOUT)?;
    }
    remove_directories(scope)?;
    if !existed {
        if !unit.client.is_loaded(name)? {
            return Ok(());
        }
        // The unit is ending by itself, or is another unit of the same name.
        check_same_cgroup(unit)?;
        check_no_unseen_process(unit)?;
    }
    if let Some(warning) = unit.client.stop(name)? {
        scope.warn(&warning);
    }
    Ok(())
}

/// Refuses a unit whose cgroup is not the manager's.
fn check_same_cgroup(unit: &SystemdUnit) -> Result<()> {
    let name = &unit.unit.name;
    let at = match unit.client.property(name, &unit.interface(), "ControlGroup", None) {
        Ok(Value::Str(at)) => at,
        Err(e) if e.code() != Code::Deleted => return Err(e),
        _ => return Ok(()),
    };
    if at.is_empty() || at.as_bytes() == unit.cgroup()? {
        return Ok(());
    }
    let text = format!("cannot end {name}: its cgroup is {at}, not this manager's");
    Err(Error::new(Code::Busy, text).advice("the unit is another one of the same name"))
}

/// Refuses a unit whose processes cannot be seen from here: the caller is in a cgroup namespace of
/// its own, or has other mounts than systemd.
fn check_no_unseen_process(unit: &SystemdUnit) -> Result<()> {
    let name = &unit.unit.name;
    let count = unit.client.processes(name)?;
    if count == 0 {
        return Ok(());
    }
    let text = format!(
        "cannot stop {name}: systemd has {count} processes in it, which cannot be seen from here"
    );
    Err(Error::new(Code::Busy, text)
        .advice("call from systemd's cgroup namespace and mount namespace"))
}
