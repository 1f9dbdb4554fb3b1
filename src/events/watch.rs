// SPDX-License-Identifier: Apache-2.0

//! The descriptors behind one cgroup's events.

use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{eventfd, EventfdFlags, Timespec};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::time::{
    timerfd_create, timerfd_settime, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags,
};

use super::kind::{Event, Kind};
use super::tally::Tally;
use crate::cgroupfs::interface_file::deleted_or;
use crate::cgroupfs::Cgroup;
use crate::error::{Error, Result};

/// How often is looked at what wakes nobody.
const LOOK: Duration = Duration::from_millis(100);
/// The kernel holds a wake back for 10 ms after another one of the same file.
const AGAIN: Duration = Duration::from_millis(20);

/// What woke the epoll descriptor.
const TIMER: u64 = 0;
const FILE: u64 = 1;
const SIGNAL: u64 = 2;

/// What a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `populated` and `frozen` of cgroup.events.
    State,
    /// `populated` alone: on a hybrid host v1 freezes.
    Populated,
    /// Counts by key.
    Counts(&'static [(&'static str, Kind)]),
    /// v1's freezer.state.
    FreezerState,
}

/// A file to watch: its name and how.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// The name.
    pub name: &'static str,
    /// What it says.
    pub role: Role,
    /// The kernel wakes who polls it.
    pub wakes: bool,
    /// v1: it takes an eventfd, which counts this kind.
    pub eventfd: Option<Kind>,
}

/// A file of a cgroup.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The file.
    pub file: File,
    /// The cgroup.
    pub cgroup: Cgroup<'a>,
}

#[derive(Debug)]
struct Watch {
    fd: OwnedFd,
    file: File,
    eventfd: Option<OwnedFd>,
}

/// One cgroup's events.
#[derive(Debug)]
pub struct Events {
    epoll: OwnedFd,
    timer: OwnedFd,
    watches: Vec<Watch>,
    kinds: u64,
    tally: Tally,
}

impl Events {
    /// Opens the files and begins to count. `kinds` are those to tell.
    ///
    /// Errors: a file cannot be opened or watched; the cgroup does not exist.
    pub fn open(kinds: u64, targets: &[Target<'_>]) -> Result<Events> {
        let failed = |what: &'static str| move |e| Error::system(what, b"for events", e);
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(failed("create an epoll"))?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, flags).map_err(failed("create a timer"))?;
        add(&epoll, &timer, EventFlags::IN, TIMER).map_err(failed("watch a timer"))?;
        let mut watches = Vec::new();
        for target in targets {
            let watch = watch(&epoll, target).map_err(|e| deleted_or(target.cgroup, e))?;
            watches.push(watch);
        }
        let mut out = Events { epoll, timer, watches, kinds, tally: Tally::default() };
        out.look();
        out.arm(false).map_err(failed("set a timer"))?;
        Ok(out)
    }

    /// The descriptor that is readable when there may be something to read.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Fills `out` with what happened since the last reading; returns how many events there are.
    /// Never waits. What does not fit is told next time.
    ///
    /// Errors: the timer cannot be set.
    pub fn read(&mut self, out: &mut [Option<Event>]) -> Result<usize> {
        let woken = self.is_woken();
        let mut word = [0; 8];
        // How often it expired does not matter; EAGAIN says that it has not.
        let _ = rustix::io::read(&self.timer, &mut word);
        if !self.tally.is_removed() {
            self.look();
        }
        if self.tally.is_removed() {
            // The old files wake for ever, and say nothing more.
            self.watches.clear();
        }
        let mut told = 0;
        for place in out.iter_mut() {
            let Some(event) = self.tally.take(self.kinds) else { break };
            *place = Some(event);
            told += 1;
        }
        let failed = |e| Error::system("set a timer", b"for events", e);
        self.arm(told > 0 || woken).map_err(failed)?;
        Ok(told)
    }

    /// Whether a file, and not only the timer, woke the descriptor.
    fn is_woken(&self) -> bool {
        let mut list = Vec::with_capacity(self.watches.len() + 1);
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let room = rustix::buffer::spare_capacity(&mut list);
        let found = epoll::wait(&self.epoll, room, Some(&now));
        found.is_ok() && list.iter().any(|event: &epoll::Event| event.data.u64() == FILE)
    }

    /// Reads every file. The state comes first: counts that are read after the last process has
    /// gone are final.
    fn look(&mut self) {
        let Events { watches, tally, .. } = self;
        let mut whole = true;
        let is_state = |watch: &&Watch| matches!(watch.file.role, Role::State | Role::Populated);
        let states = watches.iter().filter(is_state);
        let others = watches.iter().filter(|watch| !is_state(watch));
        for watch in states.chain(others) {
            whole &= look_at(watch, tally);
        }
        // A removal is told by the files; the eventfd's last signal is not an event.
        if tally.is_removed() {
            return;
        }
        if whole {
            tally.all_read();
        }
    }

    /// Sets the timer: soon when something woke, or regularly when something does not wake.
    fn arm(&self, woken: bool) -> std::result::Result<(), Errno> {
        let silent = self.watches.iter().any(|watch| !watch.file.wakes);
        let may_go = self.tally.populated != Some(true);
        let next = if self.tally.has_pending(self.kinds) {
            Duration::from_nanos(1)
        } else if self.tally.is_removed() {
            Duration::ZERO
        } else if woken {
            AGAIN
        } else if silent || may_go {
            LOOK
        } else {
            Duration::ZERO
        };
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Timespec { tv_sec: 0, tv_nsec: next.subsec_nanos().into() };
        let times = Itimerspec { it_interval: none, it_value: once };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &times).map(drop)
    }
}

fn add(
    epoll: &OwnedFd,
    fd: &OwnedFd,
    flags: EventFlags,
    what: u64,
) -> std::result::Result<(), Errno> {
    epoll::add(epoll, fd, EventData::new_u64(what), flags)
}

fn watch(epoll: &OwnedFd, target: &Target<'_>) -> Result<Watch> {
    let Target { file, cgroup } = *target;
    let failed = |what: &'static str| move |e| Error::system(what, &cgroup.absolute(file.name), e);
    let fd = cgroup.open(file.name, OFlags::RDONLY).map_err(failed("open"))?;
    if file.wakes && file.eventfd.is_none() {
        add(epoll, &fd, EventFlags::PRI, FILE).map_err(failed("watch"))?;
    }
    let mut signal = None;
    if file.eventfd.is_some() {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let made = eventfd(0, flags).map_err(failed("create an eventfd for"))?;
        let line = format!("{} {}", made.as_raw_fd(), fd.as_raw_fd());
        cgroup.write("cgroup.event_control", line.as_bytes())?;
        add(epoll, &made, EventFlags::IN, SIGNAL).map_err(failed("watch"))?;
        signal = Some(made);
    }
    Ok(Watch { fd, file, eventfd: signal })
}

/// Reads one file into the tally. Returns whether it could be read.
fn look_at(watch: &Watch, tally: &mut Tally) -> bool {
    let mut word = [0; 8];
    let signals = match &watch.eventfd {
        Some(fd) if rustix::io::read(fd, &mut word).is_ok() => u64::from_ne_bytes(word),
        _ => 0,
    };
    let mut buffer = [0u8; 1024];
    let read = rustix::io::retry_on_intr(|| rustix::io::pread(&watch.fd, &mut buffer, 0));
    // The removal of the cgroup signals once, too.
    let own = signals.saturating_sub(u64::from(read == Err(Errno::NODEV)));
    if let Some(kind) = watch.file.eventfd {
        tally.more(kind, own);
    }
    let length = match read {
        Ok(length) => length,
        Err(Errno::NODEV) => {
            if own > 0 {
                tally.unsettle();
            }
            tally.remove();
            return false;
        }
        Err(_) => return false,
    };
    let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
    let number = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse::<u64>().ok())
    };
    match watch.file.role {
        Role::State => {
            let flag = |key| number(key).map(|value| value != 0);
            tally.state(flag("populated"), flag("frozen"));
        }
        Role::Populated => tally.state(number("populated").map(|value| value != 0), None),
        Role::FreezerState => match text.trim() {
            "FROZEN" => tally.state(None, Some(true)),
            "THAWED" => tally.state(None, Some(false)),
            _ => {}
        },
        Role::Counts(keys) => {
            for (key, kind) in keys {
                if let Some(value) = number(key) {
                    tally.count(*kind, value);
                }
            }
        }
    }
    true
}
