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

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use rustix::fs::{openat, CWD};

    use super::*;

    /// Any directory does: what a cgroup file system does not have by itself can be put there.
    fn tree(root: &Path) -> Tree {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, root, flags, Mode::empty()).unwrap();
        let device = fstat(&fd).unwrap().st_dev;
        Tree { fd, mountpoint: Vec::new(), device }
    }

    /// By openat2, and on foot.
    fn both(root: &Path, path: &str, flags: OFlags) -> [Result<(), Errno>; 2] {
        let (tree, text) = (tree(root), CString::new(path).unwrap());
        [open(&tree, &text, flags).map(drop), walk(&tree, path.as_bytes(), flags).map(drop)]
    }

    struct Place(PathBuf);

    impl Place {
        /// `a/b/file`, `out` that leads to `/`, `a/in` that leads to `b`, `a/link` to the file.
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
    fn what_lies_beneath() {
        let place = Place::new("beneath");
        assert_eq!(both(&place.0, "a/b/file", OFlags::RDWR), [Ok(()); 2]);
        assert_eq!(both(&place.0, "a//b/", DIRECTORY), [Ok(()); 2]);
        assert_eq!(both(&place.0, "a/c", OFlags::RDONLY), [Err(Errno::NOENT); 2]);
        assert_eq!(both(&place.0, "a/b/file/c", OFlags::RDONLY), [Err(Errno::NOTDIR); 2]);
    }

    /// Wherever in the path it stands, wherever it leads, and also when only it is asked for.
    #[test]
    fn no_symbolic_link_is_followed() {
        let place = Place::new("links");
        for path in ["out", "out/proc", "a/in", "a/in/file", "a/link"] {
            for flags in [OFlags::RDONLY, OFlags::WRONLY, OFlags::PATH] {
                for (result, way) in
                    both(&place.0, path, flags).into_iter().zip(["openat2", "on foot"])
                {
                    // A link in the middle is no directory to who walks without following.
                    let refused = matches!(result, Err(Errno::LOOP | Errno::NOTDIR));
                    assert!(refused, "{path}, {flags:?}, {way}: {result:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_leads_out() {
        let place = Place::new("dots");
        for path in ["..", "a/../..", "a/b/../../../"] {
            assert_eq!(both(&place.0, path, DIRECTORY), [Err(Errno::XDEV); 2], "{path}");
        }
    }

    /// Another file system is mounted there: a bind mount of one looks the same.
    #[test]
    fn no_mount_is_entered() {
        let root = Path::new("/");
        assert_eq!(both(root, "proc", DIRECTORY), [Err(Errno::XDEV); 2]);
        assert_eq!(both(root, "proc/version", OFlags::RDONLY), [Err(Errno::XDEV); 2]);
    }
}
