// SPDX-License-Identifier: Apache-2.0

//! Opening a path that cannot leave the hierarchy.
//!
//! openat2(2) opens the path in one call, with the kernel's guarantee. Kernels before 5.6 lack
//! openat2, and some seccomp filters refuse it. Then the path is walked one component at a time,
//! and each component must lie on the hierarchy's own device and mount.
//!
//! A path may lead into a bind mount of the same hierarchy, a [`Part`] (LXC mounts `/` read-only
//! and the container's own cgroup writable). Such a mount is opened first, and its device and mount
//! id are checked.

use std::ffi::{CStr, CString};

use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{fstat, openat, openat2, statx, AtFlags, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::io::Errno;

use crate::host::Part;
use crate::sys::read_file;

/// Attempts of openat2, which fails with EAGAIN during a concurrent rename.
const TRIES: usize = 64;

/// The directory that no path may leave.
#[derive(Clone, Copy)]
pub struct Root<'a> {
    /// Its descriptor.
    pub fd: &'a OwnedFd,
    /// Device number of its file system.
    pub device: u64,
    /// Mounts that paths may lead into, deepest first.
    pub parts: &'a [Part],
}

/// Opens `path`, which is relative and has no `..`, below the root. Never creates a file.
pub fn open(root: Root<'_>, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    match open_in_mount(root, path, flags) {
        Err(Errno::XDEV) => open_through_part(root, path.to_bytes(), flags),
        other => other,
    }
}

/// Opens the part that a path leads into, and then the rest of the path below the part.
fn open_through_part(root: Root<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let below = |part: &Part| {
        let rest = path.strip_prefix(&part.path[..])?;
        (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
    };
    let Some((part, rest)) = root.parts.iter().find_map(|part| Some((part, below(part)?))) else {
        return Err(Errno::XDEV);
    };
    // The mount id tells whether this is still the mount that mountinfo showed.
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = openat(root.fd, &part.path[..], directory, Mode::empty())?;
    if fstat(&fd)?.st_dev != root.device || mount_id(&fd) != Some(part.mount) {
        return Err(Errno::XDEV);
    }
    let rest = rest.iter().position(|&b| b != b'/').and_then(|start| rest.get(start..));
    let rest = CString::new(rest.unwrap_or(b".")).map_err(|_| Errno::INVAL)?;
    open_in_mount(Root { fd: &fd, device: root.device, parts: &[] }, &rest, flags)
}

/// Returns the id of the mount that a descriptor is on: of statx(2) since Linux 5.8, of
/// /proc/self/fdinfo before.
fn mount_id(fd: &OwnedFd) -> Option<u64> {
    if let Ok(stat) = statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID) {
        if stat.stx_mask & StatxFlags::MNT_ID.bits() != 0 {
            return Some(stat.stx_mnt_id);
        }
    }
    let text = read_file(&format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok())
}

/// Opens a path that stays on the root's mount.
fn open_in_mount(root: Root<'_>, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_XDEV;
    for _ in 0..TRIES {
        match openat2(root.fd, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Old seccomp filters answer EPERM. A real EPERM comes again from the walk.
            Err(Errno::NOSYS | Errno::PERM) => return walk(root, path.to_bytes(), flags),
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}

/// Does what [`open_in_mount`] does, without openat2: one component at a time.
fn walk(root: Root<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let mount = mount_id(root.fd);
    let mut parts = path.split(|&b| b == b'/').filter(|part| !part.is_empty()).peekable();
    let mut at: Option<OwnedFd> = None;
    while let Some(part) = parts.next() {
        if part == b".." {
            return Err(Errno::XDEV);
        }
        let last = parts.peek().is_none();
        let how = if last { flags } else { OFlags::PATH | OFlags::DIRECTORY };
        let how = how | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = at.as_ref().unwrap_or(root.fd);
        let next = openat(dir, part, how, Mode::empty())?;
        let stat = fstat(&next)?;
        // O_PATH opens a symbolic link itself. Cgroup file systems have no symbolic links.
        if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_symlink() {
            return Err(Errno::LOOP);
        }
        if stat.st_dev != root.device || mount_id(&next) != mount {
            return Err(Errno::XDEV);
        }
        at = Some(next);
    }
    at.ok_or(Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use rustix::fs::{openat, CWD};

    use super::*;

    /// Opens `path` below `root` with openat2 and by walking. The root is a plain directory: it can
    /// hold symbolic links, and a cgroup file system cannot.
    fn both(root: &Path, path: &str, flags: OFlags) -> [Result<(), Errno>; 2] {
        let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, root, directory, Mode::empty()).unwrap();
        let root = Root { fd: &fd, device: fstat(&fd).unwrap().st_dev, parts: &[] };
        let text = CString::new(path).unwrap();
        [open(root, &text, flags).map(drop), walk(root, path.as_bytes(), flags).map(drop)]
    }

    struct Place(PathBuf);

    impl Place {
        /// Creates `a/b/file` and three links: `out` to `/`, `a/in` to `b`, `a/link` to the file.
        fn new(name: &str) -> Place {
            let root = std::env::temp_dir().join(format!("katacg-{}-{name}", std::process::id()));
            std::fs::create_dir_all(root.join("a/b")).unwrap();
            std::fs::write(root.join("a/b/file"), "1").unwrap();
            symlink("/", root.join("out")).unwrap();
            symlink("b", root.join("a/in")).unwrap();
            symlink("b/file", root.join("a/link")).unwrap();
            Place(root)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

    #[test]
    fn opens_files_and_directories_below_the_root() {
        let place = Place::new("beneath");
        assert_eq!(both(&place.0, "a/b/file", OFlags::RDWR), [Ok(()); 2]);
        assert_eq!(both(&place.0, "a//b/", DIRECTORY), [Ok(()); 2]);
        assert_eq!(both(&place.0, "a/c", OFlags::RDONLY), [Err(Errno::NOENT); 2]);
        assert_eq!(both(&place.0, "a/b/file/c", OFlags::RDONLY), [Err(Errno::NOTDIR); 2]);
    }

    /// Rejects symbolic links in any path component, including the last.
    #[test]
    fn refuses_symbolic_links() {
        let place = Place::new("links");
        for path in ["out", "out/proc", "a/in", "a/in/file", "a/link"] {
            for flags in [OFlags::RDONLY, OFlags::WRONLY, OFlags::PATH] {
                for (result, way) in
                    both(&place.0, path, flags).into_iter().zip(["openat2", "walk"])
                {
                    // The walk does not follow a link in the middle, which is no directory then.
                    let refused = matches!(result, Err(Errno::LOOP | Errno::NOTDIR));
                    assert!(refused, "{path}, {flags:?}, {way}: {result:?}");
                }
            }
        }
    }

    #[test]
    fn refuses_dots_that_lead_out() {
        let place = Place::new("dots");
        for path in ["..", "a/../..", "a/b/../../../"] {
            assert_eq!(both(&place.0, path, DIRECTORY), [Err(Errno::XDEV); 2], "{path}");
        }
    }

    /// /proc is a mount of another file system.
    #[test]
    fn refuses_another_mount() {
        let root = Path::new("/");
        assert_eq!(both(root, "proc", DIRECTORY), [Err(Errno::XDEV); 2]);
        assert_eq!(both(root, "proc/version", OFlags::RDONLY), [Err(Errno::XDEV); 2]);
    }
}
