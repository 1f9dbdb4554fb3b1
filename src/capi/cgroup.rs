//! Section "cgroup": Kata's containerd flows, function by function.

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{bytes, check_out, give, guard, text};
use super::host::katacg_host;
use super::manager::{katacg_manager, list, shared};
use crate::error::{fail, Code, Result};
use crate::manager::{Config, Flags, Manager, Shared, NOBODY};
use crate::resources::parse;

unsafe fn config(
    shared: &Shared,
    subsystems: *const c_char,
    path: *const c_char,
) -> Result<Config> {
    // SAFETY: the caller's pointers, as the functions' comments ask.
    let (subsystems, path) =
        unsafe { (list(subsystems, "subsystems", shared)?, text(path, "path")?) };
    Ok(Config {
        path: path.to_vec(),
        subsystems,
        // Kata's sandboxes have no device rules here; see katacg_manager_new for those that do.
        flags: Flags { skip_devices: true, ..Flags::default() },
        ..Config::default()
    })
}

/// Makes a cgroup on a set of subsystems and sets its resources: cgroups.New of Kata's flows. The
/// manager's other functions do the rest: katacg_manager_add for Add and AddTask, _set for Update,
/// _move_to for MoveTo, _destroy for Delete, _parent for the parent.
///
/// host: as for katacg_manager_new. subsystems: comma-separated, as katacg_subsystems gives them;
/// each must be mounted; NULL means all that are; "" (a set of which this host has nothing) is -EINVAL
/// (KATACG_ERR_ARGUMENT); not used on a unified host. path: the cgroup's; a slice of systemd's
/// can be made so, a scope is made with a process (-EOPNOTSUPP, KATACG_ERR_UNSUPPORTED:
/// katacg_manager_new and katacg_manager_apply do that). resources_json, len: an OCI linux.resources
/// object; NULL and 0: none; device rules are left alone. out: the new handle; NULL there on failure,
/// and then nothing was made. Returns: 0. Errors: those, and as katacg_manager_new and
/// katacg_manager_apply. Ownership: free it with katacg_manager_free. Threads: any. Fork: safe.
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
    // SAFETY: the caller's pointers, as the comment asks.
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

/// A cgroup that exists, on those of a set of subsystems in which it does: cgroups.Load of Kata's
/// flows.
///
/// host, subsystems, path: as for katacg_cgroup_new. out: the new handle; NULL there on failure.
/// Returns: 0. Errors: -ENOENT (KATACG_ERR_DELETED: it exists in none), and those of
/// katacg_manager_new. Ownership: free it with katacg_manager_free. Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_cgroup_load(
    host: *const katacg_host,
    subsystems: *const c_char,
    path: *const c_char,
    out: *mut *mut katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
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
