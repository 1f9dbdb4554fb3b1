//! Who is in the cgroup: adding, listing, moving.

use std::collections::BTreeSet;

use rustix::io::Errno;

use super::knob::gone_or;
use super::{Joined, Manager, Run};
use crate::cgroupfs::Cgroup;
use crate::error::{fail, Code, Error, Result};
use crate::host::Version;
use crate::kata::gopath;
use crate::plan::{Kind, Plan, Step};
use crate::systemd::Bus;

/// How often moving goes over a cgroup in which new tasks keep appearing.
const PASSES: usize = 16;

/// How [`Manager::add`] adds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Add<'a> {
    /// The ids are those of threads.
    pub threads: bool,
    /// A cgroup below the manager's; empty is the manager's own.
    pub below: &'a [u8],
    /// Make it when it is not there; with `threads` on v2, as a threaded one.
    pub create: bool,
}

impl Manager {
    /// Moves processes or threads in, into every hierarchy in one burst. When one cannot be
    /// moved, those that were are put back.
    pub fn add(&self, ids: &[i32], how: Add<'_>) -> Result<()> {
        if let Some(id) = ids.iter().find(|id| **id < 1) {
            return fail(Code::Argument, format!("{id} is not the id of a task"));
        }
        let below = check_below(how.below)?;
        if !below.is_empty() {
            self.not_the_root()?;
        }
        // It may have been made in none.
        self.main_joined()?;
        let kind = if how.threads { Kind::Thread } else { Kind::Process };
        let mut plan = Plan::default();
        for joined in self.each() {
            let hierarchy = joined.hierarchy;
            if how.create && !below.is_empty() {
                let threaded = how.threads && self.version(joined) == Version::V2;
                plan.steps.push(Step::CreateBelow { hierarchy, below: below.clone(), threaded });
            }
        }
        let user = self
            .unit
            .as_ref()
            .filter(|on| on.bus == Bus::User && !how.threads && !on.unit.is_slice());
        for joined in self.each().filter(|_| user.is_none()) {
            plan.steps.push(Step::Attach {
                hierarchy: joined.hierarchy,
                kind,
                ids: ids.to_vec(),
                below: below.clone(),
            });
        }
        let _one_at_a_time = self.one_at_a_time();
        let mut run = Run::new(self);
        run.remember(kind, ids)?;
        run.carry_out(&plan)?;
        match user {
            // It may have moved some of them.
            Some(on) => {
                on.add(ids, &below).map_err(|e| {
                    let home = self.each().map(|j| j.hierarchy);
                    let all = home.flat_map(|h| ids.iter().map(move |id| (h, kind, *id)));
                    run.moved.extend(all);
                    run.undo(e)
                })?;
                run.check_arrived("AttachProcessesToUnit", &below)
            }
            None => Ok(()),
        }
    }

    pub(super) fn version(&self, joined: &Joined) -> Version {
        let facts = self.shared.host().hierarchies.get(joined.hierarchy);
        facts.map_or(Version::V1, |h| h.version)
    }

    /// The processes in the cgroup (threads, of a v2 threaded cgroup).
    ///
    /// v1: as in the devices hierarchy, like runc; else in the first that is joined.
    pub fn pids(&self) -> Result<Vec<i32>> {
        let cgroup = self.main()?;
        cgroup.pids().map_err(|e| gone_or(cgroup, e))
    }

    /// The processes in the cgroup and in all below it, each once (threads, of a v2 threaded
    /// cgroup). Of the hierarchy that [`Manager::pids`] is about.
    pub fn all_pids(&self) -> Result<Vec<i32>> {
        let cgroup = self.main()?;
        cgroup.all_pids().map_err(|e| gone_or(cgroup, e))
    }

    /// The threads in the cgroup.
    pub fn threads(&self) -> Result<Vec<i32>> {
        let joined = self.main_joined()?;
        let cgroup = self.shared.cgroup(joined.hierarchy, &joined.path)?;
        cgroup.threads(self.version(joined)).map_err(|e| gone_or(cgroup, e))
    }

    /// Moves everybody in this cgroup and below it to another one, hierarchy by hierarchy: on v1
    /// the very threads that are inside (a cgroup that holds a hypervisor's vCPU threads alone
    /// lists the whole hypervisor as its process), on v2 processes, or the threads of threaded
    /// cgroups. A hierarchy that this manager has not joined takes the processes of the others.
    /// Tasks that end meanwhile are passed over. Returns how many moves there were.
    pub fn move_to(&self, to: &Manager) -> Result<usize> {
        // The root's members are the host's.
        self.not_the_root()?;
        if to.each().any(|j| j.path.is_empty()) && self.config.flags.strict {
            return fail(Code::Path, "the hierarchies' root is no place to move processes to");
        }
        if !self.shared.host().has_mounts_of(to.shared.host()) {
            return fail(Code::Argument, "the two cgroups are of hosts with other mounts");
        }
        let mut count = 0;
        for joined in self.each() {
            if to.each().any(|j| j.hierarchy == joined.hierarchy && j.path == joined.path) {
                return fail(Code::Argument, "a cgroup cannot be moved to itself");
            }
        }
        let ours = |j: &Joined| self.each().find(|own| own.hierarchy == j.hierarchy);
        // Before anybody moves; asked for only where somebody wants it.
        let mut processes: BTreeSet<i32> = BTreeSet::new();
        for joined in self.each().filter(|_| to.each().any(|j| ours(j).is_none())) {
            match self.shared.cgroup(joined.hierarchy, &joined.path)?.all_pids() {
                Err(e) if e.is(Errno::NOENT) || e.is(Errno::NODEV) => {}
                other => processes.extend(other?),
            }
        }
        for target in to.each() {
            let version = to.version(target);
            let into = to.shared.cgroup(target.hierarchy, &target.path)?;
            match ours(target) {
                Some(source) => {
                    let from = self.shared.cgroup(source.hierarchy, &source.path)?;
                    count += empty(from, into, version, count > 0)?;
                }
                None => {
                    let ids: Vec<i32> = processes.iter().copied().collect();
                    count += attach_living(into, version, Kind::Process, &ids)?;
                }
            }
        }
        Ok(count)
    }

    fn main_joined(&self) -> Result<&Joined> {
        match self.find("devices").filter(|j| self.is_in(j)).or_else(|| self.each().next()) {
            Some(joined) => Ok(joined),
            None => fail(Code::Rootless, "the cgroup could not be made in any hierarchy"),
        }
    }

    pub(super) fn main(&self) -> Result<Cgroup<'_>> {
        let joined = self.main_joined()?;
        self.shared.cgroup(joined.hierarchy, &joined.path)
    }
}

/// Moves everybody out of a cgroup and those below it, but for the other one, if that is below.
fn empty(from: Cgroup<'_>, into: Cgroup<'_>, version: Version, begun: bool) -> Result<usize> {
    let mut count = 0;
    // A cgroup that is empty goes away by itself when it is a unit's.
    let is_gone = |e: &Error| e.is(Errno::NOENT) || e.is(Errno::NODEV);
    let there = |cgroup: Cgroup<'_>| into.is_in(from) && cgroup.is_in(into);
    for pass in 0..PASSES {
        let mut found = 0;
        // Apart from those of the cgroup that is emptied, which may be gone.
        let mut refused: Option<Error> = None;
        let mut move_all = |cgroup: Cgroup<'_>| {
            if refused.is_some() || there(cgroup) {
                return Ok(());
            }
            let (kind, ids) = match version {
                Version::V1 => (Kind::Thread, cgroup.threads(version)?),
                Version::V2 => match cgroup.read("cgroup.procs") {
                    Err(e) if e.is(Errno::OPNOTSUPP) => (Kind::Thread, cgroup.threads(version)?),
                    other => (Kind::Process, crate::cgroupfs::parse_ids(&other?)?),
                },
            };
            found += ids.len();
            match attach_living(into, version, kind, &ids) {
                Ok(moved) => count += moved,
                Err(e) => refused = Some(e),
            }
            Ok(())
        };
        let walked = from.walk(&mut move_all);
        if let Some(e) = refused {
            return Err(gone_or(into, e));
        }
        match walked {
            Err(e) if (begun || pass > 0) && is_gone(&e) => return Ok(count),
            other => other.map_err(|e| gone_or(from, e))?,
        }
        if found == 0 {
            break;
        }
    }
    // Tasks of another pid namespace cannot be named from here; or new ones kept coming.
    let mut left = false;
    let mut look = |cgroup: Cgroup<'_>| {
        left |= !there(cgroup) && !cgroup.read(Kind::Thread.file(version))?.is_empty();
        Ok(())
    };
    match from.walk(&mut look) {
        Err(e) if is_gone(&e) => return Ok(count),
        other => other?,
    }
    if left {
        let path = String::from_utf8_lossy(&from.absolute("")).into_owned();
        return fail(Code::Busy, format!("some tasks of {path} could not be moved, and are there"));
    }
    Ok(count)
}

/// Attaches those that still live.
fn attach_living(into: Cgroup<'_>, version: Version, kind: Kind, ids: &[i32]) -> Result<usize> {
    let mut moved = 0;
    let mut rest = ids;
    while !rest.is_empty() {
        let mut done = 0;
        match into.attach(version, kind, rest, |_| done += 1) {
            Ok(()) => return Ok(moved + done),
            Err(e) if e.is(Errno::SRCH) => {
                moved += done;
                rest = rest.get(done + 1..).unwrap_or_default();
            }
            Err(e) => return Err(e),
        }
    }
    Ok(moved)
}

/// A sub-cgroup's path: below the manager's, whatever it looks like.
fn check_below(below: &[u8]) -> Result<Vec<u8>> {
    let bad = |part: &[u8]| part == b"..";
    if below.contains(&0) || below.split(|&b| b == b'/').any(bad) || below.first() == Some(&b'/') {
        let text = [b"bad sub cgroup path: ", below].concat();
        return Err(Error::new(Code::Path, text).advice("it must be relative and without '..'"));
    }
    let clean = gopath::clean(below);
    Ok(if clean == b"." { Vec::new() } else { clean })
}
