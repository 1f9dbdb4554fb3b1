// SPDX-License-Identifier: Apache-2.0

//! What is known of the counts, and what has not been told yet. Pure.

use super::kind::{Event, Kind, AT_LEAST, EXACT, KINDS, ORDER};

/// Counts as they were read last, and events to be told.
#[derive(Debug, Default)]
pub struct Tally {
    last: [Option<u64>; KINDS],
    pending: [u64; KINDS],
    /// The last state of the cgroup that was read.
    pub populated: Option<bool>,
    frozen: Option<bool>,
    /// The counts were read after the last process had gone.
    settled: bool,
    removed: bool,
}

impl Tally {
    /// Notes a count of the kernel's. The first one is where counting begins.
    pub fn count(&mut self, kind: Kind, now: u64) {
        let index = kind as usize;
        let (Some(last), Some(pending)) = (self.last.get_mut(index), self.pending.get_mut(index))
        else {
            return;
        };
        if let Some(before) = *last {
            *pending = pending.saturating_add(now.saturating_sub(before));
        }
        *last = Some(now);
    }

    /// Notes that something happened some more times.
    pub fn more(&mut self, kind: Kind, times: u64) {
        if let Some(pending) = self.pending.get_mut(kind as usize) {
            *pending = pending.saturating_add(times);
        }
    }

    /// Notes the state of the cgroup.
    pub fn state(&mut self, populated: Option<bool>, frozen: Option<bool>) {
        if self.populated == Some(true) && populated == Some(false) {
            self.more(Kind::Empty, 1);
        }
        match (self.frozen, frozen) {
            (Some(false), Some(true)) => self.more(Kind::Frozen, 1),
            (Some(true), Some(false)) => self.more(Kind::Thawed, 1),
            _ => {}
        }
        self.populated = populated.or(self.populated);
        self.frozen = frozen.or(self.frozen);
        // Still empty: the counts have not changed.
        self.settled &= populated != Some(true);
    }

    /// Notes that every count was read, after the state.
    pub fn all_read(&mut self) {
        self.settled = self.populated == Some(false);
    }

    /// Notes that a count may have grown since it was read.
    pub fn unsettle(&mut self) {
        self.settled = false;
    }

    /// Notes that the cgroup is gone. It was empty before, whether or not that was seen.
    pub fn remove(&mut self) {
        if !self.removed {
            self.removed = true;
            if self.populated == Some(true) {
                self.more(Kind::Empty, 1);
            }
            self.more(Kind::Removed, 1);
        }
    }

    /// Whether the cgroup is gone.
    pub fn is_removed(&self) -> bool {
        self.removed
    }

    /// Whether there is something to tell.
    pub fn has_pending(&self, kinds: u64) -> bool {
        ORDER.iter().any(|&kind| kinds & kind.bit() != 0 && self.pending_of(kind) != 0)
    }

    fn pending_of(&self, kind: Kind) -> u64 {
        self.pending.get(kind as usize).copied().unwrap_or(0)
    }

    /// Takes the next event of these kinds.
    pub fn take(&mut self, kinds: u64) -> Option<Event> {
        let of = |kind: &&Kind| kinds & kind.bit() != 0 && self.pending_of(**kind) != 0;
        let kind = *ORDER.iter().find(of)?;
        let count = self.pending_of(kind);
        if let Some(pending) = self.pending.get_mut(kind as usize) {
            *pending = 0;
        }
        let whole = self.last.get(kind as usize).copied().flatten().unwrap_or(0);
        let value = match kind {
            Kind::Removed if self.settled => EXACT,
            Kind::Removed => AT_LEAST,
            _ => whole,
        };
        Some(Event { kind, count, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = u64::MAX;

    #[test]
    fn counting_begins_at_the_first_reading() {
        let mut tally = Tally::default();
        tally.count(Kind::OomKill, 7);
        assert_eq!(tally.take(ALL), None);
        tally.count(Kind::OomKill, 9);
        tally.count(Kind::OomKill, 12);
        let event = Event { kind: Kind::OomKill, count: 5, value: 12 };
        assert_eq!(tally.take(ALL), Some(event));
        assert_eq!(tally.take(ALL), None);
    }

    #[test]
    fn a_kind_that_was_not_asked_for_is_not_told() {
        let mut tally = Tally::default();
        tally.more(Kind::Oom, 1);
        assert!(!tally.has_pending(Kind::OomKill.bit()));
        assert_eq!(tally.take(Kind::OomKill.bit()), None);
        assert!(tally.has_pending(Kind::Oom.bit()));
    }

    #[test]
    fn a_removal_is_exact_only_if_the_counts_were_read_when_nobody_was_left() {
        for (populated, read, wanted) in
            [(false, true, EXACT), (true, true, AT_LEAST), (false, false, AT_LEAST)]
        {
            let mut tally = Tally::default();
            tally.state(Some(populated), Some(false));
            if read {
                tally.all_read();
            }
            tally.remove();
            tally.remove();
            let events: Vec<Event> = std::iter::from_fn(|| tally.take(ALL)).collect();
            let last = Event { kind: Kind::Removed, count: 1, value: wanted };
            assert_eq!(events.last(), Some(&last));
            // A cgroup with processes cannot be removed: it was empty in between.
            assert_eq!(events.len(), if populated { 2 } else { 1 });
        }
    }

    #[test]
    fn transitions_are_told_and_states_are_not() {
        let mut tally = Tally::default();
        for (populated, frozen) in [(true, false), (true, true), (true, true), (false, false)] {
            tally.state(Some(populated), Some(frozen));
        }
        let kinds: Vec<Kind> = std::iter::from_fn(|| tally.take(ALL)).map(|e| e.kind).collect();
        assert_eq!(kinds, [Kind::Frozen, Kind::Thawed, Kind::Empty]);
    }
}
