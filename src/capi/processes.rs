//! Section "members": who is in the cgroup.

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{bytes, check_flags, check_out, give, guard, handle, put_ints, text};
use super::manager::katacg_manager;
use crate::error::{fail, Code};
use crate::manager::Add;

/// katacg_manager_add: the ids are those of threads.
pub const KATACG_ADD_THREADS: u32 = 1;
/// katacg_manager_add: make the sub-cgroup; with KATACG_ADD_THREADS on v2, as a threaded one.
pub const KATACG_ADD_CREATE: u32 = 2;

/// Moves processes or threads in, into every hierarchy, in one burst. When one cannot be moved,
/// those that were are put back. Processes are moved into a unit of a user's systemd by that, which may
/// where the user may not (AttachProcessesToUnit, systemd 238); a systemd of another
/// PID namespace is not asked (-EOPNOTSUPP, KATACG_ERR_UNSUPPORTED).
///
/// ids, ids_len: process ids, or thread ids with KATACG_ADD_THREADS (v2: threads move within one
/// threaded subtree only). flags: KATACG_ADD_*. below: a cgroup below the manager's, relative; NULL
/// or "": the manager's own. Returns: 0. Errors: -ESRCH (KATACG_ERR_SYSTEM: one is gone), -EBUSY
/// (KATACG_ERR_SYSTEM: a v2 cgroup with controllers turned on for its children), -EOPNOTSUPP
/// (KATACG_ERR_SYSTEM: v2 threaded and domain cgroups do not mix so), -EINVAL (KATACG_ERR_PATH:
/// below leaves the cgroup, or is one of the hierarchies' root; KATACG_ERR_ARGUMENT), -EPERM
/// (KATACG_ERR_ROOTLESS: there is no cgroup, see katacg_manager_apply), what open(2), write(2) give
/// (KATACG_ERR_SYSTEM), of a user's systemd those of katacg_manager_set. Threads: any. Fork: safe,
/// unless another thread was in a call on this handle.
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
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            check_flags(flags.into(), (KATACG_ADD_THREADS | KATACG_ADD_CREATE).into())?;
            let below = if below.is_null() { b"" } else { text(below, "below")? };
            let Some(size) = ids_len.checked_mul(size_of::<i32>()) else {
                return fail(Code::Argument, "ids has an impossible length");
            };
            // As bytes, which have no alignment to get wrong.
            let raw = bytes(ids.cast(), size, "ids")?;
            let ids: Vec<i32> = raw
                .chunks_exact(size_of::<i32>())
                .filter_map(|c| c.try_into().ok().map(i32::from_ne_bytes))
                .collect();
            let threads = flags & KATACG_ADD_THREADS != 0;
            let create = flags & KATACG_ADD_CREATE != 0;
            manager.add(&ids, Add { threads, below, create })?;
            Ok(0)
        })
    }
}

/// The processes in the cgroup (thread group ids; threads of a v2 threaded cgroup). On v1 this and
/// the two functions below look at the devices hierarchy, or, if it is not joined, at the first that
/// is; a process is listed if any thread of it is inside.
///
/// pids, pids_len: where they are put, and how many fit; NULL and 0 ask for their number. Returns:
/// how many there are, also when they did not fit. Errors: -ENOENT (KATACG_ERR_DELETED: no such
/// cgroup), -EPERM (KATACG_ERR_ROOTLESS: there is none, see katacg_manager_apply), what open(2) and
/// read(2) give (KATACG_ERR_SYSTEM), -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_pids(
    manager: *const katacg_manager,
    pids: *mut i32,
    pids_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put_ints(&handle(manager, "manager")?.0.pids()?, pids, pids_len)) }
}

/// The processes in the cgroup and in all cgroups below it, each once; the threads, if the cgroup is
/// a v2 threaded one itself.
///
/// pids, pids_len: as for katacg_manager_pids. Returns: how many there are, also when they did not
/// fit. Errors: as katacg_manager_pids. Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_all_pids(
    manager: *const katacg_manager,
    pids: *mut i32,
    pids_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put_ints(&handle(manager, "manager")?.0.all_pids()?, pids, pids_len)) }
}

/// The threads in the cgroup.
///
/// tids, tids_len: where they are put, and how many fit; NULL and 0 ask for their number. Returns:
/// how many there are, also when they did not fit. Errors: as katacg_manager_pids. Threads: any.
/// Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_threads(
    manager: *const katacg_manager,
    tids: *mut i32,
    tids_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || put_ints(&handle(manager, "manager")?.0.threads()?, tids, tids_len)) }
}

/// Moves everybody in the cgroup and below it to another one, which must exist, in every hierarchy
/// that the other has joined: on v1 the very threads that are inside (not the processes that they
/// belong to), on v2 processes, or the threads of threaded cgroups. In a hierarchy that only the
/// other has joined, it takes the processes of this one, whole; one that only this has joined is left
/// as it is. Tasks that end meanwhile are passed over.
///
/// to: a manager on the same host, or on one with the same mounts. Returns: how many moves there
/// were. Errors: -ENOENT (KATACG_ERR_DELETED: no such cgroup), -EINVAL (KATACG_ERR_PATH: to the
/// hierarchies' root, with KATACG_MANAGER_STRICT; KATACG_ERR_ARGUMENT: NULL, to itself, or with
/// other mounts), -EBUSY (KATACG_ERR_BUSY: some could not be moved, as tasks of another pid
/// namespace), what open(2), write(2) give (KATACG_ERR_SYSTEM); then some have moved. Threads: any.
/// Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_move_to(
    manager: *const katacg_manager,
    to: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let moves = handle(manager, "manager")?.0.move_to(&handle(to, "to")?.0)?;
            Ok(c_int::try_from(moves).unwrap_or(c_int::MAX))
        })
    }
}

/// A manager for the parent of this one's cgroup, as a place to move processes to: of "/a/b" it is
/// "/a", of "/a" the hierarchies' root. KATACG_MANAGER_STRICT refuses the root; without it a manager
/// of the root takes processes and is read; what would change it or reach everybody in it is -EINVAL
/// (KATACG_ERR_PATH): apply, set, write, freeze, thaw, kill, destroy, move_to and sub-cgroups of add.
/// Of a unit it is the slice's, which is such a place as well; one on cgroup2 with units in it takes no
/// processes itself.
///
/// out: the new handle; NULL there on failure. Returns: 0. Errors: -ENOENT (KATACG_ERR_DELETED: it
/// does not exist), -EINVAL (KATACG_ERR_PATH; KATACG_ERR_ARGUMENT: NULL), what openat2(2) gives
/// (KATACG_ERR_SYSTEM). Ownership: free it with katacg_manager_free. Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_parent(
    manager: *const katacg_manager,
    out: *mut *mut katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            check_out(out)?;
            Ok(give(out, katacg_manager(handle(manager, "manager")?.0.parent()?)))
        })
    }
}
