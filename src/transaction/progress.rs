// SPDX-License-Identifier: Apache-2.0

//! What the steps of a transaction have done so far.

use crate::host::HierarchyId;
use crate::systemd::Started;

/// What the steps have done so far. The transaction writes it, the caller reads it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Hierarchies in which the cgroup was created or found.
    pub entered: Vec<HierarchyId>,
    /// Hierarchies in which a file of the cgroup was opened, which proves that the cgroup is there.
    pub touched: Vec<HierarchyId>,
    /// The hierarchy of the step that failed.
    pub failed_in: Option<HierarchyId>,
    /// A directory was created.
    pub made: bool,
    /// The cgroup2 cgroup can only be a domain.
    pub is_domain: bool,
    /// Controllers that were enabled in ancestors that have processes: the hierarchy, the length of
    /// the ancestor's path, the controllers.
    pub beside_processes: Vec<(HierarchyId, usize, Vec<String>)>,
    /// The device program that was attached before systemd started the unit.
    pub prepared: Option<u32>,
    /// Whether starting the unit created it or found it.
    pub unit: Option<Started>,
}

impl Progress {
    /// Returns empty progress with room for this many hierarchies.
    pub fn new(hierarchies: usize) -> Progress {
        Progress {
            entered: Vec::with_capacity(hierarchies),
            touched: Vec::with_capacity(hierarchies),
            ..Progress::default()
        }
    }

    /// Notes that a file of the cgroup was opened in a hierarchy.
    pub fn touch(&mut self, id: HierarchyId) {
        if !self.touched.contains(&id) {
            self.touched.push(id);
        }
    }
}
