//! What the managers of one host share.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};
use std::time::Duration;

use crate::cgroupfs::Trees;
use crate::error::Result;
use crate::host;
use crate::kata::gopath;
use crate::systemd::{Bus, Systemd};

/// Milliseconds.
const PATIENCE: u32 = 100;

/// A host's hierarchies, and the connections to its systemds: one for all managers of a bus, so
/// a process that uses one `Shared` has one connection. Nothing is connected before it is needed.
#[derive(Debug)]
pub struct Shared {
    trees: Trees,
    /// The cgroup that PID 1's systemd has everything below.
    systemd_root: OnceLock<Vec<u8>>,
    buses: Mutex<Buses>,
    /// Facts can be looked up here, and not only in what was parsed.
    live: bool,
}

type Buses = Vec<(Key, Arc<Systemd>)>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    bus: Bus,
    address: Option<String>,
    version: Option<u32>,
}

impl Shared {
    /// For facts that may be any host's: nothing is read but what a manager does.
    pub fn new(trees: Trees) -> Shared {
        let root = OnceLock::from(b"/".to_vec());
        Shared { trees, systemd_root: root, buses: Mutex::default(), live: false }
    }

    /// This host.
    pub fn read() -> Result<Shared> {
        let trees = Trees::read()?;
        Ok(Shared { trees, systemd_root: OnceLock::new(), buses: Mutex::default(), live: true })
    }

    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    /// One systemd; the same for the same arguments.
    pub(super) fn systemd(
        &self,
        bus: Bus,
        address: Option<&str>,
        version: Option<u32>,
    ) -> Arc<Systemd> {
        let key = Key { bus, address: address.map(str::to_owned), version };
        let new = || {
            let systemd = Systemd::new(bus, key.address.clone());
            Arc::new(match version {
                Some(version) => systemd.with_version(version),
                None => systemd,
            })
        };
        let Some(mut buses) = self.buses() else { return new() };
        if let Some((_, systemd)) = buses.iter().find(|(known, _)| *known == key) {
            return Arc::clone(systemd);
        }
        let systemd = new();
        buses.push((key, Arc::clone(&systemd)));
        systemd
    }

    /// Held for a moment only: nothing is connected under it. In the child of a fork it may be
    /// held for ever, by a thread that is not there; then there is none.
    fn buses(&self) -> Option<MutexGuard<'_, Buses>> {
        for _ in 0..PATIENCE {
            match self.buses.try_lock() {
                Ok(buses) => return Some(buses),
                Err(TryLockError::Poisoned(e)) => return Some(e.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        None
    }

    /// Where PID 1's systemd has its units: `/`, but for a container that sees the host's
    /// hierarchy and runs a systemd of its own. As systemd does, from where PID 1 is.
    pub(super) fn systemd_root(&self) -> &[u8] {
        if let Some(root) = self.systemd_root.get() {
            return root;
        }
        // Read outside the cell, so that a fork meanwhile leaves nothing locked.
        let own = host::own_of(1).unwrap_or_default();
        let at = own.get("name=systemd").or_else(|| own.get(""));
        let root = match at.and_then(|path| path.strip_suffix(b"/init.scope")) {
            Some(root) => gopath::clean(&[b"/", root].concat()),
            None => b"/".to_vec(),
        };
        self.systemd_root.get_or_init(|| root)
    }
}

impl Deref for Shared {
    type Target = Trees;

    fn deref(&self) -> &Trees {
        &self.trees
    }
}
