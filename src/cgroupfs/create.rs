//! Making a cgroup and its missing ancestors.

use rustix::fs::{mkdirat, Mode};
use rustix::io::Errno;

use super::Cgroup;
use crate::error::{Error, Result};

/// How often levels are made while somebody else removes them.
const TRIES: u32 = 5;

/// Lengths of the path's prefixes whose directories did not exist before, shortest first: what
/// a rollback removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Created(pub Vec<usize>);

impl<'t> Cgroup<'t> {
    /// Makes the directory, and its ancestors where they are missing, with mode 0755. What was
    /// made is added to `created` at once, so that it is known when a later level fails.
    pub fn create(&self, created: &mut Created) -> Result<()> {
        match self.mkdir(self.path.len()) {
            Ok(()) => {
                created.0.push(self.path.len());
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
                // Somebody has removed a level that was there a moment ago.
                Err((_, Errno::NOENT)) if tries < TRIES => {}
                Err((end, e)) => {
                    return Err(Error::system("mkdir", &self.prefix(end).absolute(""), e))
                }
                Ok(()) => return Ok(()),
            }
        }
    }

    /// From above; the length of the path that could not be made.
    fn create_levels(&self, created: &mut Created) -> std::result::Result<(), (usize, Errno)> {
        let slashes = self.path.iter().enumerate().filter(|(_, &b)| b == b'/').map(|(i, _)| i);
        for end in slashes.chain([self.path.len()]) {
            match self.mkdir(end) {
                // Also one that was removed since it was made.
                Ok(()) if created.0.contains(&end) => {}
                Ok(()) => created.0.push(end),
                Err(Errno::EXIST) => {}
                Err(e) => return Err((end, e)),
            }
        }
        Ok(())
    }

    /// The ancestor whose path is the first `end` bytes of this one's.
    #[must_use]
    pub fn prefix(&self, end: usize) -> Cgroup<'t> {
        Cgroup { tree: self.tree, path: self.path.get(..end).unwrap_or(self.path) }
    }

    /// The parent; none of the hierarchy's root.
    pub fn parent(&self) -> Option<Cgroup<'t>> {
        if self.path.is_empty() {
            return None;
        }
        let end = self.path.iter().rposition(|&b| b == b'/').unwrap_or(0);
        Some(self.prefix(end))
    }

    /// The ancestors, from the hierarchy's root down, without itself.
    pub fn ancestors(&self) -> impl Iterator<Item = Cgroup<'t>> + use<'t> {
        let this = *self;
        let slashes = this.path.iter().enumerate().filter(|(_, &b)| b == b'/').map(|(i, _)| i);
        let root = (!this.path.is_empty()).then_some(0);
        root.into_iter().chain(slashes).map(move |end| this.prefix(end))
    }

    fn mkdir(&self, end: usize) -> std::result::Result<(), Errno> {
        let path = self.path.get(..end).unwrap_or(self.path);
        if path.is_empty() {
            return Err(Errno::EXIST);
        }
        mkdirat(self.tree.fd(), path, Mode::from_raw_mode(0o755))
    }
}
