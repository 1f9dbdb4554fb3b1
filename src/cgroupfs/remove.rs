//! Removing a cgroup and everything below it.

use std::time::{Duration, Instant};

use rustix::fs::{statat, unlinkat, AtFlags, Dir, FileType, OFlags};
use rustix::io::Errno;

use super::cgroup::Cgroup;
use crate::error::{Code, Error, Result};

/// A process that was killed leaves its cgroup a moment later: how long a whole removal waits.
pub const REMOVE_TIMEOUT: Duration = Duration::from_secs(1);

impl Cgroup<'_> {
    /// Removes the cgroup with its children, deepest first. One that is gone already counts as
    /// removed; so does one that never was, on a read-only mount. While processes are ending it
    /// tries again, with doubling pauses, until `deadline`.
    ///
    /// Errors: [`Code::Busy`] when processes are still inside then.
    pub fn remove(&self, deadline: Instant) -> Result<()> {
        if self.path().is_empty() {
            // Everybody's cgroups are below the root: not one of them may be touched.
            return Err(Error::system("rmdir", &self.absolute(""), Errno::BUSY));
        }
        // Children or stragglers; or a read-only mount, where rmdir says EROFS of what is not
        // even there (runc#4518). Looking tells which.
        if let Ok(()) | Err(Errno::NOENT) = self.rmdir() {
            return Ok(());
        }
        let mut pause = Duration::from_millis(1);
        loop {
            // Again each time: a process on its way out can still make a child. One that stays is
            // no reason to leave its siblings.
            let mut left = Ok(());
            for child in self.children()? {
                let path = self.child(&child);
                left = left.and(self.hierarchy().cgroup(&path).remove(deadline));
            }
            left?;
            let errno = match self.rmdir() {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(errno) => errno,
            };
            if errno == Errno::ROFS && !self.exists()? {
                return Ok(());
            }
            let error = || Error::system("rmdir", &self.absolute(""), errno);
            if errno != Errno::BUSY {
                return Err(error());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(error().with_code(Code::Busy).advice(self.what_is_left()));
            }
            std::thread::sleep(pause.min(left));
            pause *= 2;
        }
    }

    /// Removes the directory itself, once.
    pub fn rmdir(&self) -> std::result::Result<(), Errno> {
        if self.path().is_empty() {
            // The mount: nobody means that.
            return Err(Errno::BUSY);
        }
        rustix::io::retry_on_intr(|| {
            unlinkat(self.hierarchy().fd(), self.path(), AtFlags::REMOVEDIR)
        })
    }

    /// Names of the cgroups right below; none when the cgroup does not exist.
    pub fn children(&self) -> Result<Vec<Vec<u8>>> {
        let failed = |e| Error::system("list", &self.absolute(""), e);
        if self.is_leaf() {
            return Ok(Vec::new());
        }
        let fd = match self.open("", OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::NOENT) => return Ok(Vec::new()),
            other => other.map_err(failed)?,
        };
        let mut out = Vec::new();
        for entry in Dir::new(fd).map_err(failed)? {
            let entry = match entry {
                // Removed under our eyes.
                Err(Errno::NOENT | Errno::NODEV) => break,
                other => other.map_err(failed)?,
            };
            let name = entry.file_name().to_bytes();
            let is_child = !matches!(name, b"." | b"..")
                && entry.file_type() == FileType::Directory
                && !self.hierarchy().is_alias(&self.child(name));
            if is_child {
                out.push(name.to_vec());
            }
        }
        Ok(out)
    }

    /// Without a look at its files: kernfs counts a directory's directories among its links, so
    /// that one with the two of its own has none.
    fn is_leaf(&self) -> bool {
        let stat = statat(self.hierarchy().fd(), self.path(), AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|s| s.st_nlink == 2 && s.st_dev == self.hierarchy().device())
    }

    fn what_is_left(&self) -> String {
        match self.read("cgroup.procs") {
            Ok(text) if !text.is_empty() => {
                let pids = String::from_utf8_lossy(&text)
                    .split_whitespace()
                    .take(8)
                    .collect::<Vec<_>>()
                    .join(" ");
                format!("processes are still inside: {pids}")
            }
            _ => "it still has children, or processes that are ending".to_owned(),
        }
    }
}
