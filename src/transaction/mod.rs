// SPDX-License-Identifier: Apache-2.0

//! Carries plans out, and undoes what a failed plan did.
//!
//! A transaction knows steps, a [`Scope`] and a journal. It does not know managers, drivers or
//! JSON.

mod cpuset;
mod device_change;
mod device_list;
mod device_program;
mod devices;
mod freeze_guard;
mod held_files;
mod journal;
mod kept_files;
mod last_program;
mod look_ahead;
mod others_unit;
mod progress;
mod restore;
mod scope;
mod snapshot;
mod state;
mod teardown;
mod unit;
mod unit_devices;
mod unit_rules;
mod write;

pub use device_list::read_list;
pub use device_program::read_program;
pub use freeze_guard::{
    freeze, freezer_cgroup, freezer_state, thaw, thaw_unless_wanted, REFREEZE_TIMEOUT,
};
pub use last_program::LastProgram;
pub use scope::Scope;
pub use state::{Options, Transaction};
pub use teardown::{abandon, home, remove_directories, remove_empty_directories, stop_empty};
pub use unit_rules::read_unit;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::cgroupfs::interface_file::deleted_or;
use crate::cgroupfs::removal::removed_or;
use crate::cgroupfs::{Cgroup, Created, Enabled};
use crate::error::{Code, Error, Result};
use crate::host::HierarchyId;
use crate::plan::{Step, TaskKind};
use journal::Undo;

impl Transaction<'_> {
    /// Carries out all steps in order. After a failure, undoes all steps of the transaction; the
    /// error says what could not be undone.
    pub fn carry_out(&mut self, steps: &[Step]) -> Result<()> {
        for step in steps {
            if let Err(e) = self.step(step, steps) {
                self.progress.failed_in = step.hierarchy();
                let e = self.or_deleted(step, e);
                return Err(self.unwind(e));
            }
        }
        Ok(())
    }

    /// Opens the files with which `steps` will move tasks into the cgroup. A task that is moved
    /// with an open file enters today's directory or, if that is gone, none. It never enters a
    /// directory that another process created later, and that lacks the limits. This costs no
    /// system call, because the files are opened anyway.
    pub fn hold(&mut self, steps: &[Step]) -> Result<()> {
        for step in steps {
            let Step::Attach { hierarchy, kind, subcgroup, .. } = step else { continue };
            if !subcgroup.is_empty() {
                continue;
            }
            let opened = self.scope.cgroup(*hierarchy).and_then(|cgroup| cgroup.open_tasks(*kind));
            match opened {
                Ok(fd) => self.held.push(*hierarchy, *kind, fd),
                // When descriptors run out, each file is opened when a task is moved.
                Err(e) if e.is(Errno::MFILE) || e.is(Errno::NFILE) => return Ok(()),
                Err(e) => {
                    self.progress.failed_in = Some(*hierarchy);
                    let e = self.or_deleted(step, e);
                    return Err(self.unwind(e));
                }
            }
        }
        Ok(())
    }

    /// Returns [`Code::Deleted`] for the error of a step that needs the cgroup, if the cgroup is
    /// gone.
    fn or_deleted(&self, step: &Step, error: Error) -> Error {
        let needed_in = match step {
            Step::Create { .. } | Step::CreateSubcgroup { .. } | Step::PrepareDevices { .. } => {
                None
            }
            step => step.hierarchy(),
        };
        match needed_in.map(|id| self.scope.cgroup(id)) {
            Some(Ok(cgroup)) => deleted_or(cgroup, error),
            _ => error,
        }
    }

    /// Checks that every cgroup in which no file was opened is a directory of its hierarchy:
    /// neither a file, nor a directory of another mount on the way.
    pub fn verify(&mut self) -> Result<()> {
        let entered = self.progress.entered.iter().copied();
        let unproven: Vec<HierarchyId> =
            entered.filter(|id| !self.progress.touched.contains(id)).collect();
        for id in unproven {
            let checked = self.scope.cgroup(id).and_then(|cgroup| {
                cgroup.open("", OFlags::PATH | OFlags::DIRECTORY).map_err(|e| {
                    let error = Error::system("open", &cgroup.absolute(""), e);
                    deleted_or(cgroup, removed_or(cgroup, "", None, error))
                })
            });
            if let Err(e) = checked {
                return Err(self.unwind(e));
            }
        }
        self.scope.placement.set_verified();
        Ok(())
    }

    fn step(&mut self, step: &Step, all: &[Step]) -> Result<()> {
        match step {
            Step::Create { hierarchy } => {
                self.progress.entered.push(*hierarchy);
                self.create(*hierarchy, b"")?;
                self.refuse_existing(*hierarchy)
            }
            Step::Enable { hierarchy, needed, only_needed } => {
                self.enable(*hierarchy, needed, *only_needed)
            }
            Step::SettleType { .. } if self.progress.is_domain => Ok(()),
            Step::SettleType { hierarchy, domain } => {
                self.scope.cgroup(*hierarchy)?.settle_type(*domain)
            }
            Step::CreateSubcgroup { hierarchy, subcgroup, threaded } => {
                self.create_subcgroup(*hierarchy, subcgroup, *threaded)
            }
            Step::Delegate { hierarchy, uid, gid } => {
                self.scope.cgroup(*hierarchy)?.delegate(*uid, *gid)
            }
            Step::InheritCpuset { hierarchy, cpus, mems } => {
                self.inherit_cpuset(*hierarchy, self.scope.cgroup(*hierarchy)?, [*cpus, *mems])
            }
            Step::CheckMemory { hierarchy, limit, swap } => {
                check_memory(self.scope.cgroup(*hierarchy)?, *limit, *swap)
            }
            Step::Start { unit, properties, resources } => {
                self.start_unit(unit, properties, resources)
            }
            Step::SetProperties { unit, properties } => {
                self.look_ahead(all)?;
                self.set_properties(unit, properties)
            }
            Step::Freeze => {
                self.look_ahead(all)?;
                let warning = self.freeze.hold(self.scope)?;
                self.warnings.extend(warning);
                Ok(())
            }
            Step::Thaw => self.freeze.release(),
            Step::Write(write) => self.write(write),
            Step::Devices { hierarchy, state } => self.set_devices(*hierarchy, state),
            Step::PrepareDevices { hierarchy, state } => self.prepare_devices(*hierarchy, state),
            Step::AwaitDevices { hierarchy, state } => self.await_devices(*hierarchy, state),
            Step::ChangeDevice { hierarchy, rule } => self.change_device(*hierarchy, rule),
            Step::Attach { hierarchy, kind, ids, subcgroup } => {
                self.attach(*hierarchy, *kind, ids, subcgroup)
            }
            Step::AttachUnit { unit, ids, subcgroup } => self.attach_unit(unit, ids, subcgroup),
        }
    }

    /// Creates a cgroup. Notes the directories that it made even if it fails half-way.
    pub(super) fn create(&mut self, id: HierarchyId, subcgroup: &[u8]) -> Result<()> {
        let path = self.scope.subcgroup_path(id, subcgroup)?;
        let cgroup = self.scope.hierarchies.cgroup(id, &path)?;
        let mut made = Created::default();
        let result = cgroup.create(&mut made);
        if !made.0.is_empty() {
            self.progress.made = true;
            let subcgroup = subcgroup.to_vec();
            self.journal.push(Undo::RemoveDirs { hierarchy: id, subcgroup, made });
        }
        result
    }

    /// In an exclusive transaction, refuses a directory that the transaction did not create.
    fn refuse_existing(&self, id: HierarchyId) -> Result<()> {
        let cgroup = self.scope.cgroup(id)?;
        match self.options.exclusive && !self.journal.has_made(id, cgroup.path()) {
            true => Err(Error::system("mkdir", &cgroup.absolute(""), Errno::EXIST)),
            false => Ok(()),
        }
    }

    fn create_subcgroup(
        &mut self,
        id: HierarchyId,
        subcgroup: &[u8],
        threaded: bool,
    ) -> Result<()> {
        self.create(id, subcgroup)?;
        let path = self.scope.subcgroup_path(id, subcgroup)?;
        let cgroup = self.scope.hierarchies.cgroup(id, &path)?;
        if self.scope.is_v1_cpuset(id) {
            self.inherit_cpuset(id, cgroup, [true, true])?;
        }
        let own = path.len() - subcgroup.len();
        let levels = (own + 1..=path.len())
            .filter(|&end| threaded && path.get(end).is_none_or(|&next| next == b'/'));
        // From the top down: a level that is not threaded yet would become the root of a threaded
        // subtree of its own.
        for end in levels {
            self.make_threaded(id, cgroup.prefix(end))?;
        }
        Ok(())
    }

    /// Makes a cgroup threaded that this transaction created. Refuses to convert a cgroup that
    /// existed before, because a threaded cgroup can never become a domain again.
    fn make_threaded(&self, id: HierarchyId, cgroup: Cgroup<'_>) -> Result<()> {
        if self.journal.made(id).any(|(_, made)| made.0.contains(&cgroup.path().len())) {
            return cgroup.write("cgroup.type", b"threaded");
        }
        let found = cgroup.words("cgroup.type")?.join(" ");
        if found == "threaded" {
            return Ok(());
        }
        let text =
            [&cgroup.absolute("")[..], b" already exists with type ", found.as_bytes()].concat();
        Err(Error::new(Code::Unsupported, text).advice("threads alone need a threaded cgroup"))
    }

    fn enable(&mut self, id: HierarchyId, needed: &[String], only_needed: bool) -> Result<()> {
        // Below a threaded cgroup, controllers can be enabled only in levels that are threaded.
        for (subcgroup, made) in self.journal.made(id) {
            let path = self.scope.subcgroup_path(id, subcgroup)?;
            let cgroup = self.scope.hierarchies.cgroup(id, &path)?;
            for &end in made.0.iter().filter(|&&end| end < path.len()) {
                cgroup.prefix(end).settle_between();
            }
        }
        let hierarchy = self.scope.info().hierarchy(id);
        let mut wanted = hierarchy.map_or_else(Vec::new, |h| h.controllers.clone());
        let cgroup = self.scope.cgroup(id)?;
        if wanted.is_empty() {
            // A host that was parsed from text does not know its controllers.
            wanted = cgroup.prefix(0).words("cgroup.controllers")?;
        }
        wanted.retain(|c| !only_needed || needed.contains(c));
        let mut enabled = Vec::new();
        let result = cgroup.enable_controllers(needed, &wanted, &mut enabled);
        for Enabled { level, names, beside_processes } in enabled {
            if beside_processes {
                self.progress.beside_processes.push((id, level, names.clone()));
            }
            self.journal.push(Undo::DisableControllers { hierarchy: id, level, names });
        }
        self.progress.is_domain = result?;
        Ok(())
    }

    fn inherit_cpuset(&self, id: HierarchyId, cgroup: Cgroup<'_>, own: [bool; 2]) -> Result<()> {
        let none = Created::default();
        let made = self.journal.made(id).next_back().map_or(&none, |(_, made)| made);
        cpuset::inherit(cgroup, made, self.cpuset_files(id), own)
    }

    fn attach(
        &mut self,
        id: HierarchyId,
        kind: TaskKind,
        ids: &[i32],
        subcgroup: &[u8],
    ) -> Result<()> {
        let path = self.scope.subcgroup_path(id, subcgroup)?;
        let cgroup = self.scope.hierarchies.cgroup(id, &path)?;
        let journal = &mut self.journal;
        let moved = |task| journal.push(Undo::MoveTask { hierarchy: id, kind, id: task });
        match self.held.find(id, kind).filter(|_| subcgroup.is_empty()) {
            Some(fd) => cgroup.attach_to(fd, kind, ids, moved)?,
            None => cgroup.attach(kind, ids, moved)?,
        }
        self.progress.touch(id);
        Ok(())
    }
}

/// Refuses v2 limits at or below the current usage, as runc does: the kernel kills for them.
fn check_memory(cgroup: Cgroup<'_>, limit: Option<u64>, swap: Option<u64>) -> Result<()> {
    // If memory.current cannot be read, the cgroup is new and has no process that could be killed.
    let Ok(text) = cgroup.read("memory.current") else {
        return Ok(());
    };
    let Ok(usage) = String::from_utf8_lossy(&text).trim().parse::<u64>() else {
        return Ok(());
    };
    let refuse = |what: &str, limit: u64| {
        let text = format!("rejecting {what} limit {limit} <= usage {usage}");
        Err(Error::new(Code::Value, text))
    };
    match (swap, limit) {
        (Some(swap), _) if swap <= usage => refuse("memory+swap", swap),
        (_, Some(limit)) if limit <= usage => refuse("memory", limit),
        _ => Ok(()),
    }
}
