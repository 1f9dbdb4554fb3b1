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
    /// The OOM killer killed all processes of a cgroup (memory.oom.group).
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
    /// A fork failed because of the limit of processes.
    PidsMax,
    /// Tasks waited for a resource as long as the caller's trigger says, or memory pressure reached
    /// v1's level.
    Pressure,
    /// Memory use crossed the caller's threshold, up or down.
    Threshold,
    /// The cgroup was removed.
    Removed,
}

/// Number of kinds.
pub const KINDS: usize = Kind::Removed as usize + 1;

/// All kinds in the order in which a reading reports them. The removal is the last event.
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
    /// Returns the name for messages.
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

    /// Returns the kind's bit in a mask.
    pub fn bit(self) -> u64 {
        1 << self as usize
    }
}

/// The bits of all kinds.
pub const ALL_KINDS: u64 = (1 << KINDS) - 1;
/// The bits of kinds that need options. "All kinds" leaves them out.
pub const OPTION_KINDS: u64 = 1 << Kind::Pressure as usize | 1 << Kind::Threshold as usize;
/// The bits of the OOM kinds. The value of a removal says how sure their counts are.
pub const OOM_KINDS: u64 =
    1 << Kind::Oom as usize | 1 << Kind::OomKill as usize | 1 << Kind::OomGroupKill as usize;
/// The bits of kinds that the kernel counts.
pub const COUNTED_KINDS: u64 = OOM_KINDS
    | 1 << Kind::MemoryHigh as usize
    | 1 << Kind::MemoryMax as usize
    | 1 << Kind::PidsMax as usize;

/// The keys of memory.events, each with the kind that it counts.
pub const MEMORY_EVENTS: &[(&str, Kind)] = &[
    ("oom", Kind::Oom),
    ("oom_kill", Kind::OomKill),
    ("oom_group_kill", Kind::OomGroupKill),
    ("high", Kind::MemoryHigh),
    ("max", Kind::MemoryMax),
];

/// Value of a removal: every OOM and every kill was reported.
pub const EXACT: u64 = 0;
/// Value of a removal: the parent's memory.events or v1's eventfd says that there may have been
/// more OOMs or kills than were reported.
pub const AT_LEAST: u64 = 1;
/// Value of a removal: nothing says whether there were OOMs or kills after the last reading.
pub const UNKNOWN: u64 = 2;

/// What happened, and how often since the last reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The kind.
    pub kind: Kind,
    /// How often since the last reading.
    pub count: u64,
    /// For a removal: [`EXACT`], [`AT_LEAST`] or [`UNKNOWN`]. For a threshold: the bytes in use.
    /// For pressure: the microseconds of waiting since the cgroup was made, or 0 on v1. For other
    /// kinds: the kernel's count since the cgroup was made, or 0 where the kernel has no count.
    pub value: u64,
}
