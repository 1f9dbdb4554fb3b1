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
    /// Tasks waited for a resource for as long as was asked, or v1's level was reached.
    Pressure,
    /// Memory use crossed a number of bytes, up or down.
    Threshold,
    /// The cgroup was removed.
    Removed,
}

/// Number of kinds.
pub const KINDS: usize = Kind::Removed as usize + 1;

/// All kinds, in the order in which they are told: that of the removal is the last.
pub const ORDER: [Kind; KINDS] = [
    Kind::Oom,
    Kind::OomKill,
    Kind::OomGroupKill,
    Kind::MemoryHigh,
    Kind::MemoryMax,
    Kind::PidsMax,
    Kind::Pressure,
    Kind::Threshold,
    Kind::Frozen,
    Kind::Thawed,
    Kind::Empty,
    Kind::Removed,
];

impl Kind {
    /// The name for messages, as the kernel's key where there is one.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Oom => "oom",
            Kind::OomKill => "oom_kill",
            Kind::OomGroupKill => "oom_group_kill",
            Kind::MemoryHigh => "memory high",
            Kind::MemoryMax => "memory max",
            Kind::Empty => "empty",
            Kind::Frozen => "frozen",
            Kind::Thawed => "thawed",
            Kind::PidsMax => "pids max",
            Kind::Pressure => "pressure",
            Kind::Threshold => "memory threshold",
            Kind::Removed => "removed",
        }
    }

    /// The bit in a mask.
    pub fn bit(self) -> u64 {
        1 << self as usize
    }
}

/// The bits of all kinds.
pub const ALL_KINDS: u64 = (1 << KINDS) - 1;
/// The bits of kinds that need options, so that "all kinds" leaves them out.
pub const OPTION_KINDS: u64 = 1 << Kind::Pressure as usize | 1 << Kind::Threshold as usize;
/// The bits of kinds that the value of a removal speaks of.
pub const OOM_KINDS: u64 =
    1 << Kind::Oom as usize | 1 << Kind::OomKill as usize | 1 << Kind::OomGroupKill as usize;
/// The bits of kinds that the kernel counts.
pub const COUNTED_KINDS: u64 = OOM_KINDS
    | 1 << Kind::MemoryHigh as usize
    | 1 << Kind::MemoryMax as usize
    | 1 << Kind::PidsMax as usize;

/// The keys of memory.events, and the kinds that they count.
pub const MEMORY_EVENTS: &[(&str, Kind)] = &[
    ("oom", Kind::Oom),
    ("oom_kill", Kind::OomKill),
    ("oom_group_kill", Kind::OomGroupKill),
    ("high", Kind::MemoryHigh),
    ("max", Kind::MemoryMax),
];

/// Value of a removal: every OOM and kill before it was told.
pub const EXACT: u64 = 0;
/// Value of a removal: something that is left of the cgroup says that more may have happened than
/// was told.
pub const AT_LEAST: u64 = 1;
/// Value of a removal: nothing that is left can tell whether something happened after the last
/// reading.
pub const UNKNOWN: u64 = 2;

/// What happened, and how often since the last reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The kind.
    pub kind: Kind,
    /// How often.
    pub count: u64,
    /// Of a removal: [`EXACT`], [`AT_LEAST`] or [`UNKNOWN`]. Of a threshold: the bytes in use. Of
    /// pressure: the microseconds of waiting in all, or 0. Else the whole count, where the kernel
    /// has one.
    pub value: u64,
}
