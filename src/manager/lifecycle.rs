//! Freezing, killing, removing.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{kill_process, Pid, Signal};

use super::knob::gone_or;
use super::{Joined, Manager};
use crate::cgroupfs::{Cgroup, Freezer, Thaw, PATIENCE};
use crate::error::{fail, Code, Error, Result};
use crate::host::Version;

/// How often processes are looked for again while some keep appearing.
const KILL_PASSES: usize = 16;
/// How long freezing may take before processes are killed without it.
const KILL_FREEZE: Duration = Duration::from_secs(2);

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

fn signal_one(id: i32, signal: Signal) -> Result<()> {
    let Some(pid) = Pid::from_raw(id) else { return Ok(()) };
    match kill_process(pid, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(e) => Err(Error::system("signal process", id.to_string().as_bytes(), e)),
    }
}

impl Manager {
    /// The cgroup to freeze: v1's freezer hierarchy, or the cgroup2 one.
    fn freezer_cgroup(&self) -> Result<(Cgroup<'_>, Version)> {
        let named = self.find("freezer").filter(|j| self.is_in(j));
        // A hybrid host without v1's freezer can use cgroup2's, since it is in every cgroup.
        let v2 = |j: &&Joined| self.version(j) == Version::V2;
        match named.or_else(|| self.each().find(v2)) {
            Some(joined) => {
                let cgroup = self.shared.cgroup(joined.hierarchy, &joined.path)?;
                Ok((cgroup, self.version(joined)))
            }
            None => fail(Code::Controller, "cannot freeze: the cgroup has no freezer controller"),
        }
    }

    /// Freezes all processes of the cgroup and below; waits until they are, up to the deadline.
    /// When it fails the cgroup is thawed.
    pub fn freeze(&self, deadline: Duration) -> Result<()> {
        let before = self.wants_frozen.swap(true, Ordering::SeqCst);
        let done = self.hold(deadline).map(drop);
        if let Err(e) = &done {
            // A call that is refused changes nothing; one that failed has thawed it.
            let still = before && e.code() == Code::Argument;
            self.wants_frozen.store(still, Ordering::SeqCst);
        }
        done
    }

    /// Lets go what was frozen in passing, unless the caller has asked for it since: also at that
    /// very moment, when it was found frozen and nothing left to do.
    pub(super) fn let_run(&self) -> Result<()> {
        let wanted = || self.wants_frozen.load(Ordering::SeqCst);
        if wanted() {
            return Ok(());
        }
        self.thaw_now()?;
        match wanted() {
            true => self.hold(KILL_FREEZE).map(drop),
            false => Ok(()),
        }
    }

    /// The same; what it gives can thaw the cgroup when nothing else can be opened any more.
    pub(super) fn hold(&self, deadline: Duration) -> Result<Thaw> {
        self.not_the_root()?;
        let (cgroup, version) = self.freezer_cgroup()?;
        let (mut inside, own) = (false, own_pid());
        // Of a threaded cgroup these are threads.
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        let mut look = |cgroup: Cgroup<'_>| {
            inside |= cgroup.pids()?.iter().any(|id| [own, thread].contains(id));
            Ok(())
        };
        cgroup.walk(&mut look).map_err(|e| gone_or(cgroup, e))?;
        if inside {
            return fail(
                Code::Argument,
                "the caller is in this cgroup: frozen, it could not thaw it again",
            );
        }
        cgroup.freeze(version, deadline).map_err(|e| gone_or(cgroup, e))
    }

    /// Lets them run again (those that no frozen ancestor holds).
    pub fn thaw(&self) -> Result<()> {
        self.not_the_root()?;
        self.wants_frozen.store(false, Ordering::SeqCst);
        self.thaw_now()
    }

    fn thaw_now(&self) -> Result<()> {
        let (cgroup, version) = self.freezer_cgroup()?;
        cgroup.thaw(version).map_err(|e| gone_or(cgroup, e))
    }

    /// The cgroup's own freezer state.
    pub fn freezer_state(&self) -> Result<Freezer> {
        let (cgroup, version) = self.freezer_cgroup()?;
        cgroup.freezer(version).map_err(|e| gone_or(cgroup, e))
    }

    /// Sends a signal to every process in the cgroup and below, with nobody escaping by
    /// forking: SIGKILL through `cgroup.kill` where there is one (unified, Linux 5.14); else frozen,
    /// signalled, thawed. A cgroup that was frozen before stays so, but for SIGKILL, which a
    /// frozen v1 process would not see.
    pub fn kill(&self, signal: Signal) -> Result<()> {
        self.not_the_root()?;
        // Not on a hybrid host: there v1's freezer could hold those that cgroup.kill has told.
        let unified = self.shared.host().is_unified() && signal == Signal::KILL;
        if let Some(joined) = self.each().next().filter(|_| unified) {
            let cgroup = self.shared.cgroup(joined.hierarchy, &joined.path)?;
            match cgroup.write("cgroup.kill", b"1") {
                Ok(()) => return Ok(()),
                // Older kernels; threaded cgroups (EOPNOTSUPP).
                Err(e) if e.is(Errno::NOENT) || e.is(Errno::OPNOTSUPP) => {}
                Err(e) => return Err(gone_or(cgroup, e)),
            }
        }
        let was = self.freezer_state().unwrap_or(Freezer::Thawed);
        // Without a freezer, or past its deadline, several passes catch those that fork; so do those
        // of a cgroup that somebody else is freezing.
        let held = match was {
            Freezer::Thawed => self.hold(KILL_FREEZE).ok(),
            _ => None,
        };
        let still = held.is_some() || was == Freezer::Frozen;
        let result = self.signal_all(signal, still);
        let thawed = match (signal == Signal::KILL, &held) {
            (true, _) => self.thaw_all(),
            (false, Some(_)) => self.let_run(),
            (false, None) => Ok(()),
        };
        match thawed {
            // With its last process a unit's cgroup goes away.
            Err(e) if e.code() != Code::Deleted && still => {
                let _ = held.map(|held| held.thaw());
                result.and(Err(e))
            }
            _ => result,
        }
    }

    /// v1: whoever is frozen sees no signal, also in cgroups below that are frozen themselves.
    fn thaw_all(&self) -> Result<()> {
        let (cgroup, version) = self.freezer_cgroup()?;
        let mut thaw = |cgroup: Cgroup<'_>| cgroup.thaw(version);
        cgroup.walk(&mut thaw).map_err(|e| gone_or(cgroup, e))
    }

    /// Everybody, whatever one of them answers; the first error of all.
    fn signal_all(&self, signal: Signal, once: bool) -> Result<()> {
        let mut told: BTreeSet<i32> = BTreeSet::from([own_pid()]);
        let mut us = false;
        let mut result = Ok(());
        for pass in 0..if once { 1 } else { KILL_PASSES } {
            let all = match self.all_pids() {
                Err(e) if pass > 0 && e.code() == Code::Deleted => break,
                other => other?,
            };
            us |= all.contains(&own_pid());
            let new: Vec<i32> = all.into_iter().filter(|id| told.insert(*id)).collect();
            if new.is_empty() {
                break;
            }
            for id in new {
                result = result.and(signal_one(id, signal));
            }
        }
        // The caller last: after it nobody signals the others.
        match us {
            true => result.and(signal_one(own_pid(), signal)),
            false => result,
        }
    }

    /// Whether the cgroup is there, in any hierarchy.
    pub fn exists(&self) -> Result<bool> {
        for joined in self.each() {
            if self.shared.cgroup(joined.hierarchy, &joined.path)?.exists()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes the cgroup from every hierarchy, with its children. Idempotent: what is gone
    /// counts as removed. Goes through all hierarchies even when one fails, and names all that
    /// is left.
    pub fn destroy(&self) -> Result<()> {
        self.not_the_root()?;
        match &self.unit {
            Some(on) => self.stop(on),
            None => self.remove(),
        }
    }

    /// Its directories.
    pub(super) fn remove(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        let mut first: Option<Error> = None;
        let mut left: Vec<String> = Vec::new();
        let proved = self.proved.load(Ordering::Relaxed);
        for joined in self.each() {
            let place = self.shared.cgroup(joined.hierarchy, &joined.path);
            let removed = place.and_then(|cgroup| {
                // rmdir follows what is mounted on the way, which opening does not. Whoever made the
                // cgroup has opened it.
                if proved || cgroup.exists()? {
                    cgroup.remove(end)?;
                }
                Ok(())
            });
            if let Err(e) = removed {
                let path = self.shared.cgroup(joined.hierarchy, &joined.path);
                let path = path.map_or_else(|_| joined.path.clone(), |c| c.absolute(""));
                left.push(String::from_utf8_lossy(&path).into_owned());
                first.get_or_insert(e);
            }
        }
        match first {
            None => Ok(()),
            Some(e) if left.len() > 1 => Err(e.advice(format!("left: {}", left.join(" ")))),
            Some(e) => Err(e),
        }
    }

    /// How many processes the OOM killer has killed in this cgroup.
    ///
    /// v1: memory.oom_control's `oom_kill` (Linux 4.13); v2: memory.events'.
    pub fn oom_kills(&self) -> Result<u64> {
        let Some(joined) = self.find("memory").filter(|j| self.is_in(j)) else {
            return fail(Code::Controller, "the cgroup has no memory controller");
        };
        let cgroup = self.shared.cgroup(joined.hierarchy, &joined.path)?;
        let file = match self.version(joined) {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let counted = match cgroup.keyed(file, "oom_kill") {
            Err(e) if e.is(Errno::NOENT) && cgroup.exists()? => {
                return Err(e
                    .with_code(Code::Controller)
                    .advice("the cgroup has no memory controller"))
            }
            other => other.map_err(|e| gone_or(cgroup, e))?,
        };
        match counted {
            Some(count) => Ok(count),
            None => fail(Code::Unsupported, format!("this kernel counts no oom_kill in {file}")),
        }
    }
}
