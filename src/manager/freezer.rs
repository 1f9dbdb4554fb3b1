//! Freezing and thawing for the caller.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::core::Manager;
use crate::cgroupfs::FreezerState;
use crate::error::{Code, Result};
use crate::transaction;

impl Manager {
    /// Freezes all processes of the cgroup and its descendants, and waits until they are frozen. On
    /// failure the cgroup is thawed again.
    ///
    /// Errors: some process did not freeze in time ([`Code::Timeout`]); the caller is inside
    /// ([`Code::Argument`]).
    pub fn freeze(&self, timeout: Duration) -> Result<()> {
        let before = self.wants_frozen.swap(true, Ordering::SeqCst);
        let done = self
            .require_own_cgroup()
            .and_then(|()| transaction::freeze(self.scope(), timeout))
            .map(drop);
        if let Err(e) = &done {
            // A refused call changes nothing; a call that failed later has thawed the cgroup.
            let still = before && e.code() == Code::Argument;
            self.wants_frozen.store(still, Ordering::SeqCst);
        }
        done
    }

    /// Thaws the cgroup. Processes stay frozen that a frozen ancestor holds.
    pub fn thaw(&self) -> Result<()> {
        self.require_own_cgroup()?;
        self.wants_frozen.store(false, Ordering::SeqCst);
        transaction::thaw(self.scope())
    }

    /// Returns the cgroup's own freezer state, without that of its ancestors.
    pub fn freezer_state(&self) -> Result<FreezerState> {
        transaction::freezer_state(self.scope())
    }
}
