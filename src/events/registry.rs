// SPDX-License-Identifier: Apache-2.0

//! What all watches of one host share: one inotify descriptor on the parents of their cgroups, and
//! a list of the watches, so that this process's own removals can read the last counts first.
//!
//! rmdir(2) of a cgroup wakes nobody who polls its files. inotify on the parent tells it, and a
//! user has only 128 inotify instances. So a host has one. Each watch has it in its epoll while its
//! cgroup can be removed. Whoever reads it first passes each event on: every watch has an eventfd,
//! which keeps the event for a watch that is read later.

use std::fmt::Debug;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError, Weak};
use std::time::Duration;

use rustix::event::{eventfd, EventfdFlags};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{getpid, Pid};

use crate::cgroupfs::Cgroup;

/// Attempts, a millisecond apart, to lock.
const LOCK_ATTEMPTS: u32 = 100;
/// Events that are passed on at once. Other programs can make and remove cgroups without an end.
const MOST: usize = 4096;

/// A watch, as a removal sees it.
pub trait Watcher: Debug + Send + Sync {
    /// Whether the cgroup's directory is this one.
    fn is_at(&self, directory: &[u8]) -> bool;
    /// Reads the last counts. The cgroup is removed next.
    fn before_removal(&self);
    /// The cgroup was not removed.
    fn is_kept(&self);
}

/// One watch's place in the list of a parent directory.
#[derive(Debug)]
pub(super) struct Subscriber {
    name: Vec<u8>,
    /// Counts what was passed on.
    pub(super) passed_on: OwnedFd,
    crowded: AtomicBool,
    /// The watch has ended.
    ended: AtomicBool,
}

impl Subscriber {
    fn new(name: Vec<u8>) -> Result<Subscriber, Errno> {
        let passed_on = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (crowded, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Subscriber { name, passed_on, crowded, ended })
    }

    /// Whether a sibling may have been made since the subscription, or the cgroup once more.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    fn wake(&self) {
        // EAGAIN says that the counter is full, so the watch is awake.
        let _ = rustix::io::write(&self.passed_on, &1u64.to_ne_bytes());
    }
}

#[derive(Debug)]
struct Directory {
    number: i32,
    subscribers: Vec<Arc<Subscriber>>,
}

#[derive(Debug, Default)]
struct State {
    /// The process that added the first watch, if there was one. A forked child begins anew.
    owner: Option<Pid>,
    inotify: Option<Arc<OwnedFd>>,
    directories: Vec<Directory>,
    watchers: Vec<Weak<dyn Watcher>>,
}

impl State {
    fn forget_ended(&mut self) {
        let State { inotify, directories, .. } = self;
        directories.retain_mut(|directory| {
            directory.subscribers.retain(|known| !known.ended.load(Ordering::Relaxed));
            let keep = !directory.subscribers.is_empty();
            if let (Some(fd), false) = (&inotify, keep) {
                // EINVAL says that the directory itself is gone.
                let _ = inotify::remove_watch(&**fd, directory.number);
            }
            keep
        });
        if directories.is_empty() {
            *inotify = None;
        }
    }

    fn pass_on(&self) {
        let Some(fd) = &self.inotify else { return };
        let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
        let mut reader = Reader::new(&**fd, &mut buffer);
        for _ in 0..MOST {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(_) => break,
            };
            let lost = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            let made = event.events().contains(ReadFlags::CREATE);
            let name = event.file_name().map_or(&b""[..], |name| name.to_bytes());
            let of = |directory: &&Directory| lost || directory.number == event.wd();
            for subscriber in self.directories.iter().filter(of).flat_map(|d| &d.subscribers) {
                if lost || made {
                    subscriber.crowded.store(true, Ordering::Relaxed);
                }
                // An event without a name is of the parent itself.
                if lost || subscriber.name == name || name.is_empty() {
                    subscriber.wake();
                }
            }
        }
    }
}

/// What all watches of one host share.
#[derive(Debug, Default)]
pub struct Registry(Mutex<State>);

impl Registry {
    /// Locks. In the child of a fork the lock may be held by a thread that does not exist there;
    /// then this returns None.
    fn lock(&self) -> Option<MutexGuard<'_, State>> {
        for _ in 0..LOCK_ATTEMPTS {
            let mut state = match self.0.try_lock() {
                Ok(state) => state,
                Err(TryLockError::Poisoned(e)) => e.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
            };
            // The parent's descriptors are the same open files: reading them would take its
            // events, and rmdir(2) of the child's is somebody else's for the parent.
            if state.owner.is_some_and(|owner| owner != getpid()) {
                *state = State::default();
            }
            return Some(state);
        }
        None
    }

    /// Begins to tell of the removal of a cgroup. Returns the shared descriptor with the new
    /// subscription; None where there is no inotify, and for a hierarchy's root.
    pub(super) fn subscribe(&self, cgroup: Cgroup<'_>) -> Option<(Arc<OwnedFd>, Arc<Subscriber>)> {
        let parent = cgroup.parent()?;
        let name = cgroup.path().rsplit(|&b| b == b'/').next()?.to_vec();
        let directory = parent.open("", OFlags::PATH | OFlags::DIRECTORY).ok()?;
        let subscriber = Arc::new(Subscriber::new(name).ok()?);
        let mut state = self.lock()?;
        state.forget_ended();
        // What was told before this subscription is for the others.
        state.pass_on();
        let inotify = match &state.inotify {
            Some(inotify) => Arc::clone(inotify),
            None => {
                let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
                Arc::new(inotify::init(flags).ok()?)
            }
        };
        // inotify takes paths only. This one leads to the directory that was opened safely.
        let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
        let flags = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::ONLYDIR;
        // For a directory that is watched already, this returns the same number.
        let number = inotify::add_watch(&*inotify, path, flags).ok()?;
        state.owner = Some(getpid());
        state.inotify = Some(Arc::clone(&inotify));
        match state.directories.iter_mut().find(|known| known.number == number) {
            Some(known) => known.subscribers.push(Arc::clone(&subscriber)),
            None => {
                let subscribers = vec![Arc::clone(&subscriber)];
                state.directories.push(Directory { number, subscribers });
            }
        }
        Some((inotify, subscriber))
    }

    /// Ends a subscription, with the last of a directory its watch, and with the last of all the
    /// inotify instance.
    pub(super) fn unsubscribe(&self, subscriber: &Arc<Subscriber>) {
        subscriber.ended.store(true, Ordering::Relaxed);
        // If the lock is not to be had, the next call that has it does the work.
        if let Some(mut state) = self.lock() {
            state.forget_ended();
        }
    }

    /// Passes on what inotify has told. Returns false when the list was locked all the time.
    pub(super) fn pass_on(&self) -> bool {
        let Some(state) = self.lock() else { return false };
        state.pass_on();
        true
    }

    /// Adds a watch, for [`Registry::removing`].
    pub(super) fn add(&self, watcher: Weak<dyn Watcher>) {
        if let Some(mut state) = self.lock() {
            state.watchers.retain(|known| known.strong_count() > 0);
            state.watchers.push(watcher);
            state.owner = Some(getpid());
        }
    }

    /// Removes a cgroup by `rmdir`, after its watches have read the last counts. Then these are
    /// exact: the kernel removes no cgroup with processes.
    pub fn removing(
        &self,
        cgroup: Cgroup<'_>,
        rmdir: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let all: Vec<Arc<dyn Watcher>> = match self.lock() {
            Some(state) => state.watchers.iter().filter_map(Weak::upgrade).collect(),
            None => Vec::new(),
        };
        if all.is_empty() {
            return rmdir();
        }
        let directory = cgroup.absolute("");
        let here = || all.iter().filter(|watcher| watcher.is_at(&directory));
        here().for_each(|watcher| watcher.before_removal());
        let result = rmdir();
        if result.is_err() {
            here().for_each(|watcher| watcher.is_kept());
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel drops events when nobody reads them for long. Then each watch looks for itself.
    #[test]
    fn an_overflow_of_inotify_wakes_every_watch_and_leaves_doubt() {
        let directory = std::env::temp_dir().join(format!("katacg-overflow-{}", getpid()));
        std::fs::create_dir(&directory).unwrap();
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        let inotify = Arc::new(inotify::init(flags).unwrap());
        let number = inotify::add_watch(&*inotify, &directory, WatchFlags::MODIFY).unwrap();
        let far = Arc::new(Subscriber::new(b"far".to_vec()).unwrap());
        let subscribers = vec![Arc::clone(&far)];
        let directories = vec![Directory { number: number + 1, subscribers }];
        let state = State { inotify: Some(inotify), directories, ..State::default() };
        let woken = || rustix::io::read(&far.passed_on, &mut [0; 8]) == Ok(8);
        let files = ["a", "b"].map(|name| std::fs::File::create(directory.join(name)).unwrap());
        let write = |count: usize| {
            // Equal events in a row are one.
            for file in files.iter().cycle().take(count) {
                rustix::io::pwrite(file, b"x", 0).unwrap();
            }
        };
        write(10);
        state.pass_on();
        assert!(!woken() && !far.is_crowded(), "another directory's events");
        let most = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        write(most.trim().parse::<usize>().unwrap() + 10);
        // One call passes on a part.
        let lost = (0..100).any(|_| {
            state.pass_on();
            woken()
        });
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(lost && far.is_crowded());
    }

    /// A thread may be stopped for long while it holds the lock, such as by a quota of CPU time.
    #[test]
    fn a_watch_that_ends_while_the_list_is_locked_leaves_nothing() {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        let new = |name: &[u8]| Arc::new(Subscriber::new(name.to_vec()).unwrap());
        let (first, second) = (new(b"first"), new(b"second"));
        let directory = |number, one: &Arc<Subscriber>| {
            let subscribers = vec![Arc::clone(one)];
            Directory { number, subscribers }
        };
        let registry = Registry(Mutex::new(State {
            owner: Some(getpid()),
            inotify: Some(Arc::new(inotify::init(flags).unwrap())),
            directories: vec![directory(1, &first), directory(2, &second)],
            watchers: Vec::new(),
        }));
        let locked = registry.0.lock().unwrap();
        registry.unsubscribe(&first);
        assert_eq!(locked.directories.len(), 2);
        drop(locked);
        registry.unsubscribe(&second);
        let state = registry.0.lock().unwrap();
        assert!(state.directories.is_empty() && state.inotify.is_none());
        assert_eq!(Arc::strong_count(&first), 1);
    }
}
