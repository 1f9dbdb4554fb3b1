// SPDX-License-Identifier: Apache-2.0

//! The counts that were read last, and the events that have not been reported yet. Pure.

use super::kind::{Event, Kind, KINDS, ORDER};

/// The counts that were read last, and the events to report.
#[derive(Debug, Default)]
pub struct Tally {
    /// The kernel's count of each kind, as read last.
    last: [Option<u64>; KINDS],
    /// How often each kind happened since it was reported last.
    pending: [u64; KINDS],
    /// The value to report for kinds without a count of the kernel's: pressure and threshold.
    levels: [u64; KINDS],
    /// Whether memory use was at or above the threshold at the last reading.
    above: Option<bool>,
    /// Whether the cgroup had processes at the last reading.
    pub populated: Option<bool>,
    /// Whether the cgroup was frozen at the last reading.
    frozen: Option<bool>,
    /// The counts were read after the last process had left.
    settled: bool,
    /// Once the cgroup is gone: how sure the counts are.
    removed: Option<u64>,
}

impl Tally {
    /// Notes a count of the kernel's. The first count of a kind is the start, and no event. The
    /// kernel's counts never fall, so a smaller one changes nothing.
    pub fn count(&mut self, kind: Kind, now: u64) {
        let index = kind as usize;
        let (Some(last), Some(pending)) = (self.last.get_mut(index), self.pending.get_mut(index))
        else {
            return;
        };
        let before = last.unwrap_or(now);
        *pending = pending.saturating_add(now.saturating_sub(before));
        *last = Some(now.max(before));
    }

    /// Notes that a kind happened `times` more.
    pub fn more(&mut self, kind: Kind, times: u64) {
        if let Some(pending) = self.pending.get_mut(kind as usize) {
            *pending = pending.saturating_add(times);
        }
    }

    /// Notes whether the cgroup has processes and whether it is frozen. None: not read.
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
        // A cgroup that is still empty stays settled: without processes the counts do not change.
        self.settled &= populated != Some(true);
    }

    /// Notes that all counts were read, after the state was.
    pub fn all_read(&mut self) {
        self.settled = self.populated == Some(false);
    }

    /// Returns whether all counts were read after the last process had left.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Notes the value to report with an event of this kind.
    pub fn level(&mut self, kind: Kind, now: u64) {
        if let Some(level) = self.levels.get_mut(kind as usize) {
            *level = now;
        }
    }

    /// Notes on which side of the threshold memory use is. A change of the side is an event.
    pub fn side(&mut self, above: bool) {
        if self.above.is_some_and(|before| before != above) {
            self.more(Kind::Threshold, 1);
        }
        self.above = Some(above);
    }

    /// Returns the kernel's count that was read last.
    pub fn last(&self, kind: Kind) -> Option<u64> {
        self.last.get(kind as usize).copied().flatten()
    }

    /// Notes that the cgroup is gone, and how sure its counts are. The kernel removes empty cgroups
    /// only, so the cgroup became empty even if no reading saw that.
    pub fn remove(&mut self, certainty: u64) {
        if self.removed.is_none() {
            self.removed = Some(certainty);
            if self.populated == Some(true) {
                self.more(Kind::Empty, 1);
            }
            self.more(Kind::Removed, 1);
        }
    }

    /// Returns whether the cgroup is gone.
    pub fn is_removed(&self) -> bool {
        self.removed.is_some()
    }

    /// Returns whether there is an event of these kinds to report.
    pub fn has_pending(&self, kinds: u64) -> bool {
        ORDER.iter().any(|&kind| kinds & kind.bit() != 0 && self.pending_of(kind) != 0)
    }

    fn pending_of(&self, kind: Kind) -> u64 {
        self.pending.get(kind as usize).copied().unwrap_or(0)
    }

    /// Takes the next event of these kinds, in the order of [`ORDER`].
    pub fn take(&mut self, kinds: u64) -> Option<Event> {
        let of = |kind: &&Kind| kinds & kind.bit() != 0 && self.pending_of(**kind) != 0;
        let kind = *ORDER.iter().find(of)?;
        let count = self.pending_of(kind);
        if let Some(pending) = self.pending.get_mut(kind as usize) {
            *pending = 0;
        }
        let level = self.levels.get(kind as usize).copied().unwrap_or(0);
        let value = match kind {
            Kind::Removed => self.removed.unwrap_or(0),
            Kind::Pressure | Kind::Threshold => level,
            _ => self.last(kind).unwrap_or(0),
        };
        Some(Event { kind, count, value })
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::{AT_LEAST, EXACT};
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
    fn counts_are_settled_when_they_were_read_after_the_last_process_had_gone() {
        for (populated, read, wanted) in
            [(false, true, true), (true, true, false), (false, false, false)]
        {
            let mut tally = Tally::default();
            tally.state(Some(populated), Some(false));
            if read {
                tally.all_read();
            }
            assert_eq!(tally.is_settled(), wanted);
        }
    }

    #[test]
    fn a_removal_is_told_once_and_last_with_how_sure_it_is() {
        for populated in [true, false] {
            let mut tally = Tally::default();
            tally.state(Some(populated), Some(false));
            tally.remove(AT_LEAST);
            tally.remove(EXACT);
            let events: Vec<Event> = std::iter::from_fn(|| tally.take(ALL)).collect();
            let last = Event { kind: Kind::Removed, count: 1, value: AT_LEAST };
            assert_eq!(events.last(), Some(&last));
            // A cgroup with processes cannot be removed: it was empty in between.
            assert_eq!(events.len(), if populated { 2 } else { 1 });
        }
    }

    #[test]
    fn a_threshold_is_told_when_the_side_changes() {
        let mut tally = Tally::default();
        for (above, bytes) in [(false, 1), (true, 9), (true, 8), (false, 2)] {
            tally.side(above);
            tally.level(Kind::Threshold, bytes);
        }
        assert_eq!(tally.take(ALL), Some(Event { kind: Kind::Threshold, count: 2, value: 2 }));
        assert_eq!(tally.take(ALL), None);
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
