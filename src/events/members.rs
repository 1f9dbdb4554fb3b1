// SPDX-License-Identifier: Apache-2.0

//! Whether a v1 cgroup has processes. v1 has no cgroup.events.
//!
//! A pidfd of one process wakes when that process ends; then the next one is chosen. A process
//! that is moved away wakes nobody.

use rustix::event::epoll::EventFlags;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::fs::{openat, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{pidfd_open, Pid, PidfdFlags};

use super::poller::{Poller, MEMBER};
use crate::cgroupfs::Cgroup;
use crate::error::{Error, Result};

/// Processes that are tried in one look. They may end before their pidfd is opened.
const TRIES: usize = 8;

/// The processes of one v1 cgroup.
#[derive(Debug)]
pub(super) struct Members {
    directory: OwnedFd,
    one: Option<OwnedFd>,
    /// Look at the list regularly: the caller wants to know when it is empty.
    pub(super) is_told: bool,
}

impl Members {
    pub(super) fn open(cgroup: Cgroup<'_>, is_told: bool) -> Result<Members> {
        let directory = cgroup
            .open("", OFlags::PATH | OFlags::DIRECTORY)
            .map_err(|e| Error::system("open", &cgroup.absolute(""), e))?;
        Ok(Members { directory, one: None, is_told })
    }

    /// Returns whether a process is inside.
    ///
    /// Errors: ENOENT or ENODEV when the cgroup is gone.
    pub(super) fn look(&mut self, poller: &Poller) -> std::result::Result<bool, Errno> {
        // A descriptor that is kept repeats the old list for up to a second.
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
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            // The last line may be cut.
            let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
            let pids = whole.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?));
            self.one = pids.take(TRIES).find_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
            if let Some(fd) = &self.one {
                // The timer finds what a failure here misses.
                let _ = poller.add(fd, EventFlags::IN, MEMBER);
            }
        }
        Ok(true)
    }

    /// Ends being woken.
    pub(super) fn forget(&mut self, poller: &Poller) {
        if let Some(fd) = self.one.take() {
            poller.delete(&fd);
        }
    }
}

fn is_running(pidfd: &OwnedFd) -> bool {
    let mut list = [PollFd::new(pidfd, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut list, Some(&now)) == Ok(0)
}
