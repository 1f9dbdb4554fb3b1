// SPDX-License-Identifier: Apache-2.0

//! Thin wrappers of system calls that several rooms use.

use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// Writes everything in one write(2). A file that takes less than all fails with EIO.
pub(crate) fn write_all(fd: impl AsFd, value: &[u8]) -> std::result::Result<(), Errno> {
    let written = rustix::io::retry_on_intr(|| rustix::io::write(&fd, value))?;
    if written == value.len() {
        Ok(())
    } else {
        Err(Errno::IO)
    }
}

/// Reads from the descriptor's position to the end of the file.
pub(crate) fn read_to_end(fd: impl AsFd, start: usize) -> std::result::Result<Vec<u8>, Errno> {
    let mut out = Vec::with_capacity(start);
    loop {
        if out.capacity() == out.len() {
            out.reserve(out.len().max(start));
        }
        let room = rustix::buffer::spare_capacity(&mut out);
        match rustix::io::read(&fd, room) {
            Ok(0) => return Ok(out),
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
}

/// Reads a whole file whose text the kernel generates at the first read. A read that does not fill
/// the buffer has reached the end, so no further read is needed.
pub(crate) fn read_at_once(fd: impl AsFd) -> std::result::Result<Vec<u8>, Errno> {
    let mut text = Vec::new();
    let mut buffer = [0u8; 2048];
    loop {
        let length = rustix::io::retry_on_intr(|| rustix::io::read(&fd, &mut buffer[..]))?;
        text.extend_from_slice(buffer.get(..length).unwrap_or_default());
        if length < buffer.len() {
            return Ok(text);
        }
    }
}

/// Returns the bytes of a page of memory.
#[allow(unsafe_code)]
pub(crate) fn page_size() -> u64 {
    // SAFETY: sysconf(3) takes a number.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096)
}

/// Reads a whole file of /proc or /sys by its absolute path. Not for files of cgroups.
pub(crate) fn read_file(path: &str) -> Result<Vec<u8>> {
    let failed = |what| move |e| Error::system(what, path.as_bytes(), e);
    let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(failed("open"))?;
    read_to_end(&fd, 64 * 1024).map_err(failed("read"))
}

/// Whether the process has more rights than the one that started it, as a set-uid program has
/// (AT_SECURE). Its environment cannot be trusted then.
#[allow(unsafe_code)]
pub(crate) fn is_secure_execution() -> bool {
    // SAFETY: getauxval only reads what the kernel gave the process at its start.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Whether the process that listens at the other end of a unix socket is in a PID namespace that
/// the caller cannot see: the kernel reports its pid as 0. There the caller's pids stand for other
/// processes.
#[allow(unsafe_code)]
pub(crate) fn is_peer_elsewhere(fd: impl AsFd) -> bool {
    use std::os::fd::AsRawFd;
    let mut peer = libc::ucred { pid: -1, uid: 0, gid: 0 };
    let Ok(mut size) = libc::socklen_t::try_from(size_of::<libc::ucred>()) else { return false };
    // SAFETY: the socket is open, and `peer` has the size that `size` says. rustix's type cannot
    // hold a pid of 0.
    let done = unsafe {
        libc::getsockopt(
            fd.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut size,
        )
    };
    done == 0 && peer.pid == 0
}

/// Returns CLOCK_MONOTONIC in microseconds, as systemd's timestamps have it. std's `Instant` does
/// not show its value.
///
/// Goes through libc: valgrind reports invalid reads in rustix's own vDSO parser.
#[allow(unsafe_code)]
pub(crate) fn monotonic_microseconds() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a writable timespec. The clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let part = |n: i64| u64::try_from(n).unwrap_or(0);
    part(now.tv_sec) * 1_000_000 + part(now.tv_nsec) / 1000
}
