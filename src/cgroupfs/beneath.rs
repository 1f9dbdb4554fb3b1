//! Opening a path that cannot leave the hierarchy.
//!
//! openat2(2) does it in one call, and the kernel answers for it. Where that is missing, on
//! kernels before 5.6 and under seccomp filters that do not know it, the path is walked one part
//! at a time and the result must lie on the hierarchy's own device.

use std::ffi::CStr;

use rustix::fd::OwnedFd;
use rustix::fs::{fstat, openat, openat2, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::Tree;

/// A concurrent rename makes the kernel ask for another try; nobody renames for ever.
const TRIES: usize = 64;

/// Opens `path` (relative, no `..`) below the hierarchy. Never creates a file.
pub fn open(tree: &Tree, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_XDEV;
    for _ in 0..TRIES {
        match openat2(tree.fd(), path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            // EPERM is what old seccomp filters answer; a real one comes again below.
            Err(Errno::NOSYS | Errno::PERM) => return walk(tree, path.to_bytes(), flags),
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}

/// The same without openat2.
pub fn walk(tree: &Tree, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut parts = path.split(|&b| b == b'/').filter(|part| !part.is_empty()).peekable();
    let mut at: Option<OwnedFd> = None;
    while let Some(part) = parts.next() {
        if part == b".." {
            return Err(Errno::XDEV);
        }
        let last = parts.peek().is_none();
        let how = if last { flags } else { OFlags::PATH | OFlags::DIRECTORY };
        let how = how | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = at.as_ref().unwrap_or(tree.fd());
        let next = openat(dir, part, how, Mode::empty())?;
        let stat = fstat(&next)?;
        // O_PATH opens a symbolic link itself; a cgroup file system has none to offer.
        if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_symlink() {
            return Err(Errno::LOOP);
        }
        if stat.st_dev != tree.device() {
            return Err(Errno::XDEV);
        }
        at = Some(next);
    }
    at.ok_or(Errno::INVAL)
}
