// SPDX-License-Identifier: Apache-2.0

//! What the parent's memory.events says of a cgroup that is gone.
//!
//! The file counts what happens in all descendants, and stays when one of them is removed. The
//! kernel counts a kill before it sends SIGKILL, so the count is final when the process has left.

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;

use super::file::number;
use super::kind::{Kind, AT_LEAST, EXACT, MEMORY_EVENTS, OOM_KINDS, UNKNOWN};
use super::tally::Tally;
use crate::cgroupfs::Cgroup;
use crate::sys::read_file;

const COUNTS: usize = MEMORY_EVENTS.len();
/// Attempts to read both files without an event in between.
const TRIES: usize = 3;

/// Counts in the order of [`MEMORY_EVENTS`].
pub(super) type Counts = [u64; COUNTS];

/// The parent's memory.events.
#[derive(Debug)]
pub(super) struct Parent {
    file: OwnedFd,
    /// The counts before the last whole reading of the cgroup's own files.
    seen: Counts,
    /// The cgroup was the only child when it was first read: what the parent had counted elsewhere
    /// and before.
    elsewhere: Option<Counts>,
}

impl Parent {
    /// Opens the parent's file. None where it cannot tell: the parent is the hierarchy's root,
    /// which has no such file, or the mount counts no descendants.
    pub(super) fn open(cgroup: Cgroup<'_>) -> Option<Parent> {
        let parent = cgroup.parent()?;
        let file = parent.open("memory.events", OFlags::RDONLY).ok()?;
        if counts_locally() {
            return None;
        }
        let own = cgroup.open("memory.events", OFlags::RDONLY).ok()?;
        let mut out = Parent { seen: read(&file)?, file, elsewhere: None };
        let is_only_child = match (descendants(parent), descendants(cgroup)) {
            (Some(all), Some(own)) => all == own + 1,
            _ => false,
        };
        for _ in 0..TRIES {
            let (before, counts, after) = (read(&out.file)?, read(&own)?, read(&out.file)?);
            if is_only_child && before == after {
                out.elsewhere = Some(minus(before, counts));
                break;
            }
        }
        Some(out)
    }

    /// Returns the parent's counts. They must be read before the cgroup's own.
    pub(super) fn read(&self) -> Option<Counts> {
        read(&self.file)
    }

    /// Notes counts of the parent that the cgroup's own files, which were read since, go with.
    pub(super) fn note(&mut self, counts: Option<Counts>) {
        if let Some(counts) = counts {
            self.seen = counts;
        }
    }

    /// Adds to the tally what the parent alone knows of the cgroup that is gone. Returns how sure
    /// the counts are then. `is_alone`: no sibling was made since [`Parent::open`].
    pub(super) fn judge(&self, is_alone: bool, tally: &mut Tally) -> u64 {
        let Some(now) = read(&self.file) else { return UNKNOWN };
        if let Some(elsewhere) = self.elsewhere.filter(|_| is_alone) {
            for ((_, kind), count) in MEMORY_EVENTS.iter().zip(minus(now, elsewhere)) {
                let known = tally.last(*kind).unwrap_or(0);
                tally.count(*kind, count.max(known));
            }
            return EXACT;
        }
        let is_oom = |kind: Kind| OOM_KINDS & kind.bit() != 0;
        let mut all = MEMORY_EVENTS.iter().zip(self.seen.iter().zip(&now));
        match all.any(|((_, kind), (before, now))| is_oom(*kind) && before != now) {
            // It may have been a sibling.
            true => AT_LEAST,
            false => EXACT,
        }
    }
}

fn read(file: &OwnedFd) -> Option<Counts> {
    let mut buffer = [0u8; 1024];
    let length = rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut buffer, 0)).ok()?;
    let text = String::from_utf8_lossy(buffer.get(..length)?);
    let mut out = [0; COUNTS];
    for (place, (key, _)) in out.iter_mut().zip(MEMORY_EVENTS) {
        // Old kernels do not have every key.
        *place = number(&text, key).unwrap_or(0);
    }
    Some(out)
}

fn minus(mut all: Counts, own: Counts) -> Counts {
    for (count, own) in all.iter_mut().zip(own) {
        *count = count.saturating_sub(own);
    }
    all
}

fn descendants(cgroup: Cgroup<'_>) -> Option<u64> {
    let text = cgroup.read("cgroup.stat").ok()?;
    number(&String::from_utf8_lossy(&text), "nr_descendants")
}

/// Whether a cgroup2 mount has the option `memory_localevents`.
fn counts_locally() -> bool {
    let mounts = read_file("/proc/self/mountinfo").unwrap_or_default();
    memchr::memmem::find(&mounts, b"memory_localevents").is_some()
}
