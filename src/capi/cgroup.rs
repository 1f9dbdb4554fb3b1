//! Header section "Cgroup".
//!
//! Functions in the manner of containerd's cgroups package, for Kata's Go code.

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{bytes, check_out, give, guard, text};
use super::host::katacg_host;
use super::manager::{katacg_manager, list, nameless, shared};
use crate::config::{Config, Flags};
use crate::error::{fail, Code, Result};
use crate::host_handle::Host;
use crate::manager::{Manager, NOBODY};
use crate::resources::parse;

unsafe fn config(shared: &Host, subsystems: *const c_char, path: *const c_char) -> Result<Config> {
    // SAFETY: the header tells the caller what the pointers must be.
    let (subsystems, path) =
        unsafe { (list(subsystems, "subsystems", shared)?, text(path, "path")?) };
    let config = Config {
        path: path.to_vec(),
        subsystems,
        // Kata sets no device rules through these calls. katacg_manager_new takes them.
        flags: Flags { skip_devices: true, ..Flags::default() },
        ..Config::default()
    };
    match config.check() {
        Err(error) if !config.has_name() => Err(nameless(error, path, "path")),
        _ => Ok(config),
    }
}

/// Creates a cgroup on a set of subsystems and sets its resources, as containerd's cgroups.New
/// does.
///
/// The manager's functions stand for the methods: katacg_manager_add for Add and AddTask,
/// katacg_manager_set for Update, katacg_manager_move_to for MoveTo, katacg_manager_destroy for
/// Delete. katacg_manager_parent gives the parent.
///
/// Device rules are ignored. A systemd slice can be created so. A scope needs a process: use
/// katacg_manager_new and katacg_manager_apply.
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
            let shared = shared(host)?;
            let mut config = config(&shared, subsystems, path)?;
            if !(resources_json.is_null() && len == 0) {
                config.resources = parse::resources(bytes(resources_json, len, "resources_json")?)?;
            }
            let manager = Manager::new(shared, config)?;
            if manager.is_scope() {
                return fail(
                    Code::Unsupported,
                    "a scope is made with a process: use katacg_manager_new, and \
                     katacg_manager_apply with the process and KATACG_APPLY_SET",
                );
            }
            manager.apply(NOBODY, true)?;
            Ok(give(out, katacg_manager(manager)))
        })
    }
}

/// Creates a manager for a cgroup that exists, as containerd's cgroups.Load does.
///
/// The manager joins those of the subsystems in which the cgroup exists.
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
            let shared = shared(host)?;
            let mut config = config(&shared, subsystems, path)?;
            config.flags.existing = true;
            Ok(give(out, katacg_manager(Manager::new(shared, config)?)))
        })
    }
}
