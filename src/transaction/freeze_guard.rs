// SPDX-License-Identifier: Apache-2.0

//! Freezing the cgroup during another change, and thawing it on every way out.
//!
//! If the caller freezes the cgroup during that change, the thaw at the end is skipped.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::scope::Scope;
use crate::cgroupfs::interface_file::deleted_or;
use crate::cgroupfs::{Cgroup, FreezerState, Thaw};
use crate::error::{fail, Code, Error, Result};
use crate::host::Version;

/// Time for all processes to freeze while device rules change.
const FREEZE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for all of systemd's replies while the cgroup is frozen.
const FROZEN_CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// Time to freeze again when our thaw undid the caller's freeze; also to freeze before a kill.
pub const REFREEZE_TIMEOUT: Duration = Duration::from_secs(2);

/// A cgroup that is frozen until this is released or dropped.
#[derive(Debug)]
pub struct FreezeGuard<'a> {
    scope: Scope<'a>,
    /// Thaws without opening a file.
    control: Thaw,
    since: Instant,
    armed: bool,
}

impl<'a> FreezeGuard<'a> {
    /// Freezes the cgroup. Returns None for a cgroup that was frozen before and must stay frozen.
    pub fn hold(scope: Scope<'a>) -> Result<Option<FreezeGuard<'a>>> {
        if freezer_state(scope)? != FreezerState::Thawed {
            return Ok(None);
        }
        let control = freeze(scope, FREEZE_TIMEOUT)?;
        Ok(Some(FreezeGuard { scope, control, since: Instant::now(), armed: true }))
    }

    /// Thaws the cgroup, unless the caller wants it frozen. After a failure a later call tries
    /// again.
    fn release(&mut self) -> Result<()> {
        if !self.armed {
            return Ok(());
        }
        if let Err(e) = thaw_unless_wanted(self.scope) {
            // The file that is open already works even when the process has no descriptor left.
            if self.control.thaw().is_err() {
                return Err(e);
            }
        }
        self.armed = false;
        Ok(())
    }
}

/// Thaws also when a panic ends the transaction.
impl Drop for FreezeGuard<'_> {
    fn drop(&mut self) {
        let _ = self.release();
    }
}

/// Whether a transaction has frozen the cgroup.
#[derive(Debug, Default)]
pub enum Freeze<'a> {
    /// Not frozen by this transaction.
    #[default]
    Never,
    /// Frozen by this transaction.
    Now(FreezeGuard<'a>),
    /// Frozen by this transaction earlier, and thawed since.
    Before,
}

impl<'a> Freeze<'a> {
    /// Freezes the cgroup, unless it is frozen already. Returns a warning when that is impossible
    /// because the caller is inside.
    pub fn hold(&mut self, scope: Scope<'a>) -> Result<Option<String>> {
        match FreezeGuard::hold(scope) {
            Ok(None) => Ok(None),
            Ok(Some(guard)) => {
                *self = Freeze::Now(guard);
                Ok(None)
            }
            Err(e) if e.code() == Code::Argument => {
                Ok(Some(format!("not frozen while device rules change: {e}")))
            }
            Err(e) => Err(e.context("freeze before device rules change")),
        }
    }

    /// Thaws what [`Freeze::hold`] froze.
    pub fn release(&mut self) -> Result<()> {
        if let Freeze::Now(guard) = self {
            guard.release()?;
            *self = Freeze::Before;
        }
        Ok(())
    }

    /// Time left for systemd's reply while the cgroup is frozen; None when it is not frozen.
    pub fn time_left(&self) -> Option<Duration> {
        match self {
            Freeze::Now(guard) => Some(FROZEN_CALL_TIMEOUT.saturating_sub(guard.since.elapsed())),
            _ => None,
        }
    }

    /// Freezes again before systemd restores the old device rules. When systemd has used up its
    /// time, thaws instead: devices that are denied for a moment do less harm than a frozen cgroup.
    pub fn prepare_undo(&mut self, scope: Scope<'a>) -> Result<()> {
        match self {
            Freeze::Now(_) if self.time_left().is_some_and(|left| left.is_zero()) => self.release(),
            Freeze::Before => self.hold(scope).map(drop),
            Freeze::Never | Freeze::Now(_) => Ok(()),
        }
    }
}

/// Returns the cgroup to freeze: in v1's freezer hierarchy, or in cgroup2.
pub fn freezer_cgroup(scope: Scope<'_>) -> Result<Cgroup<'_>> {
    let placement = scope.placement;
    let named = placement.site("freezer").filter(|site| placement.is_live(site));
    // A hybrid host without v1's freezer: the cgroup2 core can freeze without a controller.
    let v2 = || placement.live().find(|site| site.version == Version::V2);
    match named.or_else(v2) {
        Some(site) => scope.cgroup_at(site),
        None => fail(Code::Controller, "cannot freeze: the cgroup has no freezer controller"),
    }
}

/// Freezes the cgroup and its descendants. After the timeout, or on failure, it is thawed again.
///
/// Errors: the caller is inside ([`Code::Argument`]).
pub fn freeze(scope: Scope<'_>, timeout: Duration) -> Result<Thaw> {
    let cgroup = freezer_cgroup(scope)?;
    let process = rustix::process::getpid().as_raw_nonzero().get();
    // The members of a threaded cgroup are threads.
    let thread = rustix::thread::gettid().as_raw_nonzero().get();
    let mut inside = false;
    let mut look = |cgroup: Cgroup<'_>| {
        inside |= cgroup.pids()?.iter().any(|id| [process, thread].contains(id));
        Ok(())
    };
    cgroup.walk(&mut look).map_err(|e| deleted_or(cgroup, e))?;
    if inside {
        return fail(
            Code::Argument,
            "the caller is in this cgroup: frozen, it could not thaw it again",
        );
    }
    cgroup.freeze(timeout).map_err(|e| deleted_or(cgroup, e))
}

/// Thaws the cgroup. Its processes stay frozen while an ancestor is frozen.
pub fn thaw(scope: Scope<'_>) -> Result<()> {
    let cgroup = freezer_cgroup(scope)?;
    cgroup.thaw().map_err(|e| deleted_or(cgroup, e))
}

/// Thaws the cgroup, unless the caller has frozen it meanwhile. The caller's freeze may come
/// between the check and the thaw, so `wants_frozen` is checked again after the thaw.
pub fn thaw_unless_wanted(scope: Scope<'_>) -> Result<()> {
    let wanted = || scope.wants_frozen.load(Ordering::SeqCst);
    if wanted() {
        return Ok(());
    }
    thaw(scope)?;
    match wanted() {
        true => freeze(scope, REFREEZE_TIMEOUT).map(drop),
        false => Ok(()),
    }
}

/// Returns the cgroup's own freezer state, without that of its ancestors.
pub fn freezer_state(scope: Scope<'_>) -> Result<FreezerState> {
    let cgroup = freezer_cgroup(scope)?;
    cgroup.freezer_state().map_err(|e: Error| deleted_or(cgroup, e))
}
