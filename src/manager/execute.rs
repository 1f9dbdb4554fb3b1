//! Carries a plan out, and undoes what it did when a step fails.

use std::collections::BTreeMap;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::{cpuset, Joined, Manager};
use crate::cgroupfs::{attach, write_all, Cgroup, Created, Member};
use crate::error::{Code, Error, Result};
use crate::host::{self, Own};
use crate::kata::gopath;
use crate::plan::{Missing, Plan, Step, Write};
use crate::resources;

/// One call's work so far.
pub(super) struct Run<'m> {
    manager: &'m Manager,
    /// Hierarchy to the directories that were made there.
    created: BTreeMap<usize, Created>,
    /// Where the process was before.
    origin: Own,
    /// Hierarchies that it has been moved in, with the pid.
    moved: Vec<(usize, i32)>,
    /// Writes that wait until the named file has been written.
    waiting: Vec<(&'static str, Write)>,
    /// Hierarchies in which a file of the cgroup was opened: proof that it lies there.
    touched: Vec<usize>,
}

impl<'m> Run<'m> {
    pub(super) fn new(manager: &'m Manager) -> Self {
        Run {
            manager,
            created: BTreeMap::new(),
            origin: Own::new(),
            moved: Vec::new(),
            waiting: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// Notes where a process is, so that it can be put back. A pid that is gone ends here,
    /// before anything is made.
    pub(super) fn remember(&mut self, pid: i32) -> Result<()> {
        let path = format!("/proc/{pid}/cgroup");
        match host::read_proc(&path) {
            Ok(text) => self.origin = host::parse_own(&text)?,
            Err(e) if e.is(Errno::NOENT) || e.is(Errno::SRCH) => {
                return Err(Error::system(
                    "find process",
                    pid.to_string().as_bytes(),
                    Errno::SRCH,
                ))
            }
            // /proc mounted hidepid, or not at all: the kernel still lets it be moved.
            Err(_) => {}
        }
        Ok(())
    }

    /// All steps in order. On failure everything is undone and the error says so.
    pub(super) fn carry_out(&mut self, plan: &Plan) -> Result<()> {
        for step in &plan.steps {
            if let Err(e) = self.step(step) {
                return Err(self.undo(e));
            }
        }
        Ok(())
    }

    /// That every directory which was made, and in which nothing was opened, lies in its
    /// hierarchy and not in something mounted over it.
    pub(super) fn verify(&mut self) -> Result<()> {
        let unproved: Vec<usize> = self
            .created
            .keys()
            .filter(|h| !self.touched.contains(h))
            .copied()
            .collect();
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

    fn joined(&self, hierarchy: usize) -> Result<&'m Joined> {
        let found = self
            .manager
            .joined
            .iter()
            .find(|j| j.hierarchy == hierarchy);
        found.ok_or_else(|| Error::new(Code::Argument, format!("hierarchy {hierarchy} not joined")))
    }

    fn cgroup(&self, hierarchy: usize) -> Result<Cgroup<'m>> {
        self.manager
            .trees
            .cgroup(hierarchy, &self.joined(hierarchy)?.path)
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Create { hierarchy } => {
                let cgroup = self.cgroup(*hierarchy)?;
                cgroup.create(self.created.entry(*hierarchy).or_default())
            }
            Step::InheritCpuset {
                hierarchy,
                cpus,
                mems,
            } => {
                let cgroup = self.cgroup(*hierarchy)?;
                let none = Created::default();
                let created = self.created.get(hierarchy).unwrap_or(&none);
                cpuset::inherit(
                    cgroup,
                    created,
                    self.cpuset_files(*hierarchy),
                    [*cpus, *mems],
                )
            }
            Step::CheckMemory {
                hierarchy,
                limit,
                swap,
            } => check_memory(self.cgroup(*hierarchy)?, *limit, *swap),
            Step::Write(write) => self.write(write),
            Step::Attach { hierarchy, pid } => {
                attach(self.cgroup(*hierarchy)?, Member::Process(*pid))?;
                self.touched.push(*hierarchy);
                self.moved.push((*hierarchy, *pid));
                Ok(())
            }
        }
    }

    fn write(&mut self, write: &Write) -> Result<()> {
        let cgroup = self.cgroup(write.hierarchy)?;
        match (put(cgroup, write), write.retry_after) {
            (Ok(()), _) => self.touched.push(write.hierarchy),
            (Err(e), Some(other)) if e.is(Errno::INVAL) => {
                self.waiting.push((
                    other,
                    Write {
                        retry_after: None,
                        ..write.clone()
                    },
                ));
                return Ok(());
            }
            // v1: an ancestor that was there before is empty, so this is no subset of it.
            (Err(e), _) if e.is(Errno::ACCESS) && write.controller == "cpuset" => {
                cpuset::fill_ancestors(cgroup, self.cpuset_files(write.hierarchy))?;
                put(cgroup, write).map_err(|_| explain(cgroup, write, e))?;
            }
            (Err(e), _) if e.is(Errno::NOENT) => match &write.missing {
                _ if !cgroup.exists()? => return Err(gone(cgroup)),
                Missing::Skip => {}
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
        let of = |name| match self.manager.trees.host().hierarchies.get(hierarchy) {
            Some(h) => resources::cpuset_file(h, name),
            None => name,
        };
        [of("cpuset.cpus"), of("cpuset.mems")]
    }

    /// Puts the process back where it was and removes what was made, newest first. The error
    /// says what could not be undone.
    fn undo(&mut self, error: Error) -> Error {
        let mut failed: Vec<String> = Vec::new();
        for (hierarchy, pid) in std::mem::take(&mut self.moved).into_iter().rev() {
            if let Err(e) = self.put_back(hierarchy, pid) {
                failed.push(e.to_string());
            }
        }
        for (hierarchy, created) in std::mem::take(&mut self.created).into_iter().rev() {
            let Ok(cgroup) = self.cgroup(hierarchy) else {
                continue;
            };
            for end in created.0.into_iter().rev() {
                if let Err(e) = cgroup.prefix(end).remove() {
                    failed.push(e.to_string());
                }
            }
        }
        if failed.is_empty() {
            return error;
        }
        error.advice(format!("could not be undone: {}", failed.join(", ")))
    }

    fn put_back(&self, hierarchy: usize, pid: i32) -> Result<()> {
        let Some(facts) = self.manager.trees.host().hierarchies.get(hierarchy) else {
            return Ok(());
        };
        let key = facts.controllers.first().map_or("", String::as_str);
        let was = self.origin.get(key).map(|path| gopath::clean(path));
        match was
            .as_deref()
            .and_then(|path| gopath::strip_root(path, &facts.root))
        {
            Some(path) => attach(
                self.manager.trees.cgroup(hierarchy, path)?,
                Member::Process(pid),
            ),
            None => Err(Error::new(
                Code::System,
                format!("where process {pid} was in {} is not known", facts.label()),
            )),
        }
    }
}

/// Writes, and reads back where the kernel is known to take another value in silence.
fn put(cgroup: Cgroup<'_>, write: &Write) -> Result<()> {
    let failed = |e| Error::write(&cgroup.absolute(&write.file), write.value.as_bytes(), e);
    let flags = if write.exact {
        OFlags::RDWR
    } else {
        OFlags::WRONLY
    };
    let fd = cgroup.open(&write.file, flags).map_err(failed)?;
    write_all(&fd, write.value.as_bytes()).map_err(failed)?;
    if !write.exact {
        return Ok(());
    }
    let mut buffer = [0u8; 64];
    let length = rustix::io::pread(&fd, &mut buffer, 0)
        .map_err(|e| Error::system("read back", &cgroup.absolute(&write.file), e))?;
    let took = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
    clamped(write, took.trim())
}

/// runc's words for a value that the kernel clamped.
fn clamped(write: &Write, took: &str) -> Result<()> {
    let (Ok(asked), Ok(took)) = (write.value.parse::<u64>(), took.parse::<u64>()) else {
        return Ok(());
    };
    let which = match asked.cmp(&took) {
        std::cmp::Ordering::Equal => return Ok(()),
        std::cmp::Ordering::Greater => "maximum",
        std::cmp::Ordering::Less => "minimum",
    };
    let name = write.file.replace('.', "-");
    Err(Error::new(
        Code::Clamped,
        format!("the {which} allowed {name} is {took}, not {asked}"),
    ))
}

/// Adds to a failed write what the caller needs to know.
fn explain(cgroup: Cgroup<'_>, write: &Write, error: Error) -> Error {
    if error.is(Errno::BUSY) && write.controller == "memory" {
        let number = |file| {
            cgroup
                .read(file)
                .ok()
                .map(|t| String::from_utf8_lossy(&t).trim().to_owned())
        };
        let usage = number("memory.usage_in_bytes").unwrap_or_default();
        let peak = number("memory.max_usage_in_bytes").unwrap_or_default();
        return error.context(format!(
            "unable to set memory limit to {} (current usage: {usage}, peak usage: {peak})",
            write.value
        ));
    }
    if error.is(Errno::NOENT) || error.is(Errno::PERM) || error.is(Errno::ACCESS) {
        let controller = write.file.split('.').next().unwrap_or_default();
        if let Ok(available) = cgroup.read("cgroup.controllers") {
            let available = String::from_utf8_lossy(&available).trim().to_owned();
            if controller != "cgroup" && !available.split(' ').any(|c| c == controller) {
                return error
                    .with_code(Code::Controller)
                    .advice(format!("controller {controller} is not available here"))
                    .advice(format!("available: {available}"));
            }
        } else if error.is(Errno::NOENT) {
            return error.advice("this kernel does not have the file");
        }
    }
    if error.is(Errno::NODEV) && !cgroup.exists().unwrap_or(true) {
        return gone(cgroup);
    }
    error
}

fn gone(cgroup: Cgroup<'_>) -> Error {
    Error::system("open", &cgroup.absolute(""), Errno::NOENT)
        .with_code(Code::Deleted)
        .advice("the cgroup does not exist; apply first")
}

/// v2 has no limit that the kernel refuses: a limit below use kills. The check is runc's.
fn check_memory(cgroup: Cgroup<'_>, limit: Option<u64>, swap: Option<u64>) -> Result<()> {
    // Not readable, not there yet: nothing is in use that could be killed.
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
