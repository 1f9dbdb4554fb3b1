// SPDX-License-Identifier: Apache-2.0

//! Freezing and thawing for the caller.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::core::Manager;
use crate::cgroupfs::FreezerState;
use crate::error::{Code, Result};
use crate::transaction;

impl Manager {
    /// Freezes all processes of the cgroup and its descendants, and waits until they are frozen. On
    /// failure the cgroup is thawed again. When another caller thaws the cgroup meanwhile, this
    /// call freezes it again: the thaw counts as the earlier of the two.
    ///
    /// Errors: some process did not freeze in time ([`Code::Timeout`]); the caller is inside
    /// ([`Code::Argument`]).
    pub fn freeze(&self, timeout: Duration) -> Result<()> {
        let before = self.wants_frozen.swap(true, Ordering::SeqCst);
        let done = self
            .require_own_cgroup()
            .and_then(|()| transaction::freeze(self.scope(), timeout))
            .map(drop);
        let wanted = match &done {
            Ok(()) => true,
            // A refused call changes nothing; a call that failed later has thawed the cgroup.
            Err(e) => before && e.code() == Code::Argument,
        };
        self.wants_frozen.store(wanted, Ordering::SeqCst);
        done
    }

    /// Thaws the cgroup. Its processes stay frozen while an ancestor is frozen.
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
