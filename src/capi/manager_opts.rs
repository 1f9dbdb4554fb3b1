// SPDX-License-Identifier: Apache-2.0

//! Header section "Manager: options".

use std::mem::size_of;
use std::os::raw::c_char;

/// opts.flags: ignores device rules. The caller applies them, or there are none.
///
/// With this flag a v1 host needs no devices controller. Without this flag the effect depends on
/// who creates the cgroup (opts.driver):
///
/// - The system's systemd applies device rules. On v2 a program of this library enforces those that
///   systemd has no words for.
/// - This library enforces device rules: on v1 by the devices controller, on v2 by a program that
///   it attaches to the cgroup. Where the caller may do neither, device rules are an error.
/// - A user's systemd cannot: device rules are NOT applied, and the library warns. With
///   KATACG_MANAGER_STRICT they are an error.
/// - In a user namespace it is unknown whether systemd can apply them, so the library warns as
///   well.
pub const KATACG_MANAGER_SKIP_DEVICES: u64 = 1;
/// opts.flags: turns warnings into errors. That concerns:
///
/// - a value for which this layout has no file, or systemd has no property
/// - a systemd path that the strict rules of katacg_path_validate refuse
/// - the root of a hierarchy as a parent or as a target to move processes to
pub const KATACG_MANAGER_STRICT: u64 = 2;

/// opts.flags: keeps the values that a failed call has already written. This saves one read per
/// file. It concerns katacg_manager_set, and katacg_manager_apply to a unit that exists.
pub const KATACG_MANAGER_NO_ROLLBACK: u64 = 4;
/// opts.flags: joins only hierarchies in which the cgroup already exists. If it exists in none,
/// katacg_manager_new returns -ENOENT (KATACG_ERR_DELETED). The path "/" is allowed then; see
/// katacg_manager_parent for what a manager of the root can do.
pub const KATACG_MANAGER_EXISTING: u64 = 8;
/// opts.flags: gives the v2 cgroup to owner_uid and owner_gid when it is applied. That changes the
/// owner of the directory and of the files that /sys/kernel/cgroup/delegate names.
pub const KATACG_MANAGER_DELEGATE: u64 = 16;
/// opts.flags: takes the device rules of the specification as they are.
///
/// Without this flag katacg_manager_new puts the runtime's default devices after the rules of a
/// specification that has some, as runc does: mknod of any device, and access to null, zero, full,
/// random, urandom, tty, ptmx, the pseudo-terminals and net/tun. katacg_manager_set adds nothing.
pub const KATACG_MANAGER_NO_DEFAULT_DEVICES: u64 = 32;

/// opts.driver: chooses by the path.
///
/// systemd creates the cgroup of a path "slice:prefix:name". katacg_path_is_systemd or
/// katacg_path_is_systemd_slice recognises such a path. An empty slice is allowed as well: it is
/// system.slice, or user.slice for a user's systemd. With KATACG_MANAGER_STRICT such a path must
/// also pass the strict rules of katacg_path_validate.
///
/// A slash before such a path is passed over if its slice ends in ".slice": Kata 3 puts the slash
/// there. Any other relative path with a colon is an error. This library creates the cgroup of any
/// other path in the cgroup file system.
pub const KATACG_DRIVER_AUTO: u32 = 0;
/// opts.driver: this library creates the cgroup in the cgroup file system. A systemd path is an
/// error.
pub const KATACG_DRIVER_CGROUPFS: u32 = 1;
/// opts.driver: systemd creates the cgroup, asked over D-Bus.
///
/// The path must be "slice:prefix:name". It gives the transient scope PREFIX-NAME.scope, or
/// NAME.scope with an empty prefix, or the slice NAME if the name ends in ".slice". A path of
/// another form is an error.
pub const KATACG_DRIVER_SYSTEMD: u32 = 2;
/// opts.driver: systemd creates the cgroup only if katacg_path_is_systemd accepts the path.
///
/// Kata's Go code of January 2020 chose so. A slice with a dash in its name becomes a directory.
pub const KATACG_DRIVER_AUTO_K0: u32 = 3;

/// opts.bus: the system's bus for root, else the user's bus.
///
/// Root of a user namespace counts as a user, unless PID 1's systemd also belongs to that root.
/// That is so in a system container, and for the host's own root.
pub const KATACG_BUS_AUTO: u32 = 0;
/// opts.bus: the bus of PID 1's systemd.
pub const KATACG_BUS_SYSTEM: u32 = 1;
/// opts.bus: the bus of the user's systemd (systemd --user). It needs a unified host.
pub const KATACG_BUS_USER: u32 = 2;

/// Options of katacg_manager_new.
///
/// Start with KATACG_MANAGER_OPTS_INIT (all zeros), set what you need, and pass sizeof(opts). The
/// size must be a multiple of 8 and at most 4096. New versions add fields at the end only, and 0 in
/// a new field keeps the old behaviour. The library copies whatever the struct points to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_manager_opts {
    /// KATACG_MANAGER_* combined with |. Unknown bits are -EINVAL.
    pub flags: u64,
    /// Path of the cgroup. NULL takes cgroupsPath from the specification.
    pub path: *const c_char,
    /// v1: comma-separated subsystems to join, such as "cpu,memory,name=systemd". "systemd" means
    /// "name=systemd". Each must be mounted. NULL joins all that are mounted, and devices must be
    /// among them. "" is -EINVAL.
    ///
    /// A systemd unit is in systemd's own hierarchies, whatever this field says. A unified host has
    /// one hierarchy and ignores this field.
    pub subsystems: *const c_char,
    /// Descriptor for warnings, used if log_level is not 0. Each warning is one line and one
    /// write(2).
    ///
    /// The caller owns the descriptor: the library never closes it. It must stay open while the
    /// manager is used, or until katacg_manager_log replaces it. A write to a pipe without a reader
    /// raises SIGPIPE, and a write to a full pipe waits.
    pub log_fd: i32,
    /// 0: silent. 1: warnings.
    pub log_level: u32,
    /// Name of the cgroup, used if neither opts.path nor the specification gives a path. NULL:
    /// none.
    ///
    /// On v1 and hybrid the new cgroup is a child of the caller's own cgroup. On v2 it is a
    /// sibling. A rootless caller that may not create it continues without a cgroup.
    pub name: *const c_char,
    /// User id for KATACG_MANAGER_DELEGATE.
    pub owner_uid: u32,
    /// Group id for KATACG_MANAGER_DELEGATE.
    pub owner_gid: u32,
    /// Who creates the cgroup: KATACG_DRIVER_*.
    pub driver: u32,
    /// Which systemd: KATACG_BUS_*.
    pub bus: u32,
    /// D-Bus address of that systemd, such as "unix:path=/run/dbus/system_bus_socket". Several
    /// addresses are separated by ';' and tried in order. Only unix:path= and unix:abstract= can be
    /// used. An address without either of them makes katacg_manager_new fail.
    ///
    /// NULL takes the address from the environment at the time of the connection:
    ///
    /// - system: DBUS_SYSTEM_BUS_ADDRESS, else /run/dbus/system_bus_socket
    /// - user: DBUS_SESSION_BUS_ADDRESS, else $XDG_RUNTIME_DIR/bus
    ///
    /// katacg_manager_state saves this field as it is. After NULL, the process that loads the state
    /// looks in its own environment.
    pub bus_address: *const c_char,
    /// Version of systemd, such as 252. It decides which properties a unit can have.
    ///
    /// Set it for a dry run on behalf of another host, or where systemd cannot be asked. 0 asks
    /// systemd on first use, once per host. katacg_manager_plan needs the version too.
    /// katacg_manager_state does not save it.
    pub systemd_version: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Name of the systemd unit, such as "-x.scope" or "a:b.scope", which no path can give. NULL:
    /// the path gives the name.
    ///
    /// With a name, the path only gives the slice: "name.slice", the slice of "slice:prefix:name",
    /// or "" for the default slice. opts.driver must be KATACG_DRIVER_AUTO or
    /// KATACG_DRIVER_SYSTEMD.
    pub unit: *const c_char,
}

impl Default for katacg_manager_opts {
    fn default() -> Self {
        katacg_manager_opts {
            flags: 0,
            path: std::ptr::null(),
            subsystems: std::ptr::null(),
            log_fd: 0,
            log_level: 0,
            name: std::ptr::null(),
            owner_uid: 0,
            owner_gid: 0,
            driver: KATACG_DRIVER_AUTO,
            bus: KATACG_BUS_AUTO,
            bus_address: std::ptr::null(),
            systemd_version: 0,
            reserved: 0,
            unit: std::ptr::null(),
        }
    }
}

// header: /* Starts a struct katacg_manager_opts. */
// header: #define KATACG_MANAGER_OPTS_INIT \
// header:     { 0, NULL, NULL, 0, 0, NULL, 0, 0, 0, 0, NULL, 0, 0, NULL }

const _: () = assert!(size_of::<katacg_manager_opts>() == 80);
