//! Carries a plan out. What it does when a step fails is in [`super::undo`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{test_kill_process, Pid};

use super::keep::takes_one_number;
use super::knob::{check_memory, explain, gone, gone_or};
use super::told::Told;
use super::{cpuset, Manager};
use crate::cgroupfs::{Cgroup, Created};
use crate::error::{Code, Error, Result};
use crate::host::{self, Version};
use crate::plan::{Kind, Missing, Plan, Step, Write};
use crate::resources;

/// One call's work so far.
pub(super) struct Run<'m> {
    pub(super) manager: &'m Manager,
    /// Hierarchy and path to the directories that were made for it.
    pub(super) created: Vec<(usize, Vec<u8>, Created)>,
    /// Controllers that were turned on: hierarchy, length of the ancestor's path, names.
    pub(super) enabled: Vec<(usize, usize, Vec<String>)>,
    /// Where each task was before, as /proc says it.
    pub(super) origin: BTreeMap<i32, Vec<u8>>,
    /// Threads that were elsewhere than their process: its id, their own, where.
    pub(super) apart: Vec<(i32, i32, Vec<u8>)>,
    /// Tasks that have moved: hierarchy, kind, id.
    pub(super) moved: Vec<(usize, Kind, i32)>,
    /// Writes that wait until the named file has been written.
    waiting: Vec<(&'static str, Write)>,
    /// Hierarchies in which the cgroup was made or found.
    pub(super) entered: Vec<usize>,
    /// Hierarchies in which a file of the cgroup was opened: proof that it lies there.
    touched: Vec<usize>,
    /// Whether old values are kept, and what would put them back, oldest first.
    pub(super) keep: bool,
    pub(super) old: Vec<(Write, Option<String>)>,
    /// The hierarchy of the step that failed.
    failed_in: Option<usize>,
    made: bool,
    /// The cgroup2 cgroup can only be a domain.
    is_domain: bool,
    pub(super) told: Told,
    /// What had no effect after all.
    pub(super) warnings: Vec<String>,
}

impl<'m> Run<'m> {
    pub(super) fn new(manager: &'m Manager) -> Self {
        let hierarchies = manager.joined.len();
        Run {
            manager,
            created: Vec::with_capacity(hierarchies),
            enabled: Vec::new(),
            origin: BTreeMap::new(),
            apart: Vec::new(),
            moved: Vec::with_capacity(hierarchies),
            waiting: Vec::new(),
            entered: Vec::with_capacity(hierarchies),
            touched: Vec::with_capacity(2 * hierarchies),
            keep: false,
            old: Vec::new(),
            failed_in: None,
            made: false,
            is_domain: false,
            told: Told::default(),
            warnings: Vec::new(),
        }
    }

    /// Reads each value before it is overwritten, so that a failure puts it back.
    pub(super) fn keep_old_values(&mut self, keep: bool) {
        self.keep = keep;
    }

    /// Whether it made a directory.
    pub(super) fn made(&self) -> bool {
        self.made
    }

    /// Whether the cgroup is this call's own in every hierarchy.
    pub(super) fn has_made_all(&self) -> bool {
        self.manager.each().all(|j| {
            let own = |(h, path, made): &(usize, Vec<u8>, Created)| {
                *h == j.hierarchy && made.0.last() == Some(&path.len())
            };
            self.created.iter().any(own)
        })
    }

    /// In which hierarchy a step failed.
    pub(super) fn failed_in(&self) -> Option<usize> {
        self.failed_in
    }

    /// That a process is there, where no failure can come after it has moved: then nobody needs to
    /// know where it was.
    pub(super) fn find(&mut self, plan: &Plan, id: i32) -> Result<()> {
        let attach = |step: &Step| matches!(step, Step::Attach { .. });
        let moves = plan.steps.iter().filter(|step| attach(step)).count();
        if moves != 1 || !plan.steps.last().is_some_and(attach) {
            return self.remember(Kind::Process, &[id]);
        }
        let Some(pid) = Pid::from_raw(id) else { return Ok(()) };
        match test_kill_process(pid) {
            Err(Errno::SRCH) => Err(not_there(id)),
            // Somebody else's.
            _ => Ok(()),
        }
    }

    /// Notes where tasks are, so that they can be put back. An id that is gone ends here,
    /// before anything is made.
    pub(super) fn remember(&mut self, kind: Kind, ids: &[i32]) -> Result<()> {
        for &id in ids {
            match host::own_text(id) {
                Ok(text) => {
                    // A process takes all its threads along: vCPUs out of their cgroup.
                    if kind == Kind::Process {
                        let apart = host::threads_elsewhere(id, &text);
                        self.apart.extend(apart.into_iter().map(|(tid, own)| (id, tid, own)));
                    }
                    self.origin.insert(id, text);
                }
                Err(e) if e.is(Errno::NOENT) || e.is(Errno::SRCH) => return Err(not_there(id)),
                // /proc mounted hidepid, or not at all: the kernel still lets it be moved.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// All steps in order. On failure everything is undone and the error says so.
    pub(super) fn carry_out(&mut self, plan: &Plan) -> Result<()> {
        for step in &plan.steps {
            if let Err(e) = self.step(step, plan) {
                self.failed_in = step.hierarchy();
                let e = self.or_gone(step, e);
                return Err(self.undo(e));
            }
        }
        Ok(())
    }

    /// The error of a step that needs the cgroup, when that is no more.
    fn or_gone(&self, step: &Step, error: Error) -> Error {
        let needs = match step {
            Step::Create { .. } | Step::CreateBelow { .. } => None,
            step => step.hierarchy(),
        };
        match needs.map(|hierarchy| self.cgroup(hierarchy)) {
            Some(Ok(cgroup)) => gone_or(cgroup, error),
            _ => error,
        }
    }

    /// That every cgroup in which nothing was opened is a directory of its hierarchy: not a file
    /// that happens to have the name, not in something mounted over it.
    pub(super) fn verify(&mut self) -> Result<()> {
        let entered = self.entered.iter().copied();
        let unproved: Vec<usize> = entered.filter(|h| !self.touched.contains(h)).collect();
        for hierarchy in unproved {
            let checked = self.cgroup(hierarchy).and_then(|cgroup| {
                cgroup
                    .open("", OFlags::PATH | OFlags::DIRECTORY)
                    .map_err(|e| Error::system("open", &cgroup.absolute(""), e))
            });
            if let Err(e) = checked {
                return Err(self.undo(e));
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, plan: &Plan) -> Result<()> {
        match step {
            Step::Create { hierarchy } => {
                self.entered.push(*hierarchy);
                self.make(*hierarchy, b"")
            }
            Step::Enable { hierarchy, needed } => {
                // Levels that were made below a threaded cgroup take no controller before.
                for (_, path, created) in self.created.iter().filter(|(h, _, _)| h == hierarchy) {
                    let cgroup = self.manager.shared.cgroup(*hierarchy, path)?;
                    for &end in created.0.iter().filter(|&&end| end < path.len()) {
                        cgroup.prefix(end).settle_between();
                    }
                }
                // On systemd's ground only what is needed: it turns the rest off again.
                let facts = self.manager.shared.host().hierarchies.get(*hierarchy);
                let mut wanted = facts.map_or_else(Vec::new, |h| h.controllers.clone());
                let only_needed = self.manager.unit.is_some();
                let cgroup = self.cgroup(*hierarchy)?;
                if wanted.is_empty() {
                    // A host from text does not know.
                    wanted = cgroup.prefix(0).words("cgroup.controllers")?;
                }
                wanted.retain(|c| !only_needed || needed.contains(c));
                let mut enabled = Vec::new();
                let result = cgroup.enable_controllers(needed, &wanted, &mut enabled);
                self.enabled
                    .extend(enabled.into_iter().map(|(end, names)| (*hierarchy, end, names)));
                self.is_domain = result?;
                Ok(())
            }
            Step::SettleType { .. } if self.is_domain => Ok(()),
            Step::SettleType { hierarchy, domain } => self.cgroup(*hierarchy)?.settle_type(*domain),
            Step::CreateBelow { hierarchy, below, threaded } => {
                self.make(*hierarchy, below)?;
                let path = self.below(*hierarchy, below)?;
                let cgroup = self.manager.shared.cgroup(*hierarchy, &path)?;
                if self.is_v1_cpuset(*hierarchy) {
                    self.inherit(*hierarchy, cgroup, [true, true])?;
                }
                let own = path.len() - below.len();
                let levels = (own + 1..=path.len())
                    .filter(|&end| *threaded && path.get(end).is_none_or(|&next| next == b'/'));
                // From above: one that is no thread of ours would be a subtree's root itself.
                for end in levels {
                    self.make_threaded(*hierarchy, cgroup.prefix(end))?;
                }
                Ok(())
            }
            Step::Delegate { hierarchy, uid, gid } => self.cgroup(*hierarchy)?.delegate(*uid, *gid),
            Step::InheritCpuset { hierarchy, cpus, mems } => {
                self.inherit(*hierarchy, self.cgroup(*hierarchy)?, [*cpus, *mems])
            }
            Step::CheckMemory { hierarchy, limit, swap } => {
                check_memory(self.cgroup(*hierarchy)?, *limit, *swap)
            }
            Step::Start { unit, properties, resources } => {
                self.start_unit(unit, properties, resources)
            }
            Step::SetProperties { unit, properties } => self.set_properties(unit, properties, plan),
            Step::Freeze => self.hold_still_for(plan),
            Step::Thaw => self.let_go(),
            Step::Write(write) => self.write(write),
            Step::Attach { hierarchy, kind, ids, below } => {
                let path = self.below(*hierarchy, below)?;
                let cgroup = self.manager.shared.cgroup(*hierarchy, &path)?;
                let moved = &mut self.moved;
                let version = self.manager.version(self.manager.in_hierarchy(*hierarchy)?);
                cgroup.attach(version, *kind, ids, |id| moved.push((*hierarchy, *kind, id)))?;
                self.touched.push(*hierarchy);
                Ok(())
            }
        }
    }

    /// Makes a cgroup and remembers what was made, also when it fails half-way.
    fn make(&mut self, hierarchy: usize, below: &[u8]) -> Result<()> {
        let path = self.below(hierarchy, below)?;
        let cgroup = self.manager.shared.cgroup(hierarchy, &path)?;
        let mut created = Created::default();
        let result = cgroup.create(&mut created);
        if !created.0.is_empty() {
            self.made = true;
            self.created.push((hierarchy, path.into_owned(), created));
        }
        result
    }

    /// Only what this call made: there is no way back.
    fn make_threaded(&self, hierarchy: usize, cgroup: Cgroup<'_>) -> Result<()> {
        let mut made = self.created.iter().filter(|(h, _, _)| *h == hierarchy);
        if made.any(|(_, _, created)| created.0.contains(&cgroup.len())) {
            return cgroup.write("cgroup.type", b"threaded");
        }
        let found = cgroup.words("cgroup.type")?.join(" ");
        if found == "threaded" {
            return Ok(());
        }
        let text = [&cgroup.absolute("")[..], b" is there and is ", found.as_bytes()].concat();
        Err(Error::new(Code::Unsupported, text).advice("threads alone need a threaded cgroup"))
    }

    fn is_v1_cpuset(&self, hierarchy: usize) -> bool {
        let facts = self.manager.shared.host().hierarchies.get(hierarchy);
        facts.is_some_and(|h| {
            h.version == Version::V1 && h.controllers.iter().any(|c| c == "cpuset")
        })
    }

    /// See [`Step::InheritCpuset`].
    fn inherit(&self, hierarchy: usize, cgroup: Cgroup<'_>, own: [bool; 2]) -> Result<()> {
        let none = Created::default();
        let made = self.created.iter().rev().find(|(h, _, _)| *h == hierarchy);
        let created = made.map_or(&none, |(_, _, created)| created);
        cpuset::inherit(cgroup, created, self.cpuset_files(hierarchy), own)
    }

    /// The path of a cgroup below the manager's.
    fn below(&self, hierarchy: usize, below: &[u8]) -> Result<Cow<'m, [u8]>> {
        let path = &self.manager.in_hierarchy(hierarchy)?.path[..];
        Ok(match below {
            b"" => Cow::Borrowed(path),
            // An absolute path would leave the hierarchy (mkdirat).
            below if path.is_empty() => Cow::Owned(below.to_vec()),
            below => Cow::Owned([path, b"/", below].concat()),
        })
    }

    pub(super) fn cgroup(&self, hierarchy: usize) -> Result<Cgroup<'m>> {
        let joined = self.manager.in_hierarchy(hierarchy)?;
        self.manager.shared.cgroup(hierarchy, &joined.path)
    }

    fn write(&mut self, write: &Write) -> Result<()> {
        let cgroup = self.cgroup(write.hierarchy)?;
        match (self.put(cgroup, write), write.retry_after) {
            (Ok(()), _) => self.touched.push(write.hierarchy),
            (Err(e), Some(other)) if e.is(Errno::INVAL) => {
                self.waiting.push((other, Write { retry_after: None, ..write.clone() }));
                return Ok(());
            }
            // Linux before 5.4: BFQ has one weight for all devices.
            (Err(e), _) if e.is(Errno::INVAL) && takes_one_number(cgroup, write) => {
                self.without_effect(write, "takes no devices here")?;
            }
            // v1: an ancestor that was there before is empty, so this is no subset of it.
            (Err(e), _) if e.is(Errno::ACCESS) && self.is_v1_cpuset(write.hierarchy) => {
                cpuset::fill_ancestors(cgroup, self.cpuset_files(write.hierarchy))
                    .and_then(|()| self.put(cgroup, write))
                    .map_err(|_| explain(cgroup, write, e))?;
            }
            (Err(e), _) if e.is(Errno::NOENT) => match &write.missing {
                _ if !cgroup.exists()? => return Err(gone(cgroup)),
                Missing::Skip => {}
                Missing::Warn => self.without_effect(write, "is not there")?,
                Missing::Instead(other) => return self.write(other),
                Missing::Fail => return Err(explain(cgroup, write, e)),
            },
            (Err(e), _) => return Err(explain(cgroup, write, e)),
        }
        let (due, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(file, _)| *file == write.file);
        self.waiting = waiting;
        due.iter().try_for_each(|(_, waiting)| self.write(waiting))
    }

    fn cpuset_files(&self, hierarchy: usize) -> [&'static str; 2] {
        let of = |name| match self.manager.shared.host().hierarchies.get(hierarchy) {
            Some(h) => resources::cpuset_file(h, name),
            None => name,
        };
        [of("cpuset.cpus"), of("cpuset.mems")]
    }
}

fn not_there(id: i32) -> Error {
    Error::system("find process", id.to_string().as_bytes(), Errno::SRCH)
}
