//! Making a unit, and ending it.

use std::sync::atomic::Ordering;

use oci_spec::runtime::LinuxResources;

use super::unit::{OnSystemd, Wanted};
use super::{Applied, Joined, Manager, Run, NOBODY};
use crate::error::Result;
use crate::host::Version;
use crate::plan::{Kind, Plan, Step, Write};
use crate::resources;
use crate::systemd::Property;

/// Controllers that systemd turns on where they are wanted. Others are ours to turn on.
const SYSTEMD_HAS: &[&str] = &["cpu", "cpuset", "io", "memory", "pids", "cgroup"];

impl Manager {
    /// See [`Manager::plan_apply`]: systemd makes the cgroup where it manages the hierarchy, with
    /// the process and every limit that it has a property for; then come the hierarchies that it
    /// does not know, and the files.
    pub(super) fn plan_start(
        &self,
        on: &OnSystemd,
        pid: i32,
        set: Option<&LinuxResources>,
    ) -> Result<Plan> {
        let unified = self.shared.host().is_unified();
        let slice = on.unit.is_slice();
        let wanted = set.unwrap_or(&self.config.resources);
        let new = LinuxResources::default();
        let Wanted { properties: limits, plan: knobs } = match set {
            Some(resources) => {
                let known = self.known_now(resources, &new);
                self.wanted(on, &self.completed(resources, &known), &known)?
            }
            None if unified => Wanted::default(),
            // What must be there before a process can enter; all of it files.
            None => Wanted {
                plan: resources::plan_before_join(&self.resources(), self.target())?,
                properties: Vec::new(),
            },
        };
        let mut warnings = knobs.warnings.clone();
        let mut properties = on.unit.creation(u32::try_from(pid).ok(), unified);
        properties.extend_from_slice(on.user_properties());
        properties.extend(self.at_creation(on, wanted, &mut warnings)?);
        warnings.extend(self.no_owner());
        self.config.flags.resource_options().check(&warnings)?;

        let check = |step: &Step| matches!(step, Step::CheckMemory { .. });
        let turn_on = self.turn_on(&knobs);
        let (mut steps, writes): (Vec<Step>, Vec<Step>) = knobs.steps.into_iter().partition(check);
        let unit = on.unit.name.clone();
        steps.push(Step::Start { unit, properties, resources: limits });
        let ours = |j: &&Joined| self.version(j) == Version::V1 && j.subsystem != "name=systemd";
        // A cgroup2 mount beside v1 need not be systemd's: Cilium has one of its own.
        for joined in self.each().filter(|j| ours(j) || self.is_hybrid_v2(j)) {
            steps.push(Step::Create { hierarchy: joined.hierarchy });
        }
        steps.extend(turn_on);
        steps.extend(self.inherit_cpuset(&writes));
        steps.extend(writes);
        if pid != NOBODY {
            // systemd takes a slice's processes from nobody; a scope's it has put in its own
            // hierarchies, and the rest is ours.
            let takes = |j: &&Joined| slice || ours(j) || self.is_hybrid_v2(j);
            for joined in self.each().filter(takes) {
                let (hierarchy, ids, below) = (joined.hierarchy, vec![pid], Vec::new());
                steps.push(Step::Attach { hierarchy, kind: Kind::Process, ids, below });
            }
        }
        steps.extend(self.delegate());
        Ok(Plan { steps, warnings })
    }

    /// Controllers of cgroup2 that a limit needs and that systemd does not turn on.
    pub(super) fn turn_on(&self, knobs: &Plan) -> Vec<Step> {
        let unified = self.shared.host().is_unified();
        if unified && !knobs.writes().any(|write| !is_systemds(write)) {
            return Vec::new();
        }
        self.to_enable(knobs)
    }

    fn is_hybrid_v2(&self, joined: &Joined) -> bool {
        !self.shared.host().is_unified() && self.version(joined) == Version::V2
    }

    /// systemd is asked its version only for resources that depend on it.
    fn at_creation(
        &self,
        on: &OnSystemd,
        wanted: &LinuxResources,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<Property>> {
        if wanted.unified().is_none() {
            return Ok(Vec::new());
        }
        let known = LinuxResources::default();
        // A slice has none of them.
        if on.unit.is_slice() {
            warnings.append(&mut self.too_late(wanted, &known));
            return Ok(Vec::new());
        }
        let facts = self.facts(on, wanted, &known)?;
        let mut created = resources::at_creation(wanted, self.target(), facts);
        warnings.append(&mut created.warnings);
        Ok(created.list)
    }

    /// [`Manager::apply`] through systemd.
    ///
    /// When it fails the process is put back where it was, and the unit, empty then, is stopped:
    /// to stop it before that would kill the process. A unit that is there already, which is fine
    /// for whoever moves nobody, is set as [`Manager::set`] does it.
    pub(super) fn start(&self, on: &OnSystemd, pid: i32, set: bool) -> Result<Applied> {
        let _one_at_a_time = self.one_at_a_time();
        let known = self.resources();
        let mut plan = self.plan_start(on, pid, set.then_some(&known))?;
        let mut run = Run::new(self);
        if pid != NOBODY {
            run.remember(Kind::Process, &[pid])?;
        }
        let start = |step: &Step| matches!(step, Step::Start { .. });
        let at = plan.steps.iter().position(start).map_or(0, |at| at + 1);
        let mut rest = Plan { steps: plan.steps.split_off(at), warnings: Vec::new() };
        run.carry_out(&plan)?;
        if run.existed() && set {
            // The files are set's to write, and controllers its to turn on.
            rest.steps.retain(|step| !matches!(step, Step::Write(_) | Step::Enable { .. }));
            // Nobody enters before the limits are in force.
            let last = |step: &Step| matches!(step, Step::Attach { .. } | Step::Delegate { .. });
            let (last, first): (Vec<Step>, Vec<Step>) = rest.steps.into_iter().partition(last);
            run.carry_out(&Plan { steps: first, warnings: Vec::new() })?;
            let last = Plan { steps: last, warnings: Vec::new() };
            let set = self.set_known(&known, &known, &mut run, &last);
            let mut warnings = set.map_err(|e| run.undo(e))?;
            // Nobody knows with what it was made.
            let late = self.too_late(&known, &LinuxResources::default());
            warnings.extend(self.warn(late));
            return Ok(Applied { warnings, dropped: 0 });
        }
        run.carry_out(&rest)?;
        run.verify()?;
        self.proved.store(true, Ordering::Relaxed);
        plan.warnings.append(&mut run.warnings);
        Ok(Applied { warnings: self.warn(plan.warnings), dropped: 0 })
    }
}

fn is_systemds(write: &Write) -> bool {
    let controller = write.file.split('.').next().unwrap_or_default();
    SYSTEMD_HAS.contains(&controller)
}
