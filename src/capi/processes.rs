// SPDX-License-Identifier: Apache-2.0

//! Header section "Processes".
//!
//! Moves processes and threads in and out, and lists them.

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{bytes, check_flags, check_out, give, guard, handle, put_ints, text};
use super::manager::katacg_manager;
use crate::error::{fail, Code};
use crate::manager::Add;

/// Flag of katacg_manager_add: the ids are thread ids.
pub const KATACG_ADD_THREADS: u32 = 1;
/// Flag of katacg_manager_add: creates the subcgroup. With KATACG_ADD_THREADS on v2 it is a
/// threaded one.
pub const KATACG_ADD_CREATE: u32 = 2;

/// Moves processes or threads into the cgroup, in every hierarchy.
///
/// If one id cannot be moved, those that were moved are put back.
///
/// For a unit of a user's systemd, systemd moves the processes (AttachProcessesToUnit, systemd
/// 238), because it may do so where the user may not. A systemd in another PID namespace is not
/// asked.
///
/// @param manager  the manager
/// @param ids      process ids, or thread ids with KATACG_ADD_THREADS. On v2, threads move only
///                 within one threaded subtree.
/// @param ids_len  the number of ids
/// @param flags    KATACG_ADD_* combined with |, or 0
/// @param below    a subcgroup, relative to the manager's cgroup; NULL or "" is the cgroup itself
/// @param err      filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup or the subcgroup does not exist
///   -ESRCH       (KATACG_ERR_SYSTEM)       a process or thread does not exist
///   -EBUSY       (KATACG_ERR_SYSTEM)       a v2 cgroup has controllers enabled for its children
///   -EOPNOTSUPP  (KATACG_ERR_SYSTEM)       v2 does not allow this mix of threaded and domain
///                                          cgroups
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the user's systemd is in another PID namespace
///   -EINVAL      (KATACG_ERR_PATH)         below leaves the cgroup, or would be a child of a
///                                          hierarchy's root
///   -EINVAL      (KATACG_ERR_ARGUMENT)     manager or ids is NULL, or a flag is unknown
///   -EPERM       (KATACG_ERR_ROOTLESS)     the manager has no cgroup (see katacg_manager_apply)
///   -errno       (KATACG_ERR_SYSTEM)       open(2) or write(2) failed
/// For a unit of a user's systemd, also the errors from systemd of katacg_manager_set.
/// Threads: any. Fork: safe, unless another thread was in a call on this manager.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_add(
    manager: *const katacg_manager,
    ids: *const i32,
    ids_len: usize,
    flags: u32,
    below: *const c_char,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            check_flags(flags.into(), (KATACG_ADD_THREADS | KATACG_ADD_CREATE).into())?;
            let below = if below.is_null() { b"" } else { text(below, "below")? };
            let Some(size) = ids_len.checked_mul(size_of::<i32>()) else {
                return fail(Code::Argument, "ids has an impossible length");
            };
            // Bytes need no alignment, which the caller may get wrong.
            let raw = bytes(ids.cast(), size, "ids")?;
            let ids: Vec<i32> = raw
                .chunks_exact(size_of::<i32>())
                .filter_map(|c| c.try_into().ok().map(i32::from_ne_bytes))
                .collect();
            let threads = flags & KATACG_ADD_THREADS != 0;
            let create = flags & KATACG_ADD_CREATE != 0;
            manager.add(&ids, Add { threads, subcgroup: below, create })?;
            Ok(0)
        })
    }
}

/// Lists the processes in the cgroup.
///
/// The ids are thread group ids. In a v2 threaded cgroup they are thread ids. On v1 this function,
/// katacg_manager_all_pids and katacg_manager_threads read the devices hierarchy, or the first that
/// is joined if devices is not. A process is listed if any of its threads is in the cgroup.
///
/// @param manager   the manager
/// @param pids      receives the ids; may be NULL if pids_len is 0
/// @param pids_len  how many ids fit; 0 asks for their number
/// @param err       filled in on failure; may be NULL
///
/// Return: the number of processes, even if they did not fit.
/// Errors:
///   -ENOENT  (KATACG_ERR_DELETED)   the cgroup does not exist
///   -EPERM   (KATACG_ERR_ROOTLESS)  the manager has no cgroup (see katacg_manager_apply)
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL
///   -errno   (KATACG_ERR_SYSTEM)    open(2) or read(2) failed
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_pids(
    manager: *const katacg_manager,
    pids: *mut i32,
    pids_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put_ints(&handle(manager, "manager")?.0.pids()?, pids, pids_len)) }
}

/// Lists the processes in the cgroup and in all cgroups below it, each once.
///
/// If the cgroup itself is a v2 threaded one, the threads are listed.
///
/// @param manager   the manager
/// @param pids      receives the ids; may be NULL if pids_len is 0
/// @param pids_len  how many ids fit; 0 asks for their number
/// @param err       filled in on failure; may be NULL
///
/// Return: the number of processes, even if they did not fit.
/// Errors: as for katacg_manager_pids.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_all_pids(
    manager: *const katacg_manager,
    pids: *mut i32,
    pids_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put_ints(&handle(manager, "manager")?.0.all_pids()?, pids, pids_len)) }
}

/// Lists the threads in the cgroup.
///
/// @param manager   the manager
/// @param tids      receives the ids; may be NULL if tids_len is 0
/// @param tids_len  how many ids fit; 0 asks for their number
/// @param err       filled in on failure; may be NULL
///
/// Return: the number of threads, even if they did not fit.
/// Errors: as for katacg_manager_pids.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_threads(
    manager: *const katacg_manager,
    tids: *mut i32,
    tids_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || put_ints(&handle(manager, "manager")?.0.threads()?, tids, tids_len)) }
}

/// Moves everything in the cgroup and below it to another cgroup, which must exist.
///
/// It works in every hierarchy that the other manager has joined:
///
/// - Both have joined it, v1: the threads inside move, not the whole processes they belong to.
/// - Both have joined it, v2: processes move, or the threads of threaded cgroups.
/// - Only the other has joined it: the processes of this cgroup move there as a whole.
///
/// A hierarchy that only this manager has joined is left alone. Tasks that end meanwhile are
/// skipped.
///
/// @param manager  the manager
/// @param to       a manager on the same host, or on a host with the same mounts
/// @param err      filled in on failure; may be NULL
///
/// Return: the number of moves.
/// Errors:
///   -ENOENT  (KATACG_ERR_DELETED)   one of the cgroups does not exist
///   -EINVAL  (KATACG_ERR_PATH)      manager is the root of a hierarchy, or to is one with
///                                   KATACG_MANAGER_STRICT
///   -EINVAL  (KATACG_ERR_ARGUMENT)  an argument is NULL, both are one cgroup, or the mounts differ
///   -EBUSY   (KATACG_ERR_BUSY)      some tasks could not be moved, such as those of another PID
///                                   namespace
///   -errno   (KATACG_ERR_SYSTEM)    open(2) or write(2) failed
/// After -EBUSY and KATACG_ERR_SYSTEM some tasks have moved.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_move_to(
    manager: *const katacg_manager,
    to: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let moves = handle(manager, "manager")?.0.move_to(&handle(to, "to")?.0)?;
            Ok(c_int::try_from(moves).unwrap_or(c_int::MAX))
        })
    }
}

/// Creates a manager for the parent cgroup, as a place to move processes to.
///
/// The parent of "/a/b" is "/a". The parent of "/a" is the root of the hierarchy. The parent of a
/// unit is the cgroup of its slice. On cgroup2 a slice that contains units takes no processes
/// itself.
///
/// KATACG_MANAGER_STRICT refuses the root. Without it, a manager of the root can take processes and
/// be read. Calls that would change the root or reach every process in it are -EINVAL
/// (KATACG_ERR_PATH). These are apply, set, write, freeze, thaw, kill, destroy, move_to, and add
/// with a subcgroup.
///
/// @param manager  the manager
/// @param out      receives the new manager; NULL on failure
/// @param err      filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT  (KATACG_ERR_DELETED)   the parent does not exist
///   -EINVAL  (KATACG_ERR_PATH)      the parent is the root, with KATACG_MANAGER_STRICT
///   -EINVAL  (KATACG_ERR_ARGUMENT)  an argument is NULL
///   -errno   (KATACG_ERR_SYSTEM)    openat2(2) failed
/// Ownership: free the manager with katacg_manager_free.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_parent(
    manager: *const katacg_manager,
    out: *mut *mut katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            check_out(out)?;
            Ok(give(out, katacg_manager(handle(manager, "manager")?.0.parent()?)))
        })
    }
}
