// SPDX-License-Identifier: Apache-2.0

//! Sending a signal to every process of the cgroup.

use std::collections::BTreeSet;

use rustix::io::Errno;
use rustix::process::{kill_process, Pid, Signal};

use super::core::Manager;
use crate::cgroupfs::interface_file::deleted_or;
use crate::cgroupfs::{Cgroup, FreezerState};
use crate::error::{Code, Error, Result};
use crate::transaction::{freeze, freezer_cgroup, thaw_unless_wanted, REFREEZE_TIMEOUT};

/// Most passes over a cgroup whose processes cannot be frozen and keep forking.
const PASSES: usize = 16;

impl Manager {
    /// Sends a signal to every process in the cgroup and its descendants. No process escapes by
    /// forking: SIGKILL goes through `cgroup.kill` where the kernel has it (unified, Linux 5.14);
    /// else the cgroup is frozen, signalled and thawed.
    ///
    /// A cgroup that was frozen before stays frozen, except after SIGKILL: a frozen v1 process does
    /// not receive it.
    pub fn kill(&self, signal: Signal) -> Result<()> {
        self.require_own_cgroup()?;
        if signal == Signal::KILL && self.kill_by_file()? {
            return Ok(());
        }
        let before = self.freezer_state().unwrap_or(FreezerState::Thawed);
        // Where the freeze fails, or another process is freezing the cgroup, signal_all makes
        // several passes to catch processes that fork.
        let held = match before {
            FreezerState::Thawed => freeze(self.scope(), REFREEZE_TIMEOUT).ok(),
            _ => None,
        };
        let frozen = held.is_some() || before == FreezerState::Frozen;
        let result = self.signal_all(signal, frozen);
        let thawed = match (signal == Signal::KILL, &held) {
            (true, _) => self.thaw_descendants(),
            (false, Some(_)) => thaw_unless_wanted(self.scope()),
            (false, None) => Ok(()),
        };
        match thawed {
            // A unit's cgroup goes away with its last process.
            Err(e) if e.code() != Code::Deleted && frozen => {
                let _ = held.map(|held| held.thaw());
                result.and(Err(e))
            }
            _ => result,
        }
    }

    /// Kills through `cgroup.kill`. Returns false where the kernel or the cgroup does not have the
    /// file, and on hybrid hosts: there v1's freezer could hold processes that cgroup.kill signals.
    fn kill_by_file(&self) -> Result<bool> {
        let Some(site) = self.placement.live().next().filter(|_| self.placement.is_unified())
        else {
            return Ok(false);
        };
        let cgroup = self.cgroup_at(site)?;
        match cgroup.write("cgroup.kill", b"1") {
            Ok(()) => Ok(true),
            // Threaded cgroups answer EOPNOTSUPP.
            Err(e) if e.is(Errno::NOENT) || e.is(Errno::OPNOTSUPP) => Ok(false),
            Err(e) => Err(deleted_or(cgroup, e)),
        }
    }

    /// Thaws the cgroup and its descendants. On v1 a frozen process receives no signal, and a
    /// descendant can be frozen by itself.
    fn thaw_descendants(&self) -> Result<()> {
        let cgroup = freezer_cgroup(self.scope())?;
        let mut thaw = |cgroup: Cgroup<'_>| cgroup.thaw();
        cgroup.walk(&mut thaw).map_err(|e| deleted_or(cgroup, e))
    }

    /// Signals every process. Goes on after an error, and returns the first one.
    fn signal_all(&self, signal: Signal, frozen: bool) -> Result<()> {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let mut signalled = BTreeSet::new();
        signalled.insert(own);
        let mut own_is_inside = false;
        let mut result = Ok(());
        for pass in 0..if frozen { 1 } else { PASSES } {
            let all = match self.all_pids() {
                Err(e) if pass > 0 && e.code() == Code::Deleted => break,
                other => other?,
            };
            own_is_inside |= all.contains(&own);
            let new: Vec<i32> = all.into_iter().filter(|id| signalled.insert(*id)).collect();
            if new.is_empty() {
                break;
            }
            for id in new {
                result = result.and(signal_one(id, signal));
            }
        }
        // The caller comes last, because the signal may end it.
        match own_is_inside {
            true => result.and(signal_one(own, signal)),
            false => result,
        }
    }
}

fn signal_one(id: i32, signal: Signal) -> Result<()> {
    let Some(pid) = Pid::from_raw(id) else { return Ok(()) };
    match kill_process(pid, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(e) => Err(Error::system("signal process", id.to_string().as_bytes(), e)),
    }
}
