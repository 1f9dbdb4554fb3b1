// SPDX-License-Identifier: Apache-2.0

//! Header section "Events".
//!
//! A watch reports what happens to a cgroup, through one descriptor that poll(2), epoll(7) or an
//! event loop can wait for. The library uses no thread and no signal handler for that.
//!
//! On v2 the kernel wakes the descriptor, at most 10 ms late. Only a memory threshold needs a timer
//! there. On v1 the kernel wakes the descriptor for OOM, thresholds and pressure, and when a
//! process ends that the watch has chosen. For the freezer, refused forks and processes that are
//! moved to another cgroup, v1 wakes nobody, so a timer wakes the descriptor every 100 ms.
//!
//! inotify on the parent cgroup reports the removal. On v1, a watch of OOM, OOM kills, a threshold
//! or pressure gets it from the memory controller instead, 50 to 70 ms late. All watches of one
//! host share one inotify instance, because a user has only 128. So give the managers of many
//! cgroups one katacg_host. A wake may then be for another watch of the host: katacg_events_read
//! passes the event on to that watch, and returns 0. Where inotify cannot be used, a timer wakes
//! the watch of a cgroup without processes every 100 ms.
//!
//! The kernel's counts (OOM, kills, memory.high, memory.max, refused forks) lose nothing while the
//! cgroup exists. The last counts before a removal may not have been read: KATACG_EVENT_REMOVED
//! says how sure the counts are. They are exact when this process removes the cgroup through a
//! manager of the same host.

use std::os::raw::c_int;
use std::time::Duration;

use rustix::fd::AsRawFd;

use super::error::katacg_error;
use super::ffi::{check_out, free, give, guard, handle, read_options};
use super::manager::katacg_manager;
use crate::error::{fail, Code, Error, Result};
use crate::events::Events;
use crate::manager::{EventOptions, Resource};

/// Kind of event: the cgroup ran out of memory. v1: the cgroup or an ancestor was at its limit.
pub const KATACG_EVENT_OOM: u64 = 1;
/// Kind of event: the OOM killer killed a process. v1 signals no kill because the host ran out of
/// memory: the next katacg_events_read reports it.
pub const KATACG_EVENT_OOM_KILL: u64 = 2;
/// Kind of event: the OOM killer killed all processes of a cgroup (memory.oom.group). v2, Linux
/// 5.17.
pub const KATACG_EVENT_OOM_GROUP_KILL: u64 = 4;
/// Kind of event: memory.high was exceeded. v2.
pub const KATACG_EVENT_MEMORY_HIGH: u64 = 8;
/// Kind of event: the memory limit was hit. v2.
pub const KATACG_EVENT_MEMORY_MAX: u64 = 16;
/// Kind of event: the last process of the cgroup and its descendants has ended or left. v1 without
/// cgroup2: the last process of the cgroup itself, in the hierarchy of the memory controller if
/// there is one; reported up to 100 ms late if that process was moved to another cgroup. A cgroup
/// that was empty at one reading and is empty at the next causes no event.
pub const KATACG_EVENT_EMPTY: u64 = 32;
/// Kind of event: the cgroup became frozen: by v1's freezer where it is mounted, else by cgroup2's.
/// A freeze that ends before the next reading causes no event.
pub const KATACG_EVENT_FROZEN: u64 = 64;
/// Kind of event: the cgroup was thawed.
pub const KATACG_EVENT_THAWED: u64 = 128;
/// Kind of event: the limit of processes refused a fork. v1, and v2 before Linux 6.11, count in the
/// cgroup that forks, whichever ancestor has the limit. Later, v2 counts in the cgroup that has the
/// limit, and in its ancestors.
pub const KATACG_EVENT_PIDS_MAX: u64 = 256;
/// Kind of event: tasks waited for memory, CPU time or I/O as long as katacg_events_opts says, or
/// memory pressure reached v1's level. opts.kinds 0 does not include this kind.
pub const KATACG_EVENT_PRESSURE: u64 = 512;
/// Kind of event: memory use crossed opts.threshold_bytes, up or down. opts.kinds 0 does not
/// include this kind.
pub const KATACG_EVENT_THRESHOLD: u64 = 1024;
/// Kind of event: the cgroup was removed. It is the last event.
pub const KATACG_EVENT_REMOVED: u64 = 2048;

/// Value of KATACG_EVENT_REMOVED: the reported counts of OOMs, OOM kills and group kills are
/// complete. This process removed the cgroup, or the parent's memory.events shows no other ones,
/// or, on v1, the counts were read after the last process had left and no OOM was signalled since.
/// Also the value if the watch is for no kind that the kernel counts.
pub const KATACG_EVENT_EXACT: u64 = 0;
/// Value of KATACG_EVENT_REMOVED: there may have been more OOMs or kills than were reported. After
/// the last reading the parent counted some, which may have been a sibling's, or v1 gave signals
/// that may have been an OOM's or the removal's.
pub const KATACG_EVENT_AT_LEAST: u64 = 1;
/// Value of KATACG_EVENT_REMOVED: another process removed the cgroup before its last counts could
/// be read, and no file has these counts: the parent is the root of cgroup2, or is gone too, or
/// cgroup2 is mounted with memory_localevents, or the memory controller is v1's, or the watch is
/// for no kind of the memory controller.
pub const KATACG_EVENT_UNKNOWN: u64 = 2;

/// opts.pressure_resource: tasks wait for memory.
pub const KATACG_PRESSURE_MEMORY: u64 = 0;
/// opts.pressure_resource: tasks wait for CPU time.
pub const KATACG_PRESSURE_CPU: u64 = 1;
/// opts.pressure_resource: tasks wait for I/O.
pub const KATACG_PRESSURE_IO: u64 = 2;

/// opts.pressure_level: the level low of v1's memory.pressure_level.
pub const KATACG_PRESSURE_LOW: u64 = 0;
/// opts.pressure_level: the level medium.
pub const KATACG_PRESSURE_MEDIUM: u64 = 1;
/// opts.pressure_level: the level critical.
pub const KATACG_PRESSURE_CRITICAL: u64 = 2;

/// opts.pressure_mode: v1 reports pressure in the cgroup, and in a descendant unless a cgroup
/// between the two has a watch of pressure.
pub const KATACG_PRESSURE_MODE_DEFAULT: u64 = 0;
/// opts.pressure_mode: v1 reports pressure in the cgroup and in all its descendants.
pub const KATACG_PRESSURE_MODE_HIERARCHY: u64 = 1;
/// opts.pressure_mode: v1 reports pressure in the cgroup itself only.
pub const KATACG_PRESSURE_MODE_LOCAL: u64 = 2;

/// Options of katacg_events_open. New versions add fields at the end only.
///
/// KATACG_EVENT_PRESSURE, on v2 and in the cgroup2 directory of a hybrid host: reported when some
/// tasks of the cgroup (or all, see pressure_full) waited for the resource for
/// pressure_threshold_us within pressure_window_us; at most once per window. Without
/// CAP_SYS_RESOURCE the window must be 2, 4, 6, 8 or 10 seconds. With CAP_SYS_RESOURCE any window
/// up to 10 s is allowed (Linux before 6.5: from 0.5 s), and the trigger costs a kernel thread for
/// the cgroup. Only the cgroup's owner may set a trigger. While pressure is turned off in the
/// cgroup (cgroup.pressure), a timer wakes the descriptor every 100 ms, and katacg_events_read sets
/// the trigger again once pressure is on.
///
/// KATACG_EVENT_PRESSURE, on v1 without the pressure file of cgroup2: reported when memory pressure
/// in the cgroup reaches pressure_level. v1 has no pressure of other resources, and no threshold of
/// time.
///
/// KATACG_EVENT_THRESHOLD: reported each time memory use (memory.usage_in_bytes, memory.current)
/// crosses threshold_bytes. v1 signals the crossing. v2 does not, so katacg_events_read compares,
/// and a timer wakes the descriptor every threshold_interval_ms. A crossing and the way back
/// between two readings are missed.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct katacg_events_opts {
    /// KATACG_EVENT_* combined with |. 0: all kinds that the cgroup can report, without
    /// KATACG_EVENT_PRESSURE and KATACG_EVENT_THRESHOLD.
    pub kinds: u64,
    /// v2: KATACG_PRESSURE_MEMORY, _CPU or _IO.
    pub pressure_resource: u64,
    /// v2: 1 counts the time in which all tasks waited, 0 the time in which some task did.
    pub pressure_full: u64,
    /// v2: the time of waiting in microseconds; 0 for 200 ms.
    pub pressure_threshold_us: u64,
    /// v2: the window in microseconds; 0 for 2 s.
    pub pressure_window_us: u64,
    /// v1: KATACG_PRESSURE_LOW, _MEDIUM or _CRITICAL.
    pub pressure_level: u64,
    /// v1: KATACG_PRESSURE_MODE_*.
    pub pressure_mode: u64,
    /// The threshold in bytes of memory in use. Must not be 0 with KATACG_EVENT_THRESHOLD.
    pub threshold_bytes: u64,
    /// v2: how often memory use is compared with the threshold, in milliseconds. Must not be 0 with
    /// KATACG_EVENT_THRESHOLD. v1 ignores it.
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

/// What happened to a cgroup, and how often.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_event {
    /// One of KATACG_EVENT_*.
    pub kind: u64,
    /// How often this kind happened since it was reported last, or since katacg_events_open.
    pub count: u64,
    /// KATACG_EVENT_REMOVED: KATACG_EVENT_EXACT, KATACG_EVENT_AT_LEAST or KATACG_EVENT_UNKNOWN.
    /// KATACG_EVENT_THRESHOLD: the bytes in use. KATACG_EVENT_PRESSURE: the microseconds of waiting
    /// since the cgroup was made, or 0 where they cannot be read, as on v1. Other kinds: the
    /// kernel's count since the cgroup was made, or 0 where the kernel has no count.
    pub value: u64,
}

/// A watch of one cgroup's events. It may outlive its manager and its host.
pub struct katacg_events(Events);

/// Begins to watch a cgroup.
///
/// The watch reports only what happens after this call. A watch of all kinds has some eight
/// descriptors, all close-on-exec, and uses the host's inotify instance.
///
/// @param manager    the manager
/// @param opts       the options; NULL is the same as KATACG_EVENTS_OPTS_INIT
/// @param opts_size  sizeof(struct katacg_events_opts); 0 with NULL
/// @param out        receives the watch; NULL on failure
/// @param err        filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  no file of the cgroup reports one of opts.kinds: the
///                                          layout has no such file, its controller is off, or the
///                                          kernel has pressure off (psi=0); or a threshold on v2
///                                          without threshold_interval_ms
///   -ENOENT      (KATACG_ERR_UNSUPPORTED)  v2: the cgroup has no pressure file, for instance with
///                                          cgroup_disable=pressure
///   -EPERM       (KATACG_ERR_ROOTLESS)     the manager has no cgroup (see katacg_manager_apply)
///   -EINVAL      (KATACG_ERR_ARGUMENT)     manager or out is NULL, a kind or a pressure_* value is
///                                          unknown, or threshold_bytes is 0
///   -EINVAL      (KATACG_ERR_SYSTEM)       the kernel refuses the pressure window or threshold
///   -EACCES      (KATACG_ERR_SYSTEM)       the caller is not the cgroup's owner, who alone may set
///                                          a pressure trigger
///   -EPERM       (KATACG_ERR_SYSTEM)       the kernel wants CAP_SYS_RESOURCE for pressure triggers
///   -E2BIG       (KATACG_ERR_TOO_NEW)      opts sets fields that this version does not know
///   -errno       (KATACG_ERR_SYSTEM)       a descriptor could not be made, or on v1 the eventfd
///                                          could not be registered (-EROFS: read-only mount)
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

/// Returns the descriptor to wait for. It is readable (POLLIN) when there may be events.
///
/// The descriptor may become readable without an event, and stays readable until katacg_events_read
/// has reported the events. Use the descriptor for waiting only, never for read(2). An
/// edge-triggered epoll(7) works if katacg_events_read follows every wake.
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

/// Reports what happened since the last call. Never waits.
///
/// There is at most one event of each kind; its count says how often the kind happened. The next
/// call reports the events that do not fit in the array. The descriptor is readable until then.
///
/// When the cgroup was removed, the last event is KATACG_EVENT_REMOVED, and the descriptor is not
/// readable afterwards. On v1, KATACG_EVENT_REMOVED can come 200 ms late if the cgroup ran out of
/// memory just before the removal.
///
/// @param events  the watch
/// @param out     receives the events
/// @param n       number of events that out has room for, at least 1; 12 is room for all kinds
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
/// With KATACG_EVENT_PRESSURE on v2 the call takes some 20 to 60 ms: the kernel waits until nobody
/// uses the trigger.
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
