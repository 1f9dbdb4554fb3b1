// SPDX-License-Identifier: Apache-2.0

//! The cgroup's files by name.

use super::core::Manager;
use crate::cgroupfs::advice::explain;
use crate::cgroupfs::interface_file::deleted_or;
use crate::cgroupfs::Cgroup;
use crate::error::{fail, Code, Result};

impl Manager {
    /// Writes a value, unchanged, to one file of the cgroup.
    pub fn write(&self, subsystem: &str, file: &str, value: &[u8]) -> Result<()> {
        self.require_own_cgroup()?;
        let cgroup = self.cgroup_of_file(subsystem, file)?;
        cgroup.write(file, value).map_err(|e| {
            explain(cgroup, file, &String::from_utf8_lossy(value), deleted_or(cgroup, e))
        })
    }

    /// Reads one file of the cgroup.
    pub fn read(&self, subsystem: &str, file: &str) -> Result<Vec<u8>> {
        let cgroup = self.cgroup_of_file(subsystem, file)?;
        cgroup.read(file).map_err(|e| explain(cgroup, file, "", deleted_or(cgroup, e)))
    }

    fn cgroup_of_file(&self, subsystem: &str, file: &str) -> Result<Cgroup<'_>> {
        if file.is_empty() || file.contains(['/', '\0']) || matches!(file, "." | "..") {
            return fail(Code::Argument, format!("{file:?} is not the name of a cgroup file"));
        }
        match self.placement.site(subsystem) {
            Some(site) => self.cgroup_at(site),
            None => Err(self.not_joined(subsystem)),
        }
    }
}
