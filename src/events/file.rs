// SPDX-License-Identifier: Apache-2.0

//! The files that events come from, and how each is read.

use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::event::{eventfd, EventfdFlags};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::kind::Kind;
use super::parse::{note, Garbled, Role};
use super::poller::{Poller, FILE, SIGNAL};
use super::tally::Tally;
use crate::cgroupfs::Cgroup;
use crate::error::{Error, Result};

/// v1 has counted the kill of an OOM by then. The report can be long, and a console slow.
const COUNT_LATE: Duration = Duration::from_secs(10);

/// The third word of a line of v1's cgroup.event_control, after the two descriptors.
#[derive(Clone, Copy, Debug)]
pub enum Argument {
    /// Nothing.
    None,
    /// A number of bytes.
    Bytes(u64),
    /// A level of memory.pressure_level, such as `low`, or with a mode `low,local`.
    Level(&'static str),
}

/// A file to watch, and how to watch it.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// The file's name.
    pub name: &'static str,
    /// What its text says.
    pub role: Role,
    /// False: the file must be read every 100 ms. True: the kernel wakes those that poll the file,
    /// or signals its eventfd, or [`Request::interval`](super::Request::interval) is for it.
    pub wakes: bool,
    /// v1: the kind whose events the kernel adds to an eventfd, and how to ask for that.
    pub eventfd: Option<(Kind, Argument)>,
}

/// A file of a cgroup.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The file.
    pub file: File,
    /// The cgroup.
    pub cgroup: Cgroup<'a>,
}

/// The result of reading a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The file was read.
    Read,
    /// The file could not be read this time, or its text is garbled.
    Failed,
    /// The file's cgroup was removed.
    Gone,
}

/// An open file.
#[derive(Debug)]
pub(super) struct Watch {
    fd: OwnedFd,
    pub(super) file: File,
    eventfd: Option<OwnedFd>,
    /// The eventfd's signals that were read after the cgroup was gone. One of them is the
    /// removal's.
    pub(super) late: u64,
    /// `late` after the first such reading. A signal after that reading is the removal's.
    first: Option<u64>,
    /// When the eventfd's last signal was read.
    signalled: Option<Instant>,
}

impl Watch {
    /// Opens a file and adds it, or its eventfd, to the epoll descriptor.
    pub(super) fn open(poller: &Poller, target: &Target<'_>) -> Result<Watch> {
        let Target { file, cgroup } = *target;
        let failed =
            |what: &'static str| move |e| Error::system(what, &cgroup.absolute(file.name), e);
        let fd = cgroup.open(file.name, OFlags::RDONLY).map_err(failed("open"))?;
        let Some((_, argument)) = file.eventfd else {
            if file.wakes {
                poller.add(&fd, EventFlags::PRI, FILE).map_err(failed("watch"))?;
            }
            return Ok(Watch { fd, file, eventfd: None, late: 0, first: None, signalled: None });
        };
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let signal = eventfd(0, flags).map_err(failed("create an eventfd for"))?;
        let numbers = (signal.as_raw_fd(), fd.as_raw_fd());
        let line = match argument {
            Argument::None => format!("{} {}", numbers.0, numbers.1),
            Argument::Bytes(bytes) => format!("{} {} {bytes}", numbers.0, numbers.1),
            Argument::Level(level) => format!("{} {} {level}", numbers.0, numbers.1),
        };
        cgroup.write("cgroup.event_control", line.as_bytes()).map_err(|e| {
            e.advice(format!("v1 tells events of {} only to who may write this file", file.name))
        })?;
        poller.add(&signal, EventFlags::IN, SIGNAL).map_err(failed("watch"))?;
        Ok(Watch { fd, file, eventfd: Some(signal), late: 0, first: None, signalled: None })
    }

    /// Removes the file from the epoll descriptor. Closing the file is not enough: a forked child
    /// may hold the same open file.
    pub(super) fn close(self, poller: &Poller) {
        poller.delete(self.eventfd.as_ref().unwrap_or(&self.fd));
    }

    /// Reads the file into the tally.
    pub(super) fn look(&mut self, tally: &mut Tally) -> Look {
        let mut buffer = [0u8; 1024];
        let read = match self.file.role {
            Role::Signal => Ok(0),
            _ => rustix::io::retry_on_intr(|| rustix::io::pread(&self.fd, &mut buffer, 0)),
        };
        // The signals are read after the file. If the file could be read, the signals are not the
        // removal's: the kernel sends that one at least 50 ms after the removal.
        self.take_signals(tally, read == Err(Errno::NODEV));
        match read {
            // A text that fills the buffer may have been cut short at the end of a line.
            Ok(length) if length < buffer.len() => {
                match note(self.file.role, buffer.get(..length).unwrap_or_default(), tally) {
                    Ok(()) => Look::Read,
                    Err(Garbled) => Look::Failed,
                }
            }
            Err(Errno::NODEV) => Look::Gone,
            _ => Look::Failed,
        }
    }

    /// Reads the eventfd. Its signals are events while the cgroup exists, and `late` afterwards.
    fn take_signals(&mut self, tally: &mut Tally, gone: bool) {
        let (Some(fd), Some((kind, _))) = (&self.eventfd, self.file.eventfd) else { return };
        let mut word = [0; 8];
        let read = rustix::io::read(fd, &mut word) == Ok(word.len());
        let signals = if read { u64::from_ne_bytes(word) } else { 0 };
        if gone {
            self.late = self.late.saturating_add(signals);
            self.first.get_or_insert(self.late);
        } else if signals > 0 {
            self.signalled = Some(Instant::now());
            tally.more(kind, signals);
        }
    }

    /// Returns whether the file's count may change without a wake. v1 signals an OOM before it
    /// counts the kill, and prints the report of the OOM in between.
    pub(super) fn is_count_late(&self) -> bool {
        matches!(self.file.role, Role::Counts(_))
            && self.signalled.is_some_and(|since| since.elapsed() < COUNT_LATE)
    }

    /// Returns whether signals were read after the cgroup was gone, and the removal's may be yet to
    /// come: then it is not known which of them are events.
    pub(super) fn is_unsure(&self) -> bool {
        self.late > 0 && self.first == Some(self.late)
    }

    /// Reads the eventfd of a file that cannot say by itself that its cgroup is gone.
    pub(super) fn note_gone(&mut self, tally: &mut Tally) {
        self.take_signals(tally, true);
    }
}
