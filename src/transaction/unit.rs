// SPDX-License-Identifier: Apache-2.0

//! The steps that systemd carries out: starting a unit, changing it, moving processes into it.

use rustix::io::Errno;

use super::journal::Undo;
use super::kept_files::KeptFiles;
use super::look_ahead::{LookAhead, OldProperties};
use super::snapshot::{FileName, FileState, Snapshot};
use super::state::Transaction;
use super::teardown::home;
use crate::error::{fail, Code, Error, Result};
use crate::host::proc_cgroup::{self, ProcCgroup};
use crate::path::lexical;
use crate::plan::{writes, Missing, Step, TaskKind, Write};
use crate::resources::{self, attribute, restoring_devices};
use crate::systemd::{Property, Started, Value};

impl Transaction<'_> {
    /// Carries out [`Step::Start`].
    pub(super) fn start_unit(
        &mut self,
        name: &str,
        properties: &[Property],
        limits: &[Property],
    ) -> Result<()> {
        let unit = self.scope.require_unit()?;
        let all: Vec<Property> = properties.iter().chain(limits).cloned().collect();
        // Without a process the unit may exist already: it is a slice, which units share. systemd
        // creates no scope without a process.
        let no_process = !properties.iter().any(|p| p.name == "PIDs");
        match unit.client.start(name, &all, no_process) {
            Ok(started) => {
                self.progress.unit = Some(started);
                if started == Started::Created {
                    self.journal.push(Undo::StopUnit);
                    if !no_process {
                        self.check_arrived("StartTransientUnit", b"")?;
                    }
                }
            }
            Err(e) if no_process && !unit.unit.is_slice() => {
                return Err(e.advice("systemd creates a scope only with a process: pass a pid"))
            }
            Err(e) => {
                // If the process is in the unit now, and was not before, the unit was created in
                // spite of the error.
                let created =
                    !no_process && self.are_in_unit(b"") == Some(true) && !self.were_in_unit();
                if created {
                    self.journal.push(Undo::StopUnit);
                }
                let late = e.is_uncertain() && !created;
                return Err(if late { e.advice("it may still be started, later") } else { e });
            }
        }
        self.progress.entered.extend(self.scope.placement.live().map(|site| site.id));
        Ok(())
    }

    /// Carries out [`Step::AttachUnit`].
    pub(super) fn attach_unit(&mut self, name: &str, ids: &[i32], subcgroup: &[u8]) -> Result<()> {
        let unit = self.scope.require_unit()?;
        let pids: Vec<u32> = ids.iter().filter_map(|id| u32::try_from(*id).ok()).collect();
        let below = match std::str::from_utf8(subcgroup) {
            Ok("") => String::new(),
            Ok(below) => format!("/{below}"),
            Err(_) => return fail(Code::Path, "the name of a subcgroup of a unit must be UTF-8"),
        };
        let mark = self.journal.mark();
        // systemd may have moved some of the processes before it failed.
        for site in self.scope.placement.live() {
            for &id in ids {
                let (hierarchy, kind) = (site.id, TaskKind::Process);
                self.journal.push(Undo::MoveTask { hierarchy, kind, id });
            }
        }
        unit.client.attach(name, &below, &pids).map_err(|e| match e.is(Errno::BUSY) {
            // runc#2356
            true => e.advice(
                "a cgroup with controllers turned on for its children takes no processes; \
                 use one of its leaves",
            ),
            false => e,
        })?;
        // If a process did not arrive, systemd moved another process, which has that number in
        // systemd's PID namespace.
        self.check_arrived("AttachProcessesToUnit", subcgroup)
            .inspect_err(|_| self.journal.truncate(mark))
    }

    /// Checks that the requested processes, and not others of the same numbers, are in the unit. A
    /// process that /proc does not show counts as arrived.
    fn check_arrived(&self, method: &str, subcgroup: &[u8]) -> Result<()> {
        if self.are_in_unit(subcgroup) != Some(false) {
            return Ok(());
        }
        let name = self.scope.unit.map(|unit| unit.unit.name.as_str()).unwrap_or_default();
        fail(
            Code::System,
            format!(
                "{method} of {name}: the process is not in it; systemd is in another PID namespace \
                 and took the number for another process"
            ),
        )
    }

    /// Whether all noted processes are in the unit, or in a cgroup below the unit's.
    fn are_in_unit(&self, subcgroup: &[u8]) -> Option<bool> {
        let mut all = true;
        for &id in self.journal.origins().keys() {
            let (unit, path) = self.paths_at_home(&proc_cgroup::of_task(id).ok()?)?;
            all &= path == lexical::join(&[b"/", &unit, subcgroup]);
        }
        Some(all)
    }

    /// Whether one of the noted processes was in the unit, or below it, before the transaction.
    fn were_in_unit(&self) -> bool {
        let inside = |text: &Vec<u8>| {
            let (unit, path) = self.paths_at_home(&proc_cgroup::parse(text).ok()?)?;
            Some(lexical::strip_root(&path, &lexical::join(&[b"/", &unit])).is_some())
        };
        self.journal.origins().values().any(|text| inside(text) == Some(true))
    }

    /// Returns the unit's path and a process's path, both from the root of systemd's hierarchy.
    fn paths_at_home(&self, own: &ProcCgroup) -> Option<(Vec<u8>, Vec<u8>)> {
        let home = home(self.scope, self.scope.unit?).ok()?;
        let hierarchy = self.scope.info().hierarchy(home.id)?;
        let process = own.get(hierarchy.proc_key())?.clone();
        Some((self.scope.placement.path_from_root(&home)?, process))
    }

    /// Carries out [`Step::SetProperties`], after [`Transaction::look_ahead`].
    pub(super) fn set_properties(&mut self, name: &str, properties: &[Property]) -> Result<()> {
        let unit = self.scope.require_unit()?;
        if properties.iter().any(|p| p.name == "DeviceAllow") {
            self.note_systemds();
        }
        let done = unit.client.set(name, properties, self.freeze.time_left());
        let changed = done.as_ref().map_or_else(Error::is_uncertain, |()| true);
        let OldProperties { before, lost } = std::mem::take(&mut self.ahead.properties);
        match self.ahead.mark.take() {
            Some(_) if changed => self.journal.push(Undo::RestoreProperties { before, lost }),
            // systemd takes all properties or none, so it has written no file.
            Some(mark) => {
                self.journal.truncate(mark);
                self.ahead = LookAhead::default();
            }
            None => {}
        }
        done
    }

    /// Reads old values before systemd changes a unit, because systemd writes files, too. Does so
    /// once per transaction, before the cgroup is frozen: systemd may be slow to answer.
    pub(super) fn look_ahead(&mut self, steps: &[Step]) -> Result<()> {
        let properties = steps.iter().find_map(|step| match step {
            Step::SetProperties { properties, .. } => Some(properties),
            _ => None,
        });
        let Some(properties) = properties else { return Ok(()) };
        if !self.options.keep_old || self.ahead.mark.is_some() {
            return Ok(());
        }
        self.ahead.mark = Some(self.journal.mark());
        let snapshot = Snapshot::new(self.scope);
        let mut written = Vec::new();
        for write in writes(steps) {
            written.extend(self.look_at(&snapshot, write));
        }
        self.ahead.properties = self.old_properties(&snapshot, properties)?;
        // Fail now if a value cannot be read and so could not be restored: systemd has changed
        // nothing yet.
        self.ahead.files = KeptFiles::new(snapshot.into_open(&written)?);
        Ok(())
    }

    /// Notes the old value of a file that systemd may write. Returns the file's name, even if the
    /// file does not exist.
    fn look_at(&mut self, snapshot: &Snapshot<'_>, write: &Write) -> Option<FileName> {
        let found = snapshot.look(write.hierarchy, write.file.clone(), |state| {
            match (state, &write.missing) {
                (FileState::Absent, Missing::Instead(other)) => Err(other),
                (FileState::Unreadable, _) => Ok(false),
                _ if !attribute::is_written_by_systemd(&write.file) => Ok(false),
                (FileState::Absent, _) => Ok(true),
                // Without a restore form, the value is noted when the file is written.
                (FileState::Text(old), _) => {
                    let old = String::from_utf8_lossy(old);
                    let old = attribute::restore_value(&write.file, &write.value, &old);
                    let cgroup = old.as_ref().and_then(|_| self.scope.cgroup(write.hierarchy).ok());
                    cgroup.inspect(|cgroup| self.journal_before(*cgroup, write, old));
                    Ok(cgroup.is_some())
                }
            }
        });
        match found {
            Err(other) => self.look_at(snapshot, other),
            Ok(seen) => seen.then(|| (write.hierarchy, write.file.clone())),
        }
    }

    /// Returns the old values of properties, from the files that the properties stand for, or from
    /// systemd where the files do not show them.
    fn old_properties(
        &self,
        snapshot: &Snapshot<'_>,
        properties: &[Property],
    ) -> Result<OldProperties> {
        let mut old = OldProperties::default();
        let mut seen: Vec<(&str, Option<Value>)> = Vec::new();
        for Property { name, .. } in properties {
            if !seen.iter().any(|(other, _)| other == name) {
                seen.push((name, self.property_in_file(snapshot, name)));
            }
        }
        let (mut rules, mut policy, mut limits) = (None, None, Vec::new());
        let asked = self.ask_systemd(&seen)?;
        for (name, in_file) in seen {
            let said = asked.iter().find(|(other, _)| *other == name);
            let value = said.and_then(|(_, value)| value.clone()).or(in_file);
            match name {
                "DeviceAllow" => rules = Some(value),
                "DevicePolicy" => policy = value,
                name => old_limit(name, value, &mut limits, &mut old.lost),
            }
        }
        match (policy, rules) {
            (Some(policy), Some(Some(rules))) => old.before = restoring_devices(policy, rules),
            (_, Some(_)) => old.lost.push("DeviceAllow".to_owned()),
            _ => {}
        }
        match old.before.first_mut() {
            Some(first) => first.append(&mut limits),
            None => old.before.push(limits),
        }
        Ok(old)
    }

    /// Asks systemd for the properties that their files do not show: no file has device rules, a
    /// file has a value even if its property is not set, and the kernel rounds values.
    fn ask_systemd<'n>(
        &self,
        seen: &[(&'n str, Option<Value>)],
    ) -> Result<Vec<(&'n str, Option<Value>)>> {
        let unified = self.scope.placement.is_unified();
        let is_asked = |(name, value): &&(&str, Option<Value>)| match value {
            Some(value) => !resources::file_shows_property(name, value, unified),
            None => matches!(*name, "DeviceAllow" | "DevicePolicy"),
        };
        let names: Vec<&str> = seen.iter().filter(is_asked).map(|(name, _)| *name).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let unit = self.scope.require_unit()?;
        let (name, interface) = (&unit.unit.name, unit.interface());
        let timeout = self.freeze.time_left();
        let values = unit.client.properties(name, &interface, &names, timeout)?;
        Ok(names.into_iter().zip(values).collect())
    }

    /// Returns a property's value, as the files that the property stands for show it.
    fn property_in_file(&self, snapshot: &Snapshot<'_>, name: &str) -> Option<Value> {
        let placement = self.scope.placement;
        let read = |file: &'static str| {
            // v1 has two files instead of cpu.max.
            if file == "cpu.max" && !placement.is_unified() {
                return None;
            }
            let site = placement.site(attribute::controller_of(file))?;
            snapshot.look(site.id, file.into(), |state| match state {
                FileState::Text(text) => Some(String::from_utf8_lossy(text).trim().to_owned()),
                FileState::Absent | FileState::Unreadable => None,
            })
        };
        resources::property_from_file(name, &read)
    }
}

/// Adds the properties that set one property back to its old value.
fn old_limit(name: &str, value: Option<Value>, before: &mut Vec<Property>, lost: &mut Vec<String>) {
    match value {
        Some(value) => {
            // systemd adds entries to those that the unit has, so the list is cleared first.
            let adds = matches!(value, Value::Array(ref of, _) if of == "(st)");
            before.extend(unset(name).filter(|_| adds));
            before.push(Property::new(name.to_owned(), value));
        }
        // A property without its file was not in force, and cannot have been set.
        None => match unset(name) {
            Some(property) => before.push(property),
            None => lost.push(name.to_owned()),
        },
    }
}

/// Returns the property with the value that means "not set".
fn unset(name: &str) -> Option<Property> {
    attribute::unset(name).map(|value| Property::new(name.to_owned(), value))
}
