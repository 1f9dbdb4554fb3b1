//! How a cgroup's files were before something else than this library writes them.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::{knob, Manager};
use crate::error::{Error, Result};

/// Hierarchy and file.
pub(super) type Name = (usize, Cow<'static, str>);

/// What was found.
pub(super) enum State {
    /// No such file.
    Absent,
    /// One that can only be written, say.
    Unreadable,
    /// Its text.
    Says(Vec<u8>),
}

/// A file, open where it could be opened.
struct File {
    name: Name,
    state: State,
    fd: Option<OwnedFd>,
}

/// The cgroup's files, each read once, and open still.
pub(super) struct Seen<'m> {
    manager: &'m Manager,
    files: RefCell<Vec<File>>,
    failed: Cell<Option<Error>>,
}

impl<'m> Seen<'m> {
    pub(super) fn new(manager: &'m Manager) -> Self {
        Seen { manager, files: RefCell::default(), failed: Cell::default() }
    }

    /// Looks, the first time; gives what was found to `take`, which must not look itself.
    pub(super) fn look<T>(
        &self,
        hierarchy: usize,
        name: Cow<'static, str>,
        take: impl FnOnce(&State) -> T,
    ) -> T {
        let Ok(mut files) = self.files.try_borrow_mut() else { return take(&State::Unreadable) };
        let known = |file: &&File| file.name.0 == hierarchy && file.name.1 == name;
        if let Some(file) = files.iter().find(known) {
            return take(&file.state);
        }
        let (state, fd) = self.open(hierarchy, &name);
        let taken = take(&state);
        files.push(File { name: (hierarchy, name), state, fd });
        taken
    }

    fn open(&self, hierarchy: usize, file: &str) -> (State, Option<OwnedFd>) {
        let opened = self.manager.in_hierarchy(hierarchy).and_then(|joined| {
            knob::open(self.manager.shared.cgroup(hierarchy, &joined.path)?, file)
        });
        match opened {
            Ok((fd, text)) => (State::Says(text), Some(fd)),
            Err(e) if e.is(Errno::NOENT) || e.is(Errno::NODEV) => (State::Absent, None),
            Err(e) => {
                // It may be readable; it is we who cannot.
                if [Errno::MFILE, Errno::NFILE, Errno::NOMEM].into_iter().any(|no| e.is(no)) {
                    self.failed.set(Some(e));
                }
                (State::Unreadable, None)
            }
        }
    }

    /// Those of the names; none for those that were not there. An error, if for want of
    /// descriptors or memory it is not known how some were.
    pub(super) fn into_open(self, names: &[Name]) -> Result<Vec<(Name, Option<OwnedFd>)>> {
        if let Some(e) = self.failed.take() {
            return Err(e.context("read what is to be put back if something fails"));
        }
        let files = self.files.into_inner().into_iter();
        let wanted = files.filter(|file| names.contains(&file.name));
        Ok(wanted.map(|file| (file.name, file.fd)).collect())
    }
}
