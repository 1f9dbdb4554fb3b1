//! Joining without the stall: descriptors to be used between fork and exec.
//!
//! The first write to any `cgroup.procs` after a quiet moment waits 6 to 10 ms for an RCU grace
//! period (measured on Linux 6.18). A thread that writes 0 to its own v1 `tasks` does not, and
//! neither does clone3 with CLONE_INTO_CGROUP on a v2 directory descriptor.

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;

use super::knob::gone_or;
use super::Manager;
use crate::error::{fail, Code, Error, Result};
use crate::host::Version;
use crate::plan::Kind;

impl Manager {
    /// One descriptor for each hierarchy, to which a single-threaded child writes "0" to join:
    /// v1 `tasks`, v2 `cgroup.procs` (left out with `v1_only`, for a child that clone3 puts into
    /// the v2 cgroup).
    pub fn attach_fds(&self, v1_only: bool) -> Result<Vec<OwnedFd>> {
        let mut out = Vec::new();
        for joined in self.each() {
            let version = self.version(joined);
            let file = match version {
                Version::V1 => Kind::Thread.file(version),
                Version::V2 if v1_only => continue,
                Version::V2 => Kind::Process.file(version),
            };
            let cgroup = self.shared.cgroup(joined.hierarchy, &joined.path)?;
            let fd = cgroup.open(file, OFlags::WRONLY);
            out.push(
                fd.map_err(|e| gone_or(cgroup, Error::system("open", &cgroup.absolute(file), e)))?,
            );
        }
        Ok(out)
    }

    /// The cgroup2 directory, for clone3's CLONE_INTO_CGROUP, openat and poll.
    pub fn directory(&self) -> Result<OwnedFd> {
        let Some(joined) = self.each().find(|j| self.version(j) == Version::V2) else {
            return fail(Code::Unsupported, "a v1 cgroup has no one directory; see attach-self");
        };
        let cgroup = self.shared.cgroup(joined.hierarchy, &joined.path)?;
        cgroup
            .open("", OFlags::RDONLY | OFlags::DIRECTORY)
            .map_err(|e| gone_or(cgroup, Error::system("open", &cgroup.absolute(""), e)))
    }
}
