// SPDX-License-Identifier: Apache-2.0

//! Freezes and thaws a cgroup, and reads its freezer state.

use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::cgroup::Cgroup;
use super::removal::removed_or;
use crate::error::{Code, Error, Result};
use crate::host::Version;
use crate::sys::write_all;

/// A cgroup's own freezer state, whatever the states of its ancestors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreezerState {
    /// Not frozen.
    Thawed,
    /// Asked to freeze; some tasks are not frozen yet.
    Freezing,
    /// Every task is frozen.
    Frozen,
}

/// Number of attempts after which v1 is thawed for a moment. A frozen task can block another one
/// for ever (runc#2774); a short thaw lets it go on.
const V1_THAW_EVERY: u64 = 50;
/// Pauses between two reads. v1 has no notification, so the state is read again and again.
const V1_FIRST: Duration = Duration::from_micros(25);
const V1_LATER: Duration = Duration::from_millis(5);

/// How long to wait for a notification before reading the files. v2 sends a notification when all
/// tasks are frozen, but none when another caller thaws the cgroup before that.
const V2_LOOK_EVERY: Duration = Duration::from_millis(20);

/// The open file that thaws a cgroup. It works even when no more files can be opened.
#[derive(Debug)]
pub struct Thaw {
    control: OwnedFd,
    version: Version,
}

impl Thaw {
    /// Thaws the cgroup.
    pub fn thaw(&self) -> std::result::Result<(), Errno> {
        let word: &[u8] = match self.version {
            Version::V1 => b"THAWED",
            Version::V2 => b"0",
        };
        write_all(&self.control, word)
    }
}

impl Cgroup<'_> {
    /// Freezes all tasks in the cgroup and below it. After the timeout, and after a failure, the
    /// cgroup is thawed. If another caller thaws the cgroup meanwhile, it is frozen again, as if
    /// that thaw had come first.
    pub fn freeze(&self, timeout: Duration) -> Result<Thaw> {
        let version = self.version();
        let now = Instant::now();
        // A timeout that the clock cannot hold becomes a day.
        let deadline = now.checked_add(timeout).unwrap_or(now + Duration::from_secs(86_400));
        let (file, flags) = match version {
            Version::V1 => ("freezer.state", OFlags::RDWR),
            Version::V2 => ("cgroup.freeze", OFlags::RDWR),
        };
        let control = self.open(file, flags).map_err(|e| {
            let error = Error::system("open", &self.absolute(file), e);
            let error = removed_or(*self, file, None, error);
            match e == Errno::NOENT && version == Version::V2 {
                true => error.advice("kernels before 5.2 have no v2 freezer"),
                false => error,
            }
        })?;
        let thaw = Thaw { control, version };
        let result = match version {
            Version::V1 => self.freeze_v1(&thaw, deadline),
            Version::V2 => self.freeze_v2(&thaw, deadline),
        };
        match result {
            Ok(()) => Ok(thaw),
            Err(e) => match thaw.thaw() {
                Ok(()) => Err(e),
                Err(thaw) => Err(e.advice(format!("and it could not be thawed: {thaw}"))),
            },
        }
    }

    /// Thaws the cgroup. Does not wait until the tasks run.
    pub fn thaw(&self) -> Result<()> {
        match self.version() {
            Version::V1 => self.write("freezer.state", b"THAWED"),
            Version::V2 => self.write("cgroup.freeze", b"0"),
        }
    }

    /// Returns the cgroup's own state.
    pub fn freezer_state(&self) -> Result<FreezerState> {
        let (asked, arrived) = match self.version() {
            Version::V1 => {
                // freezer.state includes the ancestors' state; this file does not.
                let own = self.read("freezer.self_freezing")?;
                (own.first() == Some(&b'1'), self.read("freezer.state")?.starts_with(b"FROZEN"))
            }
            Version::V2 => {
                let own = self.read("cgroup.freeze")?;
                let frozen = self.flat_keyed("cgroup.events", "frozen")? == Some(1);
                (own.first() == Some(&b'1'), frozen)
            }
        };
        Ok(match (asked, arrived) {
            (false, _) => FreezerState::Thawed,
            (true, false) => FreezerState::Freezing,
            (true, true) => FreezerState::Frozen,
        })
    }

    fn freeze_v1(&self, thaw: &Thaw, deadline: Instant) -> Result<()> {
        let write = |word: &[u8]| {
            let failed = |e| Error::write(&self.absolute("freezer.state"), word, e);
            write_all(&thaw.control, word).map_err(failed)
        };
        let mut thaws = 0;
        for attempt in 1u64.. {
            write(b"FROZEN")?;
            // Each read makes the kernel check the tasks again.
            let mut buffer = [0u8; 32];
            let length = rustix::io::pread(&thaw.control, &mut buffer, 0)
                .map_err(|e| Error::system("read", &self.absolute("freezer.state"), e))?;
            let state = buffer.get(..length).unwrap_or_default();
            if state.starts_with(b"FROZEN") {
                return Ok(());
            }
            let thawed = state.starts_with(b"THAWED");
            thaws += u64::from(thawed);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if thawed {
                continue;
            }
            if attempt % V1_THAW_EVERY == 0 {
                write(b"THAWED")?;
                std::thread::sleep(Duration::from_millis(10));
            } else {
                let pause = if attempt < V1_THAW_EVERY { V1_FIRST } else { V1_LATER };
                std::thread::sleep(pause.min(left));
            }
        }
        Err(self.not_frozen(thaws))
    }

    fn freeze_v2(&self, thaw: &Thaw, deadline: Instant) -> Result<()> {
        // cgroup.events is opened before the request, so that no notification is missed.
        let failed = |e: Errno| Error::system("open", &self.absolute("cgroup.events"), e);
        let events = self.open("cgroup.events", OFlags::RDONLY).map_err(failed)?;
        let write = || {
            write_all(&thaw.control, b"1")
                .map_err(|e| Error::write(&self.absolute("cgroup.freeze"), b"1", e))
        };
        write()?;
        let mut thaws = 0;
        loop {
            let mut buffer = [0u8; 256];
            let length = rustix::io::pread(&events, &mut buffer, 0)
                .map_err(|e| Error::system("read", &self.absolute("cgroup.events"), e))?;
            let text = buffer.get(..length).unwrap_or_default();
            if text.split(|&b| b == b'\n').any(|line| line == b"frozen 1") {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.not_frozen(thaws));
            }
            let left = left.min(V2_LOOK_EVERY);
            let wait = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            match poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&wait)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(Error::system("poll", &self.absolute("cgroup.events"), e)),
            }
            let mut asked = [0u8; 8];
            if rustix::io::pread(&thaw.control, &mut asked, 0).is_ok() && asked[0] == b'0' {
                thaws += 1;
                write()?;
            }
        }
    }

    fn not_frozen(&self, thaws: u64) -> Error {
        let path = self.absolute("");
        let error = Error::new(Code::Timeout, [b"unable to freeze ", &path[..]].concat());
        match thaws {
            0 => error.advice("a task did not stop in time; the cgroup was thawed"),
            _ => error.advice("other callers kept thawing the cgroup; it was thawed"),
        }
    }
}
