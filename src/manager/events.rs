// SPDX-License-Identifier: Apache-2.0

//! What to watch for which kinds of event, on each layout.

use rustix::fs::OFlags;

use super::core::Manager;
use crate::error::{fail, Code, Result};
use crate::events::{Events, File, Kind, Role, Target, ALL_KINDS, LATER_KINDS};
use crate::host::Version;
use crate::placement::Site;

const fn file(name: &'static str, role: Role, wakes: bool) -> File {
    File { name, role, wakes, eventfd: None }
}

const STATE: File = file("cgroup.events", Role::State, true);
const POPULATED: File = file("cgroup.events", Role::Populated, true);
/// Says only whether the v1 cgroup is there.
const V1_THERE: File = file("notify_on_release", Role::Counts(&[]), false);
const V1_FREEZER: File = file("freezer.state", Role::FreezerState, false);
const PIDS: Role = Role::Counts(&[("max", Kind::PidsMax)]);
const MEMORY: File = file(
    "memory.events",
    Role::Counts(&[
        ("oom", Kind::Oom),
        ("oom_kill", Kind::OomKill),
        ("oom_group_kill", Kind::OomGroupKill),
        ("high", Kind::MemoryHigh),
        ("max", Kind::MemoryMax),
    ]),
    true,
);
const V1_MEMORY: File = File {
    name: "memory.oom_control",
    role: Role::Counts(&[("oom_kill", Kind::OomKill)]),
    wakes: true,
    eventfd: Some(Kind::Oom),
};

/// A file, the site that has it, and the kinds that it tells.
type Row<'a> = (File, &'a Site, u64);

impl Manager {
    /// Watches the cgroup for these kinds of event; for all that the cgroup has with 0.
    ///
    /// Errors: unknown bits ([`Code::Argument`]); kinds that this layout or this version does not
    /// have ([`Code::Unsupported`]); the cgroup does not exist ([`Code::Deleted`]).
    pub fn events(&self, kinds: u64) -> Result<Events> {
        if kinds & !ALL_KINDS != 0 {
            return fail(Code::Argument, format!("unknown kinds {:#x}", kinds & !ALL_KINDS));
        }
        if kinds & LATER_KINDS != 0 {
            let text = "pressure and memory thresholds are not watched by this version";
            return fail(Code::Unsupported, text);
        }
        let rows = self.event_files()?;
        let known = rows.iter().fold(0, |all, row| all | row.2) | Kind::Removed.bit();
        if kinds & !known != 0 {
            let text = format!("no file of this cgroup tells the kinds {:#x}", kinds & !known);
            return fail(Code::Unsupported, text);
        }
        let mut targets = Vec::new();
        for (file, site, tells) in &rows {
            // The first row says whether the cgroup is there.
            if kinds == 0 || kinds & tells != 0 || targets.is_empty() {
                let cgroup = self.cgroup_at(site)?;
                targets.push(Target { file: *file, cgroup });
            }
        }
        Events::open(if kinds == 0 { ALL_KINDS } else { kinds }, &targets)
    }

    /// Returns the files that the cgroup has, the one that tells of its state first.
    fn event_files(&self) -> Result<Vec<Row<'_>>> {
        let bits = |kinds: &[Kind]| kinds.iter().fold(0, |all, kind| all | kind.bit());
        let live =
            |name: &str| self.placement.site(name).filter(|site| self.placement.is_live(site));
        let frozen = bits(&[Kind::Frozen, Kind::Thawed]);
        let mut rows: Vec<Row<'_>> = Vec::new();
        let freezer = live("freezer").filter(|site| site.version == Version::V1);
        match (live(""), freezer) {
            (Some(site), Some(_)) => rows.push((POPULATED, site, Kind::Empty.bit())),
            (Some(site), None) => rows.push((STATE, site, Kind::Empty.bit() | frozen)),
            (None, _) => rows.push((V1_THERE, self.main_site()?, 0)),
        }
        if let Some(site) = freezer {
            rows.push((V1_FREEZER, site, frozen));
        }
        if let Some(site) = live("memory") {
            let oom = bits(&[Kind::Oom, Kind::OomKill]);
            let more = bits(&[Kind::OomGroupKill, Kind::MemoryHigh, Kind::MemoryMax]);
            rows.push(match site.version {
                Version::V1 => (V1_MEMORY, site, oom),
                Version::V2 => (MEMORY, site, oom | more),
            });
        }
        if let Some(site) = live("pids") {
            let wakes = site.version == Version::V2;
            rows.push((file("pids.events", PIDS, wakes), site, Kind::PidsMax.bit()));
        }
        // A v2 controller may be off, and kernels before 4.8 have no pids.events.
        let first = rows.len().min(1);
        let optional = rows.split_off(first);
        for row in optional {
            if self.cgroup_at(row.1)?.open(row.0.name, OFlags::PATH).is_ok() {
                rows.push(row);
            }
        }
        Ok(rows)
    }
}
