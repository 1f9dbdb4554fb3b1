// SPDX-License-Identifier: Apache-2.0

//! The table of statistics files: which file feeds which field, on v1 and v2, since which kernel.
//!
//! docs/kernel-features.md shows the same table; a test prints it and compares.

use super::fields::Field as F;
use super::fields::Field;
use super::flat_keyed::{Keys, Row};
use crate::host::Version;
use crate::host::Version::{V1, V2};

/// Bit of CPU time and throttling: `KATACG_STATS_CPU`. The next ones are `KATACG_STATS_MEMORY` to
/// `KATACG_STATS_CGROUP`.
pub const CPU: u64 = 1;
/// Bit of memory.
pub const MEMORY: u64 = 2;
/// Bit of processes.
pub const PIDS: u64 = 4;
/// Bit of block I/O.
pub const IO: u64 = 8;
/// Bit of huge pages.
pub const HUGETLB: u64 = 16;
/// Bit of RDMA.
pub const RDMA: u64 = 32;
/// Bit of the controller misc.
pub const MISC: u64 = 64;
/// Bit of pressure.
pub const PRESSURE: u64 = 128;
/// Bit of the state of the cgroup itself.
pub const CGROUP: u64 = 256;
/// The bits of all controllers.
pub const ALL: u64 = 511;
/// `KATACG_STATS_BRIEF`: only one file for each of CPU, memory, processes and block I/O.
pub const BRIEF: u64 = 1 << 32;

const NAMES: [&str; 9] =
    ["cpu", "memory", "pids", "io", "hugetlb", "rdma", "misc", "pressure", "cgroup"];

/// Returns the names of the controllers whose bits are set.
pub fn controller_names(bits: u64) -> Vec<&'static str> {
    let named = NAMES.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0);
    named.map(|(_, name)| *name).collect()
}

/// The format of a file, and the fields that it feeds.
#[derive(Clone, Copy, Debug)]
pub enum Format {
    /// One number.
    Value(Field),
    /// One number; `max`, or 2^62 and more on v1, is no limit.
    Limit(Field),
    /// Lines of a key and a number.
    Keyed(Keys),
    /// Lines `some` and `full` of averages and a total: the word, and the first of four fields.
    Pressure(&'static [(&'static str, Field)]),
    /// io.stat: lines of a device and `key=value`.
    IoStat,
    /// v1: lines of a device, `Read`, `Write` or `Discard`, and a number; the fields of the three.
    Blkio([Field; 3]),
    /// One file of one number for each page size (`<size>` in the name). The numbers are added.
    Sum(Field),
    /// One file for each page size, as `Sum`. The numbers of a key are added.
    SumKeyed(&'static str, Field),
    /// v1: `FROZEN`, `FREEZING` or `THAWED`. The field is 1 if either freezer froze the cgroup.
    FreezerState(Field),
    /// The file feeds no field. It only shows whether the cgroup has the controller.
    Presence,
}

/// One row: a file, where it is, and the fields that it feeds.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Bit of the controller.
    pub controller: u64,
    /// v1: the subsystem that has the file. v2: the controller; `""` for files of the core.
    pub subsystem: &'static str,
    /// The hierarchy's version.
    pub version: Version,
    /// The file's name.
    pub file: &'static str,
    /// The first kernel that has the file; empty for any kernel.
    #[cfg_attr(not(any(test, feature = "internals")), allow(dead_code))]
    pub since: &'static str,
    /// The file's format.
    pub format: Format,
    /// Rows with the same number, unless it is 0, are alternatives. The first one that names a
    /// device is used.
    pub either: u8,
}

const fn row(
    controller: u64,
    subsystem: &'static str,
    version: Version,
    file: &'static str,
    since: &'static str,
    format: Format,
) -> Source {
    Source { controller, subsystem, version, file, since, format, either: 0 }
}

const fn either(number: u8, file: &'static str, since: &'static str, fields: [Field; 3]) -> Source {
    let format = Format::Blkio(fields);
    let blkio = row(IO, "blkio", V1, file, since, format);
    Source { either: number, ..blkio }
}

const fn keyed(rows: &'static [Row]) -> Format {
    Format::Keyed(Keys::new(rows))
}

/// Nanoseconds of a microsecond.
const US: u64 = 1000;
/// Nanoseconds of a tick. v1's cpuacct.stat counts in ticks of USER_HZ, which is 100 on every
/// architecture that Rust runs on.
const TICK: u64 = 10_000_000;

const BYTES: [Field; 3] = [F::IoReadBytes, F::IoWriteBytes, F::IoDiscardBytes];
const OPS: [Field; 3] = [F::IoReadOps, F::IoWriteOps, F::IoDiscardOps];

const CPU_STAT_V2: &[Row] = &[
    ("usage_usec", F::CpuUsage, US),
    ("user_usec", F::CpuUser, US),
    ("system_usec", F::CpuSystem, US),
    ("nice_usec", F::CpuNice, US),
    ("nr_periods", F::CpuPeriods, 1),
    ("nr_throttled", F::CpuThrottledPeriods, 1),
    ("throttled_usec", F::CpuThrottled, US),
    ("nr_bursts", F::CpuBursts, 1),
    ("burst_usec", F::CpuBurst, US),
];

const CPU_STAT_V1: &[Row] = &[
    ("nr_periods", F::CpuPeriods, 1),
    ("nr_throttled", F::CpuThrottledPeriods, 1),
    ("throttled_time", F::CpuThrottled, 1),
    ("nr_bursts", F::CpuBursts, 1),
    ("burst_time", F::CpuBurst, 1),
];

const MEMORY_STAT_V2: &[Row] = &[
    ("anon", F::Anon, 1),
    ("file", F::File, 1),
    ("kernel", F::Kernel, 1),
    ("kernel_stack", F::KernelStack, 1),
    ("pagetables", F::Pagetables, 1),
    ("percpu", F::Percpu, 1),
    ("sock", F::Sock, 1),
    ("shmem", F::Shmem, 1),
    ("file_mapped", F::FileMapped, 1),
    ("file_dirty", F::FileDirty, 1),
    ("file_writeback", F::FileWriteback, 1),
    ("inactive_anon", F::InactiveAnon, 1),
    ("active_anon", F::ActiveAnon, 1),
    ("inactive_file", F::InactiveFile, 1),
    ("active_file", F::ActiveFile, 1),
    ("unevictable", F::Unevictable, 1),
    ("slab_reclaimable", F::SlabReclaimable, 1),
    ("slab_unreclaimable", F::SlabUnreclaimable, 1),
    ("pgfault", F::Pgfault, 1),
    ("pgmajfault", F::Pgmajfault, 1),
];

/// The `total_` lines count the descendants too, as v2 does.
const MEMORY_STAT_V1: &[Row] = &[
    ("total_cache", F::File, 1),
    ("total_rss", F::Anon, 1),
    ("total_shmem", F::Shmem, 1),
    ("total_mapped_file", F::FileMapped, 1),
    ("total_dirty", F::FileDirty, 1),
    ("total_writeback", F::FileWriteback, 1),
    ("total_swap", F::SwapUsage, 1),
    ("total_pgfault", F::Pgfault, 1),
    ("total_pgmajfault", F::Pgmajfault, 1),
    ("total_inactive_anon", F::InactiveAnon, 1),
    ("total_active_anon", F::ActiveAnon, 1),
    ("total_inactive_file", F::InactiveFile, 1),
    ("total_active_file", F::ActiveFile, 1),
    ("total_unevictable", F::Unevictable, 1),
];

const MEMORY_EVENTS: &[Row] = &[
    ("low", F::EventsLow, 1),
    ("high", F::EventsHigh, 1),
    ("max", F::EventsMax, 1),
    ("oom", F::EventsOom, 1),
    ("oom_kill", F::EventsOomKill, 1),
    ("oom_group_kill", F::EventsOomGroupKill, 1),
    ("sock_throttled", F::EventsSockThrottled, 1),
];

const MEMORY_EVENTS_LOCAL: &[Row] = &[
    ("low", F::LocalLow, 1),
    ("high", F::LocalHigh, 1),
    ("max", F::LocalMax, 1),
    ("oom", F::LocalOom, 1),
    ("oom_kill", F::LocalOomKill, 1),
    ("oom_group_kill", F::LocalOomGroupKill, 1),
];

const CGROUP_STAT: &[Row] =
    &[("nr_descendants", F::Descendants, 1), ("nr_dying_descendants", F::DyingDescendants, 1)];

const CGROUP_EVENTS: &[Row] = &[("populated", F::IsPopulated, 1), ("frozen", F::IsFrozen, 1)];

/// The keys of io.stat.
pub const IO_STAT: [(&str, Field); 6] = [
    ("rbytes", F::IoReadBytes),
    ("wbytes", F::IoWriteBytes),
    ("rios", F::IoReadOps),
    ("wios", F::IoWriteOps),
    ("dbytes", F::IoDiscardBytes),
    ("dios", F::IoDiscardOps),
];

/// The table. The keys of a file are in the order in which the kernel prints them.
pub const SOURCES: &[Source] = &[
    row(CPU, "cpu", V2, "cpu.stat", "4.15", keyed(CPU_STAT_V2)),
    row(
        CPU,
        "cpu",
        V2,
        "cpu.stat.local",
        "6.6",
        keyed(&[("throttled_usec", F::CpuThrottledLocal, US)]),
    ),
    row(CPU, "cpuacct", V1, "cpuacct.usage", "", Format::Value(F::CpuUsage)),
    row(
        CPU,
        "cpuacct",
        V1,
        "cpuacct.stat",
        "",
        keyed(&[("user", F::CpuUser, TICK), ("system", F::CpuSystem, TICK)]),
    ),
    row(CPU, "cpu", V1, "cpu.stat", "", keyed(CPU_STAT_V1)),
    row(
        CPU,
        "cpu",
        V1,
        "cpu.stat.local",
        "6.6",
        keyed(&[("throttled_time", F::CpuThrottledLocal, 1)]),
    ),
    row(MEMORY, "memory", V2, "memory.current", "4.5", Format::Value(F::MemoryUsage)),
    row(MEMORY, "memory", V2, "memory.peak", "5.19", Format::Value(F::MemoryPeak)),
    row(MEMORY, "memory", V2, "memory.max", "4.5", Format::Limit(F::MemoryLimit)),
    row(MEMORY, "memory", V2, "memory.low", "4.5", Format::Limit(F::MemoryReservation)),
    row(MEMORY, "memory", V2, "memory.swap.current", "4.5", Format::Value(F::SwapUsage)),
    row(MEMORY, "memory", V2, "memory.swap.peak", "6.5", Format::Value(F::SwapPeak)),
    row(MEMORY, "memory", V2, "memory.swap.max", "4.5", Format::Limit(F::SwapLimit)),
    row(MEMORY, "memory", V2, "memory.stat", "4.5", keyed(MEMORY_STAT_V2)),
    row(MEMORY, "memory", V2, "memory.events", "4.5", keyed(MEMORY_EVENTS)),
    row(MEMORY, "memory", V2, "memory.events.local", "5.2", keyed(MEMORY_EVENTS_LOCAL)),
    row(MEMORY, "memory", V1, "memory.usage_in_bytes", "", Format::Value(F::MemoryUsage)),
    row(MEMORY, "memory", V1, "memory.max_usage_in_bytes", "", Format::Value(F::MemoryPeak)),
    row(MEMORY, "memory", V1, "memory.limit_in_bytes", "", Format::Limit(F::MemoryLimit)),
    row(
        MEMORY,
        "memory",
        V1,
        "memory.soft_limit_in_bytes",
        "",
        Format::Limit(F::MemoryReservation),
    ),
    row(MEMORY, "memory", V1, "memory.failcnt", "", Format::Value(F::MemoryFailcnt)),
    row(MEMORY, "memory", V1, "memory.memsw.usage_in_bytes", "", Format::Value(F::MemswUsage)),
    row(MEMORY, "memory", V1, "memory.memsw.max_usage_in_bytes", "", Format::Value(F::MemswPeak)),
    row(MEMORY, "memory", V1, "memory.memsw.limit_in_bytes", "", Format::Limit(F::MemswLimit)),
    row(MEMORY, "memory", V1, "memory.memsw.failcnt", "", Format::Value(F::MemswFailcnt)),
    row(MEMORY, "memory", V1, "memory.kmem.usage_in_bytes", "", Format::Value(F::Kernel)),
    row(MEMORY, "memory", V1, "memory.kmem.max_usage_in_bytes", "", Format::Value(F::KernelPeak)),
    row(MEMORY, "memory", V1, "memory.kmem.limit_in_bytes", "", Format::Limit(F::KernelLimit)),
    row(MEMORY, "memory", V1, "memory.kmem.failcnt", "", Format::Value(F::KernelFailcnt)),
    row(MEMORY, "memory", V1, "memory.kmem.tcp.usage_in_bytes", "", Format::Value(F::KernelTcp)),
    row(
        MEMORY,
        "memory",
        V1,
        "memory.kmem.tcp.max_usage_in_bytes",
        "",
        Format::Value(F::KernelTcpPeak),
    ),
    row(
        MEMORY,
        "memory",
        V1,
        "memory.kmem.tcp.limit_in_bytes",
        "",
        Format::Limit(F::KernelTcpLimit),
    ),
    row(MEMORY, "memory", V1, "memory.kmem.tcp.failcnt", "", Format::Value(F::KernelTcpFailcnt)),
    row(MEMORY, "memory", V1, "memory.stat", "", keyed(MEMORY_STAT_V1)),
    row(
        MEMORY,
        "memory",
        V1,
        "memory.oom_control",
        "",
        keyed(&[("oom_kill", F::EventsOomKill, 1)]),
    ),
    row(PIDS, "pids", V2, "pids.current", "4.5", Format::Value(F::PidsCurrent)),
    row(PIDS, "pids", V2, "pids.max", "4.5", Format::Limit(F::PidsLimit)),
    row(PIDS, "pids", V2, "pids.peak", "6.1", Format::Value(F::PidsPeak)),
    row(PIDS, "pids", V2, "pids.events", "4.8", keyed(&[("max", F::PidsEvents, 1)])),
    row(PIDS, "pids", V1, "pids.current", "4.3", Format::Value(F::PidsCurrent)),
    row(PIDS, "pids", V1, "pids.max", "4.3", Format::Limit(F::PidsLimit)),
    row(PIDS, "pids", V1, "pids.peak", "6.1", Format::Value(F::PidsPeak)),
    row(PIDS, "pids", V1, "pids.events", "4.8", keyed(&[("max", F::PidsEvents, 1)])),
    row(IO, "io", V2, "io.stat", "4.5", Format::IoStat),
    either(1, "blkio.bfq.io_service_bytes_recursive", "4.12", BYTES),
    either(1, "blkio.io_service_bytes_recursive", "", BYTES),
    either(1, "blkio.throttle.io_service_bytes_recursive", "4.16", BYTES),
    either(1, "blkio.throttle.io_service_bytes", "", BYTES),
    either(2, "blkio.bfq.io_serviced_recursive", "4.12", OPS),
    either(2, "blkio.io_serviced_recursive", "", OPS),
    either(2, "blkio.throttle.io_serviced_recursive", "4.16", OPS),
    either(2, "blkio.throttle.io_serviced", "", OPS),
    row(HUGETLB, "hugetlb", V2, "hugetlb.<size>.current", "5.6", Format::Sum(F::HugetlbUsage)),
    row(
        HUGETLB,
        "hugetlb",
        V2,
        "hugetlb.<size>.events",
        "5.6",
        Format::SumKeyed("max", F::HugetlbFailures),
    ),
    row(HUGETLB, "hugetlb", V1, "hugetlb.<size>.usage_in_bytes", "", Format::Sum(F::HugetlbUsage)),
    row(HUGETLB, "hugetlb", V1, "hugetlb.<size>.failcnt", "", Format::Sum(F::HugetlbFailures)),
    row(RDMA, "rdma", V2, "rdma.current", "4.11", Format::Presence),
    row(RDMA, "rdma", V1, "rdma.current", "4.11", Format::Presence),
    row(MISC, "misc", V2, "misc.current", "5.13", Format::Presence),
    row(MISC, "misc", V1, "misc.current", "5.13", Format::Presence),
    row(
        PRESSURE,
        "",
        V2,
        "cpu.pressure",
        "4.20",
        Format::Pressure(&[("some", F::CpuSomeAvg10), ("full", F::CpuFullAvg10)]),
    ),
    row(
        PRESSURE,
        "",
        V2,
        "memory.pressure",
        "4.20",
        Format::Pressure(&[("some", F::MemorySomeAvg10), ("full", F::MemoryFullAvg10)]),
    ),
    row(
        PRESSURE,
        "",
        V2,
        "io.pressure",
        "4.20",
        Format::Pressure(&[("some", F::IoSomeAvg10), ("full", F::IoFullAvg10)]),
    ),
    row(PRESSURE, "", V2, "irq.pressure", "6.1", Format::Pressure(&[("full", F::IrqFullAvg10)])),
    row(CGROUP, "", V2, "cgroup.stat", "4.14", keyed(CGROUP_STAT)),
    row(CGROUP, "", V2, "cgroup.stat.local", "6.18", keyed(&[("frozen_usec", F::Frozen, US)])),
    row(CGROUP, "", V2, "cgroup.events", "4.5", keyed(CGROUP_EVENTS)),
    // On a hybrid host v1's freezer freezes, and cgroup.events does not show that.
    row(CGROUP, "freezer", V1, "freezer.state", "", Format::FreezerState(F::IsFrozen)),
];

impl Source {
    /// Returns whether a brief reading has the file. Of CPU, memory, processes and block I/O, a
    /// brief reading has only the file of the usage; of other controllers, all files.
    pub fn is_brief(&self) -> bool {
        match self.controller {
            CPU => self.feeds(F::CpuUsage),
            MEMORY => self.feeds(F::MemoryUsage),
            PIDS => self.feeds(F::PidsCurrent),
            IO => self.feeds(F::IoReadBytes),
            _ => true,
        }
    }

    /// Returns whether the file feeds a field.
    pub fn feeds(&self, field: Field) -> bool {
        self.fields().iter().any(|&(fed, _)| fed == field)
    }

    /// Returns the fields that the file feeds, each with its key.
    pub fn fields(&self) -> Vec<(Field, &'static str)> {
        match self.format {
            Format::Value(field)
            | Format::Limit(field)
            | Format::Sum(field)
            | Format::FreezerState(field) => vec![(field, "")],
            Format::SumKeyed(key, field) => vec![(field, key)],
            Format::Keyed(keys) => keys.rows.iter().map(|&(key, field, _)| (field, key)).collect(),
            Format::Pressure(lines) => lines.iter().map(|&(key, field)| (field, key)).collect(),
            Format::IoStat => IO_STAT.map(|(key, field)| (field, key)).to_vec(),
            Format::Blkio(fields) => fields.into_iter().zip(["Read", "Write", "Discard"]).collect(),
            Format::Presence => Vec::new(),
        }
    }
}
