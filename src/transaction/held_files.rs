// SPDX-License-Identifier: Apache-2.0

//! Files that stay open from before the limits are written until the task has entered.

use rustix::fd::OwnedFd;

use crate::host::HierarchyId;
use crate::plan::TaskKind;

/// The open `cgroup.procs` or `tasks` of the cgroup, one per hierarchy.
#[derive(Debug, Default)]
pub struct HeldFiles {
    files: Vec<(HierarchyId, TaskKind, OwnedFd)>,
}

impl HeldFiles {
    /// Keeps a file open.
    pub fn push(&mut self, id: HierarchyId, kind: TaskKind, fd: OwnedFd) {
        self.files.push((id, kind, fd));
    }

    /// Returns the open file of a hierarchy.
    pub fn find(&self, id: HierarchyId, kind: TaskKind) -> Option<&OwnedFd> {
        let file = self.files.iter().find(|(of, for_kind, _)| *of == id && *for_kind == kind);
        file.map(|(_, _, fd)| fd)
    }
}
