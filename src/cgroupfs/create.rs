// SPDX-License-Identifier: Apache-2.0

//! Creating a cgroup and its missing ancestors.

use rustix::fs::{mkdirat, Mode};
use rustix::io::Errno;

use super::cgroup::Cgroup;
use crate::error::{Code, Error, Result};

/// Attempts to create the levels while another process removes them.
const TRIES: u32 = 5;

/// The directories that one call created, as lengths of prefixes of the cgroup's path, shortest
/// first. A rollback removes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Created(pub Vec<usize>);

impl Cgroup<'_> {
    /// Creates the directory and its missing ancestors, with mode 0755. Adds each directory to
    /// `created` at once, so that the caller knows of it when a later level fails.
    pub fn create(&self, created: &mut Created) -> Result<()> {
        match self.mkdir(self.path().len()) {
            Ok(()) => {
                created.0.push(self.path().len());
                return Ok(());
            }
            Err(Errno::EXIST) => return Ok(()),
            Err(Errno::NOENT) => {}
            Err(e) => return Err(Error::system("mkdir", &self.absolute(""), e)),
        }
        let mut tries = 0;
        loop {
            tries += 1;
            match self.create_levels(created) {
                // Another process removed a level that existed a moment ago.
                Err((_, Errno::NOENT)) if tries < TRIES => {}
                Err((end, e)) => {
                    let error = Error::system("mkdir", &self.prefix(end).absolute(""), e);
                    return Err(match e {
                        Errno::NOENT => error
                            .with_code(Code::Deleted)
                            .advice("another process keeps removing the cgroup above it"),
                        _ => error,
                    });
                }
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Creates all levels from the top. The error has the length of the path that failed.
    fn create_levels(&self, created: &mut Created) -> std::result::Result<(), (usize, Errno)> {
        let slashes = self.path().iter().enumerate().filter(|(_, &b)| b == b'/').map(|(i, _)| i);
        for end in slashes.chain([self.path().len()]) {
            match self.mkdir(end) {
                // This call created the level before, and another process has removed it since.
                Ok(()) if created.0.contains(&end) => {}
                Ok(()) => created.0.push(end),
                Err(Errno::EXIST) => {}
                Err(e) => return Err((end, e)),
            }
        }
        Ok(())
    }

    fn mkdir(&self, end: usize) -> std::result::Result<(), Errno> {
        let path = self.prefix(end).path();
        if path.is_empty() {
            return Err(Errno::EXIST);
        }
        mkdirat(self.hierarchy().fd(), path, Mode::from_raw_mode(0o755))
    }
}
