//! Taking turns with other processes that set the same cgroup.

use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::fs::{flock, FlockOperation, OFlags};
use rustix::io::Errno;

use super::core::Manager;
use crate::error::{Error, Result};

/// Longest wait for another call of the same cgroup.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// The lock on a cgroup, released when dropped.
pub(super) struct CgroupLock(OwnedFd);

impl Drop for CgroupLock {
    fn drop(&mut self) {
        // Unlocked explicitly: a child that another thread forked in the meantime has the
        // descriptor, too, and closing ours would leave the lock to the child.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl Manager {
    /// Waits for the lock on the cgroup's directory. Returns None when the cgroup does not exist.
    ///
    /// After the timeout the call goes on without the lock, with a warning: whoever may open the
    /// directory may hold the lock, and must not keep limits from being set.
    pub(super) fn lock(&self) -> Result<Option<CgroupLock>> {
        let cgroup = self.main_cgroup()?;
        let fd = match cgroup.open("", OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::NOENT) => return Ok(None),
            other => other.map_err(|e| Error::system("open", &cgroup.absolute(""), e))?,
        };
        let deadline = Instant::now() + LOCK_TIMEOUT;
        let mut pause = Duration::from_micros(100);
        loop {
            match flock(&fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(CgroupLock(fd))),
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) if Instant::now() < deadline => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(10));
                }
                Err(Errno::WOULDBLOCK) => {
                    let path = String::from_utf8_lossy(&cgroup.absolute("")).into_owned();
                    self.warn(vec![format!(
                        "{path} is still locked by another process after 2 s; setting without the \
                         lock"
                    )]);
                    return Ok(Some(CgroupLock(fd)));
                }
                Err(e) => return Err(Error::system("lock", &cgroup.absolute(""), e)),
            }
        }
    }
}
