// SPDX-License-Identifier: Apache-2.0

//! Removes a cgroup and everything below it.

use std::time::{Duration, Instant};

use rustix::fs::{unlinkat, AtFlags};
use rustix::io::Errno;

use super::cgroup::Cgroup;
use super::walk::Descent;
use crate::bytes::{list_some, shorten};
use crate::error::{Code, Error, Result};

/// How long a removal waits. A killed process leaves its cgroup a moment after the signal.
pub const REMOVE_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest list of processes in a message.
const SHOWN_PIDS: usize = 60;

impl Cgroup<'_> {
    /// Removes the cgroup with its children, deepest first. A cgroup that does not exist counts as
    /// removed, also on a read-only mount. While processes are ending, tries again until
    /// `deadline`, and doubles the pause each time.
    ///
    /// Errors: processes are still inside at `deadline` ([`Code::Busy`]).
    pub fn remove(&self, deadline: Instant) -> Result<()> {
        self.remove_by(deadline, &|| self.rmdir())
    }

    /// Does what [`Cgroup::remove`] does, but removes the directory itself with `rmdir`.
    pub fn remove_by(
        &self,
        deadline: Instant,
        rmdir: &dyn Fn() -> std::result::Result<(), Errno>,
    ) -> Result<()> {
        if self.path().is_empty() {
            // All cgroups of the host are below the root. None of them may be removed.
            return Err(Error::system("rmdir", &self.absolute(""), Errno::BUSY));
        }
        // Other errors are judged below. On a read-only mount rmdir returns EROFS even for a
        // directory that does not exist (runc#4518).
        if let Ok(()) | Err(Errno::NOENT) = rmdir() {
            return Ok(());
        }
        let mut pause = Duration::from_millis(1);
        loop {
            // The children are listed each time: a process that is ending can still create one.
            let below = self.remove_below()?;
            let errno = match rmdir() {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(errno) => errno,
            };
            if errno == Errno::ROFS && !self.exists()? {
                return Ok(());
            }
            if errno != Errno::BUSY {
                return Err(self.not_removed(errno));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(below.unwrap_or_else(|| self.not_removed(errno)));
            }
            std::thread::sleep(pause.min(left));
            pause *= 2;
        }
    }

    /// Tries once to remove each cgroup below. A cgroup that is in use does not keep its siblings
    /// from being removed. Returns the error of the first cgroup in use.
    ///
    /// Errors: a cgroup could not be removed for a reason other than being in use.
    fn remove_below(&self) -> Result<Option<Error>> {
        let mut left = Left::default();
        let mut descent = Descent::new(*self)?;
        loop {
            if descent.next_child() {
                let Err(errno) = descent.current()?.rmdir() else { continue };
                match descent.enter() {
                    Ok(true) => {}
                    Ok(false) => left.note(descent.current()?, errno),
                    Err(e) => left.refused = left.refused.and(Err(e)),
                }
            } else if !descent.leave()? {
                return left.refused.map(|()| left.busy);
            } else if let Err(errno) = descent.current()?.rmdir() {
                left.note(descent.current()?, errno);
            }
        }
    }

    /// Tries once to remove the directory itself.
    pub fn rmdir(&self) -> std::result::Result<(), Errno> {
        if self.path().is_empty() {
            // The mountpoint itself must never be removed.
            return Err(Errno::BUSY);
        }
        let (base, path) = self.base_and_path();
        rustix::io::retry_on_intr(|| unlinkat(base, path, AtFlags::REMOVEDIR))
    }

    fn not_removed(&self, errno: Errno) -> Error {
        let error = Error::system("rmdir", &shorten(&self.absolute("")), errno);
        match errno {
            Errno::BUSY => error.with_code(Code::Busy).advice(self.what_is_left()),
            _ => error,
        }
    }

    fn what_is_left(&self) -> String {
        match self.read("cgroup.procs") {
            Ok(text) if !text.is_empty() => {
                let text = String::from_utf8_lossy(&text);
                let pids = list_some(text.split_whitespace(), SHOWN_PIDS);
                format!("processes are still inside: {pids}")
            }
            _ => "it still has children, or processes that are ending".to_owned(),
        }
    }
}

/// Cgroups that could not be removed.
struct Left {
    /// The error of the first cgroup in use.
    busy: Option<Error>,
    /// The first other error.
    refused: Result<()>,
}

impl Default for Left {
    fn default() -> Self {
        Left { busy: None, refused: Ok(()) }
    }
}

impl Left {
    fn note(&mut self, cgroup: Cgroup<'_>, errno: Errno) {
        match errno {
            Errno::NOENT => {}
            Errno::BUSY if self.busy.is_some() => {}
            Errno::BUSY => self.busy = Some(cgroup.not_removed(errno)),
            _ if self.refused.is_err() => {}
            _ => self.refused = Err(cgroup.not_removed(errno)),
        }
    }
}
