// SPDX-License-Identifier: Apache-2.0

//! The state of a cgroup's files before systemd writes them.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::scope::Scope;
use crate::cgroupfs::interface_file;
use crate::error::{Error, Result};
use crate::host::HierarchyId;

/// A file's hierarchy and name.
pub type FileName = (HierarchyId, Cow<'static, str>);

/// A file at the time of the snapshot.
pub enum FileState {
    /// It did not exist.
    Absent,
    /// It could not be read; some files can only be written.
    Unreadable,
    /// Its text.
    Text(Vec<u8>),
}

/// One file of the snapshot; open if it could be opened.
struct SeenFile {
    name: FileName,
    state: FileState,
    fd: Option<OwnedFd>,
}

/// Files of a cgroup, each read once and kept open.
pub struct Snapshot<'a> {
    scope: Scope<'a>,
    files: RefCell<Vec<SeenFile>>,
    failed: Cell<Option<Error>>,
}

impl<'a> Snapshot<'a> {
    /// Makes a snapshot that has read no file yet.
    pub fn new(scope: Scope<'a>) -> Self {
        Snapshot { scope, files: RefCell::default(), failed: Cell::default() }
    }

    /// Passes a file's state to `take`. Reads the file at the first call only. `take` must not call
    /// this method.
    pub fn look<T>(
        &self,
        id: HierarchyId,
        name: Cow<'static, str>,
        take: impl FnOnce(&FileState) -> T,
    ) -> T {
        let Ok(mut files) = self.files.try_borrow_mut() else {
            return take(&FileState::Unreadable);
        };
        let is_same_file = |file: &&SeenFile| file.name.0 == id && file.name.1 == name;
        if let Some(file) = files.iter().find(is_same_file) {
            return take(&file.state);
        }
        let (state, fd) = self.open(id, &name);
        let taken = take(&state);
        files.push(SeenFile { name: (id, name), state, fd });
        taken
    }

    fn open(&self, id: HierarchyId, file: &str) -> (FileState, Option<OwnedFd>) {
        let opened = self.scope.cgroup(id).and_then(|cgroup| interface_file::open(cgroup, file));
        match opened {
            Ok((fd, text)) => (FileState::Text(text), Some(fd)),
            Err(e) if e.is(Errno::NOENT) || e.is(Errno::NODEV) => (FileState::Absent, None),
            Err(e) => {
                // Without descriptors or memory, nothing is known about the file.
                if [Errno::MFILE, Errno::NFILE, Errno::NOMEM].into_iter().any(|errno| e.is(errno)) {
                    self.failed.set(Some(e));
                }
                (FileState::Unreadable, None)
            }
        }
    }

    /// Returns the named files, open; None for a file that did not exist.
    ///
    /// Errors: some file could not be looked at for want of descriptors or memory.
    pub fn into_open(self, names: &[FileName]) -> Result<Vec<(FileName, Option<OwnedFd>)>> {
        if let Some(e) = self.failed.take() {
            return Err(e.context("read the values to restore after a failure"));
        }
        let files = self.files.into_inner().into_iter();
        let wanted = files.filter(|file| names.contains(&file.name));
        Ok(wanted.map(|file| (file.name, file.fd)).collect())
    }
}
