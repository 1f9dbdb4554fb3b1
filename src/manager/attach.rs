// SPDX-License-Identifier: Apache-2.0

//! Descriptors for joining between fork and exec, without the stall.
//!
//! The first write to any `cgroup.procs` after a quiet moment waits 6 to 10 ms for an RCU grace
//! period (measured on Linux 6.18). A thread that writes 0 to its own v1 `tasks` does not wait, nor
//! does clone3 with CLONE_INTO_CGROUP on a v2 directory descriptor.

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;

use super::core::Manager;
use crate::cgroupfs::interface_file::deleted_or;
use crate::cgroupfs::removal::removed_or;
use crate::error::{fail, Code, Error, Result};
use crate::host::Version;
use crate::plan::TaskKind;

impl Manager {
    /// Returns one descriptor per hierarchy, to which a single-threaded child writes "0" to join:
    /// v1 `tasks`, v2 `cgroup.procs`. `v1_only` leaves out `cgroup.procs`, for a child that clone3
    /// puts into the v2 cgroup.
    pub fn attach_fds(&self, v1_only: bool) -> Result<Vec<OwnedFd>> {
        let mut out = Vec::new();
        for site in self.placement.live() {
            let kind = match site.version {
                Version::V1 => TaskKind::Thread,
                Version::V2 if v1_only => continue,
                Version::V2 => TaskKind::Process,
            };
            let cgroup = self.cgroup_at(site)?;
            let opened = cgroup.open_tasks(kind).map_err(|e| deleted_or(cgroup, e));
            out.push(opened?);
        }
        Ok(out)
    }

    /// Returns the cgroup2 directory, for clone3's CLONE_INTO_CGROUP, openat and poll.
    ///
    /// Errors: the cgroup is in v1 hierarchies only ([`Code::Unsupported`]).
    pub fn directory(&self) -> Result<OwnedFd> {
        let Some(site) = self.placement.live().find(|site| site.version == Version::V2) else {
            return fail(
                Code::Unsupported,
                "a v1 cgroup has one directory per hierarchy; see katacg_attach_open",
            );
        };
        let cgroup = self.cgroup_at(site)?;
        let failed = |e| {
            let error = Error::system("open", &cgroup.absolute(""), e);
            deleted_or(cgroup, removed_or(cgroup, "", None, error))
        };
        cgroup.open("", OFlags::RDONLY | OFlags::DIRECTORY).map_err(failed)
    }
}
