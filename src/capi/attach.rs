//! Section "attach": joining between fork and exec.

use std::os::raw::c_int;

use rustix::fd::{BorrowedFd, IntoRawFd};

use super::error::katacg_error;
use super::ffi::{check_flags, guard, handle};
use super::manager::katacg_manager;
use crate::error::{fail, Code};

/// How many descriptors a struct katacg_attach holds at most.
pub const KATACG_ATTACH_MAX: usize = 30;
/// katacg_attach_open: leave cgroup2 out, for a child that clone3(CLONE_INTO_CGROUP) puts there.
pub const KATACG_ATTACH_V1_ONLY: u32 = 1;

/// Open descriptors through which a process joins a cgroup by itself. The caller's memory; filled
/// by katacg_attach_open, closed by katacg_attach_close.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_attach {
    /// How many of fds are used.
    pub count: u32,
    /// Always 0.
    pub reserved: u32,
    /// Close-on-exec.
    pub fds: [i32; KATACG_ATTACH_MAX],
}

const _: () = assert!(size_of::<katacg_attach>() == 128);

/// Opens what katacg_attach_self needs. The cgroup must exist.
///
/// flags: KATACG_ATTACH_V1_ONLY or 0. out: filled, whatever was in it (close that first); its count
/// is 0 on failure. Returns: the number of descriptors; 0 for a rootless caller that goes without a
/// cgroup, and katacg_attach_self does nothing then. Errors: -ENOENT (KATACG_ERR_DELETED: no such
/// cgroup), what openat2(2) gives (KATACG_ERR_SYSTEM), -EOPNOTSUPP (KATACG_ERR_UNSUPPORTED: more
/// than KATACG_ATTACH_MAX hierarchies), -EINVAL (KATACG_ERR_ARGUMENT). Ownership: the descriptors
/// are the caller's; katacg_attach_close closes them. Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_attach_open(
    manager: *const katacg_manager,
    flags: u32,
    out: *mut katacg_attach,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            if out.is_null() {
                return fail(Code::Argument, "out is NULL");
            }
            let mut value = katacg_attach { count: 0, reserved: 0, fds: [-1; KATACG_ATTACH_MAX] };
            out.write(value);
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
            out.write(value);
            Ok(c_int::try_from(count).unwrap_or(0))
        })
    }
}

/// errno as it was, when this goes: between fork and exec, or in a signal handler, it is somebody
/// else's. On some architectures a system call goes through the C library, which sets it.
struct Errno(c_int);

impl Errno {
    fn kept() -> Errno {
        // SAFETY: the calling thread's own errno, which is always there.
        Errno(unsafe { *libc::__errno_location() })
    }
}

impl Drop for Errno {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = self.0 }
    }
}

/// The calling process joins, when it has one thread, as a child between fork and exec has (of a
/// process with more threads, on v1 only the calling one moves). Async-signal-safe: it does nothing
/// but write(2), allocates nothing, takes no lock, and leaves errno as it was. It does not wait for the
/// kernel's RCU grace period, as moving a process from outside does, where only v1 is joined. Whoever joins a frozen
/// cgroup stops there until it is thawed.
///
/// attach: from katacg_attach_open; NULL is -EINVAL. Returns: 0. Errors: what write(2) gives, at the
/// first hierarchy that refuses; those before it are joined. Threads: any. Fork: made for it.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_attach_self(attach: *const katacg_attach) -> c_int {
    // No guard: it takes locks and allocates. Nothing here can panic.
    // SAFETY: the header asks for a structure that katacg_attach_open filled, or NULL.
    let Some(attach) = (unsafe { attach.as_ref() }) else { return -libc::EINVAL };
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

/// Closes what katacg_attach_open opened. Async-signal-safe.
///
/// attach: from katacg_attach_open, or NULL (nothing is done); its count is 0 afterwards, so closing
/// again does nothing. Errors: none. Threads: no other call on this structure at the same time. Fork:
/// safe.
#[no_mangle]
pub unsafe extern "C" fn katacg_attach_close(attach: *mut katacg_attach) {
    // SAFETY: the header asks for a structure that katacg_attach_open filled, or NULL.
    let Some(attach) = (unsafe { attach.as_mut() }) else { return };
    let count = usize::try_from(attach.count).unwrap_or(0);
    attach.count = 0;
    let _errno = Errno::kept();
    for raw in attach.fds.iter_mut().take(count).filter(|raw| **raw >= 0) {
        // SAFETY: katacg_attach_open gave this descriptor away, and nobody else closes it.
        unsafe { rustix::io::close(*raw) };
        *raw = -1;
    }
}

/// The cgroup's cgroup2 directory: for clone3's CLONE_INTO_CGROUP (a child that is born in the
/// cgroup, without the wait of being moved; Go: SysProcAttr.CgroupFD), openat(2), and what else takes a
/// directory (cgroup.events, opened below it, is what can be polled).
///
/// Returns: a descriptor, close-on-exec. Errors: -EOPNOTSUPP (KATACG_ERR_UNSUPPORTED: v1 alone),
/// -ENOENT (KATACG_ERR_DELETED: no such cgroup), what openat2(2) gives (KATACG_ERR_SYSTEM), -EINVAL
/// (KATACG_ERR_ARGUMENT: NULL). Ownership: the caller's, to close. Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_dirfd(
    manager: *const katacg_manager,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe { guard(err, || Ok(handle(manager, "manager")?.0.directory()?.into_raw_fd())) }
}
