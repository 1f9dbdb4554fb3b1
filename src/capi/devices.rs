// SPDX-License-Identifier: Apache-2.0

//! Header section "Device rules".
//!
//! A device is given as the path of a node, such as "/dev/kvm", or as a kind and numbers, such as
//! "c 10:232" or "b 8:*" (c character, b block; major:minor; * every number). A node must not be a
//! symbolic link. An access is some of the letters r (open for reading), w (open for writing) and m
//! (create a node with mknod(2)). NULL means all three.

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

/// Set of katacg_device_rules: the devices that a runtime allows to every container. A runtime
/// appends these rules to those of the container's specification.
pub const KATACG_DEVICES_RUNTIME: u32 = 1;
/// Set of katacg_device_rules: the devices that a hypervisor needs, if this host has them.
///
/// /dev/kvm or /dev/mshv must exist. /dev/vhost-net, /dev/vfio/vfio, /dev/vhost-vsock and
/// /dev/vhost-vdpa-0 are allowed if they exist. Disks, loop devices and VFIO groups (/dev/vfio/N)
/// are not in the list.
pub const KATACG_DEVICES_HYPERVISOR: u32 = 2;

fn json(rules: &[LinuxDeviceCgroup]) -> Result<Vec<u8>> {
    serde_json::to_vec(rules).map_err(|e| Error::new(Code::Json, format!("device rules JSON: {e}")))
}

/// Returns the string of an access; None for NULL.
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
/// Return: the length of the result in bytes without its NUL, even if it did not fit. The result is
/// a JSON array of OCI rules, as in linux.resources.devices.
/// Errors:
///   -EINVAL      (KATACG_ERR_ARGUMENT)     the set is unknown, or a path of the hypervisor's
///                                          devices is no device
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the host has neither /dev/kvm nor /dev/mshv
///   -errno       (KATACG_ERR_SYSTEM)       stat(2) of a node failed, other than with ENOENT
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

/// Tells whether device rules allow an access to a device. Does not look at any cgroup.
///
/// The rules apply in order and start from "deny all". The access is allowed only if the rules
/// allow each of its letters.
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
///   -ERANGE  (KATACG_ERR_VALUE)     a rule has no access or an impossible number, or reverses an
///                                   earlier, wider rule for some of its devices; the message has
///                                   the rule's index
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

/// Allows a device in addition to the rules in force, for instance one that is plugged in later.
///
/// While the rules change, no device is denied that both the old and the new rules allow. Calls for
/// one cgroup take turns, even those of different processes. Allowing an allowed device is no
/// error. Other processes that use this library find the changed rules. In a systemd unit, the
/// library tells systemd as well, so that a daemon-reload keeps the device.
///
/// On v2, a cgroup that a container runtime has made (a manager with KATACG_MANAGER_EXISTING) has
/// the runtime's device programs, and each of them must allow the device. The library replaces each
/// program that does not by the same program with code in front that allows the device. The
/// runtime's next change of its rules removes that code. Device programs of ancestors and
/// descendants stay as they are, and must allow the device too. crun with systemd attaches its
/// program in the cgroup "container" below the scope: allow the device with a manager of the scope
/// and with a manager of "container".
///
/// A manager with the cgroupfs driver on the path of a systemd unit cannot tell systemd, so the
/// device is denied again after the next daemon-reload or change of the unit. The call warns of
/// that; in strict mode it fails. Use the systemd driver, also for a unit that another program has
/// made.
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
///   -ERANGE      (KATACG_ERR_VALUE)        a wider rule denies the device together with others
///                                          ("deny c 1:*", then "c 1:3"). A v1 cgroup that allows
///                                          devices by default does not show what it denies: there
///                                          the call returns 0, and the device stays denied
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)   the cgroup is in no hierarchy with devices
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  another owner's device program cannot be extended,
///                                          because the kernel hides its instructions or it calls
///                                          functions (the message names the program); the unit is
///                                          of a user's systemd; a unit on v1 would have rules that
///                                          systemd cannot express; or, in strict mode, the
///                                          cgroupfs driver on a unit's path
///   -EPERM       (KATACG_ERR_SYSTEM)       v1: the parent cgroup does not allow the device; the
///                                          message names the parent
///   -EPERM       (KATACG_ERR_UNSUPPORTED)  the caller may not change device rules
///   -errno       (KATACG_ERR_UNSUPPORTED)  v2: bpf(2) failed with EACCES, EINVAL or ENOSYS, as on
///                                          a kernel without device programs
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

/// Denies a device in addition to the rules in force, for instance one that is unplugged.
///
/// Denying a denied device is no error. Processes that have the device open keep it. On v2, the
/// library removes the code that katacg_manager_device_allow has put in front of another owner's
/// device program. If no program of another owner denies the device, this library's program does.
///
/// @param manager  the cgroup, which must exist
/// @param device   as for katacg_manager_device_allow
/// @param access   some of "rwm"; NULL means all
/// @param err      filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors: as for katacg_manager_device_allow. KATACG_ERR_VALUE means that a wider rule allows the
/// device together with others ("allow c 1:*", then "c 1:3").
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
/// On v1 the rules are those of devices.list. A cgroup that allows devices by default shows there
/// only that, and not the devices that it denies. On v2 the rules are those of this library's
/// device program, whichever process attached the program; a cgroup without device programs allows
/// every device. In a unit of v2 the rules are systemd's, if systemd's device program is attached.
/// Rules of ancestors are not included.
///
/// @param manager  the cgroup, which must exist
/// @param buf      receives the rules; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result in bytes without its NUL, even if it did not fit. The result is
/// a JSON array of OCI rules. The first rule is of type "a" and is the default for all devices.
/// Errors:
///   -EINVAL      (KATACG_ERR_ARGUMENT)     manager is NULL
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)   the cgroup is in no hierarchy with devices
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  v2: another owner's device program is attached (the
///                                          message names the program, and the devices that this
///                                          library allows in front of it), or this library's
///                                          program cannot be read back
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
