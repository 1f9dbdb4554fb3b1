// SPDX-License-Identifier: Apache-2.0

//! A host handle: open hierarchies and connections to systemd, shared by managers.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};
use std::time::Duration;

use crate::cgroupfs::Hierarchies;
use crate::error::Result;
use crate::events::Registry;
use crate::host::{proc_cgroup, HostInfo};
use crate::path::lexical;
use crate::systemd::{Bus, Systemd};

/// Attempts to lock the list of connections, one millisecond apart.
const LOCK_ATTEMPTS: u32 = 100;

/// A host's hierarchies, and its connections to systemd: one per bus, for all managers. Each is
/// opened at its first use.
#[derive(Debug)]
pub struct Host {
    hierarchies: Hierarchies,
    /// The cgroup below which PID 1's systemd has its units.
    systemd_root: OnceLock<Vec<u8>>,
    systemds: Mutex<Systemds>,
    /// What the watches of events share.
    events: Arc<Registry>,
    /// Whether the facts are this host's, and more can be read.
    live: bool,
}

type Systemds = Vec<(BusKey, Arc<Systemd>)>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct BusKey {
    bus: Bus,
    address: Option<String>,
    version: Option<u32>,
}

impl Host {
    /// Makes a handle for the facts of any host. Reads no file; a call on a manager may.
    pub fn new(info: HostInfo) -> Host {
        let root = OnceLock::from(b"/".to_vec());
        let hierarchies = Hierarchies::new(info);
        Host {
            hierarchies,
            systemd_root: root,
            systemds: Mutex::default(),
            events: Arc::default(),
            live: false,
        }
    }

    /// Reads the facts of this host.
    pub fn read() -> Result<Host> {
        let hierarchies = Hierarchies::read()?;
        Ok(Host {
            hierarchies,
            systemd_root: OnceLock::new(),
            systemds: Mutex::default(),
            events: Arc::default(),
            live: true,
        })
    }

    /// Returns the host's facts.
    pub fn info(&self) -> &HostInfo {
        self.hierarchies.info()
    }

    /// Returns the host's hierarchies.
    pub(crate) fn hierarchies(&self) -> &Hierarchies {
        &self.hierarchies
    }

    /// What the watches of events share.
    pub(crate) fn events(&self) -> &Arc<Registry> {
        &self.events
    }

    /// Whether the facts are this host's, and more can be read.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// Returns the client of a systemd; the same client for the same arguments.
    pub(crate) fn systemd(
        &self,
        bus: Bus,
        address: Option<&str>,
        version: Option<u32>,
    ) -> Arc<Systemd> {
        let key = BusKey { bus, address: address.map(str::to_owned), version };
        let new = || {
            let systemd = Systemd::new(bus, key.address.clone());
            Arc::new(match version {
                Some(version) => systemd.with_version(version),
                None => systemd,
            })
        };
        let Some(mut systemds) = self.lock_systemds() else { return new() };
        if let Some((_, systemd)) = systemds.iter().find(|(known, _)| *known == key) {
            return Arc::clone(systemd);
        }
        let systemd = new();
        systemds.push((key, Arc::clone(&systemd)));
        systemd
    }

    /// Locks the list. Returns None in the child of a fork when a thread of the parent held the
    /// lock, because that thread does not exist in the child. No thread connects under the lock, so
    /// all hold it for a moment only.
    fn lock_systemds(&self) -> Option<MutexGuard<'_, Systemds>> {
        for _ in 0..LOCK_ATTEMPTS {
            match self.systemds.try_lock() {
                Ok(systemds) => return Some(systemds),
                Err(TryLockError::Poisoned(e)) => return Some(e.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        None
    }

    /// Returns the cgroup below which PID 1's systemd has its units. The cgroup is `/`, except in a
    /// container that sees the host's hierarchy and runs a systemd of its own. systemd, too,
    /// derives it from the cgroup of PID 1.
    pub(crate) fn systemd_root(&self) -> &[u8] {
        if let Some(root) = self.systemd_root.get() {
            return root;
        }
        // Read before the cell is locked: a fork during the read leaves no lock held.
        let own = proc_cgroup::of_task(1).unwrap_or_default();
        let at = own.get("name=systemd").or_else(|| own.get(""));
        let root = match at.and_then(|path| path.strip_suffix(b"/init.scope")) {
            Some(root) => lexical::clean(&[b"/", root].concat()),
            None => b"/".to_vec(),
        };
        self.systemd_root.get_or_init(|| root)
    }
}
