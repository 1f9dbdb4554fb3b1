// SPDX-License-Identifier: Apache-2.0

//! An open hierarchy, and one cgroup below it.

use std::ffi::CStr;

use rustix::fd::OwnedFd;
use rustix::fs::{fstatfs, Mode, OFlags, CWD};
use rustix::io::Errno;

use super::beneath::{self, Root};
use crate::error::{fail, Code, Error, Result};
use crate::host::{Hierarchy, Version};
use crate::path::lexical;

/// linux/magic.h
const CGROUP_SUPER_MAGIC: u64 = 0x0027_e0eb;
const CGROUP2_SUPER_MAGIC: u64 = 0x6367_7270;

/// An open hierarchy: the directory descriptor that every cgroup is reached through.
#[derive(Debug)]
pub struct OpenHierarchy {
    fd: OwnedFd,
    device: u64,
    /// The mount, without the hierarchy's other mounts.
    mount: Hierarchy,
}

impl OpenHierarchy {
    /// Opens a hierarchy's mountpoint.
    ///
    /// Errors: it is not a cgroup file system of the hierarchy's version ([`Code::NotMounted`]).
    pub fn open(hierarchy: &Hierarchy) -> Result<OpenHierarchy> {
        let open = OpenHierarchy::open_any(hierarchy)?;
        let wanted = match hierarchy.version {
            Version::V1 => CGROUP_SUPER_MAGIC,
            Version::V2 => CGROUP2_SUPER_MAGIC,
        };
        let failed = |e| Error::system("statfs", &hierarchy.mountpoint, e);
        let found = fstatfs(&open.fd).map_err(failed)?.f_type;
        if u64::try_from(found).ok() != Some(wanted) {
            return fail(
                Code::NotMounted,
                format!(
                    "{} is not the cgroup file system that mountinfo named; read the host again",
                    String::from_utf8_lossy(&hierarchy.mountpoint)
                ),
            );
        }
        Ok(open)
    }

    /// Opens a hierarchy's mountpoint, whatever its file system.
    pub(super) fn open_any(hierarchy: &Hierarchy) -> Result<OpenHierarchy> {
        let failed = |what| move |e| Error::system(what, &hierarchy.mountpoint, e);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, &hierarchy.mountpoint[..], flags, Mode::empty())
            .map_err(failed("open"))?;
        let device = rustix::fs::fstat(&fd).map_err(failed("stat"))?.st_dev;
        Ok(OpenHierarchy {
            fd,
            device,
            mount: Hierarchy { others: Vec::new(), ..hierarchy.clone() },
        })
    }

    /// Returns the cgroup at a path below the mountpoint. The path is clean, without a leading
    /// slash.
    pub fn cgroup<'t>(&'t self, path: &'t [u8]) -> Cgroup<'t> {
        Cgroup { hierarchy: self, path, base: &self.fd, skip: 0 }
    }

    /// Returns the directory descriptor (O_PATH).
    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Whether a path is a mountpoint at which a cgroup appears for the second time. A walk stops
    /// there, because the processes and children below are another cgroup's.
    pub(super) fn is_alias(&self, path: &[u8]) -> bool {
        self.mount.parts.iter().any(|part| part.is_alias && part.path == path)
    }

    /// Returns the device number of the file system.
    pub(super) fn device(&self) -> u64 {
        self.device
    }
}

/// One cgroup of a hierarchy, by its path. It need not exist.
///
/// A cgroup has no descriptor of its own: keeping a path below the hierarchy's descriptor costs no
/// system call. A walk reaches its cgroups through an ancestor's descriptor, because the kernel
/// takes no path of more than 4096 bytes, and a tree can be deeper.
#[derive(Clone, Copy, Debug)]
pub struct Cgroup<'t> {
    hierarchy: &'t OpenHierarchy,
    path: &'t [u8],
    /// The directory that the kernel starts from: the mountpoint, or an ancestor.
    base: &'t OwnedFd,
    /// Length of the path of `base`, with the slash after it.
    skip: usize,
}

impl<'t> Cgroup<'t> {
    /// The hierarchy's version.
    pub fn version(&self) -> Version {
        self.hierarchy.mount.version
    }

    /// The path below the mountpoint.
    pub(crate) fn path(&self) -> &'t [u8] {
        self.path
    }

    /// The open hierarchy.
    pub(super) fn hierarchy(&self) -> &'t OpenHierarchy {
        self.hierarchy
    }

    /// Returns the ancestor whose path is the first `end` bytes of this cgroup's path.
    #[must_use]
    pub fn prefix(&self, end: usize) -> Cgroup<'t> {
        self.hierarchy.cgroup(self.path.get(..end).unwrap_or(self.path))
    }

    /// Returns the cgroup at a path, reached through the directory of an ancestor. `skip` is the
    /// length of the ancestor's path with the slash after it.
    pub(super) fn below<'n>(&self, base: &'n OwnedFd, skip: usize, path: &'n [u8]) -> Cgroup<'n>
    where
        't: 'n,
    {
        Cgroup { hierarchy: self.hierarchy, path, base, skip }
    }

    /// Returns the directory that the kernel starts from, and the path from there.
    pub(super) fn base_and_path(&self) -> (&'t OwnedFd, &'t [u8]) {
        (self.base, self.path.get(self.skip..).unwrap_or_default())
    }

    /// Returns the parent; None for the hierarchy's root.
    pub fn parent(&self) -> Option<Cgroup<'t>> {
        if self.path.is_empty() {
            return None;
        }
        let end = self.path.iter().rposition(|&b| b == b'/').unwrap_or(0);
        Some(self.prefix(end))
    }

    /// Returns the ancestors, from the hierarchy's root down.
    pub fn ancestors(&self) -> impl Iterator<Item = Cgroup<'t>> + use<'t> {
        let this = *self;
        let slashes = this.path.iter().enumerate().filter(|(_, &b)| b == b'/').map(|(i, _)| i);
        let root = (!this.path.is_empty()).then_some(0);
        root.into_iter().chain(slashes).map(move |end| this.prefix(end))
    }

    /// Whether this cgroup is `other` or below it. Both are of the same hierarchy.
    pub(crate) fn is_in(&self, other: Cgroup<'_>) -> bool {
        let (mount, others) = (&self.hierarchy.mount, &other.hierarchy.mount);
        if mount.mountpoint == others.mountpoint {
            let rest = self.path.strip_prefix(other.path);
            let is_end = |rest: &[u8]| rest.is_empty() || rest.starts_with(b"/");
            return other.path.is_empty() || rest.is_some_and(is_end);
        }
        // The same cgroup has another path below another mountpoint.
        let (own, above) = (mount.cgroup_at(self.path), others.cgroup_at(other.path));
        lexical::strip_root(&own, &above).is_some()
    }

    /// Calls `open` with the path of a file, starting from the directory of
    /// [`Cgroup::base_and_path`]. A path of the usual length is put together on the stack.
    fn with_path<T>(
        &self,
        file: &str,
        open: impl FnOnce(&CStr) -> std::result::Result<T, Errno>,
    ) -> std::result::Result<T, Errno> {
        let path = match self.base_and_path().1 {
            b"" if file.is_empty() => &b"."[..],
            path => path,
        };
        let slash: &[u8] = if path.is_empty() || file.is_empty() { b"" } else { b"/" };
        let parts = [path, slash, file.as_bytes(), b"\0"];
        let (mut stack, heap) = ([0u8; 256], path.len() + file.len() + 2 > 256);
        let mut end = 0;
        for part in parts.iter().filter(|_| !heap) {
            if let Some(room) = stack.get_mut(end..end + part.len()) {
                room.copy_from_slice(part);
            }
            end += part.len();
        }
        let long = if heap { parts.concat() } else { Vec::new() };
        let whole = if heap { &long[..] } else { stack.get(..end).unwrap_or_default() };
        open(CStr::from_bytes_with_nul(whole).map_err(|_| Errno::INVAL)?)
    }

    /// Returns the absolute path of one of the cgroup's files, for messages. With `""` returns that
    /// of the directory.
    pub fn absolute(&self, file: &str) -> Vec<u8> {
        let mut out = self.hierarchy.mount.mountpoint.clone();
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

    /// Opens one of the cgroup's files; with `""`, its directory.
    pub fn open(&self, file: &str, flags: OFlags) -> std::result::Result<OwnedFd, Errno> {
        let OpenHierarchy { device, mount, .. } = self.hierarchy;
        // The paths of parts start at the mountpoint, so they fit no other base.
        let parts = if self.skip == 0 { &mount.parts[..] } else { &[] };
        let root = Root { fd: self.base, device: *device, parts };
        self.with_path(file, |path| beneath::open(root, path, flags | OFlags::CLOEXEC))
    }

    /// Whether the cgroup's directory exists.
    pub fn exists(&self) -> Result<bool> {
        match self.open("", OFlags::PATH | OFlags::DIRECTORY) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(e) => Err(Error::system("open", &self.absolute(""), e)),
        }
    }
}
