// SPDX-License-Identifier: Apache-2.0

//! The cgroup's processes and threads: adding and listing.

use super::core::Manager;
use crate::cgroupfs::interface_file::deleted_or;
use crate::error::{fail, Code, Error, Result};
use crate::host::Version;
use crate::path::lexical;
use crate::plan::{Step, TaskKind};

/// How [`Manager::add`] adds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Add<'a> {
    /// The ids are thread ids, not process ids.
    pub threads: bool,
    /// A cgroup below the manager's; empty for the manager's own.
    pub subcgroup: &'a [u8],
    /// Create the subcgroup if it does not exist. With `threads` on v2 it becomes threaded.
    pub create: bool,
}

impl Manager {
    /// Moves processes or threads into the cgroup, in every hierarchy. When one cannot be moved,
    /// the others are moved back.
    pub fn add(&self, ids: &[i32], how: Add<'_>) -> Result<()> {
        if let Some(id) = ids.iter().find(|id| **id < 1) {
            return fail(Code::Argument, format!("{id} is not the id of a task"));
        }
        let subcgroup = check_subcgroup(how.subcgroup)?;
        if !subcgroup.is_empty() {
            self.require_own_cgroup()?;
        }
        // A rootless caller's cgroup may exist in no hierarchy.
        self.main_site()?;
        let kind = if how.threads { TaskKind::Thread } else { TaskKind::Process };
        let mut steps = Vec::new();
        for site in self.placement.live().filter(|_| how.create && !subcgroup.is_empty()) {
            let threaded = how.threads && site.version == Version::V2;
            let (hierarchy, subcgroup) = (site.id, subcgroup.clone());
            steps.push(Step::CreateSubcgroup { hierarchy, subcgroup, threaded });
        }
        steps.extend(self.driver.plan_add(&self.placement, kind, ids, &subcgroup));
        let _busy = self.one_at_a_time();
        let mut transaction = self.transaction();
        transaction.note_origins(kind, ids)?;
        transaction.carry_out(&steps)
    }

    /// Returns the processes in the cgroup; the threads of a v2 threaded cgroup.
    ///
    /// On v1 these are the processes in the devices hierarchy, as in runc, or else in the first.
    pub fn pids(&self) -> Result<Vec<i32>> {
        let cgroup = self.main_cgroup()?;
        cgroup.pids().map_err(|e| deleted_or(cgroup, e))
    }

    /// Returns the processes in the cgroup and its descendants, each once; the threads of a v2
    /// threaded cgroup. Looks in the same hierarchy as [`Manager::pids`].
    pub fn all_pids(&self) -> Result<Vec<i32>> {
        let cgroup = self.main_cgroup()?;
        cgroup.all_pids().map_err(|e| deleted_or(cgroup, e))
    }

    /// Returns the threads in the cgroup.
    pub fn threads(&self) -> Result<Vec<i32>> {
        let cgroup = self.main_cgroup()?;
        cgroup.threads().map_err(|e| deleted_or(cgroup, e))
    }
}

/// Checks that a subcgroup's path stays below the manager's cgroup, and cleans the path.
fn check_subcgroup(path: &[u8]) -> Result<Vec<u8>> {
    let bad = |part: &[u8]| part == b"..";
    if path.contains(&0) || path.split(|&b| b == b'/').any(bad) || path.first() == Some(&b'/') {
        let text = [b"bad sub cgroup path: ", path].concat();
        return Err(Error::new(Code::Path, text).advice("it must be relative and without '..'"));
    }
    let clean = lexical::clean(path);
    Ok(if clean == b"." { Vec::new() } else { clean })
}
