// SPDX-License-Identifier: Apache-2.0

//! The epoll descriptor that a caller waits for.

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::Timespec;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

/// Source of a wake: an interface file of v2.
pub(super) const FILE: u64 = 0;
/// Source of a wake: an eventfd.
pub(super) const SIGNAL: u64 = 1;
/// Source of a wake: the timer.
pub(super) const TIMER: u64 = 2;
/// Source of a wake: the pidfd of a process that has ended.
pub(super) const MEMBER: u64 = 3;
/// Source of a wake: inotify, because directories were made or removed in a parent cgroup.
pub(super) const PARENTS: u64 = 4;

/// An epoll descriptor.
#[derive(Debug)]
pub(super) struct Poller(OwnedFd);

impl Poller {
    pub(super) fn new() -> std::result::Result<Poller, Errno> {
        epoll::create(CreateFlags::CLOEXEC).map(Poller)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    pub(super) fn add(
        &self,
        fd: &OwnedFd,
        flags: EventFlags,
        what: u64,
    ) -> std::result::Result<(), Errno> {
        epoll::add(&self.0, fd, EventData::new_u64(what), flags)
    }

    pub(super) fn delete(&self, fd: &OwnedFd) {
        // ENOENT: the descriptor was not added.
        let _ = epoll::delete(&self.0, fd);
    }

    /// Returns whether an interface file is among the first `most` sources of the wake.
    pub(super) fn is_woken_by_file(&self, most: usize) -> bool {
        let mut list = Vec::with_capacity(most.max(1));
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let room = rustix::buffer::spare_capacity(&mut list);
        let found = epoll::wait(&self.0, room, Some(&now));
        found.is_ok() && list.iter().any(|event: &epoll::Event| event.data.u64() == FILE)
    }
}
