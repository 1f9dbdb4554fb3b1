// SPDX-License-Identifier: Apache-2.0
//! Device rules of a unit: enforced by systemd, or by a program of this library beside systemd's.
//!
//! systemd reports success also when it enforces nothing: the kernel refuses a program that is too
//! long, or one more beside 64 others, or a parent on v1 lacks a device. So this library looks at
//! what is in force.
//!
//! A program of this library stays attached through daemon-reload, daemon-reexec and
//! `systemctl set-property`. The unit must have the policy `auto` and an empty list then: a program
//! can only take away from what others allow.

use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::device_list;
use super::device_program::{self as program, Exchange};
use super::journal::Undo;
use super::state::Transaction;
use super::unit_rules::{allow_all, leave_out_systemds, systemds, Told};
use crate::cgroupfs::{bpf, Cgroup};
use crate::devices::{v1, Access, Rule, State};
use crate::error::{fail, Code, Error, Result};
use crate::host::{HierarchyId, Version};
use crate::resources::{list_properties, one_more};
use crate::systemd::{Property, Started, SystemdUnit};

/// How long to look for what systemd reports as done.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

impl Transaction<'_> {
    /// Carries out [`crate::plan::Step::PrepareDevices`].
    ///
    /// systemd takes a directory that is there for the unit's cgroup, with the programs that are
    /// attached to it. A directory with processes is that of a unit that will be joined: its rules
    /// change when it is the caller's turn.
    pub(super) fn prepare_devices(&mut self, id: HierarchyId, wanted: &State) -> Result<()> {
        self.create(id, b"")?;
        let cgroup = self.scope.cgroup(id)?;
        let is_new = self.journal.has_made(id, cgroup.path());
        if !is_new && cgroup.flat_keyed("cgroup.events", "populated")? != Some(0) {
            return Ok(());
        }
        self.set_program(id, cgroup, wanted, !is_new)?;
        let found = program::ours(&program::open(cgroup)?, cgroup)?;
        self.progress.prepared = found.programs.first().map(|program| program.id);
        Ok(())
    }

    /// Enforces device rules of a unit by a program beside systemd's, and takes back the rules that
    /// systemd has. In between both decide, so that nothing denied opens.
    pub(super) fn set_beside(
        &mut self,
        id: HierarchyId,
        cgroup: Cgroup<'_>,
        wanted: &State,
        keep: bool,
    ) -> Result<()> {
        let unit = self.scope.require_unit()?;
        let created = self.progress.unit == Some(Started::Created);
        match self.progress.prepared.filter(|_| created) {
            Some(prepared) => {
                let found = program::ours(&program::open(cgroup)?, cgroup)?;
                if !found.programs.iter().any(|program| program.id == prepared) {
                    let path = String::from_utf8_lossy(&cgroup.absolute("")).into_owned();
                    let text = format!(
                        "{path} with its device program was removed before systemd moved the \
                         process into it"
                    );
                    return Err(Error::new(Code::Deleted, text));
                }
            }
            None => self.set_program(id, cgroup, wanted, keep)?,
        }
        // A new unit has no rules but those of annotations.
        let annotated = unit.user_properties.iter().any(|p| p.name.starts_with("Device"));
        if created && !annotated {
            return Ok(());
        }
        self.take_rules_back(unit, cgroup, keep)
    }

    /// Has systemd allow all devices in the unit, if it does not.
    fn take_rules_back(
        &mut self,
        unit: &SystemdUnit,
        cgroup: Cgroup<'_>,
        keep: bool,
    ) -> Result<()> {
        let told = Told::ask(unit, None)?;
        // A list that cannot be read is a list.
        let none = matches!(told.state(), Ok(None));
        if none && allow_all(&systemds(self.scope, &program::open(cgroup)?, cgroup)?) {
            return Ok(());
        }
        self.tell(unit, &Told::nothing().again(), keep.then_some(told))
    }

    /// Sends properties, one list for each call, and notes what undoes them.
    fn tell(
        &mut self,
        unit: &SystemdUnit,
        calls: &[Vec<Property>],
        before: Option<Told>,
    ) -> Result<()> {
        let mark = self.journal.mark();
        if let Some(told) = before {
            let (before, lost) = (told.again(), Vec::new());
            self.journal.push(Undo::RestoreProperties { before, lost });
        }
        for (n, properties) in calls.iter().enumerate() {
            let done = unit.client.set(&unit.unit.name, properties, self.freeze.time_left());
            done.inspect_err(|e| {
                if n == 0 && !e.is_uncertain() {
                    self.journal.truncate(mark);
                }
            })?;
        }
        Ok(())
    }

    /// Notes which programs of systemd are attached before its rules change.
    pub(super) fn note_systemds(&mut self) {
        let Some(site) = self.scope.placement.site("devices") else { return };
        if site.version != Version::V2 {
            return;
        }
        let found = self.scope.cgroup_at(site).and_then(|cgroup| {
            let found = systemds(self.scope, &program::open(cgroup)?, cgroup)?;
            Ok(found.into_iter().map(|program| program.id).collect())
        });
        // What cannot be looked at now cannot be looked at afterwards.
        self.systemds_before = found.unwrap_or_default();
    }

    /// Carries out [`crate::plan::Step::AwaitDevices`].
    pub(super) fn await_devices(&mut self, id: HierarchyId, wanted: &State) -> Result<()> {
        let cgroup = self.scope.cgroup(id)?;
        self.progress.touch(id);
        match cgroup.version() {
            Version::V1 => {
                let shown = |list: &State| list == wanted || v1::shows(list, wanted);
                self.await_list(cgroup, wanted, shown)
            }
            Version::V2 => {
                self.await_program(cgroup)?;
                self.remove_program(id, cgroup, wanted)
            }
        }
    }

    fn await_list(
        &self,
        cgroup: Cgroup<'_>,
        wanted: &State,
        shown: impl Fn(&State) -> bool,
    ) -> Result<()> {
        if self.look(|| Ok(shown(&device_list::read_list(cgroup)?)))? {
            return Ok(());
        }
        let path = String::from_utf8_lossy(&cgroup.absolute("devices.list")).into_owned();
        let list = device_list::read_list(cgroup)?;
        let text = format!("{path} is \"{list}\" and not \"{wanted}\", as systemd was told");
        Err(Error::new(Code::Clamped, text).advice(
            "a parent cgroup that does not allow a device itself is the usual reason; the journal \
             has more",
        ))
    }

    fn await_program(&mut self, cgroup: Cgroup<'_>) -> Result<()> {
        let directory = program::open(cgroup)?;
        let before = std::mem::take(&mut self.systemds_before);
        let looked = self.look(|| {
            let now = systemds(self.scope, &directory, cgroup)?;
            Ok(now.iter().any(|program| !before.contains(&program.id)))
        });
        let path = String::from_utf8_lossy(&cgroup.absolute("")).into_owned();
        match looked {
            Ok(true) => Ok(()),
            Ok(false) => {
                let text = format!(
                    "systemd reports success, but it has attached no program that enforces the \
                     device rules to {path}"
                );
                Err(Error::new(Code::Unsupported, text).advice("the journal says why"))
            }
            Err(e) if e.is(Errno::PERM) || e.is(Errno::ACCESS) => {
                // The plan has warned of the rules in a user namespace.
                if self.scope.info().in_user_namespace {
                    return Ok(());
                }
                let text = format!("whether systemd enforces the device rules is not known: {e}");
                match self.options.strict {
                    true => fail(Code::Unsupported, text),
                    false => {
                        self.warnings.push(text);
                        Ok(())
                    }
                }
            }
            Err(e) => Err(e),
        }
    }

    /// Looks again until something is so. Returns whether it is. systemd carries properties out
    /// after its reply, and before it answers the next request.
    fn look(&self, mut so: impl FnMut() -> Result<bool>) -> Result<bool> {
        let unit = self.scope.require_unit()?;
        let deadline = Instant::now() + LOOK_TIMEOUT;
        let mut pause = Duration::from_millis(1);
        if so()? {
            return Ok(true);
        }
        Told::ask(unit, self.freeze.time_left())?;
        loop {
            if so()? {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
    }

    /// Detaches this library's program: systemd enforces the rules now, unless a third program
    /// denies what they allow.
    fn remove_program(
        &mut self,
        id: HierarchyId,
        cgroup: Cgroup<'_>,
        wanted: &State,
    ) -> Result<()> {
        let directory = program::open(cgroup)?;
        let found = match program::ours(&directory, cgroup) {
            // Then this caller has attached none either.
            Err(e) if e.is(Errno::PERM) || e.is(Errno::ACCESS) => return Ok(()),
            other => other?,
        };
        self.check_others(cgroup, found.foreign, wanted)?;
        if found.programs.is_empty() {
            return Ok(());
        }
        let failed = |e| Error::system("detach the device program of", &cgroup.absolute(""), e);
        self.scope.last_program.note(None);
        let old: Vec<_> = found.programs.into_iter().map(|one| one.fd).collect();
        if self.options.keep_old {
            let programs = Exchange { new: None, old: old.clone() };
            self.journal.push(Undo::RestoreProgram { hierarchy: id, programs });
        }
        for program in &old {
            match bpf::detach(&directory, program) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => return Err(failed(e)),
            }
        }
        Ok(())
    }

    /// Carries out [`crate::plan::Step::ChangeDevice`] in a unit: in systemd's rules, so that a
    /// daemon-reload keeps the device, and in this library's program.
    pub(super) fn change_unit_device(&mut self, id: HierarchyId, rule: &Rule) -> Result<()> {
        let unit = self.scope.require_unit()?;
        let cgroup = self.scope.cgroup(id)?;
        let told = Told::ask(unit, self.freeze.time_left())?;
        let is_v2 = cgroup.version() == Version::V2;
        let Some(now) = told.state()? else {
            return match (is_v2, rule.allow) {
                (true, _) => {
                    self.take_rules_back(unit, cgroup, true)?;
                    self.change_program(id, cgroup, rule)
                }
                (false, true) => device_list::write_rules(cgroup, &[*rule]),
                (false, false) => {
                    let text = format!(
                        "device rule \"{rule}\": {} allows all devices, and systemd cannot allow \
                         all but some on v1",
                        unit.unit.name
                    );
                    Err(Error::new(Code::Unsupported, text).advice("set the whole list"))
                }
            };
        };
        let mut wanted = now.clone();
        wanted.apply(rule)?;
        if is_v2 {
            let mut found = program::ours(&program::open(cgroup)?, cgroup)?;
            leave_out_systemds(unit, &mut found.foreign)?;
            if !found.programs.is_empty() || !found.foreign.is_empty() {
                self.change_program(id, cgroup, rule)?;
            }
        }
        if wanted == now {
            return Ok(());
        }
        let version = unit.client.version()?;
        match changed(&wanted, rule, version, is_v2) {
            Ok(properties) => {
                self.note_systemds();
                self.tell(unit, &[properties], Some(told))?;
                match cgroup.version() {
                    // Another program's policy adds devices of its own.
                    Version::V1 => self.await_list(cgroup, &wanted, |list| shows(list, rule)),
                    Version::V2 => self.await_program(cgroup),
                }
            }
            Err(_) if is_v2 => self.set_beside(id, cgroup, &wanted, true),
            Err(e) => Err(e),
        }
    }
}

/// Returns the properties that lead to the wanted devices. One more device leaves the policy as it
/// is, which may be another program's.
fn changed(wanted: &State, rule: &Rule, version: u32, limited: bool) -> Result<Vec<Property>> {
    let list = list_properties(wanted, version, limited)?;
    let access = rule.devices.map_or(Access::NONE, |devices| wanted.exception(&devices));
    let one = rule.devices.filter(|_| rule.allow);
    Ok(match one.and_then(|devices| one_more(devices, access, version)) {
        Some(property) => vec![property],
        None => list,
    })
}

/// Whether a list of v1 has a rule.
fn shows(list: &State, rule: &Rule) -> bool {
    let access = rule.devices.map_or(Access::NONE, |devices| list.exception(&devices));
    match rule.allow {
        true => access.contains(rule.access),
        false => !access.overlaps(rule.access),
    }
}
