//! Section "manager": one sandbox's or container's cgroup.

use std::collections::BTreeMap;
use std::os::raw::{c_char, c_int};
use std::sync::Arc;

use oci_spec::runtime::LinuxResources;

use super::boundary::{bytes, check_out, free, give, guard, handle, name, put, text};
use super::error::katacg_error;
use super::host::katacg_host;
use super::options::{
    self, check_flags, katacg_manager_opts, KATACG_BUS_AUTO, KATACG_BUS_SYSTEM, KATACG_BUS_USER,
    KATACG_DRIVER_AUTO, KATACG_DRIVER_AUTO_K0, KATACG_DRIVER_CGROUPFS, KATACG_DRIVER_SYSTEMD,
    KATACG_MANAGER_DELEGATE, KATACG_MANAGER_EXISTING, KATACG_MANAGER_NO_ROLLBACK,
    KATACG_MANAGER_SKIP_DEVICES, KATACG_MANAGER_STRICT,
};
use crate::error::{fail, Code, Error, Result};
use crate::config::{Config, DriverKind, Flags, SystemdConfig};
use crate::host_handle::Host;
use crate::log::Log;
use crate::manager::Manager;
use crate::resources::parse;
use crate::systemd::Bus;

/// katacg_manager_apply: set the manager's own resources before the process enters.
pub const KATACG_APPLY_SET: u32 = 1;
/// katacg_manager_plan: lines of tab-separated fields instead of JSON.
pub const KATACG_PLAN_TEXT: u32 = 1;
/// katacg_manager_plan: what katacg_manager_apply does with KATACG_APPLY_SET (creating, knobs, nobody
/// moved), instead of what katacg_manager_set does.
pub const KATACG_PLAN_APPLY: u32 = 2;

/// A manager: one sandbox's or container's cgroup in every hierarchy that it joins. It owns no
/// process and no cgroup: freeing it leaves both alone. Calls on one manager from many threads
/// are safe; apply, add and set wait for each other.
pub struct katacg_manager(pub(super) Manager);

pub(super) unsafe fn shared(host: *const katacg_host) -> Result<Arc<Host>> {
    // SAFETY: the caller's handle, or NULL.
    match unsafe { host.as_ref() } {
        Some(host) => Ok(Arc::clone(&host.0)),
        None => Ok(Arc::new(Host::read()?)),
    }
}

/// Subsystems to join; NULL: all. An empty list is none, which is never what all are.
pub(super) unsafe fn list(list: *const c_char, what: &str, shared: &Host) -> Result<Vec<String>> {
    if list.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: not NULL, and the header asks for a NUL-terminated string.
    let names = unsafe { name(list, what) }?.split(',').filter(|s| !s.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.is_empty() && !shared.info().is_unified() {
        let text = format!("{what} is empty: there is no hierarchy to join");
        return Err(Error::new(Code::Argument, text).advice("NULL means all that are mounted"));
    }
    Ok(names)
}

pub(super) fn log(fd: i32, level: u32) -> Result<Option<Log>> {
    match level {
        0 => Ok(None),
        1 => Log::new(fd).map(Some),
        level => fail(Code::Argument, format!("unknown log level {level}")),
    }
}

/// The path, and whether it was only made from a name.
unsafe fn path(spec: Option<String>, opts: &katacg_manager_opts) -> Result<(Vec<u8>, bool)> {
    if !opts.path.is_null() {
        // SAFETY: the caller's pointer, as katacg_manager_new's comment asks.
        return Ok((unsafe { text(opts.path, "opts.path") }?.to_vec(), false));
    }
    match spec.filter(|path| !path.is_empty()) {
        Some(path) => Ok((path.into_bytes(), false)),
        None if opts.name.is_null() => Ok((Vec::new(), false)),
        None => {
            // SAFETY: as above.
            let name = unsafe { text(opts.name, "opts.name") }?;
            if name.contains(&b'/') {
                return fail(Code::Argument, "opts.name has a slash; use opts.path");
            }
            Ok((name.to_vec(), true))
        }
    }
}

unsafe fn systemd(
    annotations: BTreeMap<String, String>,
    opts: &katacg_manager_opts,
) -> Result<SystemdConfig> {
    let bus = match opts.bus {
        KATACG_BUS_AUTO => None,
        KATACG_BUS_SYSTEM => Some(Bus::System),
        KATACG_BUS_USER => Some(Bus::User),
        other => return fail(Code::Argument, format!("unknown opts.bus {other}")),
    };
    if opts.reserved != 0 {
        return fail(Code::TooNew, "opts.reserved is not 0");
    }
    let address = match opts.bus_address.is_null() {
        true => None,
        // SAFETY: the caller's pointer, as katacg_manager_new's comment asks.
        false => Some(unsafe { name(opts.bus_address, "opts.bus_address") }?.to_owned()),
    };
    let version = Some(opts.systemd_version).filter(|&v| v != 0);
    Ok(SystemdConfig { bus, address, version, annotations })
}

unsafe fn config(
    shared: &Host,
    spec: Option<&[u8]>,
    opts: &katacg_manager_opts,
) -> Result<Config> {
    let known = KATACG_MANAGER_SKIP_DEVICES
        | KATACG_MANAGER_STRICT
        | KATACG_MANAGER_NO_ROLLBACK
        | KATACG_MANAGER_EXISTING
        | KATACG_MANAGER_DELEGATE;
    check_flags(opts.flags, known)?;
    let has = |flag| opts.flags & flag != 0;
    let spec = spec.map_or_else(|| Ok(parse::Linux::default()), parse::spec)?;
    // SAFETY: the caller's pointers, as katacg_manager_new's comment asks.
    let (path, implicit) = unsafe { path(spec.cgroups_path, opts) }?;
    // SAFETY: as above.
    let subsystems = unsafe { list(opts.subsystems, "opts.subsystems", shared) }?;
    let driver = match opts.driver {
        KATACG_DRIVER_AUTO => DriverKind::Auto,
        KATACG_DRIVER_CGROUPFS => DriverKind::Cgroupfs,
        KATACG_DRIVER_SYSTEMD => DriverKind::Systemd,
        KATACG_DRIVER_AUTO_K0 => DriverKind::AutoK0,
        other => return fail(Code::Argument, format!("unknown opts.driver {other}")),
    };
    // SAFETY: as above.
    let systemd = unsafe { systemd(spec.annotations, opts) }?;
    Ok(Config {
        path,
        subsystems,
        resources: spec.resources.unwrap_or_default(),
        flags: Flags {
            skip_devices: has(KATACG_MANAGER_SKIP_DEVICES),
            strict: has(KATACG_MANAGER_STRICT),
            no_rollback: has(KATACG_MANAGER_NO_ROLLBACK),
            existing: has(KATACG_MANAGER_EXISTING),
        },
        implicit,
        owner: has(KATACG_MANAGER_DELEGATE).then_some((opts.owner_uid, opts.owner_gid)),
        driver,
        systemd,
    })
}

/// The resources of a call: what it was given, or the manager's own.
unsafe fn resources(manager: &Manager, json: *const c_char, len: usize) -> Result<LinuxResources> {
    if json.is_null() && len == 0 {
        return Ok(manager.resources());
    }
    // SAFETY: the caller's pointer, as the function's comment asks.
    parse::resources(unsafe { bytes(json, len, "resources_json") }?)
}

/// A manager for a cgroup. Nothing is created yet.
///
/// host: the host to work on; NULL reads this one for this manager alone, which then has its own
/// descriptors and its own connections to systemd: who has many managers opens one host for all.
/// spec_json, spec_len: an OCI specification's
/// linux object, or a whole config.json, of which cgroupsPath, resources and, for a unit of
/// systemd's, annotations "org.systemd.property.NAME" are used (GVariant text, "uint64 5"; NAMESec
/// is seconds; those that would put processes into the unit, move it or tie other units to it are
/// errors); NULL and 0: none (no bytes at some address are no JSON). opts, opts_size: see struct katacg_manager_opts; NULL and 0: none.
/// out: the new handle; NULL there on failure. Returns: 0. Errors: -EINVAL (KATACG_ERR_JSON: with
/// line and column; KATACG_ERR_PATH: no path, or one that has no name of its own, or is not of the
/// form that opts.driver asks for; KATACG_ERR_ARGUMENT), -ERANGE (KATACG_ERR_VALUE: an annotation
/// that is no property), -EOPNOTSUPP (KATACG_ERR_UNSUPPORTED: a user's systemd on a host that is
/// not unified, or whose bus nothing names; opts.bus_address has nothing but other transports),
/// -ENOENT (KATACG_ERR_NOT_MOUNTED: no devices controller on a v1 host, unless
/// KATACG_MANAGER_SKIP_DEVICES, or not each of those that opts.subsystems names; KATACG_ERR_DELETED:
/// with KATACG_MANAGER_EXISTING, the cgroup is nowhere), -E2BIG (KATACG_ERR_TOO_NEW). The system's
/// systemd is not asked anything here; a user's is, where its units are: then also the errors of
/// systemd that katacg_manager_apply has. Ownership: free it with katacg_manager_free; host may be
/// freed before. Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_new(
    host: *const katacg_host,
    spec_json: *const c_char,
    spec_len: usize,
    opts: *const katacg_manager_opts,
    opts_size: usize,
    out: *mut *mut katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            check_out(out)?;
            let opts = options::read(opts, opts_size)?;
            let none = spec_json.is_null() && spec_len == 0;
            let spec = bytes(spec_json, spec_len, "spec_json")?;
            let log = log(opts.log_fd, opts.log_level)?;
            let shared = shared(host)?;
            let config = config(&shared, (!none).then_some(spec), &opts)?;
            Ok(give(out, katacg_manager(Manager::new(shared, config)?.with_log(log))))
        })
    }
}

/// A manager from the state that katacg_manager_state gave, in this process or another; or from what
/// another library saved, its map of paths included: {"version":1, "driver":"cgroupfs" or "systemd",
/// "path":PATH}, and optionally "paths":{SUBSYSTEM:PATH} (absolute directories; without them they are
/// derived as katacg_manager_new does), "subsystems":[...], "resources":{...}, "skipDevices",
/// "strict" and "noRollback" (true or false), "owner":[UID,GID]. Its warnings go nowhere until
/// katacg_manager_log.
///
/// host: as for katacg_manager_new. state_json, state_len: the state. out: the new handle; NULL
/// there on failure. Returns: 0. Errors: -EINVAL (KATACG_ERR_JSON; KATACG_ERR_PATH: a saved path
/// does not lie below today's mounts, or the path is not of the driver's form), -EOPNOTSUPP
/// (KATACG_ERR_UNSUPPORTED: the state of an unknown driver, or of a newer version), -ENOENT
/// (KATACG_ERR_NOT_MOUNTED: a saved subsystem is not mounted). Ownership: free it with
/// katacg_manager_free. Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_load(
    host: *const katacg_host,
    state_json: *const c_char,
    state_len: usize,
    out: *mut *mut katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            check_out(out)?;
            let state = bytes(state_json, state_len, "state_json")?;
            Ok(give(out, katacg_manager(Manager::load(shared(host)?, state)?)))
        })
    }
}

/// Frees a manager. Its cgroup and the processes in it stay as they are.
///
/// manager: a handle, not used again, or NULL (nothing is done). Errors: none. Threads: no other
/// call on this handle at the same time. Fork: safe.
#[no_mangle]
pub unsafe extern "C" fn katacg_manager_free(manager: *mut katacg_manager) {
    // SAFETY: the caller's handle, as the comment asks.
    unsafe { free(manager) }
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
            let host = manager.host().info();
            let text = match flags & KATACG_PLAN_TEXT {
                0 => plan.to_json(host).to_string(),
                _ => plan.to_text(host),
            };
            put(text.as_bytes(), buf, buf_len)
        })
    }
}
