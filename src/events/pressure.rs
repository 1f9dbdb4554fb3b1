// SPDX-License-Identifier: Apache-2.0

//! Pressure: a trigger of pressure stall information (PSI), on v2.
//!
//! Kernel: accounting/psi.rst "Monitoring for pressure thresholds".

use rustix::event::epoll::EventFlags;
use rustix::event::PollFlags;
use rustix::fd::OwnedFd;
use rustix::fs::{openat, Mode, OFlags};
use rustix::io::Errno;

use super::aio::AsyncPoll;
use super::kind::Kind;
use super::parse::total;
use super::poller::{Poller, SIGNAL};
use super::tally::Tally;
use crate::cgroupfs::Cgroup;
use crate::error::{Code, Error, Result};
use crate::sys::write_all;

/// A trigger: tasks waited for `threshold` microseconds within `window` microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The file: `memory.pressure`, `cpu.pressure` or `io.pressure`.
    pub file: &'static str,
    /// True: the time in which all tasks waited counts. False: the time in which some task did.
    pub full: bool,
    /// Microseconds of waiting.
    pub threshold: u64,
    /// Microseconds of the window.
    pub window: u64,
}

impl Trigger {
    /// Returns the first word of the trigger, and of its line in the file.
    fn word(&self) -> &'static str {
        if self.full {
            "full"
        } else {
            "some"
        }
    }

    fn line(&self) -> String {
        format!("{} {} {}", self.word(), self.threshold, self.window)
    }
}

/// A trigger that is set.
#[derive(Debug)]
pub(super) struct Pressure {
    directory: OwnedFd,
    file: OwnedFd,
    poll: AsyncPoll,
    trigger: Trigger,
    /// The kernel has ended the trigger: the cgroup was removed, or pressure was turned off in it
    /// (cgroup.pressure, Linux 6.1). Turning it on again wakes nobody.
    pub(super) dead: bool,
}

impl Pressure {
    /// Sets a trigger and starts to poll it.
    pub(super) fn open(poller: &Poller, cgroup: Cgroup<'_>, trigger: Trigger) -> Result<Pressure> {
        let absolute = || cgroup.absolute(trigger.file);
        let failed = |what: &'static str| move |e| Error::system(what, &absolute(), e);
        let file = cgroup
            .open(trigger.file, OFlags::RDWR | OFlags::NONBLOCK)
            .map_err(failed("open"))
            .map_err(explain)?;
        let line = trigger.line();
        write_all(&file, line.as_bytes())
            .map_err(|e| Error::write(&absolute(), line.as_bytes(), e))
            .map_err(explain)?;
        let poll = AsyncPoll::new().map_err(failed("set up an asynchronous poll (io_setup) of"))?;
        poll.start(&file).map_err(failed("poll (io_submit)"))?;
        poller.add(&poll.signal, EventFlags::IN, SIGNAL).map_err(failed("watch"))?;
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let directory = cgroup.open("", flags).map_err(failed("open the directory of"))?;
        Ok(Pressure { directory, file, poll, trigger, dead: false })
    }

    /// Notes an event of the trigger, if there is one, and polls for the next.
    pub(super) fn look(&mut self, tally: &mut Tally) {
        if self.dead {
            self.dead = self.set_again().is_err();
            return;
        }
        let Some(bits) = self.poll.take() else { return };
        self.dead = bits.contains(PollFlags::ERR);
        if self.dead {
            return;
        }
        tally.more(Kind::Pressure, 1);
        if let Some(total) = self.total() {
            tally.level(Kind::Pressure, total);
        }
        self.dead = self.poll.start(&self.file).is_err();
    }

    /// Sets the trigger once more, in a file that is opened anew: the old one stays dead.
    fn set_again(&mut self) -> std::result::Result<(), Errno> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = openat(&self.directory, self.trigger.file, flags, Mode::empty())?;
        write_all(&file, self.trigger.line().as_bytes())?;
        self.poll.start(&file)?;
        self.file = file;
        Ok(())
    }

    /// Ends the trigger.
    pub(super) fn close(self, poller: &Poller) {
        poller.delete(&self.poll.signal);
    }

    /// Returns the microseconds of waiting since the cgroup was made.
    fn total(&self) -> Option<u64> {
        let mut buffer = [0u8; 512];
        let length =
            rustix::io::retry_on_intr(|| rustix::io::pread(&self.file, &mut buffer, 0)).ok()?;
        total(buffer.get(..length)?, self.trigger.word())
    }
}

/// Adds advice to an error of opening the file or setting the trigger.
fn explain(error: Error) -> Error {
    let off = "pressure stall information is off: boot with psi=1 and without \
               cgroup_disable=pressure, and write 1 to the cgroup's cgroup.pressure";
    match error.sys_errno() {
        Some(Errno::OPNOTSUPP | Errno::NOENT) => error.with_code(Code::Unsupported).advice(off),
        Some(Errno::ACCESS | Errno::PERM) => {
            error.advice("only the cgroup's owner may set a pressure trigger")
        }
        Some(Errno::ROFS) => error.advice("a pressure trigger is a write to this file"),
        Some(Errno::INVAL) => error.advice(
            "the threshold must be less than the window; without CAP_SYS_RESOURCE the window must \
             be 2000000, 4000000, 6000000, 8000000 or 10000000; with it, at least 500000 before \
             Linux 6.5, and at most 10000000",
        ),
        _ => error,
    }
}
