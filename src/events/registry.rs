// SPDX-License-Identifier: Apache-2.0

//! What all watches of one host share: one inotify instance on the parents of their cgroups, and a
//! list of the watches, so that a removal by this process can read the last counts first.
//!
//! rmdir(2) of a cgroup does not wake those that poll the cgroup's files. inotify on the parent
//! reports the removal. A user has only 128 inotify instances, so all watches of a host share one.
//! Each watch has the inotify descriptor in its epoll while its cgroup can be removed. The watch
//! that reads the descriptor first passes each event on to the eventfd of the watch that the event
//! is for. The eventfd keeps the event until that watch is read.

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

/// Attempts to lock, a millisecond apart.
const LOCK_ATTEMPTS: u32 = 100;
/// Most inotify events that one call passes on. Other programs can cause events without end.
const MOST: usize = 4096;

/// A watch, for the calls of this process that remove cgroups.
pub trait Watcher: Debug + Send + Sync {
    /// Returns whether the watch is of a cgroup with this directory.
    fn is_at(&self, directory: &[u8]) -> bool;
    /// Reads the last counts: this process is about to remove the cgroup.
    fn before_removal(&self);
    /// Notes that this process could not remove the cgroup.
    fn is_kept(&self);
}

/// One watch's entry in the list of a parent directory.
#[derive(Debug)]
pub(super) struct Subscriber {
    /// The name of the cgroup's directory.
    name: Vec<u8>,
    /// An eventfd that counts the events that were passed on.
    pub(super) passed_on: OwnedFd,
    /// See [`Subscriber::is_crowded`].
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

    /// Returns whether, since the subscription, another process may have made a sibling of the
    /// cgroup, or the cgroup itself again.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    fn wake(&self) {
        // EAGAIN: the counter is full, so the watch is awake already.
        let _ = rustix::io::write(&self.passed_on, &1u64.to_ne_bytes());
    }
}

/// A parent directory that inotify watches.
#[derive(Debug)]
struct Directory {
    /// inotify's number of the directory.
    number: i32,
    subscribers: Vec<Arc<Subscriber>>,
}

#[derive(Debug, Default)]
struct State {
    /// The process that added the last watch. A forked child starts with an empty state.
    owner: Option<Pid>,
    inotify: Option<Arc<OwnedFd>>,
    directories: Vec<Directory>,
    watchers: Vec<Weak<dyn Watcher>>,
}

impl State {
    /// Removes the entries of watches that have ended.
    fn forget_ended(&mut self) {
        let State { inotify, directories, .. } = self;
        directories.retain_mut(|directory| {
            directory.subscribers.retain(|known| !known.ended.load(Ordering::Relaxed));
            let keep = !directory.subscribers.is_empty();
            if let (Some(fd), false) = (&inotify, keep) {
                // EINVAL: the directory itself is gone.
                let _ = inotify::remove_watch(&**fd, directory.number);
            }
            keep
        });
        if directories.is_empty() {
            *inotify = None;
        }
    }

    /// Reads inotify's events, and signals the watches that they are for.
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
                // An event without a name is about the parent itself.
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
    /// Locks the state. Returns None if the lock stays held: in a forked child, the holder can be a
    /// thread that does not exist there.
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
            // A forked child shares the parent process's open files. Reading inotify here would
            // take events from the parent process. And to the watches of the parent process, an
            // rmdir(2) by the child is one of another process.
            if state.owner.is_some_and(|owner| owner != getpid()) {
                *state = State::default();
            }
            return Some(state);
        }
        None
    }

    /// Begins to report the removal of a cgroup. Returns the shared inotify descriptor and the new
    /// entry. Returns None where inotify cannot be used, and for a hierarchy's root.
    pub(super) fn subscribe(&self, cgroup: Cgroup<'_>) -> Option<(Arc<OwnedFd>, Arc<Subscriber>)> {
        let parent = cgroup.parent()?;
        let name = cgroup.path().rsplit(|&b| b == b'/').next()?.to_vec();
        let directory = parent.open("", OFlags::PATH | OFlags::DIRECTORY).ok()?;
        let subscriber = Arc::new(Subscriber::new(name).ok()?);
        let mut state = self.lock()?;
        state.forget_ended();
        // inotify events from before this subscription are for the other watches.
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

    /// Ends a subscription. The last one of a directory also ends inotify's watch of the directory,
    /// and the last one of all closes the inotify instance.
    pub(super) fn unsubscribe(&self, subscriber: &Arc<Subscriber>) {
        subscriber.ended.store(true, Ordering::Relaxed);
        // If the lock cannot be taken, the next call that takes it removes the entry.
        if let Some(mut state) = self.lock() {
            state.forget_ended();
        }
    }

    /// Passes inotify's events on. Returns false if the state stayed locked.
    pub(super) fn pass_on(&self) -> bool {
        let Some(state) = self.lock() else { return false };
        state.pass_on();
        true
    }

    /// Adds a watch to the list that [`Registry::removing`] uses.
    pub(super) fn add(&self, watcher: Weak<dyn Watcher>) {
        if let Some(mut state) = self.lock() {
            state.watchers.retain(|known| known.strong_count() > 0);
            state.watchers.push(watcher);
            state.owner = Some(getpid());
        }
    }

    /// Removes a cgroup by `rmdir`, after its watches have read the last counts. The counts are
    /// then exact, because the kernel removes no cgroup that has processes.
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

    /// The kernel drops inotify events that nobody reads for long. Then every watch is woken, and
    /// reads its files.
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
            // inotify merges equal events in a row, so the two files take turns.
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

    /// A thread that holds the lock may not run for long, for instance because of a CPU quota.
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
