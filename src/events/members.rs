// SPDX-License-Identifier: Apache-2.0

//! Finds out whether a v1 cgroup has processes. v1 has no cgroup.events.
//!
//! A pidfd of one process of the cgroup wakes the watch when that process ends. The watch then
//! chooses another process. A process that is moved to another cgroup wakes nobody, so a timer has
//! the list read every 100 ms.

use rustix::event::epoll::EventFlags;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::fs::{openat, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{pidfd_open, PidfdFlags};

use super::parse::pids;
use super::poller::{Poller, MEMBER};
use crate::cgroupfs::Cgroup;
use crate::error::{Error, Result};

/// Processes that one reading of the list tries. A process may end before its pidfd is opened.
const TRIES: usize = 8;

/// The processes of one v1 cgroup.
#[derive(Debug)]
pub(super) struct Members {
    /// The cgroup's directory.
    directory: OwnedFd,
    /// The pidfd of one process of the cgroup.
    one: Option<OwnedFd>,
    /// The caller asks for [`Kind::Empty`](super::Kind::Empty), so the list is read regularly.
    pub(super) is_told: bool,
}

impl Members {
    pub(super) fn open(cgroup: Cgroup<'_>, is_told: bool) -> Result<Members> {
        let directory = cgroup
            .open("", OFlags::PATH | OFlags::DIRECTORY)
            .map_err(|e| Error::system("open", &cgroup.absolute(""), e))?;
        Ok(Members { directory, one: None, is_told })
    }

    /// Reads the list. Returns whether the cgroup has a process.
    ///
    /// Errors: ENOENT or ENODEV if the cgroup is gone; other errors of openat(2) and read(2).
    pub(super) fn look(&mut self, poller: &Poller) -> std::result::Result<bool, Errno> {
        // The file is opened each time: v1's cgroup.procs shows an open file's old list for up to a
        // second.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(&self.directory, "cgroup.procs", flags, Mode::empty())?;
        let mut buffer = [0u8; 4096];
        let length = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut buffer))?;
        if length == 0 {
            self.forget(poller);
            return Ok(false);
        }
        if self.is_told && !self.one.as_ref().is_some_and(is_running) {
            self.forget(poller);
            let text = buffer.get(..length).unwrap_or_default();
            let mut some = pids(text).take(TRIES);
            self.one = some.find_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
            if let Some(fd) = &self.one {
                // If this fails, the timer still has the list read.
                let _ = poller.add(fd, EventFlags::IN, MEMBER);
            }
        }
        Ok(true)
    }

    /// Closes the pidfd.
    pub(super) fn forget(&mut self, poller: &Poller) {
        if let Some(fd) = self.one.take() {
            poller.delete(&fd);
        }
    }
}

/// Returns whether the process of a pidfd has not ended.
fn is_running(pidfd: &OwnedFd) -> bool {
    let mut list = [PollFd::new(pidfd, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut list, Some(&now)) == Ok(0)
}
