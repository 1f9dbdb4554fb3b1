// SPDX-License-Identifier: Apache-2.0

//! Moving all tasks to another cgroup.

use std::collections::BTreeSet;

use rustix::io::Errno;

use super::core::Manager;
use crate::cgroupfs::interface_file::deleted_or;
use crate::cgroupfs::{parse_ids, Cgroup};
use crate::error::{fail, Code, Error, Result};
use crate::host::Version;
use crate::placement::Site;
use crate::plan::TaskKind;

/// Most passes over a cgroup in which new tasks keep appearing.
const PASSES: usize = 16;

impl Manager {
    /// Moves all tasks of this cgroup and its descendants to another cgroup, hierarchy by
    /// hierarchy. Returns the number of moves.
    ///
    /// v1 moves exactly the threads that are inside: a cgroup with only a hypervisor's vCPU threads
    /// lists the whole hypervisor as its process. v2 moves processes, or the threads of threaded
    /// cgroups. A hierarchy that only the target is in takes the processes of the other
    /// hierarchies. Tasks that end in the meantime are skipped.
    pub fn move_to(&self, to: &Manager) -> Result<usize> {
        // A manager of the root would move every process of the host.
        self.require_own_cgroup()?;
        if to.placement.live().any(|site| site.path.is_empty()) && self.config.flags.strict {
            return fail(Code::Path, "strict mode moves no process to the hierarchies' root");
        }
        if !self.info().has_mounts_of(to.info()) {
            return fail(
                Code::Argument,
                "the two managers know different mounts: make both with one host handle",
            );
        }
        for site in self.placement.live() {
            let cgroup = self.placement.path_from_root(site);
            let is_it = |other: &Site| {
                other.id.is_same(site.id) && to.placement.path_from_root(other) == cgroup
            };
            if to.placement.live().any(is_it) {
                return fail(Code::Argument, "a cgroup cannot be moved to itself");
            }
        }
        let own = |target: &Site| self.placement.live().find(|own| own.id.is_same(target.id));
        // Listed before any task moves.
        let mut processes: BTreeSet<i32> = BTreeSet::new();
        let more_in_target = to.placement.live().any(|target| own(target).is_none());
        for site in self.placement.live().filter(|_| more_in_target) {
            let cgroup = self.cgroup_at(site)?;
            match cgroup.all_pids() {
                Err(e) if is_gone(cgroup, &e)? => {}
                other => processes.extend(other?),
            }
        }
        let mut count = 0;
        for target in to.placement.live() {
            let into = to.cgroup_at(target)?;
            match own(target) {
                Some(source) => count += move_all(self.cgroup_at(source)?, into, count > 0)?,
                None => {
                    let ids: Vec<i32> = processes.iter().copied().collect();
                    count += attach_living(into, TaskKind::Process, &ids)?;
                }
            }
        }
        Ok(count)
    }
}

/// Moves all tasks out of a cgroup and its descendants; those of `into` stay, if it is a
/// descendant. `begun`: tasks have moved in another hierarchy, so the cgroup existed.
fn move_all(from: Cgroup<'_>, into: Cgroup<'_>, begun: bool) -> Result<usize> {
    let mut count = 0;
    let is_target = |cgroup: Cgroup<'_>| into.is_in(from) && cgroup.is_in(into);
    for pass in 0..PASSES {
        let mut found = 0;
        // An error of `into`, kept apart from the errors of the walk through `from`.
        let mut refused: Option<Error> = None;
        let mut move_tasks = |cgroup: Cgroup<'_>| {
            if refused.is_some() || is_target(cgroup) {
                return Ok(());
            }
            let (kind, ids) = tasks(cgroup)?;
            found += ids.len();
            match attach_living(into, kind, &ids) {
                Ok(moved) => count += moved,
                Err(e) => refused = Some(e),
            }
            Ok(())
        };
        let walked = from.walk(&mut move_tasks);
        if let Some(e) = refused {
            return Err(deleted_or(into, e));
        }
        match walked {
            // systemd removes a unit's cgroup when the cgroup is empty.
            Err(e) if (begun || pass > 0) && is_gone(from, &e)? => return Ok(count),
            other => other.map_err(|e| deleted_or(from, e))?,
        }
        if found == 0 {
            break;
        }
    }
    match has_tasks(from, &is_target) {
        Err(e) if is_gone(from, &e)? => Ok(count),
        Err(e) => Err(e),
        Ok(false) => Ok(count),
        // Tasks of another PID namespace have no id here, or new tasks kept coming.
        Ok(true) => {
            let path = String::from_utf8_lossy(&from.absolute("")).into_owned();
            let text = format!(
                "some tasks are still in {path}: they are in another PID namespace, or keep forking"
            );
            fail(Code::Busy, text)
        }
    }
}

/// Returns the tasks to move out of one cgroup, and their kind.
fn tasks(cgroup: Cgroup<'_>) -> Result<(TaskKind, Vec<i32>)> {
    if cgroup.version() == Version::V1 {
        return Ok((TaskKind::Thread, cgroup.threads()?));
    }
    match cgroup.read("cgroup.procs") {
        // A threaded cgroup lists no processes.
        Err(e) if e.is(Errno::OPNOTSUPP) => Ok((TaskKind::Thread, cgroup.threads()?)),
        other => Ok((TaskKind::Process, parse_ids(&other?)?)),
    }
}

/// Whether tasks are left in a cgroup and its descendants.
fn has_tasks(from: Cgroup<'_>, is_target: &dyn Fn(Cgroup<'_>) -> bool) -> Result<bool> {
    let file = TaskKind::Thread.file(from.version());
    let mut left = false;
    let mut look = |cgroup: Cgroup<'_>| {
        left |= !is_target(cgroup) && !cgroup.read(file)?.is_empty();
        Ok(())
    };
    from.walk(&mut look)?;
    Ok(left)
}

/// Attaches those tasks that still exist. Returns how many it attached.
fn attach_living(into: Cgroup<'_>, kind: TaskKind, ids: &[i32]) -> Result<usize> {
    let mut moved = 0;
    let mut rest = ids;
    while !rest.is_empty() {
        let mut done = 0;
        match into.attach(kind, rest, |_| done += 1) {
            Ok(()) => return Ok(moved + done),
            Err(e) if e.is(Errno::SRCH) => {
                moved += done;
                rest = rest.get(done + 1..).unwrap_or_default();
            }
            Err(e) => return Err(e),
        }
    }
    Ok(moved)
}

/// Whether an error comes from the removal of the cgroup. The errno alone is not enough: one file
/// can be missing from a cgroup that exists and has tasks.
fn is_gone(cgroup: Cgroup<'_>, error: &Error) -> Result<bool> {
    let missing = error.is(Errno::NOENT) || error.is(Errno::NODEV);
    Ok(missing && !cgroup.exists()?)
}
