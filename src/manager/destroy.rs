//! Removing the cgroup, and what is left of it.

use rustix::io::Errno;

use super::core::Manager;
use crate::cgroupfs::interface_file::deleted_or;
use crate::error::{fail, Code, Result};
use crate::host::Version;

impl Manager {
    /// Whether the cgroup exists in any hierarchy.
    pub fn exists(&self) -> Result<bool> {
        for site in self.placement.live() {
            if self.cgroup_at(site)?.exists()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes the cgroup with its children from every hierarchy, and stops its unit. A cgroup that
    /// is gone counts as removed.
    ///
    /// Goes on in the other hierarchies when one fails. Processes inside are an error
    /// ([`Code::Busy`]), which names the directories that are left.
    pub fn destroy(&self) -> Result<()> {
        self.require_own_cgroup()?;
        self.driver.destroy(self.scope())
    }

    /// Returns how many processes the OOM killer has killed in this cgroup: `oom_kill` of v1's
    /// memory.oom_control (Linux 4.13) or of v2's memory.events.
    pub fn oom_kills(&self) -> Result<u64> {
        let site = self.placement.site("memory").filter(|site| self.placement.is_live(site));
        let Some(site) = site else {
            return fail(Code::Controller, "the cgroup has no memory controller");
        };
        let cgroup = self.cgroup_at(site)?;
        let file = match site.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let count = match cgroup.flat_keyed(file, "oom_kill") {
            Err(e) if e.is(Errno::NOENT) && cgroup.exists()? => {
                return Err(e
                    .with_code(Code::Controller)
                    .advice("the cgroup has no memory controller"))
            }
            other => other.map_err(|e| deleted_or(cgroup, e))?,
        };
        match count {
            Some(count) => Ok(count),
            None => fail(Code::Unsupported, format!("this kernel counts no oom_kill in {file}")),
        }
    }
}
