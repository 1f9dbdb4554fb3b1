//! Creating the cgroup and moving a process in.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use oci_spec::runtime::LinuxResources;

use super::{Joined, Manager, Run};
use crate::error::{fail, Code, Result};
use crate::host::Version;
use crate::plan::{Kind, Plan, Step};
use crate::resources;

/// The pid that stands for nobody: create, and move no process.
pub const NOBODY: i32 = -1;

/// How often a cgroup that somebody removes while it is being filled is made again.
const TRIES: u32 = 5;

/// What an apply came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// What was asked for and has no effect here.
    pub warnings: Vec<String>,
    /// In how many hierarchies a rootless caller could not make the cgroup.
    pub dropped: usize,
}

impl Manager {
    /// What [`Manager::apply`] does, in the order that costs least: make all directories, set
    /// knobs (with `set`, these resources; else only what a process needs to enter) while
    /// nobody is inside, then move the process in one burst (the first move after a quiet
    /// moment waits for an RCU grace period, the next ones do not).
    pub fn plan_apply(&self, pid: i32, set: Option<&LinuxResources>) -> Result<Plan> {
        self.not_the_root()?;
        if pid != NOBODY && pid < 1 {
            return fail(Code::Argument, format!("{pid} is not a pid; -1 moves nobody"));
        }
        if let Some(on) = &self.unit {
            return self.plan_start(on, pid, set);
        }
        let unified = self.shared.host().is_unified();
        let new = LinuxResources::default();
        let knobs = match set {
            Some(resources) => {
                let known = self.known_now(resources, &new);
                self.knobs(&self.completed(resources, &known))?
            }
            None if unified => Plan::default(),
            // What must be there before a process can enter.
            None => resources::plan_before_join(&self.resources(), self.target())?,
        };
        let mut out = Plan::default();
        for joined in self.each() {
            out.steps.push(Step::Create { hierarchy: joined.hierarchy });
        }
        // What is not set now will be.
        let limits = match set {
            Some(_) => Cow::Borrowed(&knobs),
            None => Cow::Owned(self.limits(&self.config.resources)),
        };
        out.steps.extend(self.to_enable(&limits));
        if let Some(joined) = self.each().next().filter(|_| unified) {
            let domain = resources::needs_domain(&limits);
            out.steps.push(Step::SettleType { hierarchy: joined.hierarchy, domain });
        }
        out.steps.extend(self.inherit_cpuset(&knobs.steps));
        out.steps.extend(knobs.steps);
        out.warnings = knobs.warnings;
        if pid != NOBODY {
            for joined in self.each() {
                out.steps.push(Step::Attach {
                    hierarchy: joined.hierarchy,
                    kind: Kind::Process,
                    ids: vec![pid],
                    below: Vec::new(),
                });
            }
        }
        // Last: a call that fails gives nothing away.
        out.steps.extend(self.delegate());
        out.warnings.extend(self.no_owner());
        self.config.flags.resource_options().check(&out.warnings)?;
        Ok(out)
    }

    /// Where nobody is given anything.
    pub(super) fn no_owner(&self) -> Option<String> {
        let nowhere = self.config.owner.is_some() && self.delegate().is_empty();
        nowhere.then(|| "a cgroup of v1 is not given to an owner; not applied".to_owned())
    }

    /// Fills what the writes leave empty of a v1 cpuset.
    pub(super) fn inherit_cpuset(&self, writes: &[Step]) -> Option<Step> {
        let written = |part: &str| {
            writes.iter().any(|step| matches!(step, Step::Write(w) if w.file.ends_with(part)))
        };
        let (cpus, mems) = (!written("cpus"), !written("mems"));
        self.v1("cpuset").map(|hierarchy| Step::InheritCpuset { hierarchy, cpus, mems })
    }

    /// v1 has no delegation that is safe: its knobs are not confined to the subtree.
    pub(super) fn delegate(&self) -> Vec<Step> {
        let Some((uid, gid)) = self.config.owner else { return Vec::new() };
        let v2 = self.each().filter(|j| self.version(j) == Version::V2);
        v2.map(|j| Step::Delegate { hierarchy: j.hierarchy, uid, gid }).collect()
    }

    /// Turning controllers on in v2 hierarchies: in a unified host's always, so that there are
    /// statistics too; in a hybrid host's when a limit needs it, since whoever runs that host does
    /// not expect controllers there.
    pub(super) fn to_enable(&self, limits: &Plan) -> Vec<Step> {
        let unified = self.shared.host().is_unified();
        let v2 = self.each().filter(|j| self.version(j) == Version::V2);
        let step = |j: &Joined| {
            let facts = self.shared.host().hierarchies.get(j.hierarchy);
            let has = |name: &String| facts.is_some_and(|h| h.controllers.contains(name));
            let writes = limits.writes().filter(|w| w.hierarchy == j.hierarchy);
            let names = writes.filter_map(|w| w.file.split('.').next()).map(str::to_owned);
            let needed: BTreeSet<String> = names.filter(|name| unified || has(name)).collect();
            let needed: Vec<String> = needed.into_iter().collect();
            let any = unified || !needed.is_empty();
            any.then_some(Step::Enable { hierarchy: j.hierarchy, needed })
        };
        v2.filter_map(step).collect()
    }

    /// The limits alone: whatever else is wrong with the resources is [`Manager::plan`]'s to say.
    pub(super) fn limits(&self, wanted: &LinuxResources) -> Plan {
        if self.each().all(|j| self.version(j) == Version::V1) {
            // Nobody asks: only v2 has controllers to turn on and types to settle.
            return Plan::default();
        }
        let options = resources::Options { skip_devices: true, strict: false };
        resources::plan(wanted, self.target(), options).unwrap_or_default()
    }

    /// The hierarchy of a v1 subsystem that the manager has joined.
    fn v1(&self, subsystem: &str) -> Option<usize> {
        let joined = self.find(subsystem).filter(|j| self.is_in(j))?;
        (self.version(joined) == Version::V1).then_some(joined.hierarchy)
    }

    /// Creates the cgroup in every hierarchy and moves a process in ([`NOBODY`]: only creates).
    /// With `set`, the manager's resources are set before the process enters.
    ///
    /// When it fails, directories that it made are gone and the process is where it was.
    pub fn apply(&self, pid: i32, set: bool) -> Result<Applied> {
        self.not_the_root()?;
        if let Some(on) = &self.unit {
            return self.start(on, pid, set);
        }
        let _one_at_a_time = self.one_at_a_time();
        let known = self.resources();
        let mut tries = 0;
        // Made again after each hierarchy that a rootless caller has to go without.
        loop {
            tries += 1;
            let mut plan = self.plan_apply(pid, set.then_some(&known))?;
            let mut run = Run::new(self);
            if pid != NOBODY {
                run.find(&plan, pid)?;
            }
            // A cgroup that is there already, or a part of it, is set as set does it: in turn, and
            // undone.
            let writes = plan.writes().next().is_some();
            run.keep_old_values(writes && !self.config.flags.no_rollback);
            let create = |step: &&Step| matches!(step, Step::Create { .. });
            let at = plan.steps.iter().take_while(create).count();
            let rest = Plan { steps: plan.steps.split_off(at), warnings: Vec::new() };
            let mut turn = None;
            let done = run
                .carry_out(&plan)
                .and_then(|()| {
                    if writes && !run.has_made_all() {
                        turn = self.take_turn().map_err(|e| run.undo(e))?;
                    }
                    run.carry_out(&rest)
                })
                .and_then(|()| run.verify());
            match done {
                Ok(()) => {
                    plan.warnings.append(&mut run.warnings);
                    self.proved.store(true, Ordering::Relaxed);
                    let dropped = self.hierarchies.len() - self.each().count();
                    return Ok(Applied { warnings: self.warn(plan.warnings), dropped });
                }
                // Somebody takes empty cgroups away (systemd does, on v1, of those that it does
                // not know); this one was there a moment ago.
                Err(e) if tries < TRIES && run.made() && e.code() == Code::Deleted => {}
                Err(e) => self.drop_or(e, run.failed_in(), &known)?,
            }
        }
    }

    /// Drops the hierarchy that failed, when that is allowed; else the error.
    fn drop_or(
        &self,
        error: crate::Error,
        hierarchy: Option<usize>,
        wanted: &LinuxResources,
    ) -> Result<()> {
        use rustix::io::Errno;
        let permission = [Errno::ACCESS, Errno::PERM, Errno::ROFS].into_iter().any(|e| error.is(e));
        let rootless = self.shared.host().rootless && self.config.implicit;
        let Some(hierarchy) = hierarchy.filter(|_| permission && rootless) else {
            return Err(error);
        };
        let limits = self.knobs(wanted)?;
        if limits.writes().any(|w| w.hierarchy == hierarchy) {
            return Err(error.with_code(Code::Rootless).advice(
                "limits need a cgroup: give a path in a cgroup that is delegated to you, \
                 or ask for no limits",
            ));
        }
        self.warn(vec![format!("going without a cgroup: {error}")]);
        self.drop_hierarchy(hierarchy);
        Ok(())
    }
}
