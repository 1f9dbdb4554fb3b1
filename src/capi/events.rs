// SPDX-License-Identifier: Apache-2.0

//! Header section "Events".
//!
//! What happens to a cgroup, behind one descriptor that poll(2), epoll(7) or an event loop can wait
//! for. There is no thread and no signal handler.
//!
//! On v2 the kernel wakes the descriptor, at most 10 ms late. On v1 it does so for OOM; the freezer
//! and refused forks are looked at every 100 ms. On every layout a cgroup without processes is
//! looked at every 100 ms, because its removal wakes nobody.

use std::os::raw::c_int;

use rustix::fd::AsRawFd;

use super::error::katacg_error;
use super::ffi::{check_out, free, give, guard, handle, read_options};
use super::manager::katacg_manager;
use crate::error::{fail, Code};
use crate::events::Events;

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
/// Kind of event: the last process of the cgroup and its descendants is gone. It needs cgroup2. It
/// is not told of a cgroup that was empty at the last reading and is empty again.
pub const KATACG_EVENT_EMPTY: u64 = 32;
/// Kind of event: the cgroup became frozen.
pub const KATACG_EVENT_FROZEN: u64 = 64;
/// Kind of event: the cgroup was thawed.
pub const KATACG_EVENT_THAWED: u64 = 128;
/// Kind of event: the limit of processes refused a fork.
pub const KATACG_EVENT_PIDS_MAX: u64 = 256;
/// Kind of event: pressure. This version does not watch it: -EOPNOTSUPP.
pub const KATACG_EVENT_PRESSURE: u64 = 512;
/// Kind of event: memory use crossed a threshold. This version does not watch it: -EOPNOTSUPP.
pub const KATACG_EVENT_THRESHOLD: u64 = 1024;
/// Kind of event: the cgroup was removed. It is the last event.
pub const KATACG_EVENT_REMOVED: u64 = 2048;

/// Value of KATACG_EVENT_REMOVED: the counts that were told are complete. They were read after the
/// last process had gone, and no process was seen to come back.
pub const KATACG_EVENT_EXACT: u64 = 0;
/// Value of KATACG_EVENT_REMOVED: the cgroup was removed before its last counts could be read. What
/// was told is the least that happened.
pub const KATACG_EVENT_AT_LEAST: u64 = 1;

/// Options of katacg_events_open. New versions add fields at the end only.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct katacg_events_opts {
    /// KATACG_EVENT_* combined with |. 0: all kinds that the cgroup has.
    pub kinds: u64,
}

// header: /* Starts a struct katacg_events_opts. */
// header: #define KATACG_EVENTS_OPTS_INIT { 0 }

/// What happened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_event {
    /// One of KATACG_EVENT_*.
    pub kind: u64,
    /// How often since the last reading, or since katacg_events_open.
    pub count: u64,
    /// KATACG_EVENT_REMOVED: KATACG_EVENT_EXACT or KATACG_EVENT_AT_LEAST. Else the kernel's count
    /// since the cgroup was made, or 0 where the kernel has none.
    pub value: u64,
}

/// A watch of one cgroup's events. It may outlive its manager and its host.
pub struct katacg_events(Events);

/// Begins to watch a cgroup.
///
/// Only what happens afterwards is told. The watch has some five descriptors, all close-on-exec.
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
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  no file of the cgroup tells one of the kinds, or this
///                                          version does not watch it
///   -EPERM       (KATACG_ERR_ROOTLESS)     the manager has no cgroup (see katacg_manager_apply)
///   -EINVAL      (KATACG_ERR_ARGUMENT)     manager or out is NULL, or a kind is unknown
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
            let events = handle(manager, "manager")?.0.events(opts.kinds)?;
            Ok(give(out, katacg_events(events)))
        })
    }
}

/// Returns the descriptor to wait for: it is readable (POLLIN) when there may be events.
///
/// It may become readable without an event. Read it with katacg_events_read only. An edge-triggered
/// epoll(7) may wait for it, if a reading follows every wake.
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
/// Of a removed cgroup, the last event is KATACG_EVENT_REMOVED. Its counts are exact if the cgroup
/// was removed after KATACG_EVENT_EMPTY was read.
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
/// miss events.
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
/// @param events  the watch, not to be used again; NULL does nothing
///
/// Errors: none.
/// Threads: no other call on this watch at the same time. Fork: safe.
#[no_mangle]
pub unsafe extern "C" fn katacg_events_free(events: *mut katacg_events) {
    // SAFETY: the header asks for a handle of this library or NULL.
    unsafe { free(events) }
}
