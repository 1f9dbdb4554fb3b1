//! Section "manager": one sandbox's or container's cgroup.

use std::collections::BTreeMap;
use std::os::raw::{c_char, c_int};
use std::sync::Arc;

use super::error::katacg_error;
use super::ffi::{bytes, check_flags, check_out, free, give, guard, name, read_options, text};
use super::host::katacg_host;
use super::manager_opts::{
    katacg_manager_opts, KATACG_BUS_AUTO, KATACG_BUS_SYSTEM, KATACG_BUS_USER, KATACG_DRIVER_AUTO,
    KATACG_DRIVER_AUTO_K0, KATACG_DRIVER_CGROUPFS, KATACG_DRIVER_SYSTEMD, KATACG_MANAGER_DELEGATE,
    KATACG_MANAGER_EXISTING, KATACG_MANAGER_NO_ROLLBACK, KATACG_MANAGER_SKIP_DEVICES,
    KATACG_MANAGER_STRICT,
};
use crate::error::{fail, Code, Error, Result};
use crate::manager::{Config, Driver, Flags, Log, Manager, Shared, SystemdConfig};
use crate::resources::parse;
use crate::systemd::Bus;

/// A manager: one sandbox's or container's cgroup in every hierarchy that it joins. It owns no
/// process and no cgroup: freeing it leaves both alone. Calls on one manager from many threads
/// are safe; apply, add and set wait for each other.
pub struct katacg_manager(pub(super) Manager);

pub(super) unsafe fn shared(host: *const katacg_host) -> Result<Arc<Shared>> {
    // SAFETY: the caller's handle, or NULL.
    match unsafe { host.as_ref() } {
        Some(host) => Ok(Arc::clone(&host.0)),
        None => Ok(Arc::new(Shared::read()?)),
    }
}

/// Subsystems to join; NULL: all. An empty list is none, which is never what all are.
pub(super) unsafe fn list(list: *const c_char, what: &str, shared: &Shared) -> Result<Vec<String>> {
    if list.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: not NULL, and the header asks for a NUL-terminated string.
    let names = unsafe { name(list, what) }?.split(',').filter(|s| !s.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.is_empty() && !shared.host().is_unified() {
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
    shared: &Shared,
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
        KATACG_DRIVER_AUTO => Driver::Auto,
        KATACG_DRIVER_CGROUPFS => Driver::Cgroupfs,
        KATACG_DRIVER_SYSTEMD => Driver::Systemd,
        KATACG_DRIVER_AUTO_K0 => Driver::AutoK0,
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
            let opts = read_options(opts, opts_size)?;
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
