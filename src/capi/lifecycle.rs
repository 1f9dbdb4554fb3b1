// SPDX-License-Identifier: Apache-2.0

//! Header section "Freezer and removal".
//!
//! Freezes, signals and removes the cgroup.

use std::os::raw::c_int;
use std::time::Duration;

use rustix::process::Signal;

use super::error::katacg_error;
use super::ffi::{guard, handle};
use super::manager::katacg_manager;
use crate::cgroupfs::FreezerState;
use crate::error::{fail, Code};

/// Result of katacg_manager_freezer_state: the processes run.
pub const KATACG_FREEZER_THAWED: i32 = 1;
/// Result of katacg_manager_freezer_state: the cgroup was asked to freeze, and some task still
/// runs.
pub const KATACG_FREEZER_FREEZING: i32 = 2;
/// Result of katacg_manager_freezer_state: every process is frozen.
pub const KATACG_FREEZER_FROZEN: i32 = 3;

/// Freezes every process in the cgroup and its descendants.
///
/// Waits until all are frozen. On failure the cgroup is thawed again. If another caller thaws the
/// cgroup during the call, it is frozen again: the thaw counts as the earlier of the two.
///
/// @param manager     the manager
/// @param timeout_ms  how long to wait, in milliseconds
/// @param err         filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ETIMEDOUT   (KATACG_ERR_TIMEOUT)     some process did not freeze in time, or other callers
///                                         kept thawing the cgroup
///   -EINVAL      (KATACG_ERR_ARGUMENT)    manager is NULL, or the caller is in the cgroup and
///                                         could not thaw itself
///   -ENOENT      (KATACG_ERR_DELETED)     the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)  there is no freezer
///   -errno       (KATACG_ERR_SYSTEM)      write(2) failed
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_freeze(
    manager: *const katacg_manager,
    timeout_ms: u32,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            handle(manager, "manager")?.0.freeze(Duration::from_millis(timeout_ms.into()))?;
            Ok(0)
        })
    }
}

/// Lets the processes of the cgroup run again.
///
/// Processes below a frozen ancestor stay frozen.
///
/// @param manager  the manager
/// @param err      filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors: as for katacg_manager_freeze, except -ETIMEDOUT.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_thaw(
    manager: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            handle(manager, "manager")?.0.thaw()?;
            Ok(0)
        })
    }
}

/// Returns the cgroup's own freezer state.
///
/// The state is thawed if only an ancestor is frozen.
///
/// @param manager  the manager
/// @param err      filled in on failure; may be NULL
///
/// Return: one of KATACG_FREEZER_*.
/// Errors: as for katacg_manager_thaw.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_freezer_state(
    manager: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            Ok(match handle(manager, "manager")?.0.freezer_state()? {
                FreezerState::Thawed => KATACG_FREEZER_THAWED,
                FreezerState::Freezing => KATACG_FREEZER_FREEZING,
                FreezerState::Frozen => KATACG_FREEZER_FROZEN,
            })
        })
    }
}

/// Sends a signal to every process in the cgroup and its descendants.
///
/// SIGKILL goes through cgroup.kill where the kernel has it (unified, Linux 5.14). Otherwise the
/// cgroup is frozen, signalled and thawed, so that no process escapes by forking. If it cannot be
/// frozen within 2 s, the processes are signalled in several passes instead.
///
/// A process gets the signal even if only some of its threads are in the cgroup (v1, see
/// katacg_manager_pids). A cgroup that was frozen before stays frozen, except for SIGKILL.
///
/// The function does not wait for processes to end. katacg_manager_destroy does.
///
/// @param manager  the manager
/// @param signal   the number of the signal
/// @param err      filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT  (KATACG_ERR_DELETED)   the cgroup does not exist
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL, or signal is not a signal
///   -errno   (KATACG_ERR_SYSTEM)    kill(2) failed with another error than ESRCH
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_kill(
    manager: *const katacg_manager,
    signal: i32,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            // SAFETY: the kernel has these numbers. The C library reserves 32 and 33.
            let signal = match signal {
                1..=31 | 34..=64 => Signal::from_raw_unchecked(signal),
                _ => return fail(Code::Argument, format!("{signal} is not a signal")),
            };
            manager.kill(signal)?;
            Ok(0)
        })
    }
}

/// Returns how many processes of the cgroup the OOM killer has killed.
///
/// @param manager  the manager
/// @param out      receives the number; not written on failure
/// @param err      filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)   there is no memory controller
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the kernel does not count OOM kills
///   -EINVAL      (KATACG_ERR_ARGUMENT)     manager or out is NULL
///   -errno       (KATACG_ERR_SYSTEM)       open(2) or read(2) failed
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_oom_kills(
    manager: *const katacg_manager,
    out: *mut u64,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            if out.is_null() {
                return fail(Code::Argument, "out is NULL");
            }
            out.write_unaligned(manager.oom_kills()?);
            Ok(0)
        })
    }
}

/// Tells whether the cgroup exists in any hierarchy of the manager.
///
/// @param manager  the manager
/// @param err      filled in on failure; may be NULL
///
/// Return: 1 if it exists; 0 if nothing is left to destroy.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
///   -errno   (KATACG_ERR_SYSTEM)    openat2(2) failed with another error than ENOENT
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_exists(
    manager: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || Ok(c_int::from(handle(manager, "manager")?.0.exists()?))) }
}

/// Removes the cgroup and its children from every hierarchy.
///
/// Waits up to about a second in all for processes that are ending. Processes are neither moved nor
/// killed. Ancestors stay, even those that katacg_manager_apply created. A cgroup that is already
/// gone counts as removed, so the function can be called again.
///
/// A systemd unit is stopped too. Stopping a unit kills its processes, so the directories are
/// removed first. If processes are left after about a second, the function fails before it asks
/// systemd. It also fails in these cases:
///
/// - Something is left in a slice.
/// - A unit of this name has its cgroup elsewhere: it is another unit.
/// - The unit has processes that the caller cannot see, as in a cgroup namespace of its own.
///
/// A unit that another program starts in the slice at that very moment is stopped with the slice.
///
/// @param manager  the manager
/// @param err      filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -EBUSY   (KATACG_ERR_BUSY)      processes are left, and the message names some; empty cgroups
///                                   are removed
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
///   -errno   (KATACG_ERR_SYSTEM)    rmdir(2) failed
/// Also KATACG_ERR_TIMEOUT, KATACG_ERR_BUS and KATACG_ERR_SYSTEM from systemd, as for
/// katacg_manager_apply.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_destroy(
    manager: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            handle(manager, "manager")?.0.destroy()?;
            Ok(0)
        })
    }
}

/// Lets go of the cgroup without ending the processes in it.
///
/// The function kills, moves and waits for no process, so the caller may be in the cgroup itself,
/// as Kata's shim is. It removes empty directories. It abandons a systemd scope with processes
/// (AbandonScope), which then ends with its last process. A slice with units or processes inside
/// stays unchanged.
///
/// A directory with processes stays until katacg_manager_destroy removes it, in this process or in
/// one that has loaded the state. On v1 that includes the directories of a scope in hierarchies
/// that systemd does not manage.
///
/// @param manager  the manager
/// @param err      filled in on failure; may be NULL
///
/// Return: 0 if nothing is left; 1 if something is left.
/// Errors:
///   -EBUSY   (KATACG_ERR_BUSY)      a unit of this name has its cgroup elsewhere
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
///   -errno   (KATACG_ERR_SYSTEM)    rmdir(2) failed with another error than EBUSY
/// Also KATACG_ERR_TIMEOUT, KATACG_ERR_BUS and KATACG_ERR_SYSTEM from systemd, as for
/// katacg_manager_apply.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_release(
    manager: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || Ok(c_int::from(handle(manager, "manager")?.0.release()?))) }
}
