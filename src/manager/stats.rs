// SPDX-License-Identifier: Apache-2.0

//! Statistics of the manager's cgroup: read once, or again and again through a reader.

use std::sync::Arc;

use super::core::Manager;
use crate::cgroupfs::interface_file::deleted;
use crate::error::{fail, Code, Error, Result};
use crate::host::Version;
use crate::host_handle::Host;
use crate::placement::Site;
use crate::stats::{
    controller_names, json, Field, Part, Reader, Source, Stats, ALL, BRIEF, MEMORY, SOURCES,
};

/// Reads one cgroup's statistics again and again, through files that stay open.
#[derive(Debug)]
pub struct StatsReader {
    host: Arc<Host>,
    controllers: u64,
    sites: Vec<Site>,
    /// The rows of the table that the cgroup's hierarchies can have, each with its index in
    /// `sites`.
    rows: Vec<(&'static Source, usize)>,
    reader: Reader,
    /// Controllers that at least one reading had.
    had: u64,
    /// Controllers of `had` that the last reading did not have.
    lost: u64,
}

impl Manager {
    /// Reads the statistics of the controllers whose bits are set. 0 means all.
    ///
    /// If the cgroup does not have a controller, the manager warns, and the controller's bit of
    /// [`Stats::missing`] is set.
    ///
    /// Errors: unknown bits ([`Code::Argument`]); the cgroup does not exist ([`Code::Deleted`]).
    pub fn stats(&self, controllers: u64) -> Result<Stats> {
        let mut out = Stats::default();
        self.new_reader(controllers, |_| true)?.read(&mut out)?;
        self.warn_missing(out.missing);
        Ok(out)
    }

    /// Returns the statistics as JSON in the shape of `runc events --stats`.
    ///
    /// Errors: as for [`Manager::stats`].
    pub fn stats_json(&self, controllers: u64) -> Result<Vec<u8>> {
        let stats = self.stats(controllers)?;
        let files = |subsystem: &str, version: Version, file: &str| {
            let site = self.placement.site(subsystem).filter(|site| site.version == version)?;
            let site = Some(site).filter(|site| self.placement.is_live(site))?;
            self.cgroup_at(site).ok()?.read(file).ok()
        };
        let controllers = if controllers & ALL == 0 { ALL } else { controllers };
        Ok(json(&stats, &files, controllers).to_string().into_bytes())
    }

    /// Opens the files of these controllers' statistics. 0 means all controllers.
    ///
    /// Errors: as for [`Manager::stats`].
    pub fn stats_reader(&self, controllers: u64) -> Result<StatsReader> {
        self.new_reader(controllers, |_| true)
    }

    /// Returns how many processes the OOM killer has killed: `oom_kill` of v1's memory.oom_control,
    /// without descendants, or of v2's memory.events, with descendants. Both need Linux 4.13.
    ///
    /// Errors: the cgroup has no memory controller ([`Code::Controller`]); the kernel has no count
    /// ([`Code::Unsupported`]); the cgroup does not exist ([`Code::Deleted`]).
    pub fn oom_kills(&self) -> Result<u64> {
        let field = Field::EventsOomKill;
        let site = self.placement.site("memory").filter(|site| self.placement.is_live(site));
        let missing = "the cgroup has no memory controller";
        if site.is_none() {
            return fail(Code::Controller, missing);
        }
        let mut out = Stats::default();
        self.new_reader(MEMORY, |source| source.feeds(field))?.read(&mut out)?;
        match out.get(field) {
            Some(value) => Ok(value),
            None if out.missing != 0 => fail(Code::Controller, missing),
            None => fail(Code::Unsupported, "this kernel does not count OOM kills"),
        }
    }

    /// Opens the files of the rows that are wanted.
    fn new_reader(&self, bits: u64, wanted: impl Fn(&Source) -> bool) -> Result<StatsReader> {
        let unknown = bits & !(ALL | BRIEF);
        if unknown != 0 {
            return fail(Code::Argument, format!("unknown controllers {unknown:#x}"));
        }
        let controllers = if bits & ALL == 0 { ALL } else { bits & ALL };
        let wanted = |source: &Source| {
            let chosen = source.controller & controllers != 0 && wanted(source);
            chosen && (bits & BRIEF == 0 || source.is_brief())
        };
        let cgroup2 = self.placement.site("").is_some_and(|site| self.placement.is_live(site));
        let wanted = |source: &Source| wanted(source) && (cgroup2 || !source.needs_cgroup2());
        let mut sites: Vec<Site> = Vec::new();
        let mut rows = Vec::new();
        for source in SOURCES.iter().filter(|source| wanted(source)) {
            let site = self.placement.site(source.subsystem);
            let here = |site: &&Site| site.version == source.version;
            let Some(site) = site.filter(here).filter(|site| self.placement.is_live(site)) else {
                continue;
            };
            let known = sites.iter().position(|known| known.id == site.id);
            let index = known.unwrap_or_else(|| {
                sites.push(site.clone());
                sites.len() - 1
            });
            rows.push((source, index));
        }
        // A manager whose cgroup is in no hierarchy gets an error here.
        let main = self.main_site()?;
        if sites.is_empty() {
            sites.push(main.clone());
        }
        let host = Arc::clone(&self.host);
        let reader = Reader::default();
        let mut out = StatsReader { host, controllers, sites, rows, reader, had: 0, lost: 0 };
        out.open()?;
        Ok(out)
    }

    fn warn_missing(&self, missing: u64) {
        if missing != 0 {
            let names = controller_names(missing).join(" ");
            self.warn(vec![format!("no statistics of {names}: the cgroup does not have them")]);
        }
    }
}

impl StatsReader {
    /// Reads the statistics, with one pread(2) for each file. Returns true if the files were opened
    /// anew: the cgroup was removed and made again in at least one hierarchy, a controller was
    /// turned off or on again, or a v1 file of I/O no longer names a device. Counts may then start
    /// from 0 again.
    ///
    /// Errors: the cgroup does not exist ([`Code::Deleted`]). A later call opens the files again.
    pub fn read(&mut self, out: &mut Stats) -> Result<bool> {
        if !self.reader.is_empty() && !self.is_back() && self.reader.read(out).is_ok() {
            self.note(out);
            return Ok(false);
        }
        out.reset();
        self.open()?;
        match self.reader.read(out) {
            Ok(()) => {
                self.note(out);
                Ok(!self.reader.is_empty())
            }
            Err(_) => Err(self.deleted()),
        }
    }

    /// Notes which controllers a reading had.
    fn note(&mut self, out: &Stats) {
        self.had |= self.controllers & !out.missing;
        self.lost = self.had & out.missing;
    }

    /// Returns whether a controller of `lost` has a file again. Another program may make a v1
    /// cgroup again in one hierarchy after the other, so the reader may have opened only some of
    /// them.
    fn is_back(&self) -> bool {
        if self.lost == 0 {
            return false;
        }
        let hierarchies = self.host.hierarchies();
        let lost = self.rows.iter().filter(|(source, _)| self.lost & source.controller != 0);
        lost.filter_map(|(source, index)| {
            let site = self.sites.get(*index)?;
            let cgroup = hierarchies.cgroup(site.id, &site.path).ok()?;
            Some(Part { source, cgroup })
        })
        .any(|part| part.is_there())
    }

    /// Opens the files of all rows.
    fn open(&mut self) -> Result<()> {
        self.reader = Reader::default();
        let hierarchies = self.host.hierarchies();
        let mut parts = Vec::with_capacity(self.rows.len());
        for (source, index) in &self.rows {
            let Some(site) = self.sites.get(*index) else { continue };
            let cgroup = hierarchies.cgroup(site.id, &site.path)?;
            parts.push(Part { source, cgroup });
        }
        let reader = Reader::open(self.controllers, parts.into_iter())?;
        if reader.is_empty() && !self.exists()? {
            return Err(self.deleted());
        }
        self.reader = reader;
        Ok(())
    }

    /// Returns whether the cgroup exists in a hierarchy of `sites`.
    fn exists(&self) -> Result<bool> {
        for site in &self.sites {
            if self.host.hierarchies().cgroup(site.id, &site.path)?.exists()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the error for a cgroup that does not exist.
    fn deleted(&self) -> Error {
        let site = self.sites.first();
        let cgroup = site.map(|site| self.host.hierarchies().cgroup(site.id, &site.path));
        match cgroup {
            Some(Ok(cgroup)) => deleted(cgroup),
            Some(Err(e)) => e,
            None => Error::new(Code::Deleted, "the cgroup does not exist"),
        }
    }
}
