// SPDX-License-Identifier: Apache-2.0

//! Reads the last counts of a removed cgroup from the parent's memory.events.
//!
//! The parent's counts include those of all descendants, and stay when one of them is removed. The
//! kernel counts a kill before it sends SIGKILL, so the count is final once the process has left.
//! They also include the parent's own events: an OOM at the parent's limit is not the child's, but
//! the kill is.

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;

use super::kind::{Kind, AT_LEAST, EXACT, MEMORY_EVENTS, OOM_KINDS, UNKNOWN};
use super::parse::{counts, keyed, Counts};
use super::tally::Tally;
use crate::cgroupfs::Cgroup;
use crate::sys::read_file;

/// Attempts to read the parent's file and the cgroup's own without an event in between.
const TRIES: usize = 3;

/// The parent's memory.events.
#[derive(Debug)]
pub(super) struct Parent {
    file: OwnedFd,
    /// memory.events.local (Linux 5.2): what happened at the parent's own limits, and to its own
    /// processes.
    local: Option<OwnedFd>,
    /// The parent's counts just before the last reading of all of the cgroup's own files.
    seen: Counts,
    /// If the cgroup was the parent's only child at first: what the parent had counted of former
    /// children.
    elsewhere: Option<Counts>,
}

impl Parent {
    /// Opens the parent's file. Returns None where the file cannot help: the parent is the
    /// hierarchy's root, which has no memory.events, or a mount has `memory_localevents`, with
    /// which the file does not count descendants.
    pub(super) fn open(cgroup: Cgroup<'_>) -> Option<Parent> {
        let parent = cgroup.parent()?;
        let file = parent.open("memory.events", OFlags::RDONLY).ok()?;
        if counts_locally() {
            return None;
        }
        let own = cgroup.open("memory.events", OFlags::RDONLY).ok()?;
        let local = parent.open("memory.events.local", OFlags::RDONLY).ok();
        let mut out = Parent { seen: read(&file)?, file, local, elsewhere: None };
        let is_only_child = match (descendants(parent), descendants(cgroup)) {
            (Some(all), Some(own)) => all == own + 1,
            _ => false,
        };
        if is_only_child {
            out.elsewhere = out.below(Some(&own));
        }
        Some(out)
    }

    /// Returns what the parent has counted of its descendants, less the counts of one of them.
    fn below(&self, own: Option<&OwnedFd>) -> Option<Counts> {
        let local = self.local.as_ref()?;
        for _ in 0..TRIES {
            let before = read(&self.file)?;
            let mut out = minus(before, read(local)?)?;
            if let Some(own) = own {
                out = minus(out, read(own)?)?;
            }
            if read(&self.file)? == before {
                return Some(out);
            }
        }
        None
    }

    /// Reads the parent's counts. The caller reads them before the cgroup's own.
    pub(super) fn read(&self) -> Option<Counts> {
        read(&self.file)
    }

    /// Notes the parent's counts that were read just before all of the cgroup's own files.
    pub(super) fn note(&mut self, counts: Option<Counts>) {
        if let Some(counts) = counts {
            self.seen = counts;
        }
    }

    /// Adds the last counts of the removed cgroup to the tally, if the parent's counts give them.
    /// Returns how sure the tally's counts are. `is_alone`: no sibling was made since
    /// [`Parent::open`].
    pub(super) fn judge(&self, is_alone: bool, tally: &mut Tally) -> u64 {
        let Some(now) = read(&self.file) else { return UNKNOWN };
        let elsewhere = self.elsewhere.filter(|_| is_alone);
        let own = elsewhere.and_then(|elsewhere| minus(self.below(None)?, elsewhere));
        if let Some(own) = own {
            for ((_, kind), count) in MEMORY_EVENTS.iter().zip(own) {
                if let Some(count) = count {
                    tally.count(*kind, count);
                }
            }
            return EXACT;
        }
        let is_oom = |kind: Kind| OOM_KINDS & kind.bit() != 0;
        let mut all = MEMORY_EVENTS.iter().zip(self.seen.iter().zip(&now));
        match all.any(|((_, kind), (before, now))| is_oom(*kind) && before != now) {
            // The OOM or kill may be a sibling's, or the parent's own.
            true => AT_LEAST,
            false => EXACT,
        }
    }
}

fn read(file: &OwnedFd) -> Option<Counts> {
    let mut buffer = [0u8; 1024];
    let length = rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut buffer, 0)).ok()?;
    // A text that fills the buffer may have been cut short at the end of a line.
    counts(buffer.get(..length).filter(|text| text.len() < buffer.len())?).ok()
}

/// Returns None when one of the texts has a key that the other has not.
fn minus(all: Counts, own: Counts) -> Option<Counts> {
    let mut out = all;
    for (count, own) in out.iter_mut().zip(own) {
        *count = match (*count, own) {
            (Some(count), Some(own)) => Some(count.saturating_sub(own)),
            (None, None) => None,
            _ => return None,
        };
    }
    Some(out)
}

fn descendants(cgroup: Cgroup<'_>) -> Option<u64> {
    keyed(&cgroup.read("cgroup.stat").ok()?, "nr_descendants").ok()?
}

/// Returns whether a cgroup2 mount has the option `memory_localevents`.
fn counts_locally() -> bool {
    let mounts = read_file("/proc/self/mountinfo").unwrap_or_default();
    memchr::memmem::find(&mounts, b"memory_localevents").is_some()
}
