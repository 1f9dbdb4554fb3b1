// SPDX-License-Identifier: Apache-2.0

//! Decides which files to watch for which kinds of event, on each layout.

use std::time::Duration;

use rustix::fs::OFlags;

use super::core::Manager;
use crate::cgroupfs::Cgroup;
use crate::error::{fail, Code, Error, Result};
use crate::events::{
    Argument, Events, File, Kind, Request, Role, Target, Trigger, ALL_KINDS, COUNTED_KINDS,
    MEMORY_EVENTS, OPTION_KINDS, ORDER,
};
use crate::host::Version;
use crate::placement::Site;

/// The resource that tasks wait for, in a pressure event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resource {
    /// Memory.
    #[default]
    Memory,
    /// CPU time.
    Cpu,
    /// I/O.
    Io,
}

/// The kinds of event to watch for, and the options of pressure and threshold.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventOptions {
    /// The bits of the kinds; 0 for all kinds that the cgroup has and that need no options.
    pub kinds: u64,
    /// Pressure on v2: the resource.
    pub resource: Resource,
    /// Pressure on v2. True: the time in which all tasks waited counts. False: the time in which
    /// some task did.
    pub full: bool,
    /// Pressure on v2: microseconds of waiting; 0 for 200 ms.
    pub stall: u64,
    /// Pressure on v2: microseconds of the window; 0 for 2 s.
    pub window: u64,
    /// Pressure on v1: the level and mode of memory.pressure_level, as cgroup.event_control takes
    /// them (`medium,local`); empty for `low`.
    pub level: &'static str,
    /// Threshold: bytes of memory in use; not 0.
    pub threshold: u64,
    /// Threshold on v2: how often memory use is compared with the threshold; not 0.
    pub interval: Duration,
}

/// Returns a file that is read.
const fn file(name: &'static str, role: Role, wakes: bool) -> File {
    File { name, role, wakes, eventfd: None }
}

/// Returns a file of v1 for which the kernel signals an eventfd.
const fn signalled(name: &'static str, role: Role, kind: Kind, argument: Argument) -> File {
    File { name, role, wakes: true, eventfd: Some((kind, argument)) }
}

const STATE: File = file("cgroup.events", Role::State, true);
const POPULATED: File = file("cgroup.events", Role::Populated, true);
const V1_FREEZER: File = file("freezer.state", Role::FreezerState, false);
const PIDS: Role = Role::Counts(&[("max", Kind::PidsMax)]);
const MEMORY: File = file("memory.events", Role::Counts(MEMORY_EVENTS), true);
const V1_MEMORY: File = signalled(
    "memory.oom_control",
    Role::Counts(&[("oom_kill", Kind::OomKill)]),
    Kind::Oom,
    Argument::None,
);

/// Default microseconds of waiting.
const STALL: u64 = 200_000;
/// Default microseconds of the window: the shortest for callers without CAP_SYS_RESOURCE.
const WINDOW: u64 = 2_000_000;

/// A file, the site that has it, and the bits of the kinds that it reports.
type Row<'a> = (File, &'a Site, u64);

impl Manager {
    /// Watches the cgroup for these kinds of event. 0 means all that need no options.
    ///
    /// Errors: as for [`Manager::events_with`].
    pub fn events(&self, kinds: u64) -> Result<Events> {
        self.events_with(&EventOptions { kinds, ..EventOptions::default() })
    }

    /// Watches the cgroup for events.
    ///
    /// Errors: unknown bits, or a threshold of 0 bytes ([`Code::Argument`]); kinds that this layout
    /// or this kernel does not report, or a threshold on v2 without an interval
    /// ([`Code::Unsupported`]); the cgroup does not exist ([`Code::Deleted`]).
    pub fn events_with(&self, options: &EventOptions) -> Result<Events> {
        let kinds = options.kinds;
        if kinds & !ALL_KINDS != 0 {
            return fail(Code::Argument, format!("unknown kinds {:#x}", kinds & !ALL_KINDS));
        }
        if kinds & Kind::Threshold.bit() != 0 && options.threshold == 0 {
            return fail(Code::Argument, "a memory threshold needs a number of bytes, not 0");
        }
        let kinds = if kinds == 0 { ALL_KINDS & !OPTION_KINDS } else { kinds };
        let mut rows = self.event_files()?;
        let mut trigger = None;
        if kinds & Kind::Pressure.bit() != 0 {
            trigger = self.pressure(options, &mut rows)?;
        }
        if kinds & Kind::Threshold.bit() != 0 {
            rows.push(self.threshold(options)?);
        }
        let members = self.members()?;
        let mut known = rows.iter().fold(0, |all, row| all | row.2) | Kind::Removed.bit();
        if members.is_some() {
            known |= Kind::Empty.bit();
        }
        if trigger.is_some() {
            known |= Kind::Pressure.bit();
        }
        if options.kinds & !known != 0 {
            return Err(self.untold(options.kinds & !known));
        }
        let mut targets = Vec::new();
        for (file, site, tells) in &rows {
            // The file of the state is watched for every kind: it says whether the cgroup exists,
            // and whether the counts are final.
            let is_state = matches!(file.role, Role::State | Role::Populated);
            if kinds & tells != 0 || is_state {
                targets.push(Target { file: *file, cgroup: self.cgroup_at(site)? });
            }
        }
        let interval = targets.iter().any(|t| matches!(t.file.role, Role::Usage(Some(_))));
        let home = members.or_else(|| targets.first().map(|target| target.cgroup));
        let is_signalled = targets.iter().any(|target| target.file.eventfd.is_some());
        let is_counted = |target: &&Target<'_>| target.file.name == MEMORY.name;
        let request = Request {
            kinds,
            members,
            memory: targets.iter().find(is_counted).map(|target| target.cgroup),
            removal: home.filter(|_| !is_signalled),
            trigger,
            interval: interval.then_some(options.interval),
            targets,
        };
        Events::open(self.host.events(), &request)
    }

    /// Returns the cgroup's site in the hierarchy of a controller. None if it has none, or if the
    /// manager has dropped the site.
    fn live_site(&self, name: &str) -> Option<&Site> {
        self.placement.site(name).filter(|site| self.placement.is_live(site))
    }

    /// Returns the files that the cgroup has for events other than pressure and threshold. With
    /// cgroup2, the first one is cgroup.events.
    fn event_files(&self) -> Result<Vec<Row<'_>>> {
        let bits = |kinds: &[Kind]| kinds.iter().fold(0, |all, kind| all | kind.bit());
        let frozen = bits(&[Kind::Frozen, Kind::Thawed]);
        let mut rows: Vec<Row<'_>> = Vec::new();
        let freezer = self.live_site("freezer").filter(|site| site.version == Version::V1);
        match (self.live_site(""), freezer) {
            (Some(site), Some(_)) => rows.push((POPULATED, site, Kind::Empty.bit())),
            (Some(site), None) => rows.push((STATE, site, Kind::Empty.bit() | frozen)),
            (None, _) => {}
        }
        let first = rows.len();
        if let Some(site) = freezer {
            rows.push((V1_FREEZER, site, frozen));
        }
        if let Some(site) = self.live_site("memory") {
            rows.push(match site.version {
                Version::V1 => (V1_MEMORY, site, bits(&[Kind::Oom, Kind::OomKill])),
                Version::V2 => (MEMORY, site, COUNTED_KINDS & !Kind::PidsMax.bit()),
            });
        }
        if let Some(site) = self.live_site("pids") {
            let wakes = site.version == Version::V2;
            rows.push((file("pids.events", PIDS, wakes), site, Kind::PidsMax.bit()));
        }
        // A v2 controller may be off, and kernels before 4.8 have no pids.events.
        let optional = rows.split_off(first);
        for row in optional {
            if self.cgroup_at(row.1)?.open(row.0.name, OFlags::PATH).is_ok() {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// Returns the v1 cgroup whose list of processes is read. None with cgroup2, whose
    /// cgroup.events says whether there are processes. It is the cgroup of the memory controller,
    /// if there is one: its list says whether the counts of kills are final.
    fn members(&self) -> Result<Option<Cgroup<'_>>> {
        if self.live_site("").is_some() {
            return Ok(None);
        }
        let site = match self.live_site("memory") {
            Some(site) => site,
            None => self.main_site()?,
        };
        self.cgroup_at(site).map(Some)
    }

    /// Returns the trigger for the pressure file in the cgroup2 directory. If there is no such file
    /// and v1 has the memory controller, adds memory.pressure_level to `rows` and returns None.
    ///
    /// Errors: neither has the resource's pressure ([`Code::Unsupported`]).
    fn pressure<'a>(
        &'a self,
        options: &EventOptions,
        rows: &mut Vec<Row<'a>>,
    ) -> Result<Option<(Cgroup<'a>, Trigger)>> {
        let name = match options.resource {
            Resource::Memory => "memory.pressure",
            Resource::Cpu => "cpu.pressure",
            Resource::Io => "io.pressure",
        };
        let v2 = self.live_site("").map(|site| self.cgroup_at(site)).transpose()?;
        let has = |cgroup: &Cgroup<'_>| cgroup.open(name, OFlags::PATH).is_ok();
        let v1 = self.live_site("memory").filter(|site| site.version == Version::V1);
        let v1 = v1.filter(|_| options.resource == Resource::Memory);
        if let (false, Some(site)) = (v2.is_some_and(|cgroup| has(&cgroup)), v1) {
            let level = if options.level.is_empty() { "low" } else { options.level };
            let argument = Argument::Level(level);
            let file = signalled("memory.pressure_level", Role::Signal, Kind::Pressure, argument);
            rows.push((file, site, Kind::Pressure.bit()));
            return Ok(None);
        }
        let Some(cgroup) = v2 else {
            let text = format!("{name} is in cgroup2 only, which this cgroup is not in");
            return Err(Error::new(Code::Unsupported, text)
                .advice("v1 tells levels of memory pressure, where it has the memory controller"));
        };
        let or = |value, default| if value == 0 { default } else { value };
        let (stall, window) = (or(options.stall, STALL), or(options.window, WINDOW));
        Ok(Some((cgroup, Trigger { file: name, full: options.full, threshold: stall, window })))
    }

    /// Returns the file of memory use.
    ///
    /// Errors: the cgroup has no such file, or v2 without an interval ([`Code::Unsupported`]).
    fn threshold(&self, options: &EventOptions) -> Result<Row<'_>> {
        let Some(site) = self.live_site("memory") else {
            return Err(self.untold(Kind::Threshold.bit()));
        };
        let bit = Kind::Threshold.bit();
        if site.version == Version::V1 {
            let argument = Argument::Bytes(options.threshold);
            let (name, role) = ("memory.usage_in_bytes", Role::Usage(None));
            return Ok((signalled(name, role, Kind::Threshold, argument), site, bit));
        }
        if options.interval.is_zero() {
            return Err(Error::new(
                Code::Unsupported,
                "cgroup2 does not tell when memory use crosses a threshold",
            )
            .advice("ask for a timer with threshold_interval_ms"));
        }
        let file = file("memory.current", Role::Usage(Some(options.threshold)), true);
        match self.cgroup_at(site)?.open(file.name, OFlags::PATH) {
            Ok(_) => Ok((file, site, bit)),
            Err(_) => Err(self.untold(bit)),
        }
    }

    /// Returns the error for kinds that no file of the cgroup reports. If the cgroup is gone, the
    /// error says that.
    fn untold(&self, kinds: u64) -> Error {
        if matches!(self.exists(), Ok(false)) {
            let cgroup = self.main_site().and_then(|site| self.cgroup_at(site));
            return cgroup.map_or_else(|e| e, crate::cgroupfs::interface_file::deleted);
        }
        let names = |bits: u64| {
            let named = ORDER.iter().filter(|kind| kind.bit() & bits != 0).map(|kind| kind.name());
            named.collect::<Vec<_>>().join(", ")
        };
        let mut reasons = Vec::new();
        for (tells, controller, v1, v2) in FILES {
            if kinds & tells == 0 {
                continue;
            }
            let names = names(kinds & tells);
            reasons.push(match self.live_site(controller).map(|site| site.version) {
                None => {
                    format!("{names}: no hierarchy with the {controller} controller is mounted")
                }
                Some(Version::V1) if has_v1(kinds & tells) => format!("{names}: it has no {v1}"),
                Some(Version::V1) => format!("{names}: v1 has no {v2}"),
                Some(Version::V2) => format!("{names}: it has no {v2}"),
            });
        }
        let text = format!("this cgroup does not report {}", reasons.join("; "));
        Error::new(Code::Unsupported, text).advice(
            "a controller can be off in the parent's cgroup.subtree_control, or in the kernel \
             (cgroup_disable=)",
        )
    }
}

/// For [`Manager::untold`]: kinds, their controller, and their file on v1 and on v2.
const FILES: [(u64, &str, &str, &str); 4] = [
    (COUNTED_KINDS & !bit(Kind::PidsMax), "memory", "memory.oom_control", "memory.events"),
    (bit(Kind::Threshold), "memory", "memory.usage_in_bytes", "memory.current"),
    (bit(Kind::PidsMax), "pids", "pids.events", "pids.events"),
    (bit(Kind::Frozen) | bit(Kind::Thawed), "freezer", "freezer.state", "cgroup.events"),
];

/// [`Kind::bit`] for constants.
const fn bit(kind: Kind) -> u64 {
    1 << kind as usize
}

/// Returns whether v1 has files for all these kinds.
fn has_v1(kinds: u64) -> bool {
    let v2 = bit(Kind::OomGroupKill) | bit(Kind::MemoryHigh) | bit(Kind::MemoryMax);
    kinds & v2 == 0
}
