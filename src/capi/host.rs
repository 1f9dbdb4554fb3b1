//! Section "host": what is mounted, and where this process is.

use std::os::raw::{c_char, c_int};
use std::sync::Arc;

use super::error::katacg_error;
use super::ffi::{bytes, check_out, free, give, guard, handle, name, put};
use crate::cgroupfs::Trees;
use crate::error::{fail, Code};
use crate::host::{Host, Layout, Sources};
use crate::manager::Shared;

/// v1 hierarchies alone.
pub const KATACG_LAYOUT_LEGACY: i32 = 1;
/// v1 hierarchies with a cgroup2 mount beside them.
pub const KATACG_LAYOUT_HYBRID: i32 = 2;
/// cgroup2 alone.
pub const KATACG_LAYOUT_UNIFIED: i32 = 3;

/// A host's cgroup mounts, as they were when it was opened: immutable. Any number of managers
/// and threads can share one. It keeps one descriptor open for each hierarchy that was used
/// through it (O_PATH, close-on-exec), and up to four connections for each bus that systemd was talked
/// to over; each of them is used by the process that opened it alone, so that a fork is no harm. Open
/// it again after mounts changed or after setns(2).
pub struct katacg_host(pub(super) Arc<Shared>);

/// Reads /proc/self/mountinfo, /proc/self/cgroup and /proc/self/uid_map, once each.
///
/// out: the new handle; NULL there on failure. Returns: 0. Errors: -ENOENT
/// (KATACG_ERR_NOT_MOUNTED: no cgroup mount), what open(2) and read(2) give (KATACG_ERR_SYSTEM),
/// -EINVAL (KATACG_ERR_ARGUMENT: NULL). Ownership: free it with katacg_host_free. Threads: any.
/// Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_open(
    out: *mut *mut katacg_host,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            check_out(out)?;
            Ok(give(out, katacg_host(Arc::new(Shared::read()?))))
        })
    }
}

/// A host from text, for dry runs and tests: managers on it can plan for any layout. The caller
/// counts as root, and a hybrid host's cgroup2 mount as one without controllers. Plans of units need
/// opts.systemd_version; without it this host's systemd is asked. Everything but plans, paths and states
/// is done for real, where the text says that the mounts are.
///
/// mountinfo, mountinfo_len, cgroup, cgroup_len: bytes as in /proc/self/mountinfo and
/// /proc/self/cgroup. out: the new handle; NULL there on failure. Returns: 0. Errors: -ENOENT
/// (KATACG_ERR_NOT_MOUNTED: no cgroup mount), -EIO (KATACG_ERR_SYSTEM: a line of cgroup that is
/// not id:controllers:path), -EINVAL (KATACG_ERR_ARGUMENT: NULL). Ownership: free it with
/// katacg_host_free. Threads: any. Fork: safe.
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
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            check_out(out)?;
            let mountinfo = bytes(mountinfo, mountinfo_len, "mountinfo")?;
            let cgroup = bytes(cgroup, cgroup_len, "cgroup")?;
            let host = Host::parse(Sources { mountinfo, cgroup, ..Sources::default() })?;
            Ok(give(out, katacg_host(Arc::new(Shared::new(Trees::new(host))))))
        })
    }
}

/// Frees a host. Managers made on it keep what they need.
///
/// host: a handle, not used again, or NULL (nothing is done). Errors: none. Threads: no other
/// call on this handle at the same time. Fork: safe.
#[no_mangle]
pub unsafe extern "C" fn katacg_host_free(host: *mut katacg_host) {
    // SAFETY: the caller's handle, as the comment asks.
    unsafe { free(host) }
}

/// How the host's hierarchies are laid out.
///
/// Returns: one of KATACG_LAYOUT_*. Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any.
/// Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_layout(
    host: *const katacg_host,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            Ok(match handle(host, "host")?.0.host().layout {
                Layout::Legacy => KATACG_LAYOUT_LEGACY,
                Layout::Hybrid => KATACG_LAYOUT_HYBRID,
                Layout::Unified => KATACG_LAYOUT_UNIFIED,
            })
        })
    }
}

/// Whether the caller is neither root nor in a user namespace that maps everybody, as it was when
/// the host was opened.
///
/// Returns: 1 or 0. Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_is_rootless(
    host: *const katacg_host,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || Ok(c_int::from(handle(host, "host")?.0.host().rootless))) }
}

/// The v1 controllers and named hierarchies that are mounted, from the mounts' own options, and
/// "cgroup2" where that is mounted.
///
/// buf, buf_len: the result, comma-separated, as snprintf writes it; NULL and 0 ask for its
/// length. Returns: the length without NUL, also when it did not fit. Errors: -EINVAL
/// (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_controllers(
    host: *const katacg_host,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            put(handle(host, "host")?.0.host().labels().join(",").as_bytes(), buf, buf_len)
        })
    }
}

/// Where a controller's hierarchy is mounted, whatever the directory is called. On a unified host
/// this is the cgroup2 mount for every controller.
///
/// controller: a v1 controller, "systemd" or "name=systemd", or "" for cgroup2. buf, buf_len: the
/// result, as snprintf writes it; NULL and 0 ask for its length. Returns: the length without NUL,
/// also when it did not fit. Errors: -ENOENT (KATACG_ERR_NOT_MOUNTED: no mount has it; the
/// message lists what is mounted), -EINVAL (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_mountpoint(
    host: *const katacg_host,
    controller: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let host = handle(host, "host")?.0.host();
            put(&host.hierarchy(name(controller, "controller")?)?.mountpoint, buf, buf_len)
        })
    }
}

/// The cgroup that the caller is in, as /proc/self/cgroup has it.
///
/// controller: as for katacg_host_mountpoint. buf, buf_len: the result, as snprintf writes it;
/// NULL and 0 ask for its length. Returns: the length without NUL, also when it did not fit.
/// Errors: -ENOENT (KATACG_ERR_NOT_MOUNTED: no mount has the controller), -EINVAL
/// (KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe; the answer is the parent's.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_host_own_cgroup(
    host: *const katacg_host,
    controller: *const c_char,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let host = handle(host, "host")?.0.host();
            let hierarchy = host.hierarchy(name(controller, "controller")?)?;
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
