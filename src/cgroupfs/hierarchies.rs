// SPDX-License-Identifier: Apache-2.0

//! The host's hierarchies, opened when first needed.

use std::sync::{Arc, OnceLock};

use super::cgroup::{Cgroup, OpenHierarchy};
use crate::error::{Code, Error, Result};
use crate::host::{Hierarchy, HierarchyId, HostInfo, Version};

/// A host's facts and its open hierarchies. Any number of managers can share them.
#[derive(Debug)]
pub struct Hierarchies {
    info: Arc<HostInfo>,
    open: Vec<OnceLock<OpenHierarchy>>,
    /// Other mounts of each hierarchy; usually there are none.
    others: Vec<Vec<OnceLock<OpenHierarchy>>>,
}

impl Hierarchies {
    /// Returns the hierarchies of a host. Opens nothing yet.
    pub fn new(info: HostInfo) -> Hierarchies {
        let open = info.hierarchies.iter().map(|_| OnceLock::new()).collect();
        Hierarchies { others: closed_others(&info), info: Arc::new(info), open }
    }

    /// Reads this host, with the controllers of the cgroup2 mount. A mount whose controllers cannot
    /// be read counts as one without controllers.
    pub fn read() -> Result<Hierarchies> {
        let mut info = HostInfo::read()?;
        for hierarchy in info.hierarchies.iter_mut().filter(|h| h.version == Version::V2) {
            let words = |open: OpenHierarchy| open.cgroup(b"").words("cgroup.controllers");
            let words = OpenHierarchy::open(hierarchy).and_then(words).unwrap_or_default();
            hierarchy.set_controllers(&words);
        }
        Ok(Hierarchies::new(info))
    }

    /// Opens the mountpoints at once, whatever their file system. For tests in which directories of
    /// plain files play the kernel.
    #[cfg(feature = "internals")]
    pub fn of_plain_directories(info: HostInfo) -> Result<Hierarchies> {
        let open = info.hierarchies.iter().map(|h| Ok(OnceLock::from(OpenHierarchy::open_any(h)?)));
        let open = open.collect::<Result<_>>()?;
        Ok(Hierarchies { others: closed_others(&info), info: Arc::new(info), open })
    }

    /// Returns the host's facts.
    pub fn info(&self) -> &Arc<HostInfo> {
        &self.info
    }

    /// Returns a hierarchy; opens it the first time.
    fn get(&self, id: HierarchyId) -> Result<&OpenHierarchy> {
        let cell = match id.mount().checked_sub(1) {
            None => self.open.get(id.index()),
            Some(other) => self.others.get(id.index()).and_then(|others| others.get(other)),
        };
        if let Some(open) = cell.and_then(OnceLock::get) {
            return Ok(open);
        }
        let (Some(hierarchy), Some(cell)) = (self.info.hierarchy(id), cell) else {
            return Err(Error::new(Code::Argument, format!("no hierarchy {}", id.index())));
        };
        // Open before the cell is locked, so that a fork during the open leaves no lock held. When
        // two threads open at once, the later thread's descriptor is closed.
        let open = OpenHierarchy::open(hierarchy)?;
        Ok(cell.get_or_init(|| open))
    }

    /// Returns the cgroup at a path below a hierarchy's mountpoint.
    pub fn cgroup<'t>(&'t self, id: HierarchyId, path: &'t [u8]) -> Result<Cgroup<'t>> {
        Ok(self.get(id)?.cgroup(path))
    }
}

fn closed_others(info: &HostInfo) -> Vec<Vec<OnceLock<OpenHierarchy>>> {
    let closed = |h: &Hierarchy| h.others.iter().map(|_| OnceLock::new()).collect();
    info.hierarchies.iter().map(closed).collect()
}
