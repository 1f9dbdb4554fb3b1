// SPDX-License-Identifier: Apache-2.0

//! What a transaction has done, and how to undo it.
//!
//! The entries are in the order in which the steps were done. Unwinding goes by kind, and within a
//! kind newest first. Tasks leave before the unit is stopped, because stopping kills. Files are
//! restored after systemd's properties, because systemd rewrites files. Controllers are disabled
//! last, because only then have the children gone that use them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rustix::io::Errno;

use super::device_list;
use super::device_program::{restore_program, Exchange};
use super::freeze_guard::Freeze;
use super::restore::restore_files;
use super::scope::Scope;
use super::teardown::{home, stop_empty};
use crate::cgroupfs::Created;
use crate::devices::State;
use crate::error::{Code, Error, Result};
use crate::host::{proc_cgroup, HierarchyId};
use crate::plan::{TaskKind, Write};
use crate::systemd::{Property, SystemdUnit};

/// How to undo one action.
#[derive(Clone, Debug, PartialEq)]
pub enum Undo {
    /// Move a task back to where it was.
    MoveTask {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// Process or thread.
        kind: TaskKind,
        /// The task's id.
        id: i32,
    },
    /// Set a unit's properties to their old values.
    RestoreProperties {
        /// The old values, one list for each call.
        before: Vec<Vec<Property>>,
        /// Names of properties whose old value is not known.
        lost: Vec<String>,
    },
    /// Stop the unit that this transaction started.
    StopUnit,
    /// Write a file's old value. Boxed: a large entry would make all entries large.
    RestoreFile(Box<Write>),
    /// Report a file whose old value is not known.
    ReportFile(Cow<'static, str>),
    /// v1: restore the old device rules.
    RestoreDevices {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// The old rules.
        before: State,
    },
    /// v2: attach the old device program again.
    RestoreProgram {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// The programs.
        programs: Exchange,
    },
    /// Remove the directories that this transaction created.
    RemoveDirs {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// The cgroup below the transaction's own that they lead to; empty for its own.
        subcgroup: Vec<u8>,
        /// The directories.
        made: Created,
    },
    /// Disable the controllers that this transaction enabled.
    DisableControllers {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// Length of the path of the ancestor that enabled them.
        level: usize,
        /// The controllers.
        names: Vec<String>,
    },
}

/// The actions of one transaction in order, and where each task was before.
#[derive(Debug, Default)]
pub struct Journal {
    entries: Vec<Undo>,
    /// Each task's /proc/PID/cgroup from before.
    origins: BTreeMap<i32, Vec<u8>>,
    /// Threads in other cgroups than their process: process, thread, /proc/TID/cgroup from before.
    apart: Vec<(i32, i32, Vec<u8>)>,
    /// The last unwinding undid everything.
    is_unwound: bool,
}

/// Results of unwinding, for the error's message.
#[derive(Debug, Default)]
struct Outcome {
    restored: Vec<String>,
    failed: Vec<String>,
}

impl Outcome {
    fn note_devices(&mut self, done: Result<()>) {
        match done {
            Ok(()) => self.restored.push("device rules".to_owned()),
            Err(e) => self.failed.push(e.to_string()),
        }
    }
}

impl Journal {
    /// Returns an empty journal with room for this many entries.
    pub fn with_capacity(entries: usize) -> Journal {
        Journal { entries: Vec::with_capacity(entries), ..Journal::default() }
    }

    /// Adds an entry.
    pub fn push(&mut self, undo: Undo) {
        self.entries.push(undo);
    }

    /// Returns a mark for [`Journal::truncate`].
    pub fn mark(&self) -> usize {
        self.entries.len()
    }

    /// Forgets the entries since a mark, whose actions were not done.
    pub fn truncate(&mut self, mark: usize) {
        self.entries.truncate(mark);
    }

    /// Returns the directories that were created in a hierarchy, oldest first, each with the cgroup
    /// below the transaction's own that they lead to.
    pub fn made(&self, id: HierarchyId) -> impl DoubleEndedIterator<Item = (&[u8], &Created)> {
        self.entries.iter().filter_map(move |entry| match entry {
            Undo::RemoveDirs { hierarchy, subcgroup, made } if *hierarchy == id => {
                Some((&subcgroup[..], made))
            }
            _ => None,
        })
    }

    /// Whether this transaction created the directory of its own cgroup, which is at this path.
    pub fn has_made(&self, id: HierarchyId, path: &[u8]) -> bool {
        let own = |(below, made): (&[u8], &Created)| {
            below.is_empty() && made.0.last() == Some(&path.len())
        };
        self.made(id).any(own)
    }

    /// Whether everything was undone, so that the call can be tried again.
    pub fn is_unwound(&self) -> bool {
        self.is_unwound
    }

    /// Notes where a task is.
    pub fn note_origin(&mut self, kind: TaskKind, id: i32, text: Vec<u8>) {
        // A process takes all its threads along, also vCPU threads out of a cgroup of their own.
        if kind == TaskKind::Process {
            let apart = proc_cgroup::threads_elsewhere(id, &text);
            self.apart.extend(apart.into_iter().map(|(thread, own)| (id, thread, own)));
        }
        self.origins.insert(id, text);
    }

    /// Returns the noted tasks, each with its /proc/PID/cgroup from before.
    pub fn origins(&self) -> &BTreeMap<i32, Vec<u8>> {
        &self.origins
    }

    /// Undoes everything, and adds to the error what was restored and what could not be undone.
    pub fn unwind<'a>(&mut self, scope: Scope<'a>, freeze: &mut Freeze<'a>, error: Error) -> Error {
        let entries = std::mem::take(&mut self.entries);
        let mut out = Outcome::default();
        self.move_tasks_back(scope, &entries, &mut out.failed);
        // A program comes back before systemd's rules go, and goes after they have come back.
        let comes_back = |programs: &Exchange| !programs.old.is_empty();
        restore_programs(scope, &entries, comes_back, &mut out);
        let properties = restore_properties(scope, freeze, &entries, &mut out);
        if let Err(e) = freeze.release() {
            out.failed.push(format!("the cgroup stays frozen: {e}"));
        }
        if entries.contains(&Undo::StopUnit) {
            out.failed.extend(self.stop_unit(scope).err().map(|e| e.to_string()));
        }
        out.failed.extend(lost_files(&entries));
        restore_files(scope, files(&entries), &mut out.restored, &mut out.failed);
        restore_programs(scope, &entries, |programs| !comes_back(programs), &mut out);
        restore_lists(scope, &entries, &mut out);
        out.restored.extend(properties);
        remove_directories(scope, &entries, &mut out.failed);
        disable_controllers(scope, &entries);
        let error = match out.restored.as_slice() {
            [] => error,
            files => error.advice(format!("restored: {}", files.join(" "))),
        };
        self.is_unwound = out.failed.is_empty();
        match out.failed.as_slice() {
            [] => error,
            failed => error.advice(format!("could not be undone: {}", failed.join(", "))),
        }
    }

    fn move_tasks_back(&self, scope: Scope<'_>, entries: &[Undo], failed: &mut Vec<String>) {
        for entry in entries.iter().rev() {
            let Undo::MoveTask { hierarchy, kind, id } = *entry else { continue };
            match self.put_back(scope, hierarchy, kind, id) {
                // A task that has ended is in no cgroup.
                Err(e) if e.is(Errno::SRCH) => {}
                Err(e) => failed.push(e.to_string()),
                Ok(()) => {}
            }
        }
    }

    /// Moves a task back to its old cgroup, and each thread of a process to the thread's own.
    fn put_back(&self, scope: Scope<'_>, id: HierarchyId, kind: TaskKind, task: i32) -> Result<()> {
        let Some(hierarchy) = scope.info().hierarchy(id) else { return Ok(()) };
        let place = |text: &[u8]| {
            let own = proc_cgroup::parse(text).ok()?;
            scope.info().reach(id, own.get(hierarchy.proc_key())?)
        };
        let Some(home) = self.origins.get(&task).and_then(|text| place(text)) else {
            let label = hierarchy.label();
            let text = format!("the original {label} cgroup of task {task} is not known");
            return Err(Error::new(Code::System, text));
        };
        let attach = |(id, path): &(HierarchyId, Vec<u8>), kind, task| {
            scope.hierarchies.cgroup(*id, path)?.attach(kind, &[task], |_| {})
        };
        attach(&home, kind, task)?;
        for (_, thread, text) in self.apart.iter().filter(|(of, _, _)| *of == task) {
            let Some(path) = place(text).filter(|path| *path != home) else { continue };
            match attach(&path, TaskKind::Thread, *thread) {
                Err(e) if e.is(Errno::SRCH) => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Stops the unit after moving all its processes back, because stopping kills. Leaves a slice:
    /// other units may use it by now, and an empty one does no harm.
    fn stop_unit(&self, scope: Scope<'_>) -> Result<()> {
        let unit = scope.require_unit()?;
        let home = home(scope, unit)?;
        let dropped = Some(&home).filter(|home| scope.placement.live().all(|s| s.id != home.id));
        for &id in self.origins.keys() {
            for site in scope.placement.live().chain(dropped) {
                match self.put_back(scope, site.id, TaskKind::Process, id) {
                    Err(e) if !e.is(Errno::SRCH) => {
                        let text = format!(
                            "process {id} could not be moved out of {}, which was not stopped",
                            unit.unit.name
                        );
                        return Err(e.context(text));
                    }
                    _ => {}
                }
            }
        }
        match unit.unit.is_slice() {
            true => Ok(()),
            false => stop_empty(scope),
        }
    }
}

fn restore_properties<'a>(
    scope: Scope<'a>,
    freeze: &mut Freeze<'a>,
    entries: &[Undo],
    out: &mut Outcome,
) -> Option<String> {
    let mut restored = None;
    for entry in entries.iter().rev() {
        let Undo::RestoreProperties { before, lost } = entry else { continue };
        let Ok(unit) = scope.require_unit() else { continue };
        let name = &unit.unit.name;
        out.failed.extend(lost.iter().map(|property| format!("{property} of {name}")));
        for (n, properties) in before.iter().filter(|list| !list.is_empty()).enumerate() {
            // Only the first call makes systemd deny devices for a moment.
            let ready = match n {
                0 => freeze.prepare_undo(scope),
                _ => freeze.release(),
            };
            out.failed.extend(ready.err().map(|e| e.to_string()));
            if let Err(e) = unit.client.set(name, properties, freeze.time_left()) {
                out.failed.push(e.to_string());
                break;
            }
            restored = Some(format!("{name}'s properties"));
        }
    }
    restored
}

fn restore_lists(scope: Scope<'_>, entries: &[Undo], out: &mut Outcome) {
    for entry in entries.iter().rev() {
        let Undo::RestoreDevices { hierarchy, before } = entry else { continue };
        out.note_devices(device_list::restore(scope, *hierarchy, before));
    }
}

fn restore_programs(
    scope: Scope<'_>,
    entries: &[Undo],
    wanted: impl Fn(&Exchange) -> bool,
    out: &mut Outcome,
) {
    for entry in entries.iter().rev() {
        let Undo::RestoreProgram { hierarchy, programs } = entry else { continue };
        if wanted(programs) {
            out.note_devices(restore_program(scope, *hierarchy, programs));
        }
    }
}

/// Returns the writes that restore files, newest first.
fn files(entries: &[Undo]) -> impl Iterator<Item = &Write> {
    entries.iter().rev().filter_map(|entry| match entry {
        Undo::RestoreFile(write) => Some(&**write),
        _ => None,
    })
}

/// Returns reports of files that nothing restores, newest first.
fn lost_files(entries: &[Undo]) -> impl Iterator<Item = String> + '_ {
    entries.iter().rev().filter_map(|entry| match entry {
        Undo::ReportFile(file) => Some(format!("{file} (its old value is not known)")),
        _ => None,
    })
}

/// Removes directories with one rmdir per level, because another process may use an ancestor by
/// now.
///
/// A slice that systemd has loaded meanwhile keeps its directory.
fn remove_directories(scope: Scope<'_>, entries: &[Undo], failed: &mut Vec<String>) {
    let is_loaded = |unit: &SystemdUnit| unit.client.is_loaded(&unit.unit.slice).unwrap_or(true);
    for entry in entries.iter().rev() {
        let Undo::RemoveDirs { hierarchy, subcgroup, made } = entry else { continue };
        let Ok(path) = scope.subcgroup_path(*hierarchy, subcgroup) else { continue };
        let Ok(cgroup) = scope.hierarchies.cgroup(*hierarchy, &path) else { continue };
        for &level in made.0.iter().rev() {
            if level < path.len() && scope.unit.is_some_and(is_loaded) {
                break;
            }
            match cgroup.prefix(level).rmdir() {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(Errno::BUSY | Errno::NOTEMPTY) if level < path.len() => {}
                Err(e) => {
                    let left = cgroup.prefix(level).absolute("");
                    failed.push(Error::system("rmdir", &left, e).to_string());
                }
            }
        }
    }
}

/// Disables controllers that no other child uses by now. The transaction's own cgroup needs none of
/// them: they were off before.
fn disable_controllers(scope: Scope<'_>, entries: &[Undo]) {
    for entry in entries.iter().rev() {
        let Undo::DisableControllers { hierarchy, level, names } = entry else { continue };
        let Ok(cgroup) = scope.cgroup(*hierarchy) else { continue };
        let ancestor = cgroup.prefix(*level);
        let rest = cgroup.path().get(*level..).unwrap_or_default();
        let rest = rest.strip_prefix(b"/").unwrap_or(rest);
        let own = rest.split(|&b| b == b'/').next().unwrap_or_default();
        let _ = ancestor.turn_off(names, own);
    }
}
