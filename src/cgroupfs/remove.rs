//! Removing a cgroup and everything below it.

use std::time::Duration;

use rustix::fs::{unlinkat, AtFlags, Dir, FileType, OFlags};
use rustix::io::Errno;

use super::Cgroup;
use crate::error::{Code, Error, Result};

/// A process that was killed leaves its cgroup a moment later. Doubling from one millisecond,
/// ten waits are about one second in all.
const WAITS: u32 = 10;

impl Cgroup<'_> {
    /// Removes the cgroup with its children, deepest first. One that is gone already counts as
    /// removed; so does one that never was, on a read-only mount.
    ///
    /// Errors: [`Code::Busy`] when processes are still inside after about a second.
    pub fn remove(&self) -> Result<()> {
        match self.rmdir() {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            // Children or stragglers; or a read-only mount, where rmdir says EROFS of what is
            // not even there (runc#4518). Looking tells which.
            Err(_) => {}
        }
        for child in self.children()? {
            self.child(&child).remove()?;
        }
        let mut wait = Duration::from_millis(1);
        for _ in 0..WAITS {
            match self.rmdir() {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(Errno::BUSY) => {
                    std::thread::sleep(wait);
                    wait *= 2;
                }
                Err(e) => return Err(Error::system("rmdir", &self.absolute(""), e)),
            }
        }
        match self.rmdir() {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::BUSY) => Err(Error::system("rmdir", &self.absolute(""), Errno::BUSY)
                .with_code(Code::Busy)
                .advice(self.what_is_left())),
            Err(e) => Err(Error::system("rmdir", &self.absolute(""), e)),
        }
    }

    /// Removes the directory itself, once.
    pub fn rmdir(&self) -> std::result::Result<(), Errno> {
        if self.path.is_empty() {
            // The mount: nobody means that.
            return Err(Errno::BUSY);
        }
        rustix::io::retry_on_intr(|| unlinkat(self.tree.fd(), self.path, AtFlags::REMOVEDIR))
    }

    /// Names of the cgroups right below; none when the cgroup does not exist.
    pub fn children(&self) -> Result<Vec<Vec<u8>>> {
        let failed = |e| Error::system("list", &self.absolute(""), e);
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
            if entry.file_type() == FileType::Directory && !matches!(name, b"." | b"..") {
                out.push(name.to_vec());
            }
        }
        Ok(out)
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
