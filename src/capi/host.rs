// SPDX-License-Identifier: Apache-2.0

//! Header section "Host".
//!
//! What is mounted, and the cgroup of the caller. One host serves many managers. Programs with few
//! managers need none: katacg_manager_new reads the host itself if it gets NULL.

use std::os::raw::{c_char, c_int};
use std::sync::Arc;

use super::error::katacg_error;
use super::ffi::{bytes, check_out, free, give, guard, handle, name, put};
use crate::error::{fail, Code};
use crate::host::{HostInfo, Layout, Sources};
use crate::host_handle::Host;

/// Only cgroup v1 hierarchies are mounted.
pub const KATACG_LAYOUT_LEGACY: i32 = 1;
/// cgroup v1 hierarchies are mounted, and cgroup2 beside them.
pub const KATACG_LAYOUT_HYBRID: i32 = 2;
/// Only cgroup2 is mounted.
pub const KATACG_LAYOUT_UNIFIED: i32 = 3;

/// The cgroup mounts of a host, as they were when the host was opened.
///
/// A host never changes. Any number of managers and threads can share it. Open a new host after
/// mounts changed or after setns(2).
///
/// A host keeps one descriptor (O_PATH, close-on-exec) for each hierarchy that was used through it.
/// It also keeps up to four connections to each bus on which it talked to systemd. Only the process
/// that opened a connection uses it, so fork(2) does no harm.
pub struct katacg_host(pub(super) Arc<Host>);

/// Reads the cgroup mounts of this host.
///
/// Reads /proc/self/mountinfo, /proc/self/cgroup and /proc/self/uid_map once each.
///
/// @param out  receives the new host; NULL on failure
/// @param err  filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  no cgroup file system is mounted
///   -EINVAL  (KATACG_ERR_ARGUMENT)     out is NULL
///   -errno   (KATACG_ERR_SYSTEM)       open(2) or read(2) failed
/// Ownership: free the host with katacg_host_free.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_open(
    out: *mut *mut katacg_host,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            check_out(out)?;
            Ok(give(out, katacg_host(Arc::new(Host::read()?))))
        })
    }
}

/// Creates a host from text, for dry runs and tests.
///
/// Managers on such a host can plan for any layout. The caller counts as root. On a hybrid layout
/// the cgroup2 mount counts as one without controllers.
///
/// A plan for a systemd unit needs opts.systemd_version. Without it the library asks the systemd of
/// the real host.
///
/// Only plans, paths and states are computed from the text. Every other call acts for real, at the
/// mount points that the text names.
///
/// @param mountinfo      text in the format of /proc/self/mountinfo
/// @param mountinfo_len  its length in bytes
/// @param cgroup         text in the format of /proc/self/cgroup
/// @param cgroup_len     its length in bytes
/// @param out            receives the new host; NULL on failure
/// @param err            filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  the text has no cgroup mount
///   -EIO     (KATACG_ERR_SYSTEM)       a line of cgroup is not id:controllers:path
///   -EINVAL  (KATACG_ERR_ARGUMENT)     out is NULL, or a text is NULL and its length is not 0
/// Ownership: free the host with katacg_host_free.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_parse(
    mountinfo: *const c_char,
    mountinfo_len: usize,
    cgroup: *const c_char,
    cgroup_len: usize,
    out: *mut *mut katacg_host,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            check_out(out)?;
            let mountinfo = bytes(mountinfo, mountinfo_len, "mountinfo")?;
            let cgroup = bytes(cgroup, cgroup_len, "cgroup")?;
            let info = HostInfo::parse(Sources { mountinfo, cgroup, ..Sources::default() })?;
            Ok(give(out, katacg_host(Arc::new(Host::new(info)))))
        })
    }
}

/// Frees a host.
///
/// Managers on the host keep what they need of it.
///
/// @param host  the host, not to be used again; NULL does nothing
///
/// Errors: none.
/// Threads: no other call on this host at the same time. Fork: safe.
#[no_mangle]
pub unsafe extern "C" fn katacg_host_free(host: *mut katacg_host) {
    // SAFETY: the header asks for a handle of this library or NULL.
    unsafe { free(host) }
}

/// Tells which hierarchies are mounted.
///
/// @param host  the host
/// @param err   filled in on failure; may be NULL
///
/// Return: one of KATACG_LAYOUT_*.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  host is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_layout(
    host: *const katacg_host,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            Ok(match handle(host, "host")?.0.info().layout {
                Layout::Legacy => KATACG_LAYOUT_LEGACY,
                Layout::Hybrid => KATACG_LAYOUT_HYBRID,
                Layout::Unified => KATACG_LAYOUT_UNIFIED,
            })
        })
    }
}

/// Tells whether the caller lacks root's rights on cgroups.
///
/// A caller is rootless if it was neither root nor in a user namespace that maps every user when
/// the host was opened.
///
/// @param host  the host
/// @param err   filled in on failure; may be NULL
///
/// Return: 1 if the caller is rootless, else 0.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  host is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_is_rootless(
    host: *const katacg_host,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || Ok(c_int::from(handle(host, "host")?.0.info().rootless))) }
}

/// Lists the mounted v1 controllers and named hierarchies, and "cgroup2" if it is mounted.
///
/// The names come from the options of the mounts, not from directory names.
///
/// @param host     the host
/// @param buf      receives the result; may be NULL if buf_len is 0
/// @param buf_len  size of buf in bytes; 0 asks for the length only
/// @param err      filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit. The result is
/// separated by commas.
/// Errors:
///   -EINVAL  (KATACG_ERR_ARGUMENT)  host is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_controllers(
    host: *const katacg_host,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            put(handle(host, "host")?.0.info().labels().join(",").as_bytes(), buf, buf_len)
        })
    }
}

/// Returns the mount point of a controller's hierarchy, whatever the directory is called.
///
/// On a unified host the result is the cgroup2 mount for every controller.
///
/// @param host        the host
/// @param controller  a v1 controller; "systemd" or "name=systemd"; or "" for cgroup2
/// @param buf         receives the result; may be NULL if buf_len is 0
/// @param buf_len     size of buf in bytes; 0 asks for the length only
/// @param err         filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  no mount has the controller; the message lists what is
///                                      mounted
///   -EINVAL  (KATACG_ERR_ARGUMENT)     host or controller is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_mountpoint(
    host: *const katacg_host,
    controller: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let host = handle(host, "host")?.0.info();
            put(&host.hierarchy_of(name(controller, "controller")?)?.mountpoint, buf, buf_len)
        })
    }
}

/// Returns the caller's own cgroup, as /proc/self/cgroup shows it.
///
/// @param host        the host
/// @param controller  as for katacg_host_mountpoint
/// @param buf         receives the result; may be NULL if buf_len is 0
/// @param buf_len     size of buf in bytes; 0 asks for the length only
/// @param err         filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit.
/// Errors:
///   -ENOENT  (KATACG_ERR_NOT_MOUNTED)  no mount has the controller, or /proc/self/cgroup lacks it
///   -EINVAL  (KATACG_ERR_ARGUMENT)     host or controller is NULL
/// Threads: any. Fork: safe, but the child gets the cgroup of the parent that opened the host.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_own_cgroup(
    host: *const katacg_host,
    controller: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let host = handle(host, "host")?.0.info();
            let hierarchy = host.hierarchy_of(name(controller, "controller")?)?;
            match &hierarchy.own {
                Some(own) => put(own, buf, buf_len),
                None => fail(
                    Code::NotMounted,
                    format!("/proc/self/cgroup does not have {}", hierarchy.label()),
                ),
            }
        })
    }
}
