//! Removing the cgroup.

use super::core::Manager;
use crate::error::Result;

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
    /// ([`Code::Busy`](crate::Code::Busy)), which names the directories that are left.
    pub fn destroy(&self) -> Result<()> {
        self.refuse_shared()?;
        self.driver.destroy(self.scope())
    }
}
