// SPDX-License-Identifier: Apache-2.0

//! Header section "Manager: apply, set, plan".

use std::os::raw::{c_char, c_int};

use oci_spec::runtime::LinuxResources;

use super::error::katacg_error;
use super::ffi::{bytes, check_flags, guard, handle, put};
use super::manager::katacg_manager;
use crate::error::Result;
use crate::manager::Manager;
use crate::resources::parse;

/// Flag of katacg_manager_apply: sets the manager's own resources before the process enters.
pub const KATACG_APPLY_SET: u32 = 1;
/// Flag of katacg_manager_apply: fails with -EEXIST if the cgroup is there already. Without it the
/// call joins what is there.
pub const KATACG_APPLY_EXCLUSIVE: u32 = 2;
/// Flag of katacg_manager_plan: prints lines of tab-separated fields instead of JSON.
pub const KATACG_PLAN_TEXT: u32 = 1;
/// Flag of katacg_manager_plan: plans katacg_manager_apply with KATACG_APPLY_SET and no process,
/// instead of katacg_manager_set.
pub const KATACG_PLAN_APPLY: u32 = 2;

/// Parses the resources of a call, with warnings. NULL means the manager's own.
unsafe fn resources(
    manager: &Manager,
    json: *const c_char,
    len: usize,
) -> Result<(LinuxResources, Vec<String>)> {
    if json.is_null() && len == 0 {
        return Ok((manager.resources(), Vec::new()));
    }
    // SAFETY: the header tells the caller what the pointers must be.
    let json = unsafe { bytes(json, len, "resources_json") }?;
    let (resources, warnings) = parse::resources_and_warnings(json)?;
    manager.check_warnings(&warnings)?;
    Ok((resources, warnings))
}

/// Creates the cgroup in every hierarchy and moves a process in.
///
/// A cgroup that exists already is joined: the call uses its directories, and moves the process
/// into a unit that is active and has processes. With KATACG_APPLY_SET the existing cgroup gets the
/// manager's resources, as by katacg_manager_set. With KATACG_APPLY_EXCLUSIVE an existing directory
/// or unit is an error.
///
/// On v1 the manager's own cpuset and realtime values are written even without KATACG_APPLY_SET,
/// because no process could enter otherwise. On failure the directories that this call created are
/// removed and the process is back where it was.
///
/// With systemd, one call creates the unit with the process in it and, with KATACG_APPLY_SET, with
/// its limits. The library waits until systemd has finished. It then handles the hierarchies that
/// systemd does not manage, and writes the remaining files.
///
/// systemd creates a scope only together with a process. With pid -1 the call works on a scope that
/// is active, which gets the limits. A slice is created empty, and the process is moved in
/// afterwards. On failure the process is put back first and the unit is stopped then, because
/// stopping a unit kills the processes in it.
///
/// @param manager  the manager
/// @param pid      the process; -1 moves none
/// @param flags    KATACG_APPLY_* combined with |, or 0
/// @param err      filled in on failure; may be NULL
///
/// Return: 0 on success. A rootless caller that gave opts.name but no path gets the number of
/// hierarchies in which the cgroup could not be created and that are left out.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL, or a flag is unknown
///   -ESRCH   (KATACG_ERR_SYSTEM)    the process does not exist or is a zombie; nothing was done
///   -EEXIST  (KATACG_ERR_SYSTEM)    with KATACG_APPLY_EXCLUSIVE: a directory or the unit exists
///   -ENOENT  (KATACG_ERR_DELETED)   another process keeps removing the cgroup
///   -EACCES  (KATACG_ERR_ROOTLESS)  a rootless caller without a path asks for limits
///   -EPERM   (KATACG_ERR_ROOTLESS)  the same
///   -EROFS   (KATACG_ERR_ROOTLESS)  the same
///   -errno   (KATACG_ERR_SYSTEM)    mkdir(2), open(2) or write(2) failed
/// With KATACG_APPLY_SET also the errors of katacg_manager_set.
/// Errors from systemd:
///   -EBUSY         (KATACG_ERR_BUSY)         a unit of this name is there without a process, and
///                                            did not go away within a second; a failed unit does
///                                            not count
///   -ENOENT        (KATACG_ERR_SYSTEM)       pid is -1 and the scope does not exist
///   -ETIMEDOUT     (KATACG_ERR_TIMEOUT)      no answer within 25 s, or the job did not end within
///                                            30 s
///   -EOPNOTSUPP    (KATACG_ERR_UNSUPPORTED)  systemd does not know a property, cannot express a
///                                            device rule, or is in another PID namespace, where
///                                            pid means another process
///   -EINVAL        (KATACG_ERR_ARGUMENT)     systemd refuses a value, or the environment's bus
///                                            address is invalid
///   -ECONNREFUSED  (KATACG_ERR_BUS)          no bus, or no systemd on the bus; sys_errno is from
///                                            connect(2)
///   -EIO           (KATACG_ERR_SYSTEM)       the job failed or was canceled, or an answer makes no
///                                            sense
///   -EACCES        (KATACG_ERR_SYSTEM)       only root may do this on the system's bus
///   -ECONNRESET    (KATACG_ERR_SYSTEM)       the connection was lost twice
///   -ESHUTDOWN     (KATACG_ERR_SYSTEM)       the unit is masked, or the system is shutting down
///   -ENOBUFS       (KATACG_ERR_SYSTEM)       the bus reached its limits
///   -ENOMEM        (KATACG_ERR_SYSTEM)       the same
///   -errno         (KATACG_ERR_SYSTEM)       the errno that another error of systemd is named
///                                            after
/// Threads: any. Fork: safe, unless another thread was in a call on this manager.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_apply(
    manager: *const katacg_manager,
    pid: i32,
    flags: u32,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let manager = handle(manager, "manager")?;
            check_flags(flags.into(), (KATACG_APPLY_SET | KATACG_APPLY_EXCLUSIVE).into())?;
            let set = flags & KATACG_APPLY_SET != 0;
            let applied = match flags & KATACG_APPLY_EXCLUSIVE != 0 {
                true => manager.0.apply_exclusively(pid, set)?,
                false => manager.0.apply(pid, set)?,
            };
            Ok(c_int::try_from(applied.dropped).unwrap_or(c_int::MAX))
        })
    }
}

/// Sets resources of the cgroup. Resources that the JSON leaves out stay as they are.
///
/// If a write fails, the values that this call changed are restored in reverse order. The message
/// says which values were restored and which could not be. KATACG_MANAGER_NO_ROLLBACK turns this
/// off.
///
/// If all resources were set, they become part of the manager's own (see katacg_manager_state).
///
/// Managers for one cgroup take turns, across processes and whatever subsystems they have joined.
/// The lock is flock(2) on a file that only the cgroup's owner can open: devices.deny,
/// memory.force_empty, blkio.reset_stats or cgroup.kill. Only a cgroup in none of these hierarchies
/// is locked by its cgroup.procs, which everybody can open. After 2 s a call continues without the
/// lock, with a warning.
///
/// With systemd, the unit's properties come first, all or none. They last until the next boot. The
/// files come next, for limits without a property. On v1 the processes are frozen while device
/// rules change.
///
/// The JSON is an OCI linux.resources object, not a config.json or its linux object, which are
/// errors. A member that the library does not know is a warning that names it and the nearest one
/// that it knows; in strict mode it is an error. null is 0, "" or an empty object, as in Go.
///
/// pids.limit 0 is a limit, as in runtime-spec 1.3 and later: the kernel gets 1, so that no process
/// can fork. A pids object without a limit keeps the current one; -1 lifts it. katacg_manager_new
/// reads the version of the specification from a config.json.
///
/// A list of device rules is whole: it takes the place of the rules that this library enforces. On
/// v2 another program may have a device program in the cgroup (a container of runc or crun), and
/// both must allow a device. If that program denies what the list allows, the call fails, and the
/// message names the program: its owner can change its rules, and katacg_manager_device_allow can
/// allow single devices. If that cannot be told from its instructions, the library warns.
///
/// If the caller gave a list in opts.subsystems, resources of other subsystems are a warning; in
/// strict mode they are an error.
///
/// In "unified", a file of one value gets its text without the blanks around it. A file of lines,
/// such as io.max, gets one write for each line that is not blank. Only files that hold a limit are
/// accepted: of cgroup.*, only cgroup.max.depth and cgroup.max.descendants. Use
/// katacg_manager_write for the others.
///
/// @param manager         the manager
/// @param resources_json  an OCI linux.resources object; NULL sets the manager's own resources
/// @param len             its length in bytes; 0 with NULL
/// @param err             filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -EINVAL      (KATACG_ERR_JSON)         the JSON is malformed, or is no linux.resources object;
///                                          the message has line and column
///   -EINVAL      (KATACG_ERR_ARGUMENT)     manager is NULL
///   -ERANGE      (KATACG_ERR_VALUE)        a value is invalid; nothing was written
///   -ERANGE      (KATACG_ERR_CLAMPED)      the kernel stored another value
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)   the cgroup lacks a controller; the message lists what
///                                          it has
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  device rules that the caller may not enforce, systemd
///                                          cannot express or another's device program denies,
///                                          without KATACG_MANAGER_SKIP_DEVICES; "unified" on v1;
///                                          or what would be a warning, with KATACG_MANAGER_STRICT
///   -EPERM       (KATACG_ERR_ROOTLESS)     the manager has no cgroup (see katacg_manager_apply)
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup or unit does not exist; a scope ends with
///                                          its last process
///   -ENOENT      (KATACG_ERR_SYSTEM)       the kernel lacks the file
///   -EBUSY       (KATACG_ERR_SYSTEM)       the limit is below the current usage
///   -errno       (KATACG_ERR_SYSTEM)       write(2) failed
/// Also the errors from systemd of katacg_manager_apply, except KATACG_ERR_BUSY.
/// Threads: any. Fork: safe, unless another thread was in a call on this manager.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_set(
    manager: *const katacg_manager,
    resources_json: *const c_char,
    len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            let (resources, warnings) = resources(manager, resources_json, len)?;
            manager.set(&resources)?;
            manager.warn(warnings);
            Ok(0)
        })
    }
}

/// Returns what katacg_manager_set or katacg_manager_apply would do, without doing it.
///
/// A plan changes nothing and needs no privilege. The plan of a unit depends on the version of
/// systemd. The library asks systemd for it unless opts.systemd_version is set.
///
/// The JSON is {"steps":[STEP,...],"warnings":[TEXT,...]}. A step has "op" and some of these
/// members:
///
///   op            "create", "inherit", "enable", "settle", "check", "write", "devices",
///                 "delegate", "attach"; for a unit also "start", "property", "freeze", "thaw"
///   hierarchy     the controllers of a v1 hierarchy, or "cgroup2"
///   controller    the controller of the file
///   file, value   the interface file and what is written
///   if_missing    if the file does not exist: "skip", "warn", or another write to do instead
///   retry_after   the file after which a refused write is tried once more
///   read_back     true: the value is read back and compared
///   rules         of "devices": the rules in their final form, the first for all devices
///   program       of "devices" on cgroup2: the instructions of the BPF program
///   limit, swap   of "check": memory.current must be below these
///   unit          the name of the unit
///   properties    of "start" and "property": pairs of name and value, the value as GVariant text
///   resources     of "start": the properties that hold the limits, in the same form
///
/// The text has one line per step, with tabs between the fields: operation, controller, file,
/// value. For a unit the fields are operation, "systemd", unit, and NAME=VALUE with spaces between.
///
/// @param manager         the manager
/// @param resources_json  as for katacg_manager_set
/// @param len             its length in bytes; 0 with NULL
/// @param flags           KATACG_PLAN_* combined with |, or 0
/// @param buf             receives the result; may be NULL if buf_len is 0
/// @param buf_len         size of buf in bytes; 0 asks for the length only
/// @param err             filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager is NULL, or a flag is unknown
/// Also the errors of katacg_manager_set that come before the first write.
/// Threads: any. Fork: safe, unless another thread was in a call on this manager.
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
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let manager = &handle(manager, "manager")?.0;
            check_flags(flags.into(), (KATACG_PLAN_TEXT | KATACG_PLAN_APPLY).into())?;
            let (resources, mut warnings) = resources(manager, resources_json, len)?;
            let mut plan = match flags & KATACG_PLAN_APPLY {
                0 => manager.plan(&resources)?,
                _ => manager.plan_apply(crate::manager::NOBODY, Some(&resources))?,
            };
            warnings.append(&mut plan.warnings);
            plan.warnings = warnings;
            let host = manager.host().info();
            let text = match flags & KATACG_PLAN_TEXT {
                0 => plan.to_json(host).to_string(),
                _ => plan.to_text(host),
            };
            put(text.as_bytes(), buf, buf_len)
        })
    }
}
