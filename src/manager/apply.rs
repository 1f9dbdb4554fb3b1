//! Creating the cgroup and moving a process in.

use oci_spec::runtime::LinuxResources;

use super::{Manager, Run};
use crate::error::{fail, Code, Result};
use crate::host::Version;
use crate::plan::{Plan, Step};
use crate::resources;

/// The pid that stands for nobody: create, and move no process.
pub const NOBODY: i32 = -1;

impl Manager {
    /// What [`Manager::apply`] does, in the order that costs least: make all directories, set
    /// knobs (with `set`, these resources; else only what a process needs to enter) while
    /// nobody is inside, then move the process in one burst (the first move after
    /// a quiet moment waits for an RCU grace period, the next ones do not).
    pub fn plan_apply(&self, pid: i32, set: Option<&LinuxResources>) -> Result<Plan> {
        if pid != NOBODY && pid < 1 {
            return fail(
                Code::Argument,
                format!("{pid} is not a pid; -1 moves nobody"),
            );
        }
        let knobs = match set {
            Some(resources) => self.plan(resources)?,
            None if self.trees.host().is_unified() => Plan::default(),
            // What must be there before a process can enter.
            None => resources::plan_before_join(&self.resources(), self.target())?,
        };
        let mut out = Plan::default();
        for joined in self.each() {
            out.steps.push(Step::Create {
                hierarchy: joined.hierarchy,
            });
        }
        if let Some(hierarchy) = self.v1("cpuset") {
            let written = |part: &str| knobs.writes().any(|w| w.file.ends_with(part));
            let (cpus, mems) = (!written("cpus"), !written("mems"));
            out.steps.push(Step::InheritCpuset {
                hierarchy,
                cpus,
                mems,
            });
        }
        out.steps.extend(knobs.steps);
        out.warnings = knobs.warnings;
        if pid != NOBODY {
            for joined in self.each() {
                out.steps.push(Step::Attach {
                    hierarchy: joined.hierarchy,
                    pid,
                });
            }
        }
        Ok(out)
    }

    /// The hierarchy of a v1 subsystem that the manager has joined.
    fn v1(&self, subsystem: &str) -> Option<usize> {
        let index = self.find(subsystem)?.hierarchy;
        let hierarchy = self.trees.host().hierarchies.get(index)?;
        (hierarchy.version == Version::V1).then_some(index)
    }

    /// Creates the cgroup in every hierarchy and moves a process in ([`NOBODY`]: only creates).
    /// With `set`, the manager's resources are set before the process enters.
    ///
    /// When it fails, directories that it made are gone and the process is where it was.
    pub fn apply(&self, pid: i32, set: bool) -> Result<Vec<String>> {
        let known = self.resources();
        let plan = self.plan_apply(pid, set.then_some(&known))?;
        let _one_at_a_time = self.lock();
        let mut run = Run::new(self);
        if pid != NOBODY {
            run.remember(pid)?;
        }
        run.carry_out(&plan)?;
        run.verify()?;
        Ok(self.warn(plan.warnings))
    }
}
