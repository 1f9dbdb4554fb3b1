// SPDX-License-Identifier: Apache-2.0

//! Header section "Attach".
//!
//! A child of fork(2) joins the cgroup by itself, before it calls exec. That is the fastest way on
//! v1. On cgroup2 a child can start in the cgroup, with katacg_manager_dirfd.

use std::os::raw::c_int;

use rustix::fd::{BorrowedFd, IntoRawFd};

use super::error::katacg_error;
use super::ffi::{check_flags, guard, handle};
use super::manager::katacg_manager;
use crate::error::{fail, Code};

/// Most descriptors that a struct katacg_attach holds.
pub const KATACG_ATTACH_MAX: usize = 30;
/// Flag of katacg_attach_open: leaves cgroup2 out, for a child that clone3(CLONE_INTO_CGROUP) puts
/// there.
pub const KATACG_ATTACH_V1_ONLY: u32 = 1;

/// Open descriptors through which a process joins a cgroup by itself.
///
/// The struct is the caller's memory. katacg_attach_open fills it and katacg_attach_close closes
/// the descriptors.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_attach {
    /// Number of descriptors in fds.
    pub count: u32,
    /// Always 0.
    pub reserved: u32,
    /// The descriptors, close-on-exec.
    pub fds: [i32; KATACG_ATTACH_MAX],
}

const _: () = assert!(size_of::<katacg_attach>() == 128);

/// Opens the descriptors that katacg_attach_self needs. The cgroup must exist.
///
/// @param manager  the manager
/// @param flags    KATACG_ATTACH_V1_ONLY or 0
/// @param out      receives the descriptors. Old contents are overwritten: close them first. The
///                 count is 0 on failure.
/// @param err      filled in on failure; may be NULL
///
/// Return: the number of descriptors. It is 0 for a rootless caller without a cgroup, and
/// katacg_attach_self then does nothing.
/// Errors:
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  there are more than KATACG_ATTACH_MAX hierarchies
///   -EINVAL      (KATACG_ERR_ARGUMENT)     manager or out is NULL, or a flag is unknown
///   -errno       (KATACG_ERR_SYSTEM)       openat2(2) failed
/// Ownership: the caller owns the descriptors. katacg_attach_close closes them.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_attach_open(
    manager: *const katacg_manager,
    flags: u32,
    out: *mut katacg_attach,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            if out.is_null() {
                return fail(Code::Argument, "out is NULL");
            }
            let mut value = katacg_attach { count: 0, reserved: 0, fds: [-1; KATACG_ATTACH_MAX] };
            out.write_unaligned(value);
            let manager = &handle(manager, "manager")?.0;
            check_flags(flags.into(), KATACG_ATTACH_V1_ONLY.into())?;
            let fds = manager.attach_fds(flags & KATACG_ATTACH_V1_ONLY != 0)?;
            let Ok(count) = u32::try_from(fds.len()) else {
                return fail(Code::Unsupported, "too many hierarchies");
            };
            if fds.len() > KATACG_ATTACH_MAX {
                return fail(Code::Unsupported, format!("{count} hierarchies are too many"));
            }
            for (place, fd) in value.fds.iter_mut().zip(fds) {
                *place = fd.into_raw_fd();
            }
            value.count = count;
            out.write_unaligned(value);
            Ok(c_int::try_from(count).unwrap_or(0))
        })
    }
}

/// Restores errno on drop. Between fork and exec, or in a signal handler, errno belongs to other
/// code. On some architectures rustix calls the C library, which sets errno.
struct Errno(c_int);

impl Errno {
    fn kept() -> Errno {
        // SAFETY: errno of the calling thread always exists.
        Errno(unsafe { *libc::__errno_location() })
    }
}

impl Drop for Errno {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = self.0 }
    }
}

/// Moves the calling process into the cgroup, between fork and exec.
///
/// The caller should have one thread, as a child after fork(2) has. With more threads, only the
/// calling thread moves on v1.
///
/// The function is async-signal-safe. It calls write(2) only, allocates nothing, takes no lock and
/// keeps errno. Where only v1 is joined, it avoids the kernel's RCU grace period, for which a move
/// from outside waits.
///
/// A process that joins a frozen cgroup stops until the cgroup is thawed.
///
/// @param attach  filled by katacg_attach_open
///
/// Return: 0 on success.
/// Errors:
///   -EINVAL  attach is NULL
///   -EBADF   a descriptor is not open
///   -errno   write(2) failed in one hierarchy; the hierarchies before it are joined
/// Threads: any. Fork: made for the child of a fork.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_attach_self(attach: *const katacg_attach) -> c_int {
    // No guard, because it takes locks and allocates. Nothing here can panic.
    if attach.is_null() {
        return -libc::EINVAL;
    }
    // SAFETY: not NULL, and the header asks for a structure that katacg_attach_open filled. Nothing
    // asks for alignment.
    let attach = unsafe { attach.read_unaligned() };
    let count = usize::try_from(attach.count).unwrap_or(0);
    let _errno = Errno::kept();
    for &raw in attach.fds.iter().take(count) {
        if raw < 0 {
            return -libc::EBADF;
        }
        // SAFETY: not negative, and used for one write only; a closed number gives EBADF.
        let fd = unsafe { BorrowedFd::borrow_raw(raw) };
        if let Err(e) = rustix::io::retry_on_intr(|| rustix::io::write(fd, b"0")) {
            return -e.raw_os_error();
        }
    }
    0
}

/// Closes the descriptors that katacg_attach_open opened.
///
/// The function is async-signal-safe. It sets count to 0, so that a second call does nothing.
///
/// @param attach  filled by katacg_attach_open; NULL does nothing
///
/// Errors: none.
/// Threads: no other call on this struct at the same time. Fork: safe.
#[no_mangle]
pub unsafe extern "C" fn katacg_attach_close(attach: *mut katacg_attach) {
    if attach.is_null() {
        return;
    }
    // SAFETY: not NULL, and the header asks for a structure that katacg_attach_open filled. Nothing
    // asks for alignment.
    let mut value = unsafe { attach.read_unaligned() };
    let count = usize::try_from(value.count).unwrap_or(0);
    value.count = 0;
    // SAFETY: as above. Written first: a signal handler that calls this function closes nothing.
    unsafe { attach.write_unaligned(value) };
    let _errno = Errno::kept();
    for raw in value.fds.iter_mut().take(count).filter(|raw| **raw >= 0) {
        // SAFETY: katacg_attach_open gave this descriptor away, and nobody else closes it.
        unsafe { rustix::io::close(*raw) };
        *raw = -1;
    }
    // SAFETY: as above.
    unsafe { attach.write_unaligned(value) };
}

/// Opens the cgroup's cgroup2 directory.
///
/// Its uses:
///
/// - CLONE_INTO_CGROUP of clone3(2) starts a child in the cgroup, without the wait of a move. In Go
///   that is SysProcAttr.CgroupFD.
/// - openat(2) opens files in the cgroup. cgroup.events can be polled.
///
/// @param manager  the manager
/// @param err      filled in on failure; may be NULL
///
/// Return: a descriptor, close-on-exec.
/// Errors:
///   -EOPNOTSUPP  (KATACG_ERR_UNSUPPORTED)  the manager has joined v1 hierarchies only
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
///   -EINVAL      (KATACG_ERR_ARGUMENT)     manager is NULL
///   -errno       (KATACG_ERR_SYSTEM)       openat2(2) failed
/// Ownership: the caller owns the descriptor and closes it.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_dirfd(
    manager: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { guard(err, || Ok(handle(manager, "manager")?.0.directory()?.into_raw_fd())) }
}
