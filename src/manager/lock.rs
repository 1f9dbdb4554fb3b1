// SPDX-License-Identifier: Apache-2.0

//! Taking turns with other processes that set the same cgroup.
//!
//! Whoever can open a file can hold a flock(2) on it, even when the file is open for reading only.
//! So the lock is on a file that only the cgroup's owner can open: a file that can only be written
//! has the mode 0200. The v1 hierarchies without such a file come last.
//!
//! Two managers can join different hierarchies. So a manager looks for the lock in all hierarchies
//! of the host in one order, also in those that it has not joined.

use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::fs::{flock, FlockOperation, OFlags};
use rustix::io::Errno;

use super::core::Manager;
use crate::cgroupfs::removal::is_open_file;
use crate::cgroupfs::Cgroup;
use crate::error::{Error, Result};
use crate::host::{controllers, HierarchyId};

/// Longest wait for another call of the same cgroup.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Files that only the cgroup's owner can open: the hierarchy's controller (`""` is cgroup2), and
/// the name. cgroup.kill: Linux 5.14.
const OWNERS_FILES: [(&str, &str); 4] = [
    ("devices", "devices.deny"),
    ("memory", "memory.force_empty"),
    ("blkio", "blkio.reset_stats"),
    ("", "cgroup.kill"),
];

/// The lock on a cgroup, released when dropped.
#[derive(Default)]
pub(super) struct CgroupLock(Vec<OwnedFd>);

impl Drop for CgroupLock {
    fn drop(&mut self) {
        for fd in &self.0 {
            // Unlocked explicitly: a child that another thread forked in the meantime has the
            // descriptor, too, and closing ours would leave the lock to the child.
            let _ = flock(fd, FlockOperation::Unlock);
        }
    }
}

impl Manager {
    /// Waits for the lock on the cgroup. Returns None when the cgroup does not exist.
    ///
    /// A directory that the caller has just `made` may come earlier in the order than the one that
    /// other calls have locked by now. Then this call locks both.
    ///
    /// After the timeout the call goes on without the lock, with a warning: a call that hangs must
    /// not keep others from setting limits. A caller who does not own the cgroup goes on as well:
    /// the kernel will refuse the writes.
    pub(super) fn lock(&self, made: &dyn Fn(HierarchyId) -> bool) -> Result<Option<CgroupLock>> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        let mut lock = CgroupLock::default();
        let (mut refused, mut missing) = (false, false);
        let others = controllers::subsystems().map(|name| (name, "cgroup.procs"));
        for (name, file) in OWNERS_FILES.into_iter().chain(others) {
            let Some((id, path)) = self.placement.anywhere(name) else { continue };
            if !self.is_openable(id) {
                continue;
            }
            let cgroup = self.host.hierarchies().cgroup(id, &path)?;
            match self.lock_file(cgroup, file, deadline) {
                Ok(fd) => lock.0.push(fd),
                Err(e) if e.is(Errno::NOENT) || e.is(Errno::NODEV) => {
                    missing |= self.placement.at(id).is_ok();
                    continue;
                }
                Err(e) if [Errno::ACCESS, Errno::PERM, Errno::ROFS].iter().any(|no| e.is(*no)) => {
                    refused = true;
                    continue;
                }
                Err(e) => return Err(e),
            }
            if !made(id) {
                // systemd removes a failed unit from its own hierarchies only, so another
                // hierarchy can still have the locked directory. Setting a property of the unit
                // would then create its cgroup again.
                let exists = !missing || self.main_cgroup()?.exists()?;
                return Ok(exists.then_some(lock));
            }
        }
        // Fails for a rootless caller without a cgroup in any hierarchy.
        self.main_site()?;
        Ok((refused || !lock.0.is_empty()).then_some(lock))
    }

    /// Opens a file and waits for the lock on it.
    fn lock_file(&self, cgroup: Cgroup<'_>, file: &str, deadline: Instant) -> Result<OwnedFd> {
        let failed = |what| move |e| Error::system(what, &cgroup.absolute(file), e);
        let open = || cgroup.open(file, OFlags::WRONLY).map_err(failed("open"));
        let mut fd = open()?;
        let mut pause = Duration::from_micros(100);
        let mut waited = false;
        loop {
            match flock(&fd, FlockOperation::NonBlockingLockExclusive) {
                // The last holder may have removed the cgroup and created it again.
                Ok(()) if waited && !is_open_file(cgroup, file, &fd) => fd = open()?,
                Ok(()) => return Ok(fd),
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) if Instant::now() < deadline => {
                    waited = true;
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(10));
                }
                Err(Errno::WOULDBLOCK) => {
                    let path = String::from_utf8_lossy(&cgroup.absolute("")).into_owned();
                    self.warn(vec![format!(
                        "{path} is still locked by another process after 2 s; setting without the \
                         lock"
                    )]);
                    return Ok(fd);
                }
                Err(e) => return Err(failed("lock")(e)),
            }
        }
    }

    /// Whether a hierarchy's directory can be opened. A hierarchy that the manager has not joined
    /// may have been unmounted.
    fn is_openable(&self, id: HierarchyId) -> bool {
        self.placement.at(id).is_ok() || self.host.hierarchies().cgroup(id, b"").is_ok()
    }
}
