//! The host's hierarchies, opened when first needed.

use std::sync::OnceLock;

use super::{Cgroup, Tree};
use crate::error::{Code, Error, Result};
use crate::host::{Host, Version};

/// A host's facts and its open hierarchies. Shared by any number of managers.
#[derive(Debug)]
pub struct Trees {
    host: Host,
    open: Vec<OnceLock<Tree>>,
}

impl Trees {
    /// Opens nothing yet.
    pub fn new(host: Host) -> Trees {
        let open = host.hierarchies.iter().map(|_| OnceLock::new()).collect();
        Trees { host, open }
    }

    /// This host's, with the controllers of the cgroup2 mount. One that cannot be read has none
    /// for us.
    pub fn read() -> Result<Trees> {
        let mut host = Host::read()?;
        for hierarchy in host.hierarchies.iter_mut().filter(|h| h.version == Version::V2) {
            let words = |tree: Tree| tree.cgroup(b"").words("cgroup.controllers");
            hierarchy.controllers = Tree::open(hierarchy).and_then(words).unwrap_or_default();
        }
        Ok(Trees::new(host))
    }

    /// The facts.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The hierarchy with this index, opened the first time.
    pub fn get(&self, index: usize) -> Result<&Tree> {
        let (Some(hierarchy), Some(cell)) =
            (self.host.hierarchies.get(index), self.open.get(index))
        else {
            return Err(Error::new(Code::Argument, format!("no hierarchy {index}")));
        };
        if let Some(tree) = cell.get() {
            return Ok(tree);
        }
        // Opened outside the cell, so that a fork meanwhile leaves nothing locked; when two
        // threads come at once the later one's descriptor is closed again.
        let tree = Tree::open(hierarchy)?;
        Ok(cell.get_or_init(|| tree))
    }

    /// The cgroup at a path below a hierarchy's mountpoint.
    pub fn cgroup<'t>(&'t self, index: usize, path: &'t [u8]) -> Result<Cgroup<'t>> {
        Ok(self.get(index)?.cgroup(path))
    }
}
