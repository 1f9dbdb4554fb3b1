// SPDX-License-Identifier: Apache-2.0

//! What a task id stands for.

use crate::host::Version;

/// The kind of task that an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// A process with all its threads.
    Process,
    /// One thread.
    Thread,
}

impl TaskKind {
    /// Returns the interface file that lists the cgroup's tasks of this kind, and moves them in.
    pub fn file(self, version: Version) -> &'static str {
        match (self, version) {
            (TaskKind::Process, _) => "cgroup.procs",
            (TaskKind::Thread, Version::V1) => "tasks",
            (TaskKind::Thread, Version::V2) => "cgroup.threads",
        }
    }
}
