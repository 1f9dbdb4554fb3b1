//! A manager: one sandbox's or container's cgroup in every hierarchy that it joins.
//!
//! It decides with [`crate::resources`] and acts through an executor that knows how to undo.
//! A manager holds no descriptor of its own and no process; it can be dropped and made again
//! from its [state](Manager::state) in another process.

mod apply;
mod attach;
mod config;
mod cpuset;
mod execute;
mod join;
mod keep;
mod knob;
mod known;
mod lifecycle;
mod log;
mod members;
mod restore;
mod seen;
mod set;
mod shared;
mod start;
mod state;
mod stop;
mod told;
mod undo;
mod unit;

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oci_spec::runtime::LinuxResources;

pub use apply::{Applied, NOBODY};
pub use config::{Config, Driver, Flags, SystemdConfig};
pub use join::Joined;
use join::Place;
pub use log::Log;
pub use members::Add;
pub use shared::Shared;

use crate::cgroupfs::{Cgroup, Trees};
use crate::error::{fail, Code, Error, Result};
use crate::resources::Target;
use execute::Run;
use unit::OnSystemd;

/// See the module.
#[derive(Debug)]
pub struct Manager {
    shared: Arc<Shared>,
    config: Config,
    /// The unit that is the cgroup, when systemd makes it.
    unit: Option<OnSystemd>,
    /// In the order in which runc walks its subsystems; never changes.
    joined: Vec<Joined>,
    /// Indices of `joined`'s hierarchies, each once.
    hierarchies: Vec<usize>,
    resources: Mutex<LinuxResources>,
    /// Held while the cgroup is changed.
    busy: Mutex<()>,
    /// A place to move processes to, and nothing else: a unit's slice.
    place: bool,
    /// Hierarchies in which a rootless caller could not make the cgroup.
    dropped: Vec<AtomicBool>,
    /// The caller wants it frozen: what was frozen in passing stays so.
    wants_frozen: AtomicBool,
    /// Its directories are known to be the hierarchies' own, with nothing mounted on the way.
    proved: AtomicBool,
    log: AtomicI32,
}

impl Manager {
    /// A manager for a cgroup. Nothing is created yet.
    ///
    /// Errors: a path without a name of its own, or of a form that the driver does not take
    /// ([`Code::Path`]), a user's systemd on a host that is not unified ([`Code::Unsupported`]), a
    /// v1 host without `devices` unless devices are skipped ([`Code::NotMounted`]). A user's
    /// systemd is asked where its units are, so its bus must answer.
    pub fn new(shared: Arc<Shared>, config: Config) -> Result<Manager> {
        config.check()?;
        let unit = OnSystemd::new(&shared, &config)?;
        let at = match &unit {
            Some(unit) => Place::Unit(unit.cgroup(&shared)?),
            None => Place::Path(config.clean_path()),
        };
        let mut joined = join::derive(shared.host(), &config, &at)?;
        if config.flags.existing {
            joined = existing(&shared, joined)?;
        }
        Ok(Manager::assemble(shared, config, joined, unit))
    }

    /// A manager for the parent of this one's cgroup, for moving processes to: it must exist, and
    /// is never made. The hierarchies' root is a parent too, unless in strict mode. A unit's
    /// parent is its slice's cgroup.
    pub fn parent(&self) -> Result<Manager> {
        let up = |path: &[u8]| match path.iter().rposition(|&b| b == b'/') {
            Some(slash) => path.get(..slash).unwrap_or_default().to_vec(),
            None => Vec::new(),
        };
        let parent = |j: &Joined| Joined { path: up(&j.path), ..j.clone() };
        let joined: Vec<Joined> = self.joined.iter().map(parent).collect();
        if self.config.flags.strict && joined.iter().any(|j| j.path.is_empty()) {
            return fail(Code::Path, "the parent is the hierarchies' root, which is shared by all");
        }
        let joined = existing(&self.shared, joined)?;
        let unit = self.unit.as_ref().and_then(OnSystemd::parent);
        let path = match &self.unit {
            Some(unit) => unit.parent_path(),
            None => crate::kata::path::parent(&self.config.path),
        };
        let mut config =
            Config { path, resources: LinuxResources::default(), ..self.config.clone() };
        config.owner = None;
        config.systemd.annotations.clear();
        let mut parent = Manager::assemble(Arc::clone(&self.shared), config, joined, unit);
        parent.place = self.unit.is_some();
        Ok(parent)
    }

    fn assemble(
        shared: Arc<Shared>,
        config: Config,
        joined: Vec<Joined>,
        unit: Option<OnSystemd>,
    ) -> Manager {
        let mut hierarchies: Vec<usize> = Vec::new();
        for j in &joined {
            // cpu and cpuacct can be one mount: one directory, made and left once.
            if !hierarchies.contains(&j.hierarchy) {
                hierarchies.push(j.hierarchy);
            }
        }
        let resources = Mutex::new(config.resources.clone());
        let dropped = shared.host().hierarchies.iter().map(|_| AtomicBool::new(false)).collect();
        Manager {
            shared,
            config,
            unit,
            joined,
            hierarchies,
            resources,
            busy: Mutex::default(),
            place: false,
            dropped,
            wants_frozen: AtomicBool::new(false),
            proved: AtomicBool::new(false),
            log: AtomicI32::new(log::NOBODY),
        }
    }

    /// The same manager, with warnings written to `log`.
    #[must_use]
    pub fn with_log(self, log: Option<Log>) -> Manager {
        self.set_log(log);
        self
    }

    /// Has warnings written to `log` from now on.
    pub fn set_log(&self, log: Option<Log>) {
        self.log.store(Log::number(log), Ordering::Relaxed);
    }

    /// Says what had no effect; returns it for callers of the crate.
    fn warn(&self, warnings: Vec<String>) -> Vec<String> {
        if let Ok(log) = Log::new(self.log.load(Ordering::Relaxed)) {
            for text in &warnings {
                log.warn(text);
            }
        }
        warnings
    }

    /// The host that it works on.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The unit of systemd's that the cgroup is, if it is one.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_ref().filter(|_| !self.place).map(|on| on.unit.name.as_str())
    }

    /// Whether it is a scope of systemd's, which cannot be made without a process.
    pub fn is_scope(&self) -> bool {
        self.unit.as_ref().is_some_and(|on| !on.unit.is_slice())
    }

    /// How it was configured.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Subsystem to absolute path; the key is `""` for cgroup2. Without those hierarchies that a
    /// rootless caller goes without.
    pub fn paths(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        let joined = self.joined.iter().filter(|j| self.is_in(j));
        joined.filter_map(|j| Some((j.subsystem.as_str(), self.absolute(j)?)))
    }

    fn absolute(&self, joined: &Joined) -> Option<Vec<u8>> {
        let hierarchy = self.shared.host().hierarchies.get(joined.hierarchy)?;
        let parts = [&hierarchy.mountpoint[..], b"/", &joined.path];
        Some(crate::kata::gopath::clean(&parts.concat()))
    }

    /// The path of one subsystem's cgroup. On a unified host every name gives the one cgroup.
    pub fn path(&self, subsystem: &str) -> Result<Vec<u8>> {
        self.find(subsystem)
            .and_then(|j| self.absolute(j))
            .ok_or_else(|| self.not_joined(subsystem))
    }

    fn not_joined(&self, subsystem: &str) -> Error {
        let names: Vec<&str> = self.joined.iter().map(|j| j.subsystem.as_str()).collect();
        Error::new(Code::NotMounted, format!("the cgroup is in no hierarchy with {subsystem}"))
            .advice(format!("it is in: {}", names.join(" ")))
    }

    /// Where a subsystem's files are. On a hybrid host that is cgroup2 for what no v1 hierarchy
    /// has.
    fn find(&self, subsystem: &str) -> Option<&Joined> {
        let host = self.shared.host();
        let key = if host.is_unified() { "" } else { subsystem };
        let named = |j: &&Joined| {
            j.subsystem == key || j.subsystem.strip_prefix("name=").is_some_and(|n| n == key)
        };
        let v2 = || host.cgroup2_with(subsystem).and_then(|h| self.in_hierarchy(h).ok());
        self.joined.iter().find(named).or_else(v2)
    }

    fn target(&self) -> Target<'_> {
        Target { host: self.shared.host(), joined: &self.hierarchies }
    }

    /// Refuses what would reach every process and cgroup of the host: a manager of the
    /// hierarchies' root ([`Manager::parent`]) is a place to move processes to, no more.
    fn not_the_root(&self) -> Result<()> {
        if self.place {
            return fail(
                Code::Path,
                "this is a unit's slice, which systemd has for others as well; processes can be \
                 moved to it, and nothing else",
            );
        }
        if self.joined.iter().any(|j| j.path.is_empty()) {
            return fail(
                Code::Path,
                "this is the hierarchies' root, shared by all; processes can be moved to it, \
                 and nothing else",
            );
        }
        Ok(())
    }

    /// The resources that were set last, or that the manager was made with.
    pub fn resources(&self) -> LinuxResources {
        self.lock().clone()
    }

    fn one_at_a_time(&self) -> MutexGuard<'_, ()> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, LinuxResources> {
        // A panic elsewhere leaves a value that is whole: it is replaced in one assignment.
        self.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes one file of the cgroup: the raw setter.
    pub fn write(&self, subsystem: &str, file: &str, value: &[u8]) -> Result<()> {
        self.not_the_root()?;
        let cgroup = self.knob(subsystem, file)?;
        cgroup.write(file, value).map_err(|e| knob::gone_or(cgroup, e))
    }

    /// Reads one file of the cgroup.
    pub fn read(&self, subsystem: &str, file: &str) -> Result<Vec<u8>> {
        let cgroup = self.knob(subsystem, file)?;
        cgroup.read(file).map_err(|e| knob::gone_or(cgroup, e))
    }

    fn knob(&self, subsystem: &str, file: &str) -> Result<Cgroup<'_>> {
        if file.is_empty() || file.contains(['/', '\0']) || matches!(file, "." | "..") {
            return fail(Code::Argument, format!("{file:?} is not the name of a cgroup file"));
        }
        let Some(joined) = self.find(subsystem) else {
            return Err(self.not_joined(subsystem));
        };
        self.shared.cgroup(joined.hierarchy, &joined.path)
    }

    /// One entry for each hierarchy that the cgroup is in, in order.
    fn each(&self) -> impl DoubleEndedIterator<Item = &Joined> {
        let first = |h: &usize| self.joined.iter().find(|j| j.hierarchy == *h);
        self.hierarchies.iter().filter_map(first).filter(|j| self.is_in(j))
    }

    fn in_hierarchy(&self, hierarchy: usize) -> Result<&Joined> {
        match self.joined.iter().find(|j| j.hierarchy == hierarchy) {
            Some(joined) => Ok(joined),
            None => fail(Code::Argument, format!("hierarchy {hierarchy} is not joined")),
        }
    }

    /// Not dropped for want of permission.
    fn is_in(&self, joined: &Joined) -> bool {
        !self.dropped.get(joined.hierarchy).is_some_and(|dropped| dropped.load(Ordering::Relaxed))
    }

    fn drop_hierarchy(&self, hierarchy: usize) {
        if let Some(dropped) = self.dropped.get(hierarchy) {
            dropped.store(true, Ordering::Relaxed);
        }
    }
}

/// Those places where the cgroup is there; an error of its own when it is in none.
fn existing(trees: &Trees, joined: Vec<Joined>) -> Result<Vec<Joined>> {
    let mut out = Vec::new();
    let mut shown = Vec::new();
    for j in joined {
        let cgroup = trees.cgroup(j.hierarchy, &j.path)?;
        shown = cgroup.absolute("");
        if cgroup.exists()? {
            out.push(j);
        }
    }
    if out.is_empty() {
        let text = [b"no such cgroup in any hierarchy, for instance ", &shown[..]].concat();
        return Err(crate::Error::new(Code::Deleted, text));
    }
    Ok(out)
}
