// SPDX-License-Identifier: Apache-2.0

//! Header section "Events".
//!
//! What happens to a cgroup, behind one descriptor that poll(2), epoll(7) or an event loop can wait
//! for. There is no thread and no signal handler.
//!
//! On v2 the kernel wakes the descriptor, at most 10 ms late. On v1 it does so for OOM, thresholds
//! and pressure, and when a process that the watch has chosen ends; the freezer, refused forks and
//! processes that are moved away are looked at every 100 ms.
//!
//! The removal is told by inotify on the parent cgroup, or on v1 by the memory controller, 50 to
//! 70 ms late. All watches of one host share one inotify instance, because a user has only 128. So
//! give the managers of many cgroups one katacg_host. A wake may be for another watch of the host
//! then; katacg_events_read passes the event on, and returns 0. Without inotify a cgroup without
//! processes is looked at every 100 ms.
//!
//! Nothing that a cgroup did while it existed is lost. What it did in its last moments may not have
//! been read: KATACG_EVENT_REMOVED says how sure the counts are. They are exact when this process
//! removes the cgroup through a manager of the same host.

use std::os::raw::c_int;
use std::time::Duration;

use rustix::fd::AsRawFd;

use super::error::katacg_error;
use super::ffi::{check_out, free, give, guard, handle, read_options};
use super::manager::katacg_manager;
use crate::error::{fail, Code, Error, Result};
use crate::events::Events;
use crate::manager::{EventOptions, Resource};

/// Kind of event: the cgroup ran out of memory. v1: it or a descendant was at its limit.
pub const KATACG_EVENT_OOM: u64 = 1;
/// Kind of event: the OOM killer killed a process.
pub const KATACG_EVENT_OOM_KILL: u64 = 2;
/// Kind of event: the OOM killer killed a whole cgroup (memory.oom.group). v2, Linux 5.17.
pub const KATACG_EVENT_OOM_GROUP_KILL: u64 = 4;
/// Kind of event: memory.high was exceeded. v2.
pub const KATACG_EVENT_MEMORY_HIGH: u64 = 8;
/// Kind of event: the memory limit was hit. v2.
pub const KATACG_EVENT_MEMORY_MAX: u64 = 16;
/// Kind of event: the last process of the cgroup and its descendants is gone. v1 without cgroup2:
/// the last process of the cgroup itself, in its memory hierarchy; a process that was moved away is
/// missed up to 100 ms late. It is not told of a cgroup that was empty at the last reading and is
/// empty again.
pub const KATACG_EVENT_EMPTY: u64 = 32;
/// Kind of event: the cgroup became frozen. v1 and hybrid hosts: by v1's freezer. A cgroup that is
/// thawed again before the next look at it is not told of.
pub const KATACG_EVENT_FROZEN: u64 = 64;
/// Kind of event: the cgroup was thawed.
pub const KATACG_EVENT_THAWED: u64 = 128;
/// Kind of event: the limit of processes refused a fork.
pub const KATACG_EVENT_PIDS_MAX: u64 = 256;
/// Kind of event: tasks waited for memory, CPU time or I/O for as long as katacg_events_opts asks,
/// or v1's level of memory pressure was reached. It must be asked for.
pub const KATACG_EVENT_PRESSURE: u64 = 512;
/// Kind of event: memory use crossed opts.threshold_bytes, up or down. It must be asked for.
pub const KATACG_EVENT_THRESHOLD: u64 = 1024;
/// Kind of event: the cgroup was removed. It is the last event.
pub const KATACG_EVENT_REMOVED: u64 = 2048;

/// Value of KATACG_EVENT_REMOVED: the counts of OOM, OOM kills and group kills that were told are
/// complete. This process removed the cgroup, or the parent's memory.events has no other kill. On
/// v1: they were read after the last process had gone, and certainly no OOM was signalled since.
pub const KATACG_EVENT_EXACT: u64 = 0;
/// Value of KATACG_EVENT_REMOVED: what was told is the least that happened. Since the last reading
/// there was an OOM in the cgroup, or the parent counted one that may have been a sibling's, or v1
/// signalled what may have been an OOM or the removal.
pub const KATACG_EVENT_AT_LEAST: u64 = 1;
/// Value of KATACG_EVENT_REMOVED: another process removed the cgroup before its last counts could
/// be read, and nothing tells what they were: the parent is the root of cgroup2, or is gone too,
/// or the memory controller is v1's.
pub const KATACG_EVENT_UNKNOWN: u64 = 2;

/// opts.pressure_resource: memory, CPU time, I/O.
pub const KATACG_PRESSURE_MEMORY: u64 = 0;
/// See KATACG_PRESSURE_MEMORY.
pub const KATACG_PRESSURE_CPU: u64 = 1;
/// See KATACG_PRESSURE_MEMORY.
pub const KATACG_PRESSURE_IO: u64 = 2;

/// opts.pressure_level: v1's levels of memory.pressure_level.
pub const KATACG_PRESSURE_LOW: u64 = 0;
/// See KATACG_PRESSURE_LOW.
pub const KATACG_PRESSURE_MEDIUM: u64 = 1;
/// See KATACG_PRESSURE_LOW.
pub const KATACG_PRESSURE_CRITICAL: u64 = 2;

/// opts.pressure_mode: v1 tells of pressure in a descendant unless a cgroup in between is watched.
pub const KATACG_PRESSURE_MODE_DEFAULT: u64 = 0;
/// opts.pressure_mode: v1 tells of pressure in the cgroup and in all its descendants.
pub const KATACG_PRESSURE_MODE_HIERARCHY: u64 = 1;
/// opts.pressure_mode: v1 tells of pressure in the cgroup itself.
pub const KATACG_PRESSURE_MODE_LOCAL: u64 = 2;

/// Options of katacg_events_open. New versions add fields at the end only.
///
/// KATACG_EVENT_PRESSURE, on v2 and in the cgroup2 directory of a hybrid host: told when some tasks
/// of the cgroup (or all, see pressure_full) waited for the resource for pressure_threshold_us in a
/// window of pressure_window_us; at most once a window. Without CAP_SYS_RESOURCE the window must be
/// 2, 4, 6, 8 or 10 seconds. With it any window up to 10 s will do (Linux before 6.5: from 0.5 s),
/// which costs a kernel thread for the cgroup. Only the cgroup's owner may ask.
///
/// KATACG_EVENT_PRESSURE, on v1 without cgroup2's file: told when reclaim in the cgroup reaches
/// pressure_level. v1 has it for memory only, and has no threshold of time.
///
/// KATACG_EVENT_THRESHOLD: told each time when memory use (memory.usage_in_bytes, memory.current)
/// crosses threshold_bytes. v1 signals it. v2 does not, so the watch compares every
/// threshold_interval_ms: shorter excursions are missed.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct katacg_events_opts {
    /// KATACG_EVENT_* combined with |. 0: all kinds that the cgroup has, without
    /// KATACG_EVENT_PRESSURE and KATACG_EVENT_THRESHOLD.
    pub kinds: u64,
    /// v2: KATACG_PRESSURE_MEMORY, _CPU or _IO.
    pub pressure_resource: u64,
    /// v2: 1 for time in which all tasks waited, 0 for time in which some did.
    pub pressure_full: u64,
    /// v2: the time of waiting in microseconds; 0 for 200 ms.
    pub pressure_threshold_us: u64,
    /// v2: the window in microseconds; 0 for 2 s.
    pub pressure_window_us: u64,
    /// v1: KATACG_PRESSURE_LOW, _MEDIUM or _CRITICAL.
    pub pressure_level: u64,
    /// v1: KATACG_PRESSURE_MODE_*.
    pub pressure_mode: u64,
    /// Bytes of memory in use.
    pub threshold_bytes: u64,
    /// v2: how often memory use is looked at, in milliseconds; needed there. v1 does not use it.
    pub threshold_interval_ms: u64,
}

// header: /* Starts a struct katacg_events_opts. */
// header: #define KATACG_EVENTS_OPTS_INIT { 0, 0, 0, 0, 0, 0, 0, 0, 0 }

impl katacg_events_opts {
    fn options(&self) -> Result<EventOptions> {
        let unknown = |field: &str, value: u64| {
            Error::new(Code::Argument, format!("unknown opts.{field} {value}"))
        };
        let resource = match self.pressure_resource {
            KATACG_PRESSURE_MEMORY => Resource::Memory,
            KATACG_PRESSURE_CPU => Resource::Cpu,
            KATACG_PRESSURE_IO => Resource::Io,
            other => return Err(unknown("pressure_resource", other)),
        };
        let level = match (self.pressure_level, self.pressure_mode) {
            (0, 0) => "low",
            (1, 0) => "medium",
            (2, 0) => "critical",
            (0, 1) => "low,hierarchy",
            (1, 1) => "medium,hierarchy",
            (2, 1) => "critical,hierarchy",
            (0, 2) => "low,local",
            (1, 2) => "medium,local",
            (2, 2) => "critical,local",
            (level, 0..=2) => return Err(unknown("pressure_level", level)),
            (_, mode) => return Err(unknown("pressure_mode", mode)),
        };
        let full = match self.pressure_full {
            0 => false,
            1 => true,
            other => return Err(unknown("pressure_full", other)),
        };
        Ok(EventOptions {
            kinds: self.kinds,
            resource,
            full,
            stall: self.pressure_threshold_us,
            window: self.pressure_window_us,
            level,
            threshold: self.threshold_bytes,
            interval: Duration::from_millis(self.threshold_interval_ms),
        })
    }
}

/// What happened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_event {
    /// One of KATACG_EVENT_*.
    pub kind: u64,
    /// How often since the last reading, or since katacg_events_open.
    pub count: u64,
    /// KATACG_EVENT_REMOVED: KATACG_EVENT_EXACT, KATACG_EVENT_AT_LEAST or KATACG_EVENT_UNKNOWN.
    /// KATACG_EVENT_THRESHOLD: the bytes in use. KATACG_EVENT_PRESSURE: the microseconds of waiting
    /// since the cgroup was made, or 0 on v1. Else the kernel's count since the cgroup was made, or
    /// 0 where the kernel has none.
    pub value: u64,
}

/// A watch of one cgroup's events. It may outlive its manager and its host.
pub struct katacg_events(Events);

/// Begins to watch a cgroup.
///
/// Only what happens afterwards is told. The watch has some seven descriptors, all close-on-exec,
/// and a share in the host's inotify instance.
///
/// @param manager    the manager
/// @param opts       the options, or NULL for all kinds
/// @param opts_size  sizeof(struct katacg_events_opts); 0 with NULL
/// @param out        receives the watch; NULL on failure
/// @param err        filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  no file of the cgroup tells one of the kinds: the
///                                          layout has none, its controller or pressure stall
///                                          information is off; or a threshold on v2 without
///                                          threshold_interval_ms
///   -EPERM       (KATACG_ERR_ROOTLESS)     the manager has no cgroup (see katacg_manager_apply)
///   -EINVAL      (KATACG_ERR_ARGUMENT)     manager or out is NULL, a kind or a pressure_* value is
///                                          unknown, or threshold_bytes is 0
///   -EINVAL      (KATACG_ERR_SYSTEM)       the kernel refuses the pressure window or threshold
///   -EACCES      (KATACG_ERR_SYSTEM)       only the cgroup's owner may ask for pressure
///   -E2BIG       (KATACG_ERR_TOO_NEW)      opts sets fields that this version does not know
///   -errno       (KATACG_ERR_SYSTEM)       a descriptor could not be made, or on v1 the eventfd
///                                          not registered (-EROFS on a read-only mount)
/// Ownership: free the watch with katacg_events_free.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_events_open(
    manager: *const katacg_manager,
    opts: *const katacg_events_opts,
    opts_size: usize,
    out: *mut *mut katacg_events,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            check_out(out)?;
            let opts = read_options(opts, opts_size)?;
            let events = handle(manager, "manager")?.0.events_with(&opts.options()?)?;
            Ok(give(out, katacg_events(events)))
        })
    }
}

/// Returns the descriptor to wait for: it is readable (POLLIN) when there may be events.
///
/// It may become readable without an event. Read it with katacg_events_read only. An edge-triggered
/// epoll(7) may wait for it, if a reading follows every wake. The descriptor stays readable until
/// the reading that tells the event.
///
/// @param events  the watch
/// @param err     filled in on failure; may be NULL
///
/// Return: the descriptor.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  events is NULL
/// Ownership: the watch owns the descriptor; do not close it.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_events_fd(
    events: *const katacg_events,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || Ok(handle(events, "events")?.0.fd().as_raw_fd())) }
}

/// Reads what happened since the last reading. Never waits.
///
/// One event of a kind stands for all of that kind. Events that do not fit in the array are told by
/// the next call. The descriptor is readable until then.
///
/// Of a removed cgroup, the last event is KATACG_EVENT_REMOVED, and the descriptor is not readable
/// afterwards. On v1 the event can be 200 ms late when the cgroup ran out of memory just before.
///
/// @param events  the watch
/// @param out     receives the events
/// @param n       how many fit
/// @param err     filled in on failure; may be NULL
///
/// Return: the number of events, which may be 0.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  events or out is NULL, or n is 0
///   -errno   (KATACG_ERR_SYSTEM)    the timer could not be set
/// Threads: one at a time for one watch. Fork: a child must not read its parent's watch; both would
/// miss events. It may free the watch, and open its own, also with its parent's host.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_events_read(
    events: *mut katacg_events,
    out: *mut katacg_event,
    n: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let Some(events) = events.as_mut() else {
                return fail(Code::Argument, "events is NULL");
            };
            if out.is_null() || n == 0 {
                return fail(Code::Argument, "out is NULL or n is 0");
            }
            let mut found = [None; 16];
            let room = found.get_mut(..n.min(16)).unwrap_or_default();
            let count = events.0.read(room)?;
            for (i, event) in room.iter().flatten().enumerate() {
                let event =
                    katacg_event { kind: event.kind.bit(), count: event.count, value: event.value };
                out.add(i).write_unaligned(event);
            }
            Ok(c_int::try_from(count).unwrap_or(0))
        })
    }
}

/// Ends a watch and closes its descriptors.
///
/// A watch of v2 pressure takes some 20 to 60 ms to end: the kernel waits until nobody uses the
/// trigger.
///
/// @param events  the watch, not to be used again; NULL does nothing
///
/// Errors: none.
/// Threads: no other call on this watch at the same time. Fork: safe.
#[no_mangle]
pub unsafe extern "C" fn katacg_events_free(events: *mut katacg_events) {
    // SAFETY: the header asks for a handle of this library or NULL.
    unsafe { free(events) }
}
