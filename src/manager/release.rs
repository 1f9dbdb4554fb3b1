// SPDX-License-Identifier: Apache-2.0
//! Letting go of a cgroup that has processes, perhaps the caller itself.

use super::core::Manager;
use crate::error::Result;

impl Manager {
    /// Removes those directories of the cgroup that are empty, and abandons its unit, which then
    /// ends with its last process. Kills, moves and waits for no process, so the caller may be
    /// inside.
    ///
    /// Returns whether a directory is left. On v1 systemd leaves directories in hierarchies that it
    /// does not manage; [`Manager::destroy`] removes them once the processes have ended.
    pub fn release(&self) -> Result<bool> {
        self.require_own_cgroup()?;
        let _busy = self.one_at_a_time();
        self.driver.release(self.scope())
    }
}
