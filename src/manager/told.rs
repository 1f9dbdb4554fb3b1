//! Carrying out the steps that systemd takes part in, and undoing them.

use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;

use super::execute::Run;
use super::seen::{Name, Seen, State};
use super::unit::OnSystemd;
use super::{restore, Manager};
use crate::cgroupfs::{Freezer, Thaw};
use crate::error::{fail, Code, Error, Result};
use crate::host;
use crate::kata::gopath;
use crate::plan::{Kind, Missing, Plan, Step, Write};
use crate::resources;
use crate::systemd::{Property, Started, Value};

/// How long everybody may take to hold still.
const FREEZE: Duration = Duration::from_secs(10);
/// How long systemd may take while everybody holds still, for all that it is asked.
const FROZEN_CALL: Duration = Duration::from_secs(3);

/// A file before systemd was told.
pub(super) enum Before<'a> {
    /// Nobody looked.
    Unseen,
    /// What it has now is systemd's.
    Absent,
    /// Its old value is kept.
    Open(&'a OwnedFd),
}

/// What a call had systemd do.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// It made the unit.
    started: bool,
    /// The unit was there.
    existed: bool,
    /// What there was before has been looked at.
    looked: bool,
    /// It changed the unit, or may have.
    changed: bool,
    /// What puts the change back, and what cannot be.
    before: Vec<Property>,
    lost: Vec<String>,
    /// Files that were looked at before that; open, where they were there.
    ahead: Vec<(Name, Option<OwnedFd>)>,
    /// This call froze the cgroup, and when; it has, at some time.
    since: Option<Instant>,
    held: Option<Thaw>,
    froze: bool,
}

impl Told {
    /// For systemd's next answer; none when nobody is frozen.
    fn time_left(&self) -> Option<Duration> {
        Some(FROZEN_CALL.saturating_sub(self.since?.elapsed()))
    }
}

impl Run<'_> {
    /// Whether the unit to start was there already.
    pub(super) fn existed(&self) -> bool {
        self.told.existed
    }

    pub(super) fn start_unit(
        &mut self,
        unit: &str,
        properties: &[Property],
        limits: &[Property],
    ) -> Result<()> {
        let on = on(self.manager)?;
        let all: Vec<Property> = properties.iter().chain(limits).cloned().collect();
        // Whoever moves nobody only wants the unit to be there; a slice is there for many.
        let nobody = !properties.iter().any(|p| p.name == "PIDs");
        match on.client.start(unit, &all, nobody) {
            Ok(Started::Created) => self.told.started = true,
            Ok(Started::Existed) => self.told.existed = true,
            Err(e) if nobody && !on.unit.is_slice() => {
                return Err(e.advice("a scope is made with a process; give one"))
            }
            Err(e) => {
                // Whoever was inside before does not tell whether it was made now.
                let arrived = |run: &Self| run.are_in(b"") == Some(true) && !run.were_in();
                self.told.started = !nobody && arrived(self);
                let late = e.is_uncertain() && !self.told.started;
                return Err(if late { e.advice("it may still be started, later") } else { e });
            }
        }
        if !nobody {
            self.check_arrived("StartTransientUnit", b"")?;
        }
        for joined in self.manager.each() {
            self.entered.push(joined.hierarchy);
        }
        Ok(())
    }

    /// That systemd has moved those that were meant, as far as /proc tells.
    pub(super) fn check_arrived(&self, method: &str, below: &[u8]) -> Result<()> {
        if self.are_in(below) != Some(false) {
            return Ok(());
        }
        let unit = self.manager.unit().unwrap_or_default();
        fail(
            Code::System,
            format!(
                "{method} of {unit}: the process is not in it; systemd takes its number for that \
                 of a process in its own PID namespace"
            ),
        )
    }

    /// Whether all of them are in the unit, or in what is below it.
    fn are_in(&self, below: &[u8]) -> Option<bool> {
        let mut all = true;
        for &id in self.origin.keys() {
            let at = self.at_home(&host::own_of(id).ok()?)?;
            let (unit, path) = at;
            all &= path == gopath::join(&[b"/", &unit, below]);
        }
        Some(all)
    }

    /// Whether one of them was in the unit, or below it, before the call.
    fn were_in(&self) -> bool {
        let inside = |text: &Vec<u8>| {
            let (unit, path) = self.at_home(&host::parse_own(text).ok()?)?;
            Some(gopath::strip_root(&path, &gopath::join(&[b"/", &unit])).is_some())
        };
        self.origin.values().any(|text| inside(text) == Some(true))
    }

    /// In systemd's hierarchy: the unit's path, and with a leading slash that of somebody.
    fn at_home(&self, own: &host::Own) -> Option<(Vec<u8>, Vec<u8>)> {
        let home = self.manager.home(on(self.manager).ok()?).ok()?;
        let facts = self.manager.shared.host().hierarchies.get(home.hierarchy)?;
        let at = facts.below_mount(own.get(facts.own_key())?)?;
        Some((home.path, gopath::join(&[b"/", &at])))
    }

    /// Old values of the files that systemd writes, too, are read first.
    pub(super) fn set_properties(
        &mut self,
        unit: &str,
        properties: &[Property],
        plan: &Plan,
    ) -> Result<()> {
        self.look_ahead(properties, plan)?;
        let limit = self.told.time_left();
        let done = on(self.manager)?.client.set(unit, properties, limit);
        self.told.changed = done.as_ref().map_or_else(Error::is_uncertain, |()| true);
        if !self.told.changed {
            // systemd takes all or nothing, so nothing was written.
            self.old.clear();
            self.told.ahead.clear();
        }
        done
    }

    /// Once, and while everybody still runs.
    fn look_ahead(&mut self, properties: &[Property], plan: &Plan) -> Result<()> {
        if !self.keep || std::mem::replace(&mut self.told.looked, true) {
            return Ok(());
        }
        let seen = Seen::new(self.manager);
        let mut written = Vec::new();
        for write in plan.writes() {
            written.extend(self.read_ahead(&seen, write));
        }
        self.keep_properties(&seen, properties)?;
        // systemd knows nothing yet: what cannot be read now could not be put back later.
        self.told.ahead = seen.into_open(&written)?;
        Ok(())
    }

    /// What the properties were, by the files that they stand for.
    fn keep_properties(&mut self, seen: &Seen<'_>, properties: &[Property]) -> Result<()> {
        let unified = self.manager.shared.host().is_unified();
        let read = |file: &'static str| {
            // No v1 kernel has it.
            if file == "cpu.max" && !unified {
                return None;
            }
            let controller = file.split('.').next().unwrap_or_default();
            let joined = self.manager.find(if unified { "" } else { controller })?;
            seen.look(joined.hierarchy, file.into(), |state| match state {
                State::Says(text) => Some(String::from_utf8_lossy(text).trim().to_owned()),
                State::Absent | State::Unreadable => None,
            })
        };
        let mut before = Vec::new();
        let mut devices = false;
        for property in properties {
            let name = property.name.clone();
            if before.iter().any(|p: &Property| p.name == name) {
                continue;
            }
            match resources::property_from_file(&name, &read) {
                // Its word for idle is refused by older ones, which know nothing of it.
                Some(Value::U64(0)) if name == "CPUWeight" && !self.knows_idle() => {
                    before.extend(resources::unset(&name).map(|none| Property::new(name, none)));
                }
                Some(value) => {
                    // Entries are added to what the unit has.
                    let adds = matches!(value, Value::Array(ref of, _) if of == "(st)");
                    let none = resources::unset(&name).filter(|_| adds);
                    before.extend(none.map(|none| Property::new(name.clone(), none)));
                    before.push(Property::new(name, value));
                }
                None if name == "DeviceAllow" => devices = true,
                None if name == "DevicePolicy" => {}
                // Without its file it was not in force, and cannot have been set.
                None => match resources::unset(&name) {
                    Some(value) => before.push(Property::new(name, value)),
                    None => self.told.lost.push(name.to_string()),
                },
            }
        }
        self.told.before.append(&mut before);
        if devices {
            self.keep_devices()?;
        }
        Ok(())
    }

    fn knows_idle(&self) -> bool {
        on(self.manager).and_then(|on| on.client.version()).is_ok_and(|version| version >= 252)
    }

    /// No file says what they are, and nobody knows who else has told systemd: it is asked.
    fn keep_devices(&mut self) -> Result<()> {
        let on = on(self.manager)?;
        let interface = format!("org.freedesktop.systemd1.{}", on.unit.kind());
        let left = || self.told.time_left();
        let read = |name: &str| on.client.property(&on.unit.name, &interface, name, left());
        let (policy, rules) = (read("DevicePolicy")?, read("DeviceAllow")?);
        let none = resources::unset("DeviceAllow").unwrap_or_else(|| Value::pairs([]));
        // Entries are added to what the unit has.
        self.told.before.push(Property::new("DeviceAllow", none));
        self.told.before.push(Property::new("DevicePolicy", policy));
        self.told.before.push(Property::new("DeviceAllow", rules));
        Ok(())
    }

    /// Keeps the old value of a file that systemd may write; its name, also where it is not there.
    fn read_ahead(&mut self, seen: &Seen<'_>, write: &Write) -> Option<Name> {
        let found =
            seen.look(write.hierarchy, write.file.clone(), |state| match (state, &write.missing) {
                (State::Absent, Missing::Instead(other)) => Err(other),
                (State::Unreadable, _) => Ok(false),
                _ if !is_systemds(write) => Ok(false),
                (State::Absent, _) => Ok(true),
                // One that cannot be told is noted when it is written.
                (State::Says(old), _) => {
                    let old =
                        restore::value(&write.file, &write.value, &String::from_utf8_lossy(old));
                    let cgroup = old.as_ref().and_then(|_| self.cgroup(write.hierarchy).ok());
                    cgroup.inspect(|cgroup| self.remember_value(*cgroup, write, old));
                    Ok(cgroup.is_some())
                }
            });
        match found {
            Err(other) => self.read_ahead(seen, other),
            Ok(seen) => seen.then(|| (write.hierarchy, write.file.clone())),
        }
    }

    /// How a file was before systemd was told.
    pub(super) fn before(&self, write: &Write) -> Before<'_> {
        let same = |name: &Name| name.0 == write.hierarchy && name.1 == write.file;
        match self.told.ahead.iter().find(|(name, _)| same(name)) {
            Some((_, Some(fd))) => Before::Open(fd),
            Some((_, None)) => Before::Absent,
            None => Before::Unseen,
        }
    }

    /// Everybody, after what can be done before: systemd may be slow to say what there was.
    pub(super) fn hold_still_for(&mut self, plan: &Plan) -> Result<()> {
        for step in &plan.steps {
            if let Step::SetProperties { properties, .. } = step {
                self.look_ahead(properties, plan)?;
            }
        }
        self.hold_still()
    }

    fn hold_still(&mut self) -> Result<()> {
        if self.manager.freezer_state()? != Freezer::Thawed {
            return Ok(());
        }
        match self.manager.hold(FREEZE) {
            Ok(held) => {
                (self.told.since, self.told.froze) = (Some(Instant::now()), true);
                self.told.held = Some(held);
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
        if self.told.since.is_none() {
            return Ok(());
        }
        if let Err(e) = self.manager.let_run() {
            // What is open already needs no descriptor.
            if self.told.held.as_ref().is_none_or(|held| held.thaw().is_err()) {
                return Err(e);
            }
        }
        (self.told.since, self.told.held) = (None, None);
        Ok(())
    }

    /// Undoes what systemd did; before the files, which have the last word.
    pub(super) fn undo_told(&mut self, failed: &mut Vec<String>) -> Option<String> {
        let on = on(self.manager).ok()?;
        let mut restored = None;
        let before = std::mem::take(&mut self.told.before);
        if std::mem::take(&mut self.told.changed) {
            failed.extend(self.told.lost.drain(..).map(|p| format!("{p} of {}", on.unit.name)));
            if !before.is_empty() {
                if self.told.time_left().is_some_and(|left| left.is_zero()) {
                    // It did not answer. Devices that are denied for a moment are the lesser evil.
                    failed.extend(self.let_go().err().map(|e| e.to_string()));
                } else if self.told.froze && self.told.since.is_none() {
                    failed.extend(self.hold_still().err().map(|e| e.to_string()));
                }
                let limit = self.told.time_left();
                match on.client.set(&on.unit.name, &before, limit) {
                    Ok(()) => restored = Some(format!("{}'s properties", on.unit.name)),
                    Err(e) => failed.push(e.to_string()),
                }
            }
        }
        if let Err(e) = self.let_go() {
            failed.push(format!("it stays frozen: {e}"));
        }
        if std::mem::take(&mut self.told.started) {
            failed.extend(self.unstart(on).err().map(|e| e.to_string()));
        }
        restored
    }

    /// A unit is stopped when nobody is in it any more: stopping kills. A slice stays: without
    /// processes it harms nobody, and others may have come to use it.
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
        match on.unit.is_slice() {
            true => Ok(()),
            false => self.manager.stop_empty(on),
        }
    }
}

/// A panic on the way leaves nobody frozen.
impl Drop for Run<'_> {
    fn drop(&mut self) {
        let _ = self.let_go();
    }
}

/// Whether systemd may write the file, too; throttles it is never told of.
fn is_systemds(write: &Write) -> bool {
    let controller = write.file.split('.').next().unwrap_or_default();
    let throttles = write.file == "io.max" || write.file.starts_with("blkio.throttle.");
    // Each takes one trigger for each time that it is opened.
    let pressure = write.file.ends_with(".pressure");
    !throttles
        && !pressure
        && matches!(controller, "cpu" | "cpuset" | "memory" | "pids" | "io" | "blkio")
}

fn on(manager: &Manager) -> Result<&OnSystemd> {
    match &manager.unit {
        Some(on) => Ok(on),
        None => fail(Code::Argument, "the plan is one for systemd, the manager is not"),
    }
}
