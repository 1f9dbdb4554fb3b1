// SPDX-License-Identifier: Apache-2.0

//! Files that were opened before systemd changed a unit.

use rustix::fd::OwnedFd;

use super::snapshot::FileName;
use crate::plan::Write;

/// What is known about a file from before systemd changed the unit.
pub enum KeptFile<'a> {
    /// It was not read before the change.
    Unseen,
    /// It did not exist. Its value now is systemd's.
    Absent,
    /// It is open, and its old value is in the journal.
    Open(&'a OwnedFd),
}

/// The files that were read or found missing.
#[derive(Debug, Default)]
pub struct KeptFiles {
    files: Vec<(FileName, Option<OwnedFd>)>,
}

impl KeptFiles {
    /// Keeps these files open; None stands for a file that did not exist.
    pub fn new(files: Vec<(FileName, Option<OwnedFd>)>) -> KeptFiles {
        KeptFiles { files }
    }

    /// Returns what is known about the file of a write.
    pub fn find(&self, write: &Write) -> KeptFile<'_> {
        let is_same_file = |name: &FileName| name.0 == write.hierarchy && name.1 == write.file;
        match self.files.iter().find(|(name, _)| is_same_file(name)) {
            Some((_, Some(fd))) => KeptFile::Open(fd),
            Some((_, None)) => KeptFile::Absent,
            None => KeptFile::Unseen,
        }
    }
}
