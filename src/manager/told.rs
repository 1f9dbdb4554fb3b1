//! Carrying out the steps that systemd takes part in.

use std::time::Duration;

use super::execute::Run;
use super::unit::OnSystemd;
use super::Manager;
use crate::cgroupfs::Freezer;
use crate::error::{fail, Code, Result};
use crate::plan::{Kind, Missing, Plan, Write};
use crate::systemd::{Property, Started};

/// How long everybody may take to hold still.
const FREEZE: Duration = Duration::from_secs(10);

/// What a call had systemd do.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// It made the unit.
    started: bool,
    /// It changed the unit.
    changed: bool,
    /// What puts the change back.
    before: Vec<Property>,
    /// This call froze the cgroup.
    frozen: bool,
}

impl Run<'_> {
    /// What would put a unit's properties back.
    pub(super) fn properties_before(&mut self, before: Vec<Property>) {
        self.told.before = before;
    }

    pub(super) fn start_unit(
        &mut self,
        unit: &str,
        properties: &[Property],
        resources: &[Property],
    ) -> Result<()> {
        let on = on(self.manager)?;
        let all: Vec<Property> = properties.iter().chain(resources).cloned().collect();
        // Whoever moves nobody only wants the unit to be there; a slice is there for many.
        let nobody = !properties.iter().any(|p| p.name == "PIDs");
        let started = on.client.start(unit, &all, nobody).map_err(|e| match nobody {
            true if !on.unit.is_slice() => e.advice("a scope is made with a process; give one"),
            _ => e,
        })?;
        if started == Started::Created {
            self.told.started = true;
        } else if !resources.is_empty() {
            on.client.set(unit, resources)?;
        }
        for joined in self.manager.each() {
            self.entered.push(joined.hierarchy);
        }
        Ok(())
    }

    /// The files' old values are read first, since systemd writes most of them.
    pub(super) fn set_properties(
        &mut self,
        unit: &str,
        properties: &[Property],
        plan: &Plan,
    ) -> Result<()> {
        if std::mem::take(&mut self.keep) {
            for write in plan.writes() {
                self.read_ahead(write);
            }
        }
        on(self.manager)?.client.set(unit, properties)?;
        self.told.changed = true;
        Ok(())
    }

    fn read_ahead(&mut self, write: &Write) {
        let Ok(cgroup) = self.cgroup(write.hierarchy) else { return };
        match (cgroup.read(&write.file), &write.missing) {
            (Ok(old), _) => self.remember_value(cgroup, write, &old),
            (Err(_), Missing::Instead(other)) => self.read_ahead(other),
            // What cannot be read cannot be put back; when it cannot be written either, that
            // is the error to come.
            (Err(_), _) => {}
        }
    }

    pub(super) fn hold_still(&mut self) -> Result<()> {
        if self.manager.find("freezer").is_none() {
            let text =
                "no freezer: while systemd changes device rules, opening any device can fail";
            self.warnings.push(text.to_owned());
            return Ok(());
        }
        if self.manager.freezer_state()? != Freezer::Thawed {
            return Ok(());
        }
        match self.manager.freeze(FREEZE) {
            Ok(()) => {
                self.told.frozen = true;
                Ok(())
            }
            Err(e) if e.code() == Code::Argument => {
                self.warnings.push(format!("not frozen while device rules change: {e}"));
                Ok(())
            }
            Err(e) => Err(e.context("freeze before device rules change")),
        }
    }

    pub(super) fn let_go(&mut self) -> Result<()> {
        match std::mem::take(&mut self.told.frozen) {
            true => self.manager.thaw(),
            false => Ok(()),
        }
    }

    /// Undoes what systemd did; before the files, which have the last word.
    pub(super) fn undo_told(&mut self, failed: &mut Vec<String>) -> Option<String> {
        if let Err(e) = self.let_go() {
            failed.push(e.to_string());
        }
        let Ok(on) = on(self.manager) else { return None };
        let mut restored = None;
        if std::mem::take(&mut self.told.changed) {
            let before = std::mem::take(&mut self.told.before);
            match on.client.set(&on.unit.name, &before) {
                Ok(()) => restored = Some(format!("{}'s properties", on.unit.name)),
                Err(e) => failed.push(e.to_string()),
            }
        }
        if std::mem::take(&mut self.told.started) {
            if let Err(e) = self.unstart(on) {
                failed.push(e.to_string());
            }
        }
        restored
    }

    /// A unit is stopped when nobody is in it any more: stopping kills.
    fn unstart(&mut self, on: &OnSystemd) -> Result<()> {
        let ids: Vec<i32> = self.origin.keys().copied().collect();
        for id in ids {
            for joined in self.manager.each() {
                match self.put_back(joined.hierarchy, Kind::Process, id) {
                    Err(e) if !e.is(rustix::io::Errno::SRCH) => {
                        let text = format!("process {id} stays in {}", on.unit.name);
                        return Err(e.context(text));
                    }
                    _ => {}
                }
            }
        }
        // Where a process was is not known when /proc hides it.
        let inside = self.manager.inside()?;
        if !inside.is_empty() {
            let text = format!("{} has processes in it, and is not stopped", on.unit.name);
            return fail(Code::Busy, text);
        }
        on.client.stop(&on.unit.name).map(drop)
    }
}

fn on(manager: &Manager) -> Result<&OnSystemd> {
    match &manager.unit {
        Some(on) => Ok(on),
        None => fail(Code::Argument, "the plan is one for systemd, the manager is not"),
    }
}
