// SPDX-License-Identifier: Apache-2.0
//! Letting go of a cgroup that has processes, perhaps the caller itself.

use super::core::Manager;
use crate::error::Result;

impl Manager {
    /// Lets go of the cgroup: removes now what of it is empty, and abandons its unit, which goes
    /// with its last process then. Kills, moves and waits for nobody, so the caller may be inside.
    ///
    /// Returns whether something is left. On v1 systemd leaves directories in hierarchies that it
    /// does not manage; [`Manager::destroy`] removes them once the processes have ended.
    pub fn release(&self) -> Result<bool> {
        self.require_own_cgroup()?;
        let _busy = self.one_at_a_time();
        self.driver.release(self.scope())
    }
}
