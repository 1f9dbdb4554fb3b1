// SPDX-License-Identifier: Apache-2.0

//! Removing the cgroup.

use std::sync::PoisonError;

use super::core::Manager;
use crate::error::Result;
use crate::transaction::Transaction;

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

    /// Removes the cgroup with its children from every hierarchy, and stops its unit. Succeeds for
    /// a cgroup that does not exist.
    ///
    /// Goes on in the other hierarchies when one fails.
    ///
    /// Errors: processes are inside ([`Code::Busy`](crate::Code::Busy)); the message names the
    /// directories that are left.
    pub fn destroy(&self) -> Result<()> {
        self.require_own_cgroup()?;
        self.leave_unmounted();
        self.driver.destroy(self.scope())?;
        self.last_program.note(None);
        self.disable_controllers();
        Ok(())
    }

    /// Notes controllers that a transaction has enabled in an ancestor with processes, such as the
    /// root of a container's cgroup namespace. They make it the root of a threaded subtree, which
    /// the last child's removal does not undo.
    pub(super) fn note_enabled(&self, transaction: &Transaction<'_>) {
        let noted = &transaction.progress().beside_processes;
        if !noted.is_empty() {
            let mut enabled = self.enabled.lock().unwrap_or_else(PoisonError::into_inner);
            enabled.extend(noted.iter().cloned());
        }
    }

    /// Disables the noted controllers, unless another child has come to use them.
    fn disable_controllers(&self) {
        let mut enabled = self.enabled.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, level, names) in std::mem::take(&mut *enabled).into_iter().rev() {
            let Ok(site) = self.placement.at(id) else { continue };
            if let Ok(cgroup) = self.cgroup_at(site) {
                // The cgroup is gone, so destroy has succeeded even if a controller stays enabled.
                let _ = cgroup.prefix(level).turn_off(&names, b"");
            }
        }
    }
}
