// SPDX-License-Identifier: Apache-2.0

//! Header section "Statistics".
//!
//! What the kernel counts for a cgroup. The same struct serves v1 and v2. docs/kernel-features.md
//! names the file behind each field. A bit of valid says that all of its fields could be read. If
//! the bit is not set, its fields have no meaning.

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{guard, handle, put};
use super::manager::katacg_manager;
use crate::error::{fail, Code, Result};
use crate::stats::{Stats, FIELDS};

/// Controller of statistics: CPU time and throttling.
pub const KATACG_STATS_CPU: u64 = 1;
/// Controller of statistics: memory, swap, and memory events.
pub const KATACG_STATS_MEMORY: u64 = 2;
/// Controller of statistics: numbers of processes and threads.
pub const KATACG_STATS_PIDS: u64 = 4;
/// Controller of statistics: block I/O.
pub const KATACG_STATS_IO: u64 = 8;
/// Controller of statistics: huge pages.
pub const KATACG_STATS_HUGETLB: u64 = 16;
/// Controller of statistics: RDMA. Its numbers are in katacg_manager_resource_stats and the JSON,
/// not in struct katacg_stats.
pub const KATACG_STATS_RDMA: u64 = 32;
/// Controller of statistics: misc, which counts scalar resources of the host. Its numbers are where
/// those of KATACG_STATS_RDMA are.
pub const KATACG_STATS_MISC: u64 = 64;
/// Controller of statistics: pressure (PSI). It needs cgroup2.
pub const KATACG_STATS_PRESSURE: u64 = 128;
/// Controller of statistics: the state of the cgroup itself. It needs cgroup2.
pub const KATACG_STATS_CGROUP: u64 = 256;

/// Combined with controllers: reads only one file for each of CPU, memory, processes and block I/O.
/// The fields are cpu_usage_ns (v2: all of cpu.stat), memory_usage, pids_current, and the bytes of
/// I/O (v2: all of io.stat). Other controllers are read as without this bit. v1 has a file of I/O
/// for each of up to three I/O policies: until one of them names a device, a reading has one or two
/// files more.
pub const KATACG_STATS_BRIEF: u64 = 0x0000_0001_0000_0000;

/// Value of a limit that is not set.
pub const KATACG_STATS_MAX_VALUE: u64 = u64::MAX;

/// Time in which processes waited for a resource. Kernel: accounting/psi.rst.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_pressure {
    /// Share of the last 10 seconds, in hundredths of a percent.
    pub avg10: u64,
    /// Share of the last 60 seconds, in hundredths of a percent.
    pub avg60: u64,
    /// Share of the last 300 seconds, in hundredths of a percent.
    pub avg300: u64,
    /// Time of waiting since the cgroup was made, in steps of 1000 ns.
    pub total_ns: u64,
}

/// Statistics of a cgroup. New versions add fields at the end only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_stats {
    /// KATACG_STATS_HAS_* combined with |: the fields that were read.
    pub valid: u64,
    /// KATACG_STATS_CPU to KATACG_STATS_CGROUP combined with |: controllers that the caller asked
    /// for and of which no file could be read, for instance because the cgroup does not have the
    /// controller.
    pub missing: u64,
    /// CPU time in user space and in the kernel.
    pub cpu_usage_ns: u64,
    /// CPU time in user space. v1: in steps of 10 ms.
    pub cpu_user_ns: u64,
    /// CPU time in the kernel. v1: in steps of 10 ms.
    pub cpu_system_ns: u64,
    /// CPU time of processes with a positive nice value. v2, Linux 6.13 (and updates of 6.12).
    pub cpu_nice_ns: u64,
    /// Periods of the CPU quota that have passed.
    pub cpu_periods: u64,
    /// Periods in which the quota was used up.
    pub cpu_throttled_periods: u64,
    /// Time for which the cgroup's own quota throttled it, added up over all processors.
    pub cpu_throttled_ns: u64,
    /// Periods with a burst. Linux 5.15.
    pub cpu_bursts: u64,
    /// CPU time beyond the quota, in bursts. Linux 5.15.
    pub cpu_burst_ns: u64,
    /// Time for which its own or an ancestor's quota kept tasks of the cgroup from running, added
    /// up over all processors. Linux 6.6.
    pub cpu_throttled_local_ns: u64,
    /// Memory in use, in bytes, with the page cache.
    pub memory_usage: u64,
    /// The highest value that memory_usage had. v2: Linux 5.19.
    pub memory_peak: u64,
    /// The limit, in bytes, or KATACG_STATS_MAX_VALUE, as for all limits.
    pub memory_limit: u64,
    /// v1: the soft limit, in bytes. v2: memory.low, in bytes.
    pub memory_reservation: u64,
    /// How often the limit was hit. v1.
    pub memory_failcnt: u64,
    /// memory_usage less memory_inactive_file, in bytes, as the kubelet computes it.
    pub memory_working_set: u64,
    /// Swap in use, in bytes, without memory.
    pub swap_usage: u64,
    /// The highest value that swap_usage had. v2, Linux 6.5.
    pub swap_peak: u64,
    /// The limit of swap, in bytes. v2.
    pub swap_limit: u64,
    /// Memory and swap in use, in bytes. v1.
    pub memsw_usage: u64,
    /// The highest value that memsw_usage had. v1.
    pub memsw_peak: u64,
    /// The limit of memory and swap, in bytes. v1.
    pub memsw_limit: u64,
    /// How often the limit of memory and swap was hit. v1.
    pub memsw_failcnt: u64,
    /// Memory that the kernel uses for the cgroup, in bytes. v2: Linux 5.18.
    pub memory_kernel: u64,
    /// The highest value that memory_kernel had. v1.
    pub memory_kernel_peak: u64,
    /// The limit of memory_kernel, in bytes. v1.
    pub memory_kernel_limit: u64,
    /// How often memory_kernel_limit was hit. v1.
    pub memory_kernel_failcnt: u64,
    /// TCP buffers, in bytes. v1.
    pub memory_kernel_tcp: u64,
    /// The highest value that memory_kernel_tcp had. v1.
    pub memory_kernel_tcp_peak: u64,
    /// The limit of memory_kernel_tcp, in bytes. v1.
    pub memory_kernel_tcp_limit: u64,
    /// How often memory_kernel_tcp_limit was hit. v1.
    pub memory_kernel_tcp_failcnt: u64,
    /// Anonymous memory, in bytes. v1: total_rss.
    pub memory_anon: u64,
    /// Page cache, in bytes. v1: total_cache.
    pub memory_file: u64,
    /// Shared memory and tmpfs, in bytes.
    pub memory_shmem: u64,
    /// Page cache that processes have mapped, in bytes.
    pub memory_file_mapped: u64,
    /// Page cache that is still to be written to storage, in bytes.
    pub memory_file_dirty: u64,
    /// Page cache that is being written to storage, in bytes.
    pub memory_file_writeback: u64,
    /// Anonymous memory on the inactive list, in bytes.
    pub memory_inactive_anon: u64,
    /// Anonymous memory on the active list, in bytes.
    pub memory_active_anon: u64,
    /// Page cache on the inactive list, in bytes.
    pub memory_inactive_file: u64,
    /// Page cache on the active list, in bytes.
    pub memory_active_file: u64,
    /// Memory that cannot be reclaimed, in bytes.
    pub memory_unevictable: u64,
    /// Slab memory (kernel objects) that can be reclaimed, in bytes. v2.
    pub memory_slab_reclaimable: u64,
    /// Slab memory (kernel objects) that cannot be reclaimed, in bytes. v2.
    pub memory_slab_unreclaimable: u64,
    /// Kernel stacks of the cgroup's tasks, in bytes. v2.
    pub memory_kernel_stack: u64,
    /// Page tables, in bytes. v2, Linux 5.11.
    pub memory_pagetables: u64,
    /// Per-CPU data of the kernel, in bytes. v2, Linux 5.9.
    pub memory_percpu: u64,
    /// Network buffers, in bytes. v2.
    pub memory_sock: u64,
    /// Number of page faults.
    pub memory_pgfault: u64,
    /// Number of page faults that needed I/O.
    pub memory_pgmajfault: u64,
    /// How often the kernel reclaimed memory of the cgroup while usage was below memory.low. v2.
    pub memory_events_low: u64,
    /// How often the kernel reclaimed memory because usage exceeded memory.high. v2.
    pub memory_events_high: u64,
    /// How often usage was about to exceed the limit. v2.
    pub memory_events_max: u64,
    /// How often usage reached the limit and an allocation was about to fail. v2.
    pub memory_events_oom: u64,
    /// Processes that the OOM killer killed. v1: without descendants.
    pub memory_events_oom_kill: u64,
    /// How often the OOM killer killed all of a cgroup (memory.oom.group). v2, Linux 5.17.
    pub memory_events_oom_group_kill: u64,
    /// How often network sockets were throttled. v2, Linux 6.19.
    pub memory_events_sock_throttled: u64,
    /// As memory_events_low, without descendants. v2, Linux 5.2, as the next four.
    pub memory_events_local_low: u64,
    /// As memory_events_high, without descendants.
    pub memory_events_local_high: u64,
    /// As memory_events_max, without descendants.
    pub memory_events_local_max: u64,
    /// As memory_events_oom, without descendants.
    pub memory_events_local_oom: u64,
    /// As memory_events_oom_kill, without descendants.
    pub memory_events_local_oom_kill: u64,
    /// As memory_events_oom_group_kill, without descendants. v2, Linux 5.17.
    pub memory_events_local_oom_group_kill: u64,
    /// Number of processes and threads.
    pub pids_current: u64,
    /// The limit of pids_current, or KATACG_STATS_MAX_VALUE.
    pub pids_limit: u64,
    /// The highest value that pids_current had. Linux 6.1.
    pub pids_peak: u64,
    /// Forks that failed because of a limit of processes.
    pub pids_events_max: u64,
    /// Bytes read, from all devices together. I/O of a device-mapper device can count again for the
    /// disk below it.
    pub io_read_bytes: u64,
    /// Bytes written, to all devices together.
    pub io_write_bytes: u64,
    /// Number of reads.
    pub io_read_ops: u64,
    /// Number of writes.
    pub io_write_ops: u64,
    /// Bytes discarded. Linux 4.19.
    pub io_discard_bytes: u64,
    /// Number of discards. Linux 4.19.
    pub io_discard_ops: u64,
    /// Huge pages in use, in bytes, of all page sizes together.
    pub hugetlb_usage: u64,
    /// How often a limit refused huge pages, of all page sizes together.
    pub hugetlb_failures: u64,
    /// Number of cgroups below this one. v2.
    pub descendants: u64,
    /// Number of removed cgroups below this one that still hold memory. v2.
    pub dying_descendants: u64,
    /// Time for which cgroup2's freezer has frozen the cgroup. v2, Linux 6.18. On a hybrid host
    /// without the time for which v1's freezer has frozen it.
    pub frozen_ns: u64,
    /// 1 if the cgroup or a descendant has processes. v2. Shares a bit of valid with is_frozen.
    pub is_populated: u64,
    /// 1 if the cgroup is frozen, whether by itself or by an ancestor. v2, Linux 5.2. On a hybrid
    /// host 1 also if v1's freezer has frozen the cgroup.
    pub is_frozen: u64,
    /// Time in which some process waited for CPU time. v2, Linux 4.20, as all pressure.
    pub cpu_some: katacg_pressure,
    /// Time in which all processes waited for CPU time at once. Linux 5.13.
    pub cpu_full: katacg_pressure,
    /// Time in which some process waited for memory.
    pub memory_some: katacg_pressure,
    /// Time in which all processes waited for memory at once.
    pub memory_full: katacg_pressure,
    /// Time in which some process waited for I/O.
    pub io_some: katacg_pressure,
    /// Time in which all processes waited for I/O at once.
    pub io_full: katacg_pressure,
    /// Time in which interrupts kept all processes from running. Linux 6.1.
    pub irq_full: katacg_pressure,
}

// header: /* Starts a struct katacg_stats. */
// header: #define KATACG_STATS_INIT { 0 }

/// Words before the fields: `valid` and `missing`.
pub(super) const HEAD: usize = 2;
pub(super) const WORD: usize = size_of::<u64>();
const _: () = assert!(size_of::<katacg_stats>() == (HEAD + FIELDS.len()) * WORD);

/// Refuses NULL, and a size that no version of the struct has.
pub(super) fn check_size(out: *const katacg_stats, size: usize) -> Result<()> {
    if out.is_null() {
        return fail(Code::Argument, "out is NULL");
    }
    if size < HEAD * WORD || !size.is_multiple_of(WORD) || size > 1 << 12 {
        return fail(Code::Argument, format!("out_size {size} is no version's size"));
    }
    Ok(())
}

/// Writes the fields that the caller's struct has, and zeros for fields that only newer versions
/// know. A bit of valid is not set unless all of its fields fit.
pub(super) unsafe fn write(stats: &Stats, out: *mut katacg_stats, size: usize) {
    let room = (size / WORD).saturating_sub(HEAD);
    let head = [stats.valid_before(room), stats.missing];
    // SAFETY: the caller says that `size` bytes can be written, and `check_size` has refused NULL
    // and less than HEAD words. The words need not be aligned. Places below `room` are within.
    unsafe {
        let place = out.cast::<u8>();
        place.write_bytes(0, size);
        place.cast::<[u64; HEAD]>().write_unaligned(head);
        stats.each(|index, value| {
            if index < room {
                place.add((HEAD + index) * WORD).cast::<u64>().write_unaligned(value);
            }
        });
    }
}

/// Reads the statistics of the cgroup.
///
/// If the cgroup does not have a controller, the controller is in out->missing, its fields are not
/// valid, and the call warns (see katacg_manager_log). The call does not fail for that. On a hybrid
/// host, each controller is read in its own hierarchy, v1 or cgroup2. Each file costs three system
/// calls; with katacg_stats_reader_read one.
///
/// @param manager      the manager
/// @param controllers  KATACG_STATS_CPU to KATACG_STATS_CGROUP combined with |, or 0 for all; with
///                     KATACG_STATS_BRIEF to read few files
/// @param out          receives the statistics; not written on failure
/// @param out_size     sizeof(struct katacg_stats). No more than this is written.
/// @param err          filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT  (KATACG_ERR_DELETED)   the cgroup does not exist
///   -EPERM   (KATACG_ERR_ROOTLESS)  the manager has no cgroup (see katacg_manager_apply)
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager or out is NULL, a bit is unknown, or out_size is not a
///                                   multiple of 8 from 16 to 4096
///   -errno   (KATACG_ERR_SYSTEM)    openat2(2) failed, for instance with EMFILE
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_stats(
    manager: *const katacg_manager,
    controllers: u64,
    out: *mut katacg_stats,
    out_size: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            check_size(out, out_size)?;
            write(&manager.stats(controllers)?, out, out_size);
            Ok(0)
        })
    }
}

/// Returns the statistics as JSON, in the shape of the member "data" of `runc events --stats`.
///
/// The members are cpu, cpuset, memory, pids, blkio and hugetlb, whose members have runc's names.
/// Numbers that could not be read are left out. Three members are not runc's: io has every key of
/// io.stat, rdma and misc have the controllers' files current and max. memory.raw has every key of
/// memory.stat.
///
/// @param manager      the manager
/// @param controllers  KATACG_STATS_CPU to KATACG_STATS_CGROUP combined with |, or 0 for all. The
///                     members psi need KATACG_STATS_PRESSURE too.
/// @param buf          receives the result; may be NULL if buf_len is 0
/// @param buf_len      size of buf in bytes; 0 asks for the length only. Each call reads the files
///                     anew, so the next result may be longer.
/// @param err          filled in on failure; may be NULL
///
/// Return: the length of the result in bytes without its NUL, even if it did not fit.
/// Errors: as for katacg_manager_stats.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_stats_json(
    manager: *const katacg_manager,
    controllers: u64,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let json = handle(manager, "manager")?.0.stats_json(controllers)?;
            put(&json, buf, buf_len)
        })
    }
}
