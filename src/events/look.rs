// SPDX-License-Identifier: Apache-2.0

//! The open files of one watch, and the reading of all of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::event::Timespec;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::{
    timerfd_create, timerfd_settime, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags,
};

use super::file::{Look, Watch};
use super::kind::{Event, Kind, AT_LEAST, COUNTED_KINDS, EXACT, OOM_KINDS, UNKNOWN};
use super::members::Members;
use super::parent::Parent;
use super::parse::Role;
use super::poller::{Poller, PARENTS, TIMER};
use super::pressure::Pressure;
use super::registry::{Registry, Subscriber};
use super::request::Request;
use super::tally::Tally;
use crate::cgroupfs::interface_file::deleted_or;
use crate::error::{Error, Result};
use crate::sort::sort_by;

/// How often the timer has files read that wake nobody.
const LOOK: Duration = Duration::from_millis(100);
/// How long after a wake the files are read again. The kernel delays a wake that follows another
/// one of the same file within 10 ms.
const AGAIN: Duration = Duration::from_millis(20);
/// How long to wait for the removal's signal. v1 signals an eventfd 50 to 70 ms after the removal.
const LATE: Duration = Duration::from_millis(200);

/// Everything that is open for one watch, and what was read.
#[derive(Debug)]
pub(super) struct State {
    timer: OwnedFd,
    watches: Vec<Watch>,
    members: Option<Members>,
    pressure: Option<Pressure>,
    parent: Option<Parent>,
    /// The host's inotify descriptor, and this watch's entry in the host's list.
    inotify: Option<(Arc<OwnedFd>, Arc<Subscriber>)>,
    /// The inotify descriptor is in the epoll. It is not while the cgroup has processes: such a
    /// cgroup cannot be removed, and removals of other cgroups would wake this watch for nothing.
    is_listening: bool,
    /// Some file has an eventfd of v1, which the removal signals.
    has_signal: bool,
    /// See [`Request::interval`].
    interval: Option<Duration>,
    /// The kinds to report.
    kinds: u64,
    tally: Tally,
    /// When a reading first found that the cgroup is gone.
    gone: Option<Instant>,
    /// This process read all counts of the empty cgroup, and then removed it or is about to.
    ours: bool,
}

impl State {
    /// Opens all files of a watch.
    ///
    /// Errors: a file or descriptor cannot be opened; the cgroup does not exist.
    pub(super) fn open(
        poller: &Poller,
        request: &Request<'_>,
        inotify: Option<(Arc<OwnedFd>, Arc<Subscriber>)>,
    ) -> Result<State> {
        let failed = |what: &'static str| move |e| Error::system(what, b"for events", e);
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, flags).map_err(failed("create a timer"))?;
        poller.add(&timer, EventFlags::IN, TIMER).map_err(failed("watch a timer"))?;
        let mut watches = Vec::with_capacity(request.targets.len());
        for target in &request.targets {
            watches.push(Watch::open(poller, target).map_err(|e| deleted_or(target.cgroup, e))?);
        }
        // The files of the state are read first: counts that are read after the last process has
        // left are final. A file that is only for an eventfd comes last, because the other files
        // say whether the cgroup exists.
        let rank = |watch: &Watch| match watch.file.role {
            Role::State | Role::Populated => 0,
            Role::Signal => 2,
            _ => 1,
        };
        sort_by(&mut watches, |a, b| rank(a).cmp(&rank(b)));
        let is_told = request.kinds & Kind::Empty.bit() != 0;
        let members = request
            .members
            .map(|cgroup| Members::open(cgroup, is_told).map_err(|e| deleted_or(cgroup, e)));
        let pressure =
            request.trigger.map(|(cgroup, trigger)| Pressure::open(poller, cgroup, trigger));
        Ok(State {
            timer,
            has_signal: watches.iter().any(|watch| watch.file.eventfd.is_some()),
            watches,
            members: members.transpose()?,
            pressure: pressure.transpose()?,
            parent: request.memory.and_then(Parent::open),
            inotify,
            is_listening: false,
            interval: request.interval,
            kinds: request.kinds,
            tally: Tally::default(),
            gone: None,
            ours: false,
        })
    }

    /// Takes the wakes: empties the timer and the eventfds, and passes inotify's events on. Returns
    /// whether to read the files again soon: an interface file woke the watch, or the host's list
    /// stayed locked.
    pub(super) fn take_wakes(&mut self, poller: &Poller, registry: &Registry) -> bool {
        let mut soon = poller.is_woken_by_file(self.watches.len() + 8);
        let mut word = [0; 8];
        // How often the timer expired does not matter. EAGAIN: it has not expired.
        let _ = rustix::io::read(&self.timer, &mut word);
        soon |= self.is_listening && !registry.pass_on();
        if let Some((_, subscriber)) = &self.inotify {
            let _ = rustix::io::read(&subscriber.passed_on, &mut word);
        }
        soon
    }

    /// Reads all files. Returns whether all could be read, which means that the cgroup exists.
    pub(super) fn look(&mut self, poller: &Poller, registry: &Registry) -> bool {
        let whole = self.look_at_files(poller);
        if self.gone.is_some() && !self.tally.is_removed() {
            self.end(poller, registry);
        }
        whole
    }

    fn look_at_files(&mut self, poller: &Poller) -> bool {
        if self.tally.is_removed() {
            return false;
        }
        let State { watches, members, tally, pressure, parent, .. } = self;
        let seen = parent.as_ref().and_then(Parent::read);
        let (mut gone, mut whole) = (self.gone.is_some(), true);
        if let Some(members) = members {
            match members.look(poller) {
                Ok(populated) => tally.state(Some(populated), None),
                Err(Errno::NOENT | Errno::NODEV) => gone = true,
                Err(_) => whole = false,
            }
        }
        for watch in watches.iter_mut() {
            if gone && watch.file.role == Role::Signal {
                watch.note_gone(tally);
                continue;
            }
            match watch.look(tally) {
                Look::Read => {}
                Look::Failed => whole = false,
                Look::Gone => gone = true,
            }
        }
        if let Some(pressure) = pressure {
            pressure.look(tally);
        }
        if gone {
            self.gone.get_or_insert_with(Instant::now);
            return false;
        }
        if whole {
            tally.all_read();
            if let Some(parent) = parent {
                parent.note(seen);
            }
        }
        self.ours &= self.tally.populated == Some(false);
        whole
    }

    /// Reads the last counts: this process is about to remove the cgroup.
    pub(super) fn look_before_removal(&mut self, poller: &Poller) {
        let whole = self.look_at_files(poller);
        // On v1 and hybrid hosts, this removal may have removed the cgroup's other directories
        // already; `ours` stays as it was then.
        if self.gone.is_none() {
            self.ours = whole && self.tally.populated == Some(false);
        }
    }

    /// Notes that the removal by this process has failed.
    pub(super) fn is_kept(&mut self) {
        self.ours &= self.gone.is_some();
    }

    /// Notes the removal as an event, and closes the watch's files.
    ///
    /// On v1, one signal of each eventfd is the removal's. If an eventfd has signals and the
    /// removal's may be yet to come, a later reading decides, up to [`LATE`] after the first. On a
    /// busy machine the removal's signal can come even later: an OOM may then be taken for the
    /// removal, so the counts are not exact.
    fn end(&mut self, poller: &Poller, registry: &Registry) {
        let unsure = !self.ours && self.watches.iter().any(Watch::is_unsure);
        let waited = self.gone.is_some_and(|since| since.elapsed() >= LATE);
        if unsure && !waited {
            return;
        }
        let mut oom = unsure;
        for watch in &self.watches {
            if let Some((kind, _)) = watch.file.eventfd {
                let count = if self.ours { 0 } else { watch.late.saturating_sub(1) };
                self.tally.more(kind, count);
                oom |= count > 0 && kind == Kind::Oom;
            }
        }
        let certainty = self.certainty(oom, registry);
        self.tally.remove(certainty);
        self.close(poller, registry);
    }

    /// Returns how sure the counts of the removed cgroup are. `oom`: some signal may have been an
    /// OOM.
    fn certainty(&mut self, oom: bool, registry: &Registry) -> u64 {
        if self.ours || self.kinds & COUNTED_KINDS == 0 {
            return EXACT;
        }
        if let Some(parent) = &self.parent {
            // inotify's events so far say whether a sibling was made.
            registry.pass_on();
            let alone = self.inotify.as_ref().is_some_and(|(_, place)| !place.is_crowded());
            return parent.judge(alone, &mut self.tally);
        }
        let is_signalled = |watch: &Watch| matches!(watch.file.eventfd, Some((Kind::Oom, _)));
        let signalled = self.watches.iter().any(is_signalled) && self.kinds & OOM_KINDS != 0;
        match (signalled, oom) {
            // v1 signals every OOM. Without a signal, no process was killed after the last reading.
            (true, false) if self.tally.is_settled() => EXACT,
            (true, true) => AT_LEAST,
            _ => UNKNOWN,
        }
    }

    /// Closes the files. The files of a removed cgroup would wake for ever, and a new cgroup of the
    /// same name is another cgroup.
    fn close(&mut self, poller: &Poller, registry: &Registry) {
        self.stop_listening(poller);
        if let Some((_, subscriber)) = self.inotify.take() {
            poller.delete(&subscriber.passed_on);
            registry.unsubscribe(&subscriber);
        }
        for watch in self.watches.drain(..) {
            watch.close(poller);
        }
        if let Some(mut members) = self.members.take() {
            members.forget(poller);
        }
        if let Some(pressure) = self.pressure.take() {
            pressure.close(poller);
        }
        self.parent = None;
    }

    /// Fills `out` with events, and returns their number.
    pub(super) fn tell(&mut self, out: &mut [Option<Event>]) -> usize {
        let mut told = 0;
        for place in out.iter_mut() {
            let Some(event) = self.tally.take(self.kinds) else { break };
            *place = Some(event);
            told += 1;
        }
        told
    }

    /// Sets the timer: soon after a wake, regularly if some file wakes nobody, else off.
    pub(super) fn arm(&mut self, poller: &Poller, woken: bool) -> std::result::Result<(), Errno> {
        let removed = self.tally.is_removed();
        let may_go = !removed && self.tally.populated != Some(true);
        self.listen(poller, may_go);
        let lists = self.members.as_ref().is_some_and(|members| members.is_told);
        let dead = self.pressure.as_ref().is_some_and(|pressure| pressure.dead);
        let is_told = |kind: Kind| self.kinds & kind.bit() != 0;
        let is_late = |watch: &Watch| watch.is_count_late() && is_told(Kind::OomKill);
        let is_silent = |watch: &Watch| !watch.file.wakes || is_late(watch);
        let silent = lists || dead || self.watches.iter().any(is_silent);
        let unseen = may_go && !self.is_listening && !self.has_signal;
        let next = if self.tally.has_pending(self.kinds) {
            Some(Duration::from_nanos(1))
        } else if removed {
            None
        } else if woken || self.gone.is_some() {
            Some(AGAIN)
        } else {
            let regular = (silent || unseen).then_some(LOOK);
            regular.into_iter().chain(self.interval).min()
        };
        let next = next.unwrap_or_default();
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let seconds = i64::try_from(next.as_secs()).unwrap_or(i64::MAX);
        let once = Timespec { tv_sec: seconds, tv_nsec: next.subsec_nanos().into() };
        let times = Itimerspec { it_interval: none, it_value: once };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &times).map(drop)
    }

    /// Puts the inotify descriptor into the epoll while the cgroup can be removed.
    fn listen(&mut self, poller: &Poller, wanted: bool) {
        if !wanted {
            self.stop_listening(poller);
        } else if let (false, Some((inotify, _))) = (self.is_listening, &self.inotify) {
            // inotify events that have come already wake the watch at once.
            self.is_listening = poller.add(inotify, EventFlags::IN, PARENTS).is_ok();
        }
    }

    fn stop_listening(&mut self, poller: &Poller) {
        if let (true, Some((inotify, _))) = (self.is_listening, &self.inotify) {
            poller.delete(inotify);
        }
        self.is_listening = false;
    }
}
