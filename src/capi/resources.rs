//! Section "manager": its resources.

use std::os::raw::{c_char, c_int};

use oci_spec::runtime::LinuxResources;

use super::error::katacg_error;
use super::ffi::{bytes, check_flags, guard, handle, put};
use super::manager::katacg_manager;
use crate::error::Result;
use crate::manager::Manager;
use crate::resources::parse;

/// katacg_manager_apply: set the manager's own resources before the process enters.
pub const KATACG_APPLY_SET: u32 = 1;
/// katacg_manager_plan: lines of tab-separated fields instead of JSON.
pub const KATACG_PLAN_TEXT: u32 = 1;
/// katacg_manager_plan: what katacg_manager_apply does with KATACG_APPLY_SET (creating, knobs, nobody
/// moved), instead of what katacg_manager_set does.
pub const KATACG_PLAN_APPLY: u32 = 2;

/// The resources of a call: what it was given, or the manager's own.
unsafe fn resources(manager: &Manager, json: *const c_char, len: usize) -> Result<LinuxResources> {
    if json.is_null() && len == 0 {
        return Ok(manager.resources());
    }
    // SAFETY: the caller's pointer, as the function's comment asks.
    parse::resources(unsafe { bytes(json, len, "resources_json") }?)
}

/// Creates the cgroup in every hierarchy, and moves a process in. Directories that are there
/// already are used. On v1 the manager's own cpuset and realtime values are written also without
/// KATACG_APPLY_SET, since no process could enter otherwise. When it fails, directories that it
/// made are removed again and the process is back where it was.
///
/// With systemd: makes the unit, in one call with the process in it and, with KATACG_APPLY_SET, its
/// limits, and waits until that is done; then come the hierarchies that systemd does not manage, and
/// the files. A scope needs a process: with -1 systemd refuses to make one (-ENOENT,
/// KATACG_ERR_SYSTEM), and one that is active is given the limits. A slice is made without; a process
/// is moved in afterwards. When it fails the process is put back first and the unit stopped then, since
/// to stop it kills who is inside.
///
/// pid: the process; -1 moves nobody. flags: KATACG_APPLY_SET or 0. Returns: 0, or, for a rootless
/// caller that named no path (opts.name alone), the number of hierarchies in which it may not make
/// the cgroup and goes without. Errors: -EACCES, -EPERM, -EROFS (KATACG_ERR_ROOTLESS: such a caller
/// asks for limits; KATACG_ERR_SYSTEM), -ESRCH (KATACG_ERR_SYSTEM: no such process; nothing was
/// done), what mkdir(2), open(2), write(2) give (KATACG_ERR_SYSTEM), and with KATACG_APPLY_SET
/// those of katacg_manager_set; -EINVAL (KATACG_ERR_ARGUMENT). Of systemd: -EBUSY (KATACG_ERR_BUSY:
/// a unit of the name is active; one that failed is no obstacle), -ETIMEDOUT (KATACG_ERR_TIMEOUT:
/// no answer within 25 s, or the job did not end within 30 s), -EOPNOTSUPP (KATACG_ERR_UNSUPPORTED:
/// it does not know a property; a device rule that it cannot express; it is in another PID
/// namespace, where the process's number is somebody else's), -EINVAL
/// (KATACG_ERR_ARGUMENT: it refuses a value; the environment's bus address is none), and
/// -ECONNREFUSED (KATACG_ERR_BUS: no bus, or no systemd on it; sys_errno says what connect(2)
/// gave), and KATACG_ERR_SYSTEM: -EIO (the job failed or was canceled; an answer that makes no
/// sense), -EACCES (only root may, on the system's bus), -ECONNRESET (the connection was lost twice),
/// -ESHUTDOWN (the unit is masked, or the system goes down), -ENOBUFS, -ENOMEM (the bus's limits),
/// and what else an error of systemd's is called after. Threads: any. Fork: safe, unless another thread was in a call on
/// this handle.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_apply(
    manager: *const katacg_manager,
    pid: i32,
    flags: u32,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let manager = handle(manager, "manager")?;
            check_flags(flags.into(), KATACG_APPLY_SET.into())?;
            let applied = manager.0.apply(pid, flags & KATACG_APPLY_SET != 0)?;
            Ok(c_int::try_from(applied.dropped).unwrap_or(c_int::MAX))
        })
    }
}

/// Gives the cgroup resources. What they leave out stays as it is. When a write fails, what this
/// call changed is put back in reverse order, and the message says what was restored and what could
/// not be (KATACG_MANAGER_NO_ROLLBACK turns this off). Calls of managers with the same subsystems for
/// one cgroup take turns, whatever process they come from (flock(2) on its directory; after 2 s without
/// its turn a call goes on all the same, with a warning). The resources become part of the manager's
/// own (see katacg_manager_state) when all of them are set.
///
/// With systemd: properties of the unit first, all or none, until the next boot; then the files, which
/// carry what it has no property for. On v1 everybody inside is frozen while device rules change.
///
/// resources_json, len: an OCI linux.resources object; unknown fields are accepted. NULL and 0: the
/// manager's own. Returns: 0. Errors: -EINVAL (KATACG_ERR_JSON: with line and column), -ERANGE
/// (KATACG_ERR_VALUE: refused before anything is written; KATACG_ERR_CLAMPED: the kernel took
/// another value), -EOPNOTSUPP (KATACG_ERR_CONTROLLER: the cgroup lacks one, the message lists what
/// it has; KATACG_ERR_UNSUPPORTED: device rules of a cgroup that this library makes, without
/// KATACG_MANAGER_SKIP_DEVICES; "unified" on v1; with KATACG_MANAGER_STRICT whatever would be a
/// warning), -EPERM (KATACG_ERR_ROOTLESS: there is no cgroup, see katacg_manager_apply), -ENOENT
/// (KATACG_ERR_DELETED: no such cgroup, or no such unit, as that of a scope whose last process has
/// ended; KATACG_ERR_SYSTEM: the kernel lacks the file), -EBUSY (KATACG_ERR_SYSTEM: the limit is
/// below what is in use) and whatever else write(2) gives; of systemd those of katacg_manager_apply
/// but KATACG_ERR_BUSY. Threads: any. Fork: safe, unless another thread was in a call on this
/// handle.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_set(
    manager: *const katacg_manager,
    resources_json: *const c_char,
    len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            manager.set(&resources(manager, resources_json, len)?)?;
            Ok(0)
        })
    }
}

/// What katacg_manager_set (or katacg_manager_apply) would do: a dry run. Touches nothing and
/// needs no privilege. A unit's depends on systemd's version, which is asked for unless
/// opts.systemd_version says it.
///
/// resources_json, len: as for katacg_manager_set. flags: KATACG_PLAN_*. buf, buf_len: the result
/// as snprintf writes it; NULL and 0 ask for its length. JSON: {"steps":[{"op":"create"|"inherit"|
/// "enable"|"settle"|"check"|"write"|"delegate"|"attach",...}],"warnings":[...]}, with "hierarchy", and
/// where there are such "controller", "file", "value", "if_missing" ("skip", "warn", or the write that is
/// done instead), "retry_after" (a file after which it is tried once more), "read_back" (true), "limit" and
/// "swap" (of check: what memory.current must be below); of systemd
/// {"op":"start","unit":U,"properties":[[NAME,VALUE],...],"resources":[...]}, {"op":"property","unit":U,
/// "properties":[...]}, "freeze" and "thaw", with values as GVariant text. Text: a line a step, fields
/// separated by tabs: operation, controller, file, value; of systemd operation, "systemd", unit,
/// NAME=VALUE with spaces between. Returns: the length without NUL, also when it did not
/// fit. Errors: those of katacg_manager_set that come before the first write. Threads: any. Fork:
/// safe, unless another thread was in a call on this handle.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_plan(
    manager: *const katacg_manager,
    resources_json: *const c_char,
    len: usize,
    flags: u32,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            check_flags(flags.into(), (KATACG_PLAN_TEXT | KATACG_PLAN_APPLY).into())?;
            let resources = resources(manager, resources_json, len)?;
            let plan = match flags & KATACG_PLAN_APPLY {
                0 => manager.plan(&resources)?,
                _ => manager.plan_apply(crate::manager::NOBODY, Some(&resources))?,
            };
            let host = manager.shared().host();
            let text = match flags & KATACG_PLAN_TEXT {
                0 => plan.to_json(host).to_string(),
                _ => plan.to_text(host),
            };
            put(text.as_bytes(), buf, buf_len)
        })
    }
}
