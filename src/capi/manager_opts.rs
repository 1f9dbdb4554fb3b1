//! Option structures that can grow: openat2's rules.

use std::mem::size_of;
use std::os::raw::c_char;

/// Leave device rules alone: they are the caller's to apply, or there are none to apply. A v1
/// host without the devices controller is no error then. Without this flag rules are applied by the
/// system's systemd (opts.driver), are an error where this library makes the cgroup, and are NOT
/// applied by a user's systemd, which cannot: that is a warning, with KATACG_MANAGER_STRICT an error.
/// So it is in a user namespace, where nobody says whether systemd could.
pub const KATACG_MANAGER_SKIP_DEVICES: u64 = 1;
/// What would be a warning is an error: a value that this layout has no file for or that systemd has
/// no property for, a systemd path that katacg_path_validate's strict rules refuse, and the
/// hierarchies' root as a parent or as a place to move processes to.
pub const KATACG_MANAGER_STRICT: u64 = 2;

/// A failed katacg_manager_set, or apply to a unit that is there, leaves what it had written: saves
/// reading each value first.
pub const KATACG_MANAGER_NO_ROLLBACK: u64 = 4;
/// Join only the hierarchies in which the cgroup is there already; -ENOENT (KATACG_ERR_DELETED)
/// when it is in none.
pub const KATACG_MANAGER_EXISTING: u64 = 8;
/// Give the v2 cgroup to owner_uid and owner_gid when it is applied: the directory, and the files that
/// /sys/kernel/cgroup/delegate names.
pub const KATACG_MANAGER_DELEGATE: u64 = 16;

/// opts.driver: systemd for a path "slice:prefix:name" (by katacg_path_is_systemd or
/// katacg_path_is_systemd_slice, or with an empty slice, which is system.slice, or user.slice of a
/// user's systemd), else cgroupfs. With KATACG_MANAGER_STRICT such a path has to pass
/// katacg_path_validate's strict rules as well.
pub const KATACG_DRIVER_AUTO: u32 = 0;
/// opts.driver: this library, by the cgroup file system. A systemd path is an error.
pub const KATACG_DRIVER_CGROUPFS: u32 = 1;
/// opts.driver: systemd, over D-Bus: a transient scope PREFIX-NAME.scope (NAME.scope without a
/// prefix), or the slice NAME when it ends in ".slice". A path of another form is an error.
pub const KATACG_DRIVER_SYSTEMD: u32 = 2;
/// opts.driver: systemd by katacg_path_is_systemd alone, as Kata's Go code of January 2020 chose;
/// every slice with a dash in its name is a directory then.
pub const KATACG_DRIVER_AUTO_K0: u32 = 3;

/// opts.bus: the user's without root, else the system's. Root of a user namespace counts as a user,
/// unless PID 1's systemd is root's there as well: in a system container, and for the host's own root.
pub const KATACG_BUS_AUTO: u32 = 0;
/// opts.bus: PID 1's systemd.
pub const KATACG_BUS_SYSTEM: u32 = 1;
/// opts.bus: the systemd of the user (systemd --user). On a unified host only.
pub const KATACG_BUS_USER: u32 = 2;

/// Options of katacg_manager_new. Zero it (KATACG_MANAGER_OPTS_INIT), set what you need, pass
/// sizeof (a multiple of 8, at most 4096): fields are only ever added at the end, and 0 is what an
/// older program means. What it points to is copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_manager_opts {
    /// KATACG_MANAGER_* or'ed; unknown bits are -EINVAL.
    pub flags: u64,
    /// The cgroup, instead of the specification's cgroupsPath. NULL: as the specification says.
    pub path: *const c_char,
    /// v1: comma-separated subsystems to join ("cpu,memory,name=systemd"; "systemd" means the
    /// last), each of which must be mounted; "" is -EINVAL. NULL: all that are mounted, among which devices must be.
    /// A unit is in systemd's own hierarchies whatever this says. Not used on a unified host, where
    /// there is one hierarchy.
    pub subsystems: *const c_char,
    /// Where warnings are written, a line and one write(2) each; the caller's, never closed. Used when
    /// log_level is not 0; it must stay open as long as the manager is used (or until
    /// katacg_manager_log). A pipe that nobody reads any more raises SIGPIPE, a full one waits.
    pub log_fd: i32,
    /// 0: silent. 1: warnings.
    pub log_level: u32,
    /// The cgroup's name when neither path nor the specification gives a path: it is made below
    /// (v1, hybrid) or beside (v2) the caller's own, and a rootless caller that may not goes
    /// without. NULL: none.
    pub name: *const c_char,
    /// With KATACG_MANAGER_DELEGATE.
    pub owner_uid: u32,
    /// With KATACG_MANAGER_DELEGATE.
    pub owner_gid: u32,
    /// KATACG_DRIVER_*: who makes the cgroup.
    pub driver: u32,
    /// KATACG_BUS_*: which systemd.
    pub bus: u32,
    /// Its D-Bus address ("unix:path=/run/dbus/system_bus_socket"; several separated by ';' are
    /// tried in order). Only unix:path= and unix:abstract= can be used; without one of them it is an
    /// error of katacg_manager_new. NULL: the bus's own, for the system DBUS_SYSTEM_BUS_ADDRESS or
    /// /run/dbus/system_bus_socket, for the user DBUS_SESSION_BUS_ADDRESS or $XDG_RUNTIME_DIR/bus,
    /// as the environment has them when it connects. The state has it as it is: after NULL, whoever
    /// loads the state looks in its own environment.
    pub bus_address: *const c_char,
    /// systemd's version, like 252: which properties there are depends on it (see the warnings of a
    /// plan). For where it is known, or nobody is there to be asked: a dry run on another host. 0: it
    /// is asked when first needed, once for a host handle; katacg_manager_plan needs it too. Not part
    /// of the state.
    pub systemd_version: u32,
    /// 0.
    pub reserved: u32,
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
        }
    }
}

const _: () = assert!(size_of::<katacg_manager_opts>() == 72);
