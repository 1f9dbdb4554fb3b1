// SPDX-License-Identifier: Apache-2.0

//! Header section "Manager: create, load, free".

use std::collections::BTreeMap;
use std::os::raw::{c_char, c_int};
use std::sync::Arc;

use super::error::katacg_error;
use super::ffi::{
    bytes, check_flags, check_out, free, give, guard, handle, name, read_options, text,
};
use super::host::katacg_host;
use super::manager_opts::{
    katacg_manager_opts, KATACG_BUS_AUTO, KATACG_BUS_SYSTEM, KATACG_BUS_USER, KATACG_DRIVER_AUTO,
    KATACG_DRIVER_AUTO_K0, KATACG_DRIVER_CGROUPFS, KATACG_DRIVER_SYSTEMD, KATACG_MANAGER_DELEGATE,
    KATACG_MANAGER_EXISTING, KATACG_MANAGER_NO_DEFAULT_DEVICES, KATACG_MANAGER_NO_ROLLBACK,
    KATACG_MANAGER_SKIP_DEVICES, KATACG_MANAGER_STRICT,
};
use crate::config::{Config, DriverKind, Flags, SystemdConfig};
use crate::devices::append_runtime_defaults;
use crate::error::{fail, Code, Error, Result};
use crate::host_handle::Host;
use crate::log::Log;
use crate::manager::Manager;
use crate::resources::parse;
use crate::systemd::Bus;

/// A manager: the cgroup of one sandbox or container, in every hierarchy that it joins.
///
/// A manager owns no process and no cgroup. Freeing it leaves both alone. Any number of threads can
/// call functions on one manager. Calls of apply, add and set wait for each other.
pub struct katacg_manager(pub(super) Manager);

pub(super) unsafe fn shared(host: *const katacg_host) -> Result<Arc<Host>> {
    if host.is_null() {
        return Ok(Arc::new(Host::read()?));
    }
    // SAFETY: the header asks for a handle of this library or NULL.
    Ok(Arc::clone(&unsafe { handle(host, "host") }?.0))
}

/// Splits a list of subsystems. NULL means all, which is an empty result. An empty list is an
/// error on v1, where it would join nothing.
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

/// A path, and where the caller gave it.
struct Given {
    path: Vec<u8>,
    field: &'static str,
    /// It comes from opts.name only.
    implicit: bool,
}

/// Returns the path of the cgroup.
unsafe fn path(spec: Option<String>, opts: &katacg_manager_opts) -> Result<Given> {
    let given = |path: &[u8], field| Given { path: path.to_vec(), field, implicit: false };
    if !opts.path.is_null() {
        // SAFETY: the header tells the caller what the pointers must be.
        return Ok(given(unsafe { text(opts.path, "opts.path") }?, "opts.path"));
    }
    match spec {
        Some(path) if !path.is_empty() || opts.name.is_null() => {
            Ok(given(path.as_bytes(), "linux.cgroupsPath"))
        }
        None if opts.name.is_null() => Ok(given(b"", "")),
        _ => {
            // SAFETY: as above.
            let name = unsafe { text(opts.name, "opts.name") }?;
            if name.contains(&b'/') {
                return fail(Code::Argument, "opts.name has a slash; use opts.path");
            }
            Ok(Given { implicit: true, ..given(name, "opts.name") })
        }
    }
}

/// Adds to the error of a path without a name which field the path is from.
pub(super) fn nameless(error: Error, path: &[u8], field: &str) -> Error {
    match (path, field) {
        (_, "") => error.advice(
            "no path is given: set linux.cgroupsPath in the specification, or opts.path, \
             or opts.name",
        ),
        (b"", field) => error.advice(format!("{field} is empty")),
        (_, field) => {
            error.advice(format!("it is from {field}, which must end in a name, as in /kata/NAME"))
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
        // SAFETY: the header tells the caller what the pointers must be.
        false => Some(unsafe { name(opts.bus_address, "opts.bus_address") }?.to_owned()),
    };
    let version = Some(opts.systemd_version).filter(|&v| v != 0);
    let unit = match opts.unit.is_null() {
        true => None,
        // SAFETY: as above.
        false => Some(unsafe { name(opts.unit, "opts.unit") }?.to_owned()),
    };
    Ok(SystemdConfig { bus, address, version, unit, annotations })
}

/// Returns the configuration, and warnings of the specification.
pub(super) unsafe fn config(
    shared: &Host,
    spec: Option<&[u8]>,
    opts: &katacg_manager_opts,
    existing: bool,
) -> Result<(Config, Vec<String>)> {
    let known = KATACG_MANAGER_SKIP_DEVICES
        | KATACG_MANAGER_STRICT
        | KATACG_MANAGER_NO_ROLLBACK
        | KATACG_MANAGER_EXISTING
        | KATACG_MANAGER_DELEGATE
        | KATACG_MANAGER_NO_DEFAULT_DEVICES;
    check_flags(opts.flags, known)?;
    let has = |flag| opts.flags & flag != 0;
    let spec = spec.map_or_else(|| Ok(parse::Linux::default()), parse::spec)?;
    // SAFETY: the header tells the caller what the pointers must be.
    let Given { path, field, implicit } = unsafe { path(spec.cgroups_path, opts) }?;
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
    let mut resources = spec.resources.unwrap_or_default();
    if !has(KATACG_MANAGER_NO_DEFAULT_DEVICES) {
        append_runtime_defaults(&mut resources);
    }
    let config = Config {
        path,
        subsystems,
        resources,
        flags: Flags {
            skip_devices: has(KATACG_MANAGER_SKIP_DEVICES),
            strict: has(KATACG_MANAGER_STRICT),
            no_rollback: has(KATACG_MANAGER_NO_ROLLBACK),
            existing: existing || has(KATACG_MANAGER_EXISTING),
            clamp_shares: false,
            only_needed: false,
        },
        implicit,
        owner: has(KATACG_MANAGER_DELEGATE).then_some((opts.owner_uid, opts.owner_gid)),
        driver,
        systemd,
    };
    config.flags.resource_options().check(&spec.warnings)?;
    // Manager::new checks all of it, but does not know which field the path is from.
    if !config.has_name() {
        config.check().map_err(|error| nameless(error, &config.path, field))?;
    }
    Ok((config, spec.warnings))
}

/// Creates a manager for a cgroup. The cgroup itself is not created yet.
///
/// The specification may be an OCI "linux" object or a whole config.json. The library uses its
/// cgroupsPath and resources. A linux.resources object alone is an error. A config.json without
/// "linux", and a member of the resources that the library does not know, are warnings; with
/// KATACG_MANAGER_STRICT they are errors.
///
/// A config.json whose ociVersion is older than 1.3 means no limit with pids.limit 0: then the
/// limit is left out, with a warning. See katacg_manager_set for 0 without a version.
///
/// For a systemd unit the library also uses the annotations "org.systemd.property.NAME". The value
/// is GVariant text, such as "uint64 5". NAMESec is in seconds. A property that puts processes into
/// the unit, moves the unit, ties other units to it or acts on the host is an error, and so is a
/// property that systemd 252 and 257 do not take for a transient unit.
///
/// A specification with device rules gets the runtime's default devices behind them; see
/// KATACG_MANAGER_NO_DEFAULT_DEVICES.
///
/// This call asks nothing of the system's systemd. It asks a user's systemd where its units are.
///
/// @param host       the host, or NULL to read the host for this manager alone. The manager then
///                   has its own descriptors and connections to systemd. Open one host for many
///                   managers.
/// @param spec_json  the specification in JSON, or NULL for none
/// @param spec_len   its length in bytes; 0 with NULL
/// @param opts       the options, or NULL for the defaults
/// @param opts_size  sizeof(struct katacg_manager_opts); 0 with NULL
/// @param out        receives the new manager; NULL on failure
/// @param err        filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -EINVAL      (KATACG_ERR_JSON)         the specification is malformed, or is another object;
///                                          the message has line and column
///   -EINVAL      (KATACG_ERR_PATH)         there is no path, the path has no name of its own, or
///                                          it does not have the form that opts.driver needs
///   -EINVAL      (KATACG_ERR_ARGUMENT)     out is NULL, or an option is invalid
///   -ERANGE      (KATACG_ERR_VALUE)        an annotation is not a property that may be set, or has
///                                          no valid value
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  a user's systemd on a host that is not unified; no
///                                          address is known for the user's bus; or
///                                          opts.bus_address has only other transports
///   -ENOENT      (KATACG_ERR_NOT_MOUNTED)  a v1 host has no devices controller, without
///                                          KATACG_MANAGER_SKIP_DEVICES; or a subsystem of
///                                          opts.subsystems is not mounted
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup exists nowhere, with KATACG_MANAGER_EXISTING
///   -E2BIG       (KATACG_ERR_TOO_NEW)      opts sets fields that this version does not know, or
///                                          opts_size is over 4096
/// If host is NULL, also the errors of katacg_host_open. For a user's systemd, also the errors from
/// systemd of katacg_manager_apply.
/// Ownership: free the manager with katacg_manager_free. The host may be freed before.
/// Threads: any. Fork: safe.
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
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            check_out(out)?;
            let opts = read_options(opts, opts_size)?;
            let none = spec_json.is_null() && spec_len == 0;
            let spec = bytes(spec_json, spec_len, "spec_json")?;
            let log = log(opts.log_fd, opts.log_level)?;
            let shared = shared(host)?;
            let spec = (!none).then_some(spec);
            let (config, warnings) = config(&shared, spec, &opts, false)?;
            let manager = Manager::new(shared, config)?.with_log(log);
            manager.warn(warnings);
            Ok(give(out, katacg_manager(manager)))
        })
    }
}

/// Creates a manager from a saved state.
///
/// The state comes from katacg_manager_state, in this process or another. It can also be made from
/// what another library saved:
///
///   {"version":1, "driver":"cgroupfs" or "systemd", "path":PATH}
///
/// These members are optional, and null stands for absent:
///
///   "paths"        {SUBSYSTEM:PATH,...} with absolute directories. Without it the library
///                  derives the paths as katacg_manager_new does.
///   "subsystems"   [NAME,...]
///   "resources"    an OCI linux.resources object
///   "skipDevices"  true or false; see KATACG_MANAGER_SKIP_DEVICES
///   "strict"       true or false; see KATACG_MANAGER_STRICT
///   "noRollback"   true or false; see KATACG_MANAGER_NO_ROLLBACK
///   "clampShares"  true or false; see katacg_cgroup_new
///   "owner"        [UID, GID]
///   "unit"         the name of the unit; see opts.unit
///
/// libcontainer's configs.Cgroup, as Go encodes it, is accepted as well: the value alone with its
/// Paths, or runc's whole state.json. Its device rules are ignored.
///
/// The new manager is silent. Call katacg_manager_log for warnings.
///
/// @param host        as for katacg_manager_new
/// @param state_json  the state
/// @param state_len   its length in bytes
/// @param out         receives the new manager; NULL on failure
/// @param err         filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -EINVAL      (KATACG_ERR_JSON)         the state is malformed
///   -EINVAL      (KATACG_ERR_PATH)         a saved path is not below today's mounts, or the path
///                                          does not have the driver's form
///   -EINVAL      (KATACG_ERR_ARGUMENT)     an argument is NULL
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the driver is unknown, or a newer version saved the
///                                          state
///   -ENOENT      (KATACG_ERR_NOT_MOUNTED)  a saved subsystem is not mounted
/// Ownership: free the manager with katacg_manager_free.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_load(
    host: *const katacg_host,
    state_json: *const c_char,
    state_len: usize,
    out: *mut *mut katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
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
/// @param manager  the manager, not to be used again; NULL does nothing
///
/// Errors: none.
/// Threads: no other call on this manager at the same time. Fork: safe.
#[no_mangle]
pub unsafe extern "C" fn katacg_manager_free(manager: *mut katacg_manager) {
    // SAFETY: the header asks for a handle of this library or NULL.
    unsafe { free(manager) }
}
