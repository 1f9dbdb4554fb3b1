// SPDX-License-Identifier: Apache-2.0
//! Setting device rules: by the v1 devices controller, or by a program of cgroup v2.

use std::sync::Arc;

use super::device_change::Change;
use super::device_list;
use super::device_program::{self as program, Exchange};
use super::journal::Undo;
use super::others_unit::unit_at;
use super::state::Transaction;
use super::unit_rules::leave_out_systemds;
use crate::cgroupfs::bpf::Program;
use crate::cgroupfs::Cgroup;
use crate::devices::{covers, Covers, Mode, Rule, State};
use crate::error::{fail, Code, Error, Result};
use crate::host::{HierarchyId, Version};

impl Transaction<'_> {
    /// Carries out [`crate::plan::Step::Devices`].
    pub(super) fn set_devices(&mut self, id: HierarchyId, wanted: &State) -> Result<()> {
        let cgroup = self.scope.cgroup(id)?;
        let keep = self.options.keep_old && !self.has_made(self.scope.placement.at(id)?);
        match cgroup.version() {
            Version::V2 if self.scope.unit.is_some() => {
                self.set_beside(id, cgroup, wanted, keep)?;
            }
            Version::V2 => self.set_program(id, cgroup, wanted, keep)?,
            Version::V1 => {
                let now = device_list::read_list(cgroup)?;
                if keep {
                    let before = self.shown_or_known(&now);
                    self.journal.push(Undo::RestoreDevices { hierarchy: id, before });
                }
                device_list::write_list(cgroup, &now, wanted)?;
            }
        }
        self.progress.touched.push(id);
        Ok(())
    }

    /// Carries out [`crate::plan::Step::ChangeDevice`]: one more rule, on top of those in force.
    pub(super) fn change_device(&mut self, id: HierarchyId, rule: &Rule) -> Result<()> {
        let cgroup = self.scope.cgroup(id)?;
        if self.scope.unit.is_some() {
            return self.change_unit_device(id, rule);
        }
        if cgroup.version() == Version::V2 {
            return self.change_program(id, cgroup, rule);
        }
        let now = device_list::read_list(cgroup)?;
        if let Some(unit) = unit_at(self.scope, id) {
            self.warn_of_unit(&unit, rule)?;
        }
        if now.mode() == Mode::Allow {
            // In this mode devices.list shows only "a *:* rwm", and no exceptions to compare with.
            return device_list::write_rules(cgroup, &[*rule]);
        }
        let mut wanted = now.clone();
        wanted.apply(rule)?;
        self.journal.push(Undo::RestoreDevices { hierarchy: id, before: now.clone() });
        device_list::write_list(cgroup, &now, &wanted)
    }

    /// Loads a program and attaches it in the place of this library's old one.
    pub(super) fn set_program(
        &mut self,
        id: HierarchyId,
        cgroup: Cgroup<'_>,
        wanted: &State,
        keep: bool,
    ) -> Result<()> {
        let directory = program::open(cgroup)?;
        let new = program::load(cgroup, wanted)?;
        // A cgroup that this transaction made has no program yet.
        let is_new = self.journal.has_made(id, cgroup.path());
        let last = self.scope.last_program;
        let known = match is_new {
            true => None,
            false => program::exchange_last(&directory, &new, last),
        };
        let old = match known {
            Some(known) => vec![known],
            None if is_new => program::exchange(&directory, cgroup, &new, Vec::new())?,
            None => program::retry(cgroup, || {
                let found = program::ours(&directory, cgroup)?;
                self.check_others(cgroup, found.foreign, wanted)?;
                program::exchange(&directory, cgroup, &new, found.programs)
            })?,
        };
        let new = Arc::new(new);
        last.note(Some(Arc::clone(&new)));
        if keep {
            let programs = Exchange { new: Some(new), old };
            self.journal.push(Undo::RestoreProgram { hierarchy: id, programs });
        }
        Ok(())
    }

    /// Checks that the programs of others allow what the rules allow. A program beside them could
    /// not allow the rest.
    pub(super) fn check_others(
        &mut self,
        cgroup: Cgroup<'_>,
        mut others: Vec<Program>,
        wanted: &State,
    ) -> Result<()> {
        if let Some(unit) = self.scope.unit {
            // systemd is told.
            leave_out_systemds(unit, &mut others)?;
        }
        for other in &others {
            let path = String::from_utf8_lossy(&cgroup.absolute("")).into_owned();
            let other_is = program::describe(other);
            match covers(&other.code, wanted) {
                Covers::All => {}
                Covers::Not(rule) => {
                    let text = format!(
                        "device rules: {path} has {other_is}, which denies what rule \"{rule}\" \
                         allows"
                    );
                    return Err(Error::new(Code::Unsupported, text).advice(
                        "have its owner change its rules, or allow single devices \
                         (device_allow), which works in front of that program",
                    ));
                }
                Covers::Unknown => {
                    let text = format!(
                        "device rules: {path} has {other_is}, which must allow the devices too; \
                         whether it does is not known, because its instructions are hidden or do \
                         more than to compare numbers"
                    );
                    if self.options.strict {
                        return fail(Code::Unsupported, text);
                    }
                    if !self.warnings.contains(&text) {
                        self.warnings.push(text);
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds a rule to those of the cgroup's programs.
    pub(super) fn change_program(
        &mut self,
        id: HierarchyId,
        cgroup: Cgroup<'_>,
        rule: &Rule,
    ) -> Result<()> {
        let directory = program::open(cgroup)?;
        let last = self.scope.last_program;
        let unit = self.scope.unit;
        program::retry(cgroup, || {
            let mut found = program::find_known(&directory, cgroup, last)?;
            if let Some(unit) = unit {
                // systemd is told, and attaches a program of its own.
                leave_out_systemds(unit, &mut found.foreign)?;
            }
            let change = Change::new(cgroup, found, rule)?;
            if unit.is_none() && rule.allow && change.extends_systemds() {
                let name = String::from_utf8_lossy(cgroup.path()).into_owned();
                self.warn_of_unit(name.rsplit('/').next().unwrap_or_default(), rule)?;
            }
            change.carry_out(cgroup, &directory, |exchanged| {
                let new = exchanged.new;
                if exchanged.is_own {
                    last.note(Some(Arc::clone(&new)));
                }
                let programs = Exchange { new: Some(new), old: exchanged.old };
                self.journal.push(Undo::RestoreProgram { hierarchy: id, programs });
            })
        })
    }
}
