// SPDX-License-Identifier: Apache-2.0

//! Walks through the cgroups below a cgroup.
//!
//! The kernel takes no path of more than 4096 bytes, and a user to whom a cgroup was delegated can
//! nest cgroups deeper than that. So each directory is opened from its parent's descriptor, and the
//! way back up is `..`. The number of open descriptors does not grow with the depth.

use rustix::fd::OwnedFd;
use rustix::fs::{fstat, openat, statat, AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::cgroup::Cgroup;
use crate::error::{Error, Result};

/// Greatest number of directories that are kept open on the way down.
const MAX_OPEN: usize = 16;
/// Attempts to list a cgroup that another process removes and creates again.
const TRIES: usize = 3;

/// A directory on the way down.
struct Level {
    /// None when it was closed because too many are open.
    fd: Option<OwnedFd>,
    inode: u64,
    path_length: usize,
    /// The children that have not been visited yet.
    children: std::vec::IntoIter<Vec<u8>>,
}

/// The way from the cgroup where a walk began down to the cgroup where it is now.
pub(super) struct Descent<'t> {
    top: Cgroup<'t>,
    path: Vec<u8>,
    levels: Vec<Level>,
}

impl<'t> Descent<'t> {
    /// Begins at a cgroup. Opens nothing when it has no children.
    pub(super) fn new(top: Cgroup<'t>) -> Result<Descent<'t>> {
        let mut descent = Descent { top, path: top.path().to_vec(), levels: Vec::new() };
        descent.levels.extend(Level::open(top)?);
        Ok(descent)
    }

    /// Goes to the next child of the current directory. Returns false when there is none.
    pub(super) fn next_child(&mut self) -> bool {
        let Some(level) = self.levels.last_mut() else { return false };
        let Some(name) = level.children.next() else { return false };
        self.path.truncate(level.path_length);
        if level.path_length > 0 {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(&name);
        true
    }

    /// The child that [`Descent::next_child`] went to, or that [`Descent::leave`] came back to.
    pub(super) fn current(&self) -> Result<Cgroup<'_>> {
        let open = self.levels.last().and_then(|level| Some((level.fd.as_ref()?, level)));
        match open {
            Some((fd, level)) => {
                let skip = level.path_length + usize::from(level.path_length > 0);
                Ok(self.top.below(fd, skip, &self.path))
            }
            None => Err(Error::system("open", &self.top.absolute(""), Errno::BADF)),
        }
    }

    /// Enters the current child. Returns false when it has no children.
    pub(super) fn enter(&mut self) -> Result<bool> {
        let Some(next) = Level::open(self.current()?)? else { return Ok(false) };
        self.levels.push(next);
        if let Some(far) = self.levels.len().checked_sub(MAX_OPEN + 1) {
            if let Some(level) = self.levels.get_mut(far) {
                level.fd = None;
            }
        }
        Ok(true)
    }

    /// Leaves the current directory for its parent. Returns false at the cgroup where the walk
    /// began.
    ///
    /// Errors: the directory is not below that parent any more (ENOENT).
    pub(super) fn leave(&mut self) -> Result<bool> {
        let Some(left) = self.levels.pop() else { return Ok(false) };
        self.path.truncate(left.path_length);
        let Some(parent) = self.levels.last_mut() else { return Ok(false) };
        if parent.fd.is_some() {
            return Ok(true);
        }
        let failed = |e| Error::system("open the parent of", &self.top.absolute(""), e);
        let fd = left.fd.as_ref().ok_or(Errno::BADF).and_then(open_parent).map_err(failed)?;
        // The directory may have been moved or removed since the walk came down.
        if fstat(&fd).map_err(failed)?.st_ino != parent.inode {
            return Err(failed(Errno::NOENT));
        }
        parent.fd = Some(fd);
        Ok(true)
    }
}

/// Opens a directory's parent. Never leaves the hierarchy: the caller has come down from there.
fn open_parent(fd: &OwnedFd) -> std::result::Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(fd, "..", flags, Mode::empty())
}

impl Level {
    /// Opens a cgroup's directory and lists its children. Returns None when there is no child, or
    /// no such cgroup.
    fn open(cgroup: Cgroup<'_>) -> Result<Option<Level>> {
        let stat = stat(cgroup);
        // kernfs counts subdirectories among a directory's links. A directory with only its own two
        // links has no children.
        if stat.is_some_and(|stat| stat.st_nlink == 2) {
            return Ok(None);
        }
        let failed = |e| Error::system("list", &cgroup.absolute(""), e);
        let mut tries = 0;
        let fd = loop {
            tries += 1;
            match cgroup.open("", OFlags::RDONLY | OFlags::DIRECTORY) {
                Err(Errno::NOENT) if !cgroup.exists()? => return Ok(None),
                Err(Errno::NOENT) if tries < TRIES => {}
                other => break other.map_err(failed)?,
            }
        };
        let mut children = list(&fd, FileType::Directory).map_err(failed)?;
        // A bind mount that shows another cgroup a second time is not a child.
        children.retain(|name| !cgroup.hierarchy().is_alias(&cgroup.child(name)));
        if children.is_empty() {
            return Ok(None);
        }
        let inode = match stat {
            Some(stat) => stat.st_ino,
            None => fstat(&fd).map_err(failed)?.st_ino,
        };
        let (path_length, children) = (cgroup.path().len(), children.into_iter());
        Ok(Some(Level { fd: Some(fd), inode, path_length, children }))
    }
}

/// Returns the fstatat(2) data of a cgroup's directory; None when the directory is missing or
/// another file system is mounted over it.
fn stat(cgroup: Cgroup<'_>) -> Option<Stat> {
    let (base, path) = cgroup.base_and_path();
    let stat = statat(base, path, AtFlags::SYMLINK_NOFOLLOW).ok();
    stat.filter(|stat| stat.st_dev == cgroup.hierarchy().device())
}

fn list(fd: &OwnedFd, kind: FileType) -> std::result::Result<Vec<Vec<u8>>, Errno> {
    let mut out = Vec::new();
    for entry in Dir::read_from(fd)? {
        let entry = match entry {
            // Another process has removed the directory.
            Err(Errno::NOENT | Errno::NODEV) => break,
            other => other?,
        };
        let name = entry.file_name().to_bytes();
        if entry.file_type() == kind && !matches!(name, b"." | b"..") {
            out.push(name.to_vec());
        }
    }
    Ok(out)
}

impl Cgroup<'_> {
    /// Calls `list` for the cgroup and for every cgroup below it, parents first. A cgroup below
    /// that another process removes is skipped; the removal of the cgroup itself is an error.
    pub fn walk(&self, list: &mut dyn FnMut(Cgroup<'_>) -> Result<()>) -> Result<()> {
        list(*self)?;
        let mut descent = Descent::new(*self)?;
        loop {
            if descent.next_child() {
                if visit(descent.current()?, list)? {
                    descent.enter()?;
                }
            } else if !descent.leave()? {
                return Ok(());
            }
        }
    }

    /// Returns the path of the child with this name.
    pub(super) fn child(&self, name: &[u8]) -> Vec<u8> {
        let slash: &[u8] = if self.path().is_empty() { b"" } else { b"/" };
        [self.path(), slash, name].concat()
    }

    /// Returns the names of the cgroup's files.
    pub(super) fn files(&self) -> Result<Vec<String>> {
        let failed = |e| Error::system("list", &self.absolute(""), e);
        let fd = self.open("", OFlags::RDONLY | OFlags::DIRECTORY).map_err(failed)?;
        let names = list(&fd, FileType::RegularFile).map_err(failed)?;
        Ok(names.into_iter().filter_map(|name| String::from_utf8(name).ok()).collect())
    }

    /// Returns the names of the children; none when the cgroup does not exist.
    pub fn children(&self) -> Result<Vec<Vec<u8>>> {
        Ok(Level::open(*self)?.map_or_else(Vec::new, |level| level.children.collect()))
    }
}

/// Calls `list`, and again when the cgroup was missing for a moment. Returns false when the cgroup
/// does not exist.
fn visit(cgroup: Cgroup<'_>, list: &mut dyn FnMut(Cgroup<'_>) -> Result<()>) -> Result<bool> {
    for _ in 1..TRIES {
        match list(cgroup) {
            Err(e) if is_missing(&e) => {
                if !cgroup.exists()? {
                    return Ok(false);
                }
            }
            other => return other.map(|()| true),
        }
    }
    list(cgroup).map(|()| true)
}

fn is_missing(error: &Error) -> bool {
    error.is(Errno::NOENT) || error.is(Errno::NODEV)
}
