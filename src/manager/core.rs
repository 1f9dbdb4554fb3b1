// SPDX-License-Identifier: Apache-2.0

//! The manager's state, and how a manager is made.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oci_spec::runtime::LinuxResources;

use crate::cgroupfs::Cgroup;
use crate::config::Config;
use crate::driver::{Context, Driver};
use crate::error::{fail, Code, Error, Result};
use crate::host::{HierarchyId, HostInfo};
use crate::host_handle::Host;
use crate::log::{Log, NO_LOG};
use crate::placement::{Placement, Site};
use crate::transaction::{LastProgram, Options, Scope, Transaction};

/// One cgroup in every hierarchy that it is in.
///
/// Calls on one manager from many threads are safe.
#[derive(Debug)]
pub struct Manager {
    pub(super) host: Arc<Host>,
    pub(super) config: Box<Config>,
    pub(super) driver: Driver,
    pub(super) placement: Placement,
    resources: Mutex<LinuxResources>,
    /// Held while the cgroup is changed.
    busy: Mutex<()>,
    /// Controllers to disable when the cgroup is destroyed, by hierarchy and the ancestor's level
    /// in the path: see [`Manager::note_enabled`].
    pub(super) enabled: Mutex<Vec<(HierarchyId, usize, Vec<String>)>>,
    /// The caller has frozen the cgroup. A call that freezes it for a moment must not thaw it.
    pub(super) wants_frozen: AtomicBool,
    pub(super) last_program: LastProgram,
    /// Processes can be moved to the cgroup, and nothing else: it is a unit's slice.
    pub(super) move_target_only: bool,
    log: AtomicI32,
}

impl Manager {
    /// Makes a manager for a cgroup. Creates nothing yet.
    ///
    /// Errors: a path without a name of its own, or of a form that the driver does not take
    /// ([`Code::Path`]); a user's systemd on a host that is not unified ([`Code::Unsupported`]); a
    /// v1 host without `devices`, unless devices are skipped ([`Code::NotMounted`]); a user's bus
    /// that does not answer ([`Code::Bus`]), because only the user's systemd knows where its units
    /// are.
    pub fn new(host: Arc<Host>, config: Config) -> Result<Manager> {
        config.check()?;
        let driver = Driver::new(&host, &config)?;
        let place = driver.place(&config)?;
        let info = Arc::clone(host.hierarchies().info());
        let devices_required = !config.flags.skip_devices;
        let mut placement = Placement::new(info, &place, &config.subsystems, devices_required)?;
        if config.flags.existing {
            placement = existing(&host, placement)?;
        }
        Ok(Manager::assemble(host, config, driver, placement))
    }

    /// Makes a manager for the parent cgroup, to move processes to. The parent must exist: the
    /// manager never creates it. A unit's parent is its slice's cgroup.
    ///
    /// Errors: in strict mode, a parent that is the root of a hierarchy ([`Code::Path`]); the
    /// parent does not exist ([`Code::Deleted`]).
    pub fn parent(&self) -> Result<Manager> {
        let placement = self.placement.parent();
        if self.config.flags.strict && placement.has_root() {
            return fail(Code::Path, "the parent is the hierarchies' root, which is shared by all");
        }
        let placement = existing(&self.host, placement)?;
        let (driver, path, move_target_only) = self.driver.parent(&self.config);
        let resources = LinuxResources::default();
        let mut config = Config { path, resources, owner: None, ..(*self.config).clone() };
        config.systemd.annotations.clear();
        config.systemd.unit = None;
        let mut parent = Manager::assemble(Arc::clone(&self.host), config, driver, placement);
        parent.move_target_only = move_target_only;
        Ok(parent)
    }

    pub(super) fn assemble(
        host: Arc<Host>,
        config: Config,
        driver: Driver,
        placement: Placement,
    ) -> Manager {
        let resources = Mutex::new(config.resources.clone());
        Manager {
            host,
            // Of its own, because malloc is slow beyond a kilobyte.
            config: Box::new(config),
            driver,
            placement,
            resources,
            busy: Mutex::default(),
            enabled: Mutex::default(),
            wants_frozen: AtomicBool::new(false),
            last_program: LastProgram::default(),
            move_target_only: false,
            log: AtomicI32::new(NO_LOG),
        }
    }

    /// Returns the manager with its warnings written to `log`. Writes a warning about the path at
    /// once.
    #[must_use]
    pub fn with_log(self, log: Option<Log>) -> Manager {
        self.set_log(log);
        self.warn(self.config.path_warning().into_iter().collect());
        self
    }

    /// Writes warnings to `log` from now on. None discards them.
    pub fn set_log(&self, log: Option<Log>) {
        self.log.store(Log::number(log), Ordering::Relaxed);
    }

    fn log(&self) -> Option<Log> {
        Log::of_number(self.log.load(Ordering::Relaxed))
    }

    /// Returns the first warning as an error in strict mode.
    pub(crate) fn check_warnings(&self, warnings: &[String]) -> Result<()> {
        self.config.flags.resource_options().check(warnings)
    }

    /// Writes warnings to the log, and returns them for callers in Rust, who get them as values.
    pub(crate) fn warn(&self, warnings: Vec<String>) -> Vec<String> {
        if let Some(log) = self.log() {
            for text in &warnings {
                log.warn(text);
            }
        }
        warnings
    }

    /// Returns the host that the manager works on.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    pub(super) fn info(&self) -> &HostInfo {
        self.host.info()
    }

    /// Returns the name of the cgroup's systemd unit, if systemd makes the cgroup.
    pub fn unit(&self) -> Option<&str> {
        let unit = self.driver.unit().filter(|_| !self.move_target_only);
        unit.map(|unit| unit.unit.name.as_str())
    }

    /// Whether the cgroup is a scope, which systemd cannot start without a process.
    pub fn is_scope(&self) -> bool {
        self.driver.unit().is_some_and(|unit| !unit.unit.is_slice())
    }

    /// Returns the manager's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns each subsystem with the absolute path of its directory; the key of cgroup2 is `""`.
    /// Leaves out the hierarchies that a rootless caller goes without.
    pub fn paths(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        self.placement.live().flat_map(|site| {
            let path = self.placement.absolute(site);
            site.names.iter().filter_map(move |name| Some((&**name, path.clone()?)))
        })
    }

    /// Returns the absolute path of one subsystem's directory. On a unified host every name gives
    /// the one directory.
    ///
    /// Errors: the cgroup has no such subsystem ([`Code::NotMounted`]).
    pub fn path(&self, subsystem: &str) -> Result<Vec<u8>> {
        let site = self.placement.site(subsystem);
        site.and_then(|site| self.placement.absolute(site))
            .ok_or_else(|| self.not_joined(subsystem))
    }

    pub(super) fn not_joined(&self, subsystem: &str) -> Error {
        let names: Vec<&str> =
            self.placement.live().flat_map(|site| &site.names).map(|name| &**name).collect();
        Error::new(Code::NotMounted, format!("the cgroup is in no hierarchy with {subsystem}"))
            .advice(format!("it is in: {}", names.join(" ")))
    }

    /// Refuses the root of a hierarchy, which all processes share, and a unit's slice, which other
    /// units share. Processes can be moved there, and nothing else.
    pub(super) fn require_own_cgroup(&self) -> Result<()> {
        if self.move_target_only {
            return fail(
                Code::Path,
                "this is a unit's slice, which other units share: only moving processes to it is \
                 allowed",
            );
        }
        if self.placement.has_root() {
            return fail(
                Code::Path,
                "this is the hierarchies' root, which all processes share: only moving processes \
                 to it is allowed",
            );
        }
        Ok(())
    }

    /// Returns the resources that were set last, or that the manager was made with.
    pub fn resources(&self) -> LinuxResources {
        self.lock_resources().clone()
    }

    pub(super) fn set_resources(&self, resources: LinuxResources) {
        *self.lock_resources() = resources;
    }

    fn lock_resources(&self) -> MutexGuard<'_, LinuxResources> {
        // The value is replaced in one assignment, so a panic elsewhere leaves it whole.
        self.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other thread changes the cgroup through this manager.
    pub(super) fn one_at_a_time(&self) -> MutexGuard<'_, ()> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on without listed hierarchies that were unmounted since the manager was made. Returns a
    /// warning for each. One that is open cannot be unmounted. Other failures, and those of a
    /// manager that must have all its hierarchies, are left to the step that meets them.
    pub(super) fn leave_unmounted(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.placement.is_listed || self.config.flags.strict {
            return warnings;
        }
        for site in self.placement.live() {
            let Err(error) = self.cgroup_at(site) else { continue };
            let is_last = self.placement.live().count() == 1;
            if error.code() == Code::NotMounted && !is_last {
                self.placement.note_unmounted(site.id);
                warnings.push(format!("continuing without {}: {error}", site.names.join(" ")));
            }
        }
        self.warn(warnings)
    }

    /// What a transaction of this manager works on.
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope {
            hierarchies: self.host.hierarchies(),
            placement: &self.placement,
            unit: self.driver.unit(),
            wants_frozen: &self.wants_frozen,
            events: self.host.events(),
            last_program: &self.last_program,
            log: self.log(),
        }
    }

    /// Begins a transaction that keeps no old values yet.
    pub(super) fn transaction(&self) -> Transaction<'_> {
        let options = Options { strict: self.config.flags.strict, ..Options::default() };
        Transaction::new(self.scope(), options)
    }

    /// Returns what the driver plans from.
    pub(super) fn context<'a>(
        &'a self,
        own: &'a LinuxResources,
        known: &'a LinuxResources,
    ) -> Context<'a> {
        Context { host: &self.host, placement: &self.placement, config: &self.config, own, known }
    }

    /// Returns the cgroup at a site.
    pub(super) fn cgroup_at<'a>(&'a self, site: &'a Site) -> Result<Cgroup<'a>> {
        self.host.hierarchies().cgroup(site.id, &site.path)
    }

    /// Returns the site whose processes stand for the whole cgroup's: v1's devices hierarchy, as in
    /// runc, or else the first.
    pub(super) fn main_site(&self) -> Result<&Site> {
        let devices = self.placement.site("devices").filter(|site| self.placement.is_live(site));
        match devices.or_else(|| self.placement.live().next()) {
            Some(site) => Ok(site),
            None => fail(Code::Rootless, "this rootless caller has no cgroup in any hierarchy"),
        }
    }

    /// Returns the cgroup at the main site.
    pub(super) fn main_cgroup(&self) -> Result<Cgroup<'_>> {
        self.cgroup_at(self.main_site()?)
    }
}

/// Returns the sites at which the cgroup exists.
///
/// Errors: it exists at none ([`Code::Deleted`]).
fn existing(host: &Host, placement: Placement) -> Result<Placement> {
    let mut example = Vec::new();
    let placement = placement.retain(|site| {
        let cgroup = host.hierarchies().cgroup(site.id, &site.path)?;
        example = cgroup.absolute("");
        cgroup.exists()
    })?;
    if placement.live().next().is_none() {
        let text = [b"no such cgroup in any hierarchy, for instance ", &example[..]].concat();
        return Err(Error::new(Code::Deleted, text));
    }
    Ok(placement)
}
