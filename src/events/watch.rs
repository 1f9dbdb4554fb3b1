// SPDX-License-Identifier: Apache-2.0

//! The watch of one cgroup's events, which a caller holds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::event::epoll::EventFlags;
use rustix::fd::BorrowedFd;

use super::kind::Event;
use super::look::State;
use super::poller::{Poller, SIGNAL};
use super::registry::{Registry, Subscriber, Watcher};
use super::request::Request;
use crate::error::{Error, Result};
use crate::sort::sort;

/// A watch of one cgroup's events.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
    registry: Arc<Registry>,
    /// The watch's entry in the host's list.
    subscriber: Option<Arc<Subscriber>>,
}

/// The part of a watch that a removal by this process uses too.
#[derive(Debug)]
struct Shared {
    poller: Poller,
    /// The cgroup's directories.
    directories: Vec<Vec<u8>>,
    state: Mutex<State>,
}

impl Events {
    /// Opens the files and takes their counts as the start.
    ///
    /// Errors: a file cannot be opened or watched; the cgroup does not exist.
    pub fn open(registry: &Arc<Registry>, request: &Request<'_>) -> Result<Events> {
        let poller =
            Poller::new().map_err(|e| Error::system("create an epoll", b"for events", e))?;
        // The subscription comes first, so that no removal is missed.
        let subscription = request.removal.and_then(|cgroup| registry.subscribe(cgroup));
        let subscriber = subscription.as_ref().map(|(_, subscriber)| Arc::clone(subscriber));
        let opened = State::open(&poller, request, subscription).and_then(|mut state| {
            let failed = |e| Error::system("set up the wake", b"for events", e);
            if let Some(subscriber) = &subscriber {
                poller.add(&subscriber.passed_on, EventFlags::IN, SIGNAL).map_err(failed)?;
            }
            state.look(&poller, registry);
            state.arm(&poller, false).map_err(failed)?;
            Ok(state)
        });
        let state = match opened {
            Ok(state) => state,
            Err(e) => {
                if let Some(subscriber) = &subscriber {
                    registry.unsubscribe(subscriber);
                }
                return Err(e);
            }
        };
        let cgroups = request.targets.iter().map(|target| target.cgroup).chain(request.members);
        let mut directories: Vec<Vec<u8>> = cgroups.map(|cgroup| cgroup.absolute("")).collect();
        sort(&mut directories);
        directories.dedup();
        let shared = Arc::new(Shared { poller, directories, state: Mutex::new(state) });
        let watcher: Weak<Shared> = Arc::downgrade(&shared);
        registry.add(watcher);
        Ok(Events { shared, registry: Arc::clone(registry), subscriber })
    }

    /// Returns the descriptor, which is readable when there may be events.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.shared.poller.fd()
    }

    /// Fills `out` with the events since the last reading, and returns their number. Never waits.
    /// The next call reports the events that do not fit.
    ///
    /// Errors: the timer cannot be set.
    pub fn read(&mut self, out: &mut [Option<Event>]) -> Result<usize> {
        let Shared { poller, .. } = &*self.shared;
        let mut state = self.shared.lock();
        let woken = state.take_wakes(poller, &self.registry);
        state.look(poller, &self.registry);
        let told = state.tell(out);
        state
            .arm(poller, told > 0 || woken)
            .map_err(|e| Error::system("set a timer", b"for events", e))?;
        Ok(told)
    }
}

impl Drop for Events {
    /// Does not lock the watch's state: in a forked child, the holder of the lock can be a thread
    /// that does not exist there.
    fn drop(&mut self) {
        if let Some(subscriber) = &self.subscriber {
            self.registry.unsubscribe(subscriber);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // After a panic in another thread the state is still usable: no step leaves it half
        // changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher for Shared {
    fn is_at(&self, directory: &[u8]) -> bool {
        self.directories.iter().any(|own| own == directory)
    }

    fn before_removal(&self) {
        let mut state = self.lock();
        state.look_before_removal(&self.poller);
        // Without the timer a wake is lost, but no event.
        let _ = state.arm(&self.poller, false);
    }

    fn is_kept(&self) {
        self.lock().is_kept();
    }
}
