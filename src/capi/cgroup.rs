// SPDX-License-Identifier: Apache-2.0

//! Header section "Cgroup".
//!
//! Functions in the manner of containerd's cgroups package, for Kata's Go code.

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{bytes, check_out, give, guard, read_options, text};
use super::host::katacg_host;
use super::manager::{self, katacg_manager, log, shared};
use super::manager_opts::katacg_manager_opts;
use crate::config::Config;
use crate::error::{fail, Code, Result};
use crate::host::{HierarchyId, HostInfo};
use crate::host_handle::Host;
use crate::kata::subsystems::Set;
use crate::manager::{Manager, NOBODY};
use crate::resources::parse;

/// Makes the configuration of a cgroup. Kata sets no device rules through these calls, and
/// containerd's library turns on no controllers beyond the resources' own.
unsafe fn config(shared: &Host, opts: &katacg_manager_opts, existing: bool) -> Result<Config> {
    if opts.path.is_null() && opts.name.is_null() && opts.unit.is_null() {
        return fail(Code::Argument, "opts.path is NULL");
    }
    // SAFETY: the header tells the caller what the pointers must be.
    let (mut config, _) = unsafe { manager::config(shared, None, opts, existing) }?;
    config.flags.skip_devices = true;
    config.flags.clamp_shares = true;
    config.flags.only_needed = true;
    Ok(config)
}

/// Returns the options of a call that has none.
unsafe fn plain(subsystems: *const c_char, path: *const c_char) -> Result<katacg_manager_opts> {
    // SAFETY: the header tells the caller what the pointer must be.
    unsafe { text(path, "path") }?;
    Ok(katacg_manager_opts { path, subsystems, ..katacg_manager_opts::default() })
}

unsafe fn create(
    host: *const katacg_host,
    resources: Option<&[u8]>,
    opts: &katacg_manager_opts,
) -> Result<Manager> {
    let log = log(opts.log_fd, opts.log_level)?;
    // SAFETY: the header tells the caller what the pointers must be.
    let (shared, mut config) = unsafe {
        let shared = shared(host)?;
        let config = config(&shared, opts, false)?;
        (shared, config)
    };
    if let Some(json) = resources {
        config.resources = parse::resources(json)?;
    }
    let manager = Manager::new(shared, config)?.with_log(log);
    if manager.is_scope() {
        return fail(
            Code::Unsupported,
            "a scope is made with a process: use katacg_manager_new, and \
             katacg_manager_apply with the process and KATACG_APPLY_SET",
        );
    }
    manager.apply(NOBODY, true)?;
    Ok(manager)
}

unsafe fn load(host: *const katacg_host, opts: &katacg_manager_opts) -> Result<Manager> {
    let log = log(opts.log_fd, opts.log_level)?;
    // SAFETY: the header tells the caller what the pointers must be.
    let (shared, mut config) = unsafe {
        let shared = shared(host)?;
        let config = config(&shared, opts, true)?;
        (shared, config)
    };
    // A manager for everything is in a hybrid host's cgroup2 as well. Kata's name for everything is
    // the list of all v1 subsystems.
    let info = shared.info();
    if !info.is_unified() && info.find("").is_some() && has_all(info, &config.subsystems) {
        config.subsystems.push(String::new());
    }
    Ok(Manager::new(shared, config)?.with_log(log))
}

/// Whether a list of subsystems names every mounted v1 hierarchy of Kata's set of all subsystems.
fn has_all(info: &HostInfo, subsystems: &[String]) -> bool {
    let named: Vec<HierarchyId> = subsystems.iter().filter_map(|name| info.find(name)).collect();
    let mut all = Set::All.names().iter().filter_map(|name| info.find(name));
    !named.is_empty() && all.all(|id| named.contains(&id))
}

unsafe fn resources<'a>(json: *const c_char, len: usize) -> Result<Option<&'a [u8]>> {
    match json.is_null() && len == 0 {
        true => Ok(None),
        // SAFETY: the header tells the caller what the pointer must be.
        false => unsafe { bytes(json, len, "resources_json") }.map(Some),
    }
}

/// Creates a cgroup on a set of subsystems and sets its resources, as containerd's cgroups.New
/// does.
///
/// The manager's functions stand for the methods: katacg_manager_add for Add and AddTask,
/// katacg_manager_set for Update, katacg_manager_move_to for MoveTo, katacg_manager_destroy for
/// Delete. katacg_manager_parent gives the parent.
///
/// CPU shares outside the kernel's range (v1: 2 to 262144) are a warning, also in a later
/// katacg_manager_set of this manager: containerd sets the nearest value in silence. Managers of
/// katacg_manager_new return KATACG_ERR_CLAMPED, as runc does.
///
/// Device rules are ignored. A systemd slice can be created so. A scope needs a process: use
/// katacg_manager_new and katacg_manager_apply.
///
/// On a unified host, only controllers that the resources need are turned on in the ancestors.
/// Without such resources katacg_manager_move_to can move processes to the parent.
///
/// @param host            as for katacg_manager_new
/// @param subsystems      comma-separated, as katacg_subsystems returns them. Each must be mounted.
///                        NULL means all that are mounted. "" is -EINVAL: katacg_subsystems returns
///                        it for a set of which the host has nothing. A unified host ignores this
///                        argument.
/// @param path            the path of the cgroup
/// @param resources_json  an OCI linux.resources object, or NULL for none
/// @param len             its length in bytes; 0 with NULL
/// @param out             receives the new manager; NULL on failure, and then nothing was created
/// @param err             filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -EINVAL      (KATACG_ERR_ARGUMENT)     path or out is NULL, or subsystems is ""
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  path is a scope
/// Also the errors of katacg_manager_new and katacg_manager_apply.
/// Ownership: free the manager with katacg_manager_free.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_cgroup_new(
    host: *const katacg_host,
    subsystems: *const c_char,
    path: *const c_char,
    resources_json: *const c_char,
    len: usize,
    out: *mut *mut katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            check_out(out)?;
            let resources = resources(resources_json, len)?;
            let opts = plain(subsystems, path)?;
            Ok(give(out, katacg_manager(create(host, resources, &opts)?)))
        })
    }
}

/// Creates a manager for a cgroup that exists, as containerd's cgroups.Load does.
///
/// The manager joins those of the subsystems in which the cgroup exists. If the subsystems are all
/// that katacg_subsystems returns, or NULL, that includes cgroup2 on a hybrid host. CPU shares are
/// treated as in katacg_cgroup_new.
///
/// The path "/" gives the root of the hierarchies; see katacg_manager_parent for what a manager of
/// the root can do.
///
/// @param host        as for katacg_manager_new
/// @param subsystems  as for katacg_cgroup_new
/// @param path        the path of the cgroup
/// @param out         receives the new manager; NULL on failure
/// @param err         filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT  (KATACG_ERR_DELETED)  the cgroup exists in none of the subsystems
/// Also the errors of katacg_manager_new.
/// Ownership: free the manager with katacg_manager_free.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_cgroup_load(
    host: *const katacg_host,
    subsystems: *const c_char,
    path: *const c_char,
    out: *mut *mut katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            check_out(out)?;
            let opts = plain(subsystems, path)?;
            Ok(give(out, katacg_manager(load(host, &opts)?)))
        })
    }
}

/// Creates a cgroup as katacg_cgroup_new does, with options.
///
/// @param host            as for katacg_manager_new
/// @param resources_json  an OCI linux.resources object, or NULL for none
/// @param len             its length in bytes; 0 with NULL
/// @param opts            the options. opts.path is the path of the cgroup, and opts.subsystems are
///                        the subsystems. KATACG_MANAGER_SKIP_DEVICES is always in force.
/// @param opts_size       sizeof(struct katacg_manager_opts)
/// @param out             receives the new manager; NULL on failure, and then nothing was created
/// @param err             filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -EINVAL      (KATACG_ERR_ARGUMENT)     opts.path or out is NULL, or an option is invalid
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the cgroup is a scope
/// Also the errors of katacg_manager_new and katacg_manager_apply.
/// Ownership: free the manager with katacg_manager_free.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_cgroup_new_opts(
    host: *const katacg_host,
    resources_json: *const c_char,
    len: usize,
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
            let resources = resources(resources_json, len)?;
            Ok(give(out, katacg_manager(create(host, resources, &opts)?)))
        })
    }
}

/// Creates a manager for a cgroup that exists, as katacg_cgroup_load does, with options.
///
/// @param host       as for katacg_manager_new
/// @param opts       as for katacg_cgroup_new_opts
/// @param opts_size  sizeof(struct katacg_manager_opts)
/// @param out        receives the new manager; NULL on failure
/// @param err        filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT  (KATACG_ERR_DELETED)   the cgroup exists in none of the subsystems
///   -EINVAL  (KATACG_ERR_PATH)      the path is "/", with KATACG_MANAGER_STRICT
///   -EINVAL  (KATACG_ERR_ARGUMENT)  opts.path or out is NULL, or an option is invalid
/// Also the errors of katacg_manager_new.
/// Ownership: free the manager with katacg_manager_free.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_cgroup_load_opts(
    host: *const katacg_host,
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
            Ok(give(out, katacg_manager(load(host, &opts)?)))
        })
    }
}
