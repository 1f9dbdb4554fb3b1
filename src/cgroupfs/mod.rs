//! A mounted hierarchy as a directory descriptor, and the operations on cgroups below it.
//!
//! Every file of a cgroup is opened below the hierarchy's descriptor in a way that cannot leave
//! it (see [`beneath`]); nothing is ever created but directories. There is no descriptor for
//! each cgroup: a path from the hierarchy's root costs no system call to keep.

pub mod beneath;
mod create;
mod freezer;
mod procs;
mod remove;
mod trees;
mod v2;

pub use create::Created;
pub use freezer::{Freezer, Thaw};
pub use procs::parse_ids;
pub use remove::PATIENCE;
pub use trees::Trees;

use std::ffi::CString;

use rustix::fd::OwnedFd;
use rustix::fs::{fstatfs, Mode, OFlags, CWD};
use rustix::io::Errno;

use crate::error::{fail, Code, Error, Result};
use crate::host::{Hierarchy, Version};
use crate::sys::{read_to_end, write_all};

/// linux/magic.h
const CGROUP_SUPER_MAGIC: u64 = 0x0027_e0eb;
const CGROUP2_SUPER_MAGIC: u64 = 0x6367_7270;

/// An open hierarchy.
#[derive(Debug)]
pub struct Tree {
    fd: OwnedFd,
    mountpoint: Vec<u8>,
    device: u64,
}

impl Tree {
    /// Opens a hierarchy's mountpoint, which must be a cgroup file system of its version.
    pub fn open(hierarchy: &Hierarchy) -> Result<Tree> {
        let failed = |what| move |e| Error::system(what, &hierarchy.mountpoint, e);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, &hierarchy.mountpoint[..], flags, Mode::empty())
            .map_err(failed("open"))?;
        let wanted = match hierarchy.version {
            Version::V1 => CGROUP_SUPER_MAGIC,
            Version::V2 => CGROUP2_SUPER_MAGIC,
        };
        let found = fstatfs(&fd).map_err(failed("statfs"))?.f_type;
        if u64::try_from(found).ok() != Some(wanted) {
            return fail(
                Code::NotMounted,
                format!(
                    "{} is not the cgroup file system that mountinfo named; read the host again",
                    String::from_utf8_lossy(&hierarchy.mountpoint)
                ),
            );
        }
        let device = rustix::fs::fstat(&fd).map_err(failed("stat"))?.st_dev;
        Ok(Tree { fd, mountpoint: hierarchy.mountpoint.clone(), device })
    }

    /// The cgroup at a path below the mountpoint: clean, no leading slash.
    pub fn cgroup<'t>(&'t self, path: &'t [u8]) -> Cgroup<'t> {
        Cgroup { tree: self, path }
    }

    /// The directory descriptor (O_PATH).
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    pub(crate) fn device(&self) -> u64 {
        self.device
    }
}

/// One cgroup of a hierarchy. It need not exist.
#[derive(Clone, Copy, Debug)]
pub struct Cgroup<'t> {
    tree: &'t Tree,
    path: &'t [u8],
}

impl Cgroup<'_> {
    /// How long its path below the mountpoint is, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.path.len()
    }

    /// Whether it is the other one, of the same hierarchy, or below it.
    pub(crate) fn is_in(&self, other: Cgroup<'_>) -> bool {
        let rest = self.path.strip_prefix(other.path);
        rest.is_some_and(|rest| rest.is_empty() || other.path.is_empty() || rest.starts_with(b"/"))
    }

    /// The path from the hierarchy's root, for the kernel.
    fn below(&self, file: &str) -> std::result::Result<CString, Errno> {
        let slash = !self.path.is_empty() && !file.is_empty();
        // With the zero byte: this is done for every file that is opened, in one allocation.
        let length = self.path.len() + usize::from(slash) + file.len();
        let mut out = Vec::with_capacity(length.max(1) + 1);
        out.extend_from_slice(self.path);
        if slash {
            out.push(b'/');
        }
        out.extend_from_slice(file.as_bytes());
        if out.is_empty() {
            out.push(b'.');
        }
        CString::new(out).map_err(|_| Errno::INVAL)
    }

    /// The absolute path of one of its files (of itself: `""`), for people.
    pub fn absolute(&self, file: &str) -> Vec<u8> {
        let mut out = self.tree.mountpoint.clone();
        for part in [self.path, file.as_bytes()] {
            if !part.is_empty() {
                if out.last() != Some(&b'/') {
                    out.push(b'/');
                }
                out.extend_from_slice(part);
            }
        }
        out
    }

    /// Opens one of its files; its directory with `""`.
    pub fn open(&self, file: &str, flags: OFlags) -> std::result::Result<OwnedFd, Errno> {
        beneath::open(self.tree, &self.below(file)?, flags | OFlags::CLOEXEC)
    }

    /// Whether its directory is there.
    pub fn exists(&self) -> Result<bool> {
        match self.open("", OFlags::PATH | OFlags::DIRECTORY) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(e) => Err(Error::system("open", &self.absolute(""), e)),
        }
    }

    /// The whole of a file.
    pub fn read(&self, file: &str) -> Result<Vec<u8>> {
        let fd = self
            .open(file, OFlags::RDONLY)
            .map_err(|e| Error::system("open", &self.absolute(file), e))?;
        read_to_end(&fd, 4096).map_err(|e| Error::system("read", &self.absolute(file), e))
    }

    /// Writes a value in one `write(2)`: knobs take whole values.
    pub fn write(&self, file: &str, value: &[u8]) -> Result<()> {
        let failed = |e| Error::write(&self.absolute(file), value, e);
        let fd = self.open(file, OFlags::WRONLY).map_err(failed)?;
        write_all(&fd, value).map_err(failed)
    }
}
