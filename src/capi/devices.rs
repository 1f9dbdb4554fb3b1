// SPDX-License-Identifier: Apache-2.0

//! Header section "Device rules".
//!
//! A rule's device is the path of a node, such as "/dev/kvm", or a kind and numbers, such as
//! "c 10:232" or "b 8:*". The library looks a node up without following symbolic links. Access is
//! some of the letters of "rwm": read, write, create a node. NULL means all three.

use std::os::raw::{c_char, c_int};
use std::path::Path;

use oci_spec::runtime::LinuxDeviceCgroup;

use super::error::katacg_error;
use super::ffi::{bytes, guard, handle, name, put};
use super::manager::katacg_manager;
use crate::devices::{
    hypervisor_rules, parse_access, parse_devices, runtime_defaults, Number, State,
};
use crate::error::{fail, Code, Error, Result};
use crate::resources::parse;

/// Set of katacg_device_rules: the devices that a runtime gives every container, to be appended to
/// the rules of its specification.
pub const KATACG_DEVICES_RUNTIME: u32 = 1;
/// Set of katacg_device_rules: the devices of a hypervisor, as far as this host has them.
///
/// /dev/kvm or /dev/mshv must exist. /dev/vhost-net, /dev/vfio/vfio, /dev/vhost-vsock and
/// /dev/vhost-vdpa-0 are allowed if they exist. Disks, loop devices and the groups of VFIO are not
/// among them.
pub const KATACG_DEVICES_HYPERVISOR: u32 = 2;

fn json(rules: &[LinuxDeviceCgroup]) -> Result<Vec<u8>> {
    serde_json::to_vec(rules).map_err(|e| Error::new(Code::Json, format!("device rules JSON: {e}")))
}

/// Returns the second string, which may be NULL.
pub(super) unsafe fn access<'a>(pointer: *const c_char) -> Result<Option<&'a str>> {
    match pointer.is_null() {
        true => Ok(None),
        // SAFETY: not NULL, and the header asks for a NUL-terminated string.
        false => unsafe { name(pointer, "access") }.map(Some),
    }
}

/// Returns a well-known list of device rules.
///
/// @param set      KATACG_DEVICES_RUNTIME or KATACG_DEVICES_HYPERVISOR
/// @param buf      receives the rules; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit. The result is a JSON
/// array of OCI rules, as in linux.resources.devices.
/// Errors:
///   -EINVAL      (KATACG_ERR_ARGUMENT)     the set is unknown
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the host has neither /dev/kvm nor /dev/mshv
///   -errno       (KATACG_ERR_SYSTEM)       stat(2) of a node failed
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_device_rules(
    set: u32,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let rules = match set {
                KATACG_DEVICES_RUNTIME => runtime_defaults(),
                KATACG_DEVICES_HYPERVISOR => hypervisor_rules(Path::new("/dev"))?,
                other => return fail(Code::Argument, format!("unknown set of devices {other}")),
            };
            put(&json(&rules)?, buf, buf_len)
        })
    }
}

/// Tells whether device rules allow an access. Looks at the rules only, not at any cgroup.
///
/// The rules apply in order and start from "deny all". All letters of access must be allowed.
///
/// @param rules_json  a JSON array of OCI rules, as in linux.resources.devices
/// @param len         its length in bytes
/// @param device      one device: a node's path, or a kind and two numbers
/// @param access      some of "rwm"; NULL means all
/// @param err         filled in on failure; may be NULL
///
/// Return: 1 if the access is allowed, 0 if it is denied.
/// Errors:
///   -EINVAL  (KATACG_ERR_JSON)      the JSON is malformed; the message has line and column
///   -EINVAL  (KATACG_ERR_ARGUMENT)  an argument is NULL, device is not one device, or access has
///                                   other letters
///   -ERANGE  (KATACG_ERR_VALUE)     a rule has no access or an impossible number, or it denies a
///                                   part of what a wider rule allows; the message has its index
///   -errno   (KATACG_ERR_SYSTEM)    stat(2) of the node failed
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_device_check(
    rules_json: *const c_char,
    len: usize,
    device: *const c_char,
    access: *const c_char,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let rules = parse::devices(bytes(rules_json, len, "rules_json")?)?;
            let devices = parse_devices(name(device, "device")?)?;
            let access = parse_access(self::access(access)?)?;
            let (Number::Is(major), Number::Is(minor)) = (devices.major, devices.minor) else {
                return fail(Code::Argument, format!("{devices} is more than one device"));
            };
            let state = State::from_rules(&rules, &mut Vec::new())?;
            Ok(state.permits(devices.kind, major, minor, access).into())
        })
    }
}

/// Adds one rule to those in force.
unsafe fn change(
    manager: *const katacg_manager,
    allow: bool,
    device: *const c_char,
    access: *const c_char,
) -> Result<c_int> {
    // SAFETY: the header tells the caller what the pointers must be.
    let (manager, device, access) =
        unsafe { (handle(manager, "manager")?, name(device, "device")?, self::access(access)?) };
    let (devices, access) = (parse_devices(device)?, parse_access(access)?);
    manager.0.change_device(allow, devices, access).map(|_| 0)
}

/// Allows a device, on top of the rules in force, for instance one that is plugged in later.
///
/// The change is atomic: no device that the old and the new rules allow is denied in between. Calls
/// for one cgroup take turns, also those of other processes. A device that is allowed already stays
/// so. On v2 this library's program is exchanged for another; a later process finds it again. In a
/// unit systemd is told as well, so that a daemon-reload keeps the device.
///
/// A cgroup of v2 that another program has made (a manager with KATACG_MANAGER_EXISTING) has that
/// program's device programs, each of which must allow the device. Each one that does not is
/// exchanged for itself with the device allowed in front. Its owner's next change of the rules ends
/// that. Programs of cgroups above and below are not changed. crun with systemd has its program in
/// the cgroup "container" below the scope: there a manager of each of the two is needed.
///
/// A manager of the cgroupfs driver on the path of a systemd unit cannot tell systemd. It warns, in
/// strict mode it fails: the device is denied again after the next daemon-reload or change of the
/// unit. Use the systemd driver, also for a unit that another program has made.
///
/// @param manager  the cgroup, which must exist
/// @param device   a node such as "/dev/kvm", or a kind and numbers such as "c 10:232" or "b 8:*"
/// @param access   some of "rwm"; NULL means all
/// @param err      filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -EINVAL      (KATACG_ERR_ARGUMENT)     manager or device is NULL, device is no device, or
///                                          access has other letters
///   -ERANGE      (KATACG_ERR_VALUE)        a part of what a wider rule denies would be allowed
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)   the cgroup is in no hierarchy with devices
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  another's device program cannot be extended, because
///                                          the kernel hides its instructions or it calls
///                                          functions, and the message names it; the kernel has no
///                                          device programs; the unit is a user's; a unit on v1
///                                          would have rules that systemd has no words for; or, in
///                                          strict mode, the warning above
///   -EPERM       (KATACG_ERR_SYSTEM)       the parent cgroup does not allow the device; the
///                                          message names it
///   -EPERM       (KATACG_ERR_UNSUPPORTED)  the caller may not change device rules
///   -errno       (KATACG_ERR_SYSTEM)       stat(2) of the node or another system call failed
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_device_allow(
    manager: *const katacg_manager,
    device: *const c_char,
    access: *const c_char,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || change(manager, true, device, access)) }
}

/// Denies a device, on top of the rules in force, for instance one that is unplugged.
///
/// A device that is denied already stays so. Processes that have the device open keep it. Beside
/// another's device program, what katacg_manager_device_allow put in front of it is removed; if it
/// allows the device by itself, a program of this library denies the device.
///
/// @param manager  the cgroup, which must exist
/// @param device   as for katacg_manager_device_allow
/// @param access   some of "rwm"; NULL means all
/// @param err      filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors: as for katacg_manager_device_allow. KATACG_ERR_VALUE means that a part of what a wider
/// rule allows would be denied.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_device_deny(
    manager: *const katacg_manager,
    device: *const c_char,
    access: *const c_char,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || change(manager, false, device, access)) }
}

/// Reads the device rules in force.
///
/// On v1, a cgroup that allows all devices but some does not show which ones. On v2 the rules are
/// those of this library's program, whichever process attached it; without one, all devices are
/// allowed. In a unit they are systemd's, if its program is attached. Rules of ancestors are not
/// among them.
///
/// @param manager  the cgroup, which must exist
/// @param buf      receives the rules; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit. The result is a JSON
/// array of OCI rules. Its first rule is for all devices.
/// Errors:
///   -EINVAL      (KATACG_ERR_ARGUMENT)     manager is NULL
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)   the cgroup is in no hierarchy with devices
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  another program has a device program there (the
///                                          message has what is allowed in front of it), or the
///                                          program cannot be read
///   -errno       (KATACG_ERR_SYSTEM)       a system call failed
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_devices(
    manager: *const katacg_manager,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || put(&json(&handle(manager, "manager")?.0.device_rules()?)?, buf, buf_len))
    }
}
