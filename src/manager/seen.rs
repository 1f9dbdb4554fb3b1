//! How a cgroup's files were before something else than this library writes them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::{knob, Manager};
use crate::error::{Error, Result};

/// Hierarchy and file.
pub(super) type Name = (usize, String);

/// What was found.
#[derive(Clone)]
pub(super) enum State {
    /// No such file.
    Absent,
    /// One that can only be written, say.
    Unreadable,
    /// Its text.
    Says(Vec<u8>),
}

/// The cgroup's files, each read once, and open still.
pub(super) struct Seen<'m> {
    manager: &'m Manager,
    files: RefCell<BTreeMap<Name, (State, Option<OwnedFd>)>>,
    failed: Cell<Option<Error>>,
}

impl<'m> Seen<'m> {
    pub(super) fn new(manager: &'m Manager) -> Self {
        Seen { manager, files: RefCell::default(), failed: Cell::default() }
    }

    /// Looks, the first time.
    pub(super) fn read(&self, hierarchy: usize, file: &str) -> State {
        let Ok(mut files) = self.files.try_borrow_mut() else { return State::Unreadable };
        let (state, _) = files.entry((hierarchy, file.to_owned())).or_insert_with(|| {
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
        });
        state.clone()
    }

    /// Those of the names; none for those that were not there. An error, if for want of
    /// descriptors or memory it is not known how some were.
    pub(super) fn into_open(self, names: &[Name]) -> Result<BTreeMap<Name, Option<OwnedFd>>> {
        if let Some(e) = self.failed.take() {
            return Err(e.context("read what is to be put back if something fails"));
        }
        let files = self.files.into_inner().into_iter().filter(|(name, _)| names.contains(name));
        Ok(files.map(|(name, (_, fd))| (name, fd)).collect())
    }
}
