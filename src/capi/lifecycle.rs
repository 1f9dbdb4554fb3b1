//! Section "life cycle": freezing, killing, removing.

use std::os::raw::c_int;
use std::time::Duration;

use rustix::process::Signal;

use super::error::katacg_error;
use super::ffi::{guard, handle};
use super::manager::katacg_manager;
use crate::cgroupfs::Freezer;
use crate::error::{fail, Code};

/// katacg_manager_freezer_state: running.
pub const KATACG_FREEZER_THAWED: i32 = 1;
/// katacg_manager_freezer_state: asked to freeze, and some task has not arrived.
pub const KATACG_FREEZER_FREEZING: i32 = 2;
/// katacg_manager_freezer_state: frozen.
pub const KATACG_FREEZER_FROZEN: i32 = 3;

/// Freezes all processes of the cgroup and below, and waits until they are. When it fails, the
/// cgroup is thawed again.
///
/// timeout_ms: how long to wait. Returns: 0. Errors: -ETIMEDOUT (KATACG_ERR_TIMEOUT), -EINVAL
/// (KATACG_ERR_ARGUMENT: the caller is inside, and could not thaw itself), -ENOENT
/// (KATACG_ERR_DELETED: no such cgroup), -EOPNOTSUPP (KATACG_ERR_CONTROLLER: no freezer), what
/// write(2) gives (KATACG_ERR_SYSTEM), -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork:
/// safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_freeze(
    manager: *const katacg_manager,
    timeout_ms: u32,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            handle(manager, "manager")?.0.freeze(Duration::from_millis(timeout_ms.into()))?;
            Ok(0)
        })
    }
}

/// Lets the processes run again; those below a frozen ancestor stay frozen.
///
/// Returns: 0. Errors: as katacg_manager_freeze, but no time-out. Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_thaw(
    manager: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            handle(manager, "manager")?.0.thaw()?;
            Ok(0)
        })
    }
}

/// The cgroup's own freezer state: thawed also when only an ancestor is frozen.
///
/// Returns: one of KATACG_FREEZER_*. Errors: as katacg_manager_thaw. Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_freezer_state(
    manager: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            Ok(match handle(manager, "manager")?.0.freezer_state()? {
                Freezer::Thawed => KATACG_FREEZER_THAWED,
                Freezer::Freezing => KATACG_FREEZER_FREEZING,
                Freezer::Frozen => KATACG_FREEZER_FROZEN,
            })
        })
    }
}

/// Sends a signal to every process in the cgroup and below: SIGKILL through cgroup.kill where the
/// kernel has it (unified, Linux 5.14), else frozen, signalled, thawed, so that none escapes by forking;
/// what cannot be frozen within 2 s is gone over several times instead. Processes are signalled whole,
/// also those of which only some threads are inside (v1: see katacg_manager_pids).
/// A cgroup that was frozen before stays frozen, but for SIGKILL. Does not wait for them to end;
/// katacg_manager_destroy does.
///
/// signal: its number. Returns: 0. Errors: -ENOENT (KATACG_ERR_DELETED: no such cgroup), what kill(2)
/// gives but ESRCH (KATACG_ERR_SYSTEM), -EINVAL (KATACG_ERR_ARGUMENT: NULL, or no signal). Threads:
/// any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_kill(
    manager: *const katacg_manager,
    signal: i32,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            // SAFETY of the call: a number that the kernel has; 32 and 33 are the C library's own.
            let signal = match signal {
                1..=31 | 34..=64 => Signal::from_raw_unchecked(signal),
                _ => return fail(Code::Argument, format!("{signal} is not a signal")),
            };
            manager.kill(signal)?;
            Ok(0)
        })
    }
}

/// How many processes of the cgroup the OOM killer has killed.
///
/// out: the number; not written on failure. Returns: 0. Errors: -ENOENT (KATACG_ERR_DELETED: no such
/// cgroup), -EOPNOTSUPP (KATACG_ERR_CONTROLLER: no memory controller; KATACG_ERR_UNSUPPORTED: the kernel does not count),
/// what open(2) and read(2) give (KATACG_ERR_SYSTEM), -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads:
/// any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_oom_kills(
    manager: *const katacg_manager,
    out: *mut u64,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            if out.is_null() {
                return fail(Code::Argument, "out is NULL");
            }
            out.write(manager.oom_kills()?);
            Ok(0)
        })
    }
}

/// Whether the cgroup is there, in any of the manager's hierarchies: 0 means that nothing is left to
/// destroy.
///
/// Returns: 1 or 0. Errors: what openat2(2) gives but ENOENT (KATACG_ERR_SYSTEM), -EINVAL
/// (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_exists(
    manager: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || Ok(c_int::from(handle(manager, "manager")?.0.exists()?))) }
}

/// Removes the cgroup with its children from every hierarchy, waiting up to about a second in all
/// for processes that are ending. What is gone already counts as removed: it can be called again.
/// Processes are not moved and not killed; ancestors stay, also those that katacg_manager_apply
/// made. A unit of systemd's is stopped as well, which would kill who is inside: so nobody may be,
/// the directories go first, and what is still there after about a second is an error before
/// systemd is asked. So is anything inside a slice, a unit of the name that is another one (its
/// cgroup is elsewhere), and one with processes that cannot be seen from here, as in a cgroup
/// namespace of the caller's own. A unit that somebody starts in a slice at that very moment is
/// stopped with it.
///
/// Returns: 0. Errors: -EBUSY (KATACG_ERR_BUSY: processes are still inside; the message names some;
/// what was empty is gone), what rmdir(2) gives (KATACG_ERR_SYSTEM), of systemd KATACG_ERR_TIMEOUT,
/// KATACG_ERR_BUS and KATACG_ERR_SYSTEM as of katacg_manager_apply, -EINVAL (KATACG_ERR_ARGUMENT:
/// NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_destroy(
    manager: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            handle(manager, "manager")?.0.destroy()?;
            Ok(0)
        })
    }
}
