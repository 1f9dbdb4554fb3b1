// SPDX-License-Identifier: Apache-2.0

//! Header section "Statistics: what is valid".
//!
//! The bits of katacg_stats.valid, each with its fields. A bit is set if all of its fields were
//! read.

/// Bit of valid: cpu_usage_ns.
pub const KATACG_STATS_HAS_CPU_USAGE: u64 = 1;
/// Bit of valid: cpu_user_ns, cpu_system_ns.
pub const KATACG_STATS_HAS_CPU_TIMES: u64 = 2;
/// Bit of valid: cpu_nice_ns.
pub const KATACG_STATS_HAS_CPU_NICE: u64 = 4;
/// Bit of valid: cpu_periods, cpu_throttled_periods, cpu_throttled_ns.
pub const KATACG_STATS_HAS_CPU_THROTTLING: u64 = 8;
/// Bit of valid: cpu_bursts, cpu_burst_ns.
pub const KATACG_STATS_HAS_CPU_BURST: u64 = 0x10;
/// Bit of valid: cpu_throttled_local_ns.
pub const KATACG_STATS_HAS_CPU_LOCAL: u64 = 0x20;
/// Bit of valid: memory_usage.
pub const KATACG_STATS_HAS_MEMORY_USAGE: u64 = 0x40;
/// Bit of valid: memory_peak.
pub const KATACG_STATS_HAS_MEMORY_PEAK: u64 = 0x80;
/// Bit of valid: memory_limit.
pub const KATACG_STATS_HAS_MEMORY_LIMIT: u64 = 0x100;
/// Bit of valid: memory_reservation.
pub const KATACG_STATS_HAS_MEMORY_RESERVATION: u64 = 0x200;
/// Bit of valid: memory_failcnt.
pub const KATACG_STATS_HAS_MEMORY_FAILCNT: u64 = 0x400;
/// Bit of valid: memory_working_set.
pub const KATACG_STATS_HAS_WORKING_SET: u64 = 0x800;
/// Bit of valid: swap_usage.
pub const KATACG_STATS_HAS_SWAP_USAGE: u64 = 0x1000;
/// Bit of valid: swap_peak.
pub const KATACG_STATS_HAS_SWAP_PEAK: u64 = 0x2000;
/// Bit of valid: swap_limit.
pub const KATACG_STATS_HAS_SWAP_LIMIT: u64 = 0x4000;
/// Bit of valid: memsw_usage, memsw_peak, memsw_limit, memsw_failcnt.
pub const KATACG_STATS_HAS_MEMSW: u64 = 0x8000;
/// Bit of valid: memory_kernel.
pub const KATACG_STATS_HAS_KERNEL: u64 = 0x0001_0000;
/// Bit of valid: memory_kernel_peak, memory_kernel_limit, memory_kernel_failcnt.
pub const KATACG_STATS_HAS_KERNEL_LIMIT: u64 = 0x0002_0000;
/// Bit of valid: memory_kernel_tcp, memory_kernel_tcp_peak, memory_kernel_tcp_limit,
/// memory_kernel_tcp_failcnt.
pub const KATACG_STATS_HAS_KERNEL_TCP: u64 = 0x0004_0000;
/// Bit of valid: memory_anon.
pub const KATACG_STATS_HAS_ANON: u64 = 0x0008_0000;
/// Bit of valid: memory_file.
pub const KATACG_STATS_HAS_FILE: u64 = 0x0010_0000;
/// Bit of valid: memory_shmem.
pub const KATACG_STATS_HAS_SHMEM: u64 = 0x0020_0000;
/// Bit of valid: memory_file_mapped.
pub const KATACG_STATS_HAS_FILE_MAPPED: u64 = 0x0040_0000;
/// Bit of valid: memory_file_dirty, memory_file_writeback.
pub const KATACG_STATS_HAS_FILE_DIRTY: u64 = 0x0080_0000;
/// Bit of valid: memory_inactive_anon, memory_active_anon, memory_inactive_file,
/// memory_active_file, memory_unevictable.
pub const KATACG_STATS_HAS_LRU: u64 = 0x0100_0000;
/// Bit of valid: memory_slab_reclaimable, memory_slab_unreclaimable.
pub const KATACG_STATS_HAS_SLAB: u64 = 0x0200_0000;
/// Bit of valid: memory_kernel_stack.
pub const KATACG_STATS_HAS_KERNEL_STACK: u64 = 0x0400_0000;
/// Bit of valid: memory_pagetables.
pub const KATACG_STATS_HAS_PAGETABLES: u64 = 0x0800_0000;
/// Bit of valid: memory_percpu.
pub const KATACG_STATS_HAS_PERCPU: u64 = 0x1000_0000;
/// Bit of valid: memory_sock.
pub const KATACG_STATS_HAS_SOCK: u64 = 0x2000_0000;
/// Bit of valid: memory_pgfault, memory_pgmajfault.
pub const KATACG_STATS_HAS_FAULTS: u64 = 0x4000_0000;
/// Bit of valid: memory_events_low, memory_events_high, memory_events_max, memory_events_oom.
pub const KATACG_STATS_HAS_MEMORY_EVENTS: u64 = 0x8000_0000;
/// Bit of valid: memory_events_oom_kill.
pub const KATACG_STATS_HAS_OOM_KILLS: u64 = 0x0001_0000_0000;
/// Bit of valid: memory_events_oom_group_kill.
pub const KATACG_STATS_HAS_OOM_GROUP_KILLS: u64 = 0x0002_0000_0000;
/// Bit of valid: memory_events_sock_throttled.
pub const KATACG_STATS_HAS_SOCK_THROTTLED: u64 = 0x0004_0000_0000;
/// Bit of valid: memory_events_local_low, memory_events_local_high, memory_events_local_max,
/// memory_events_local_oom.
pub const KATACG_STATS_HAS_MEMORY_EVENTS_LOCAL: u64 = 0x0008_0000_0000;
/// Bit of valid: memory_events_local_oom_kill.
pub const KATACG_STATS_HAS_OOM_KILLS_LOCAL: u64 = 0x0010_0000_0000;
/// Bit of valid: memory_events_local_oom_group_kill.
pub const KATACG_STATS_HAS_OOM_GROUP_KILLS_LOCAL: u64 = 0x0020_0000_0000;
/// Bit of valid: pids_current.
pub const KATACG_STATS_HAS_PIDS_CURRENT: u64 = 0x0040_0000_0000;
/// Bit of valid: pids_limit.
pub const KATACG_STATS_HAS_PIDS_LIMIT: u64 = 0x0080_0000_0000;
/// Bit of valid: pids_peak.
pub const KATACG_STATS_HAS_PIDS_PEAK: u64 = 0x0100_0000_0000;
/// Bit of valid: pids_events_max.
pub const KATACG_STATS_HAS_PIDS_EVENTS: u64 = 0x0200_0000_0000;
/// Bit of valid: io_read_bytes, io_write_bytes.
pub const KATACG_STATS_HAS_IO_BYTES: u64 = 0x0400_0000_0000;
/// Bit of valid: io_read_ops, io_write_ops.
pub const KATACG_STATS_HAS_IO_OPS: u64 = 0x0800_0000_0000;
/// Bit of valid: io_discard_bytes, io_discard_ops.
pub const KATACG_STATS_HAS_IO_DISCARD: u64 = 0x1000_0000_0000;
/// Bit of valid: hugetlb_usage.
pub const KATACG_STATS_HAS_HUGETLB_USAGE: u64 = 0x2000_0000_0000;
/// Bit of valid: hugetlb_failures.
pub const KATACG_STATS_HAS_HUGETLB_FAILURES: u64 = 0x4000_0000_0000;
/// Bit of valid: descendants, dying_descendants.
pub const KATACG_STATS_HAS_DESCENDANTS: u64 = 0x8000_0000_0000;
/// Bit of valid: frozen_ns.
pub const KATACG_STATS_HAS_FROZEN_TIME: u64 = 0x0001_0000_0000_0000;
/// Bit of valid: is_populated, is_frozen.
pub const KATACG_STATS_HAS_STATE: u64 = 0x0002_0000_0000_0000;
/// Bit of valid: cpu_some.
pub const KATACG_STATS_HAS_CPU_SOME: u64 = 0x0004_0000_0000_0000;
/// Bit of valid: cpu_full.
pub const KATACG_STATS_HAS_CPU_FULL: u64 = 0x0008_0000_0000_0000;
/// Bit of valid: memory_some, memory_full.
pub const KATACG_STATS_HAS_MEMORY_PRESSURE: u64 = 0x0010_0000_0000_0000;
/// Bit of valid: io_some, io_full.
pub const KATACG_STATS_HAS_IO_PRESSURE: u64 = 0x0020_0000_0000_0000;
/// Bit of valid: irq_full.
pub const KATACG_STATS_HAS_IRQ_PRESSURE: u64 = 0x0040_0000_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Group;

    #[test]
    fn the_bits_are_those_of_the_groups() {
        let bit = |group: Group| 1u64 << group as u32;
        assert_eq!(KATACG_STATS_HAS_CPU_USAGE, bit(Group::CpuUsage));
        assert_eq!(KATACG_STATS_HAS_OOM_KILLS, bit(Group::OomKills));
        assert_eq!(KATACG_STATS_HAS_STATE, bit(Group::State));
        assert_eq!(KATACG_STATS_HAS_IRQ_PRESSURE, bit(Group::IrqPressure));
    }
}
