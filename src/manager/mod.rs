//! A manager: one sandbox's or container's cgroup in every hierarchy that it joins.
//!
//! It decides with [`crate::resources`] and acts through an executor that knows how to undo.
//! A manager holds no descriptor of its own and no process; it can be dropped and made again
//! from its [state](Manager::state) in another process.

mod apply;
mod config;
mod cpuset;
mod execute;
mod join;
mod log;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oci_spec::runtime::LinuxResources;

pub use apply::NOBODY;
pub use config::{Config, Flags};
pub use join::Joined;
pub use log::Log;

use crate::cgroupfs::{Cgroup, Trees};
use crate::error::{fail, Code, Error, Result};
use crate::plan::Plan;
use crate::resources::{self, Target};
use execute::Run;

/// See the module.
#[derive(Debug)]
pub struct Manager {
    trees: Arc<Trees>,
    config: Config,
    /// In the order in which runc walks its subsystems; never changes.
    joined: Vec<Joined>,
    /// Indices of `joined`'s hierarchies, each once.
    hierarchies: Vec<usize>,
    resources: Mutex<LinuxResources>,
    log: Option<Log>,
}

impl Manager {
    /// A manager for a cgroup. Nothing is created yet.
    ///
    /// Errors: a path without a name of its own ([`Code::Path`]), a systemd path
    /// ([`Code::Unsupported`]), a v1 host without `devices` unless devices are skipped
    /// ([`Code::NotMounted`]).
    pub fn new(trees: Arc<Trees>, config: Config) -> Result<Manager> {
        config.check()?;
        let joined = join::derive(trees.host(), &config)?;
        Ok(Manager::assemble(trees, config, joined))
    }

    fn assemble(trees: Arc<Trees>, config: Config, joined: Vec<Joined>) -> Manager {
        let mut hierarchies: Vec<usize> = Vec::new();
        for j in &joined {
            // cpu and cpuacct can be one mount: one directory, made and left once.
            if !hierarchies.contains(&j.hierarchy) {
                hierarchies.push(j.hierarchy);
            }
        }
        let resources = Mutex::new(config.resources.clone());
        Manager {
            trees,
            config,
            joined,
            hierarchies,
            resources,
            log: None,
        }
    }

    /// The same manager, with warnings written to `log`.
    #[must_use]
    pub fn with_log(mut self, log: Option<Log>) -> Manager {
        self.log = log;
        self
    }

    /// Says what had no effect; returns it for callers of the crate.
    fn warn(&self, warnings: Vec<String>) -> Vec<String> {
        if let Some(log) = self.log {
            warnings.iter().for_each(|text| log.warn(text));
        }
        warnings
    }

    /// The host that it works on.
    pub fn trees(&self) -> &Arc<Trees> {
        &self.trees
    }

    /// How it was configured.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Subsystem to absolute path; the key is `""` for cgroup2.
    pub fn paths(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        self.joined
            .iter()
            .filter_map(|j| Some((j.subsystem.as_str(), self.absolute(j)?)))
    }

    fn absolute(&self, joined: &Joined) -> Option<Vec<u8>> {
        let hierarchy = self.trees.host().hierarchies.get(joined.hierarchy)?;
        let parts = [&hierarchy.mountpoint[..], b"/", &joined.path];
        Some(crate::kata::gopath::clean(&parts.concat()))
    }

    /// The path of one subsystem's cgroup. On a unified host every name gives the one cgroup.
    pub fn path(&self, subsystem: &str) -> Result<Vec<u8>> {
        self.find(subsystem)
            .and_then(|j| self.absolute(j))
            .ok_or_else(|| self.trees.host().no_such_controller(subsystem))
    }

    fn find(&self, subsystem: &str) -> Option<&Joined> {
        let key = if self.trees.host().is_unified() {
            ""
        } else {
            subsystem
        };
        self.joined.iter().find(|j| {
            j.subsystem == key || j.subsystem.strip_prefix("name=").is_some_and(|n| n == key)
        })
    }

    fn target(&self) -> Target<'_> {
        Target {
            host: self.trees.host(),
            joined: &self.hierarchies,
        }
    }

    /// The writes that [`Manager::set`] would do; touches nothing.
    pub fn plan(&self, resources: &LinuxResources) -> Result<Plan> {
        resources::plan(
            resources,
            self.target(),
            self.config.flags.resource_options(),
        )
    }

    /// Gives the cgroup these resources; what they leave out stays as it is.
    pub fn set(&self, resources: &LinuxResources) -> Result<Vec<String>> {
        let plan = self.plan(resources)?;
        // One Set at a time on a handle: two would interleave their writes.
        let mut known = self.lock();
        Run::new(self).carry_out(&plan)?;
        *known = resources.clone();
        Ok(self.warn(plan.warnings))
    }

    /// The resources that were set last, or that the manager was made with.
    pub fn resources(&self) -> LinuxResources {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, LinuxResources> {
        // A panic elsewhere leaves a value that is whole: it is replaced in one assignment.
        self.resources
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes one file of the cgroup: the raw setter.
    pub fn write(&self, subsystem: &str, file: &str, value: &[u8]) -> Result<()> {
        self.knob(subsystem, file)?.write(file, value)
    }

    /// Reads one file of the cgroup.
    pub fn read(&self, subsystem: &str, file: &str) -> Result<Vec<u8>> {
        self.knob(subsystem, file)?.read(file)
    }

    fn knob(&self, subsystem: &str, file: &str) -> Result<Cgroup<'_>> {
        if file.is_empty() || file.contains(['/', '\0']) || matches!(file, "." | "..") {
            return fail(
                Code::Argument,
                format!("{file:?} is not the name of a cgroup file"),
            );
        }
        let Some(joined) = self.find(subsystem) else {
            return Err(self.trees.host().no_such_controller(subsystem));
        };
        self.trees.cgroup(joined.hierarchy, &joined.path)
    }

    /// The processes in the cgroup.
    ///
    /// v1: as in the devices hierarchy, which no limit keeps anybody out of; else the first.
    pub fn pids(&self) -> Result<Vec<i32>> {
        self.main()?.pids().map_err(|e| self.deleted_or(e))
    }

    fn main(&self) -> Result<Cgroup<'_>> {
        let Some(joined) = self.find("devices").or_else(|| self.joined.first()) else {
            return fail(Code::NotMounted, "the manager has joined no hierarchy");
        };
        self.trees.cgroup(joined.hierarchy, &joined.path)
    }

    fn deleted_or(&self, error: Error) -> Error {
        if error.is(rustix::io::Errno::NOENT) || error.is(rustix::io::Errno::NODEV) {
            return error.with_code(Code::Deleted);
        }
        error
    }

    /// Whether the cgroup is there.
    pub fn exists(&self) -> Result<bool> {
        self.main()?.exists()
    }

    /// Removes the cgroup from every hierarchy, with its children. Idempotent: what is gone
    /// counts as removed. Goes through all hierarchies even when one fails, and names all that
    /// is left.
    pub fn destroy(&self) -> Result<()> {
        let mut first: Option<Error> = None;
        let mut left: Vec<String> = Vec::new();
        for joined in self.each() {
            let cgroup = self.trees.cgroup(joined.hierarchy, &joined.path)?;
            if let Err(e) = cgroup.remove() {
                left.push(String::from_utf8_lossy(&cgroup.absolute("")).into_owned());
                first.get_or_insert(e);
            }
        }
        match first {
            None => Ok(()),
            Some(e) if left.len() > 1 => Err(e.advice(format!("left: {}", left.join(" ")))),
            Some(e) => Err(e),
        }
    }

    /// One entry for each hierarchy, in order.
    fn each(&self) -> impl DoubleEndedIterator<Item = &Joined> {
        self.hierarchies
            .iter()
            .filter_map(|&h| self.joined.iter().find(|j| j.hierarchy == h))
    }
}
