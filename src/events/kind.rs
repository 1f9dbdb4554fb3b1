// SPDX-License-Identifier: Apache-2.0

//! The kinds of event.

/// A kind of event: one bit of a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Kind {
    /// The cgroup ran out of memory.
    Oom,
    /// The OOM killer killed a process.
    OomKill,
    /// The OOM killer killed the whole cgroup.
    OomGroupKill,
    /// memory.high was exceeded.
    MemoryHigh,
    /// The memory limit was hit.
    MemoryMax,
    /// The last process ended or left.
    Empty,
    /// The cgroup became frozen.
    Frozen,
    /// The cgroup was thawed.
    Thawed,
    /// The limit of processes refused a fork.
    PidsMax,
    /// Reserved: pressure.
    Pressure,
    /// Reserved: memory threshold.
    Threshold,
    /// The cgroup was removed.
    Removed,
}

/// Number of kinds.
pub const KINDS: usize = Kind::Removed as usize + 1;

/// All kinds, in the order in which they are told: that of the removal is the last.
pub const ORDER: [Kind; 10] = [
    Kind::Oom,
    Kind::OomKill,
    Kind::OomGroupKill,
    Kind::MemoryHigh,
    Kind::MemoryMax,
    Kind::PidsMax,
    Kind::Frozen,
    Kind::Thawed,
    Kind::Empty,
    Kind::Removed,
];

impl Kind {
    /// The bit in a mask.
    pub fn bit(self) -> u64 {
        1 << self as usize
    }
}

/// The bits of all kinds.
pub const ALL_KINDS: u64 = (1 << KINDS) - 1;
/// The bits of kinds that this version does not watch.
pub const LATER_KINDS: u64 = 1 << Kind::Pressure as usize | 1 << Kind::Threshold as usize;

/// Value of a removal: every count before it is complete.
pub const EXACT: u64 = 0;
/// Value of a removal: the cgroup went before its last counts could be read.
pub const AT_LEAST: u64 = 1;

/// What happened, and how often since the last reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The kind.
    pub kind: Kind,
    /// How often.
    pub count: u64,
    /// Of a removal: [`EXACT`] or [`AT_LEAST`]. Else the whole count, where the kernel has one.
    pub value: u64,
}
