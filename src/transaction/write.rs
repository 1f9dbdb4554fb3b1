// SPDX-License-Identifier: Apache-2.0

//! Writing one interface file: keeps the old value for the rollback, and restores other files that
//! the kernel changes as a side effect.

use rustix::io::Errno;

use super::cpuset;
use super::journal::Undo;
use super::kept_files::KeptFile;
use super::state::Transaction;
use crate::cgroupfs::advice::explain;
use crate::cgroupfs::interface_file::{deleted, put, put_open};
use crate::cgroupfs::Cgroup;
use crate::error::{fail, Code, Error, Result};
use crate::host::HierarchyId;
use crate::plan::{Missing, Write};
use crate::resources::attribute::{self, SideEffect};
use crate::resources::cpuset_file;

impl Transaction<'_> {
    /// Carries out [`crate::plan::Step::Write`].
    pub(super) fn write(&mut self, write: &Write) -> Result<()> {
        let cgroup = self.scope.cgroup(write.hierarchy)?;
        match (self.write_with_side_effects(cgroup, write), write.retry_after) {
            (Ok(()), _) => {
                self.progress.touch(write.hierarchy);
                self.check_valid(cgroup, write)?;
            }
            (Err(e), Some(other)) if e.is(Errno::INVAL) => {
                self.waiting.push((other, Write { retry_after: None, ..write.clone() }));
                return Ok(());
            }
            // BFQ before Linux 5.4 has one weight for all devices.
            (Err(e), _) if e.is(Errno::INVAL) && takes_one_number(cgroup, write) => {
                self.without_effect(write, "has one weight for all devices on this kernel")?;
            }
            // v1: an empty ancestor that existed before has no CPUs to give.
            (Err(e), _) if e.is(Errno::ACCESS) && self.scope.is_v1_cpuset(write.hierarchy) => {
                cpuset::fill_ancestors(cgroup, self.cpuset_files(write.hierarchy))
                    .and_then(|()| self.write_with_side_effects(cgroup, write))
                    .map_err(|_| explain(cgroup, &write.file, &write.value, e))?;
            }
            (Err(e), _) if e.code() == Code::Deleted => return Err(e),
            (Err(e), _) if e.is(Errno::NOENT) => match &write.missing {
                _ if !cgroup.exists()? => return Err(deleted(cgroup)),
                Missing::Skip => {}
                Missing::Warn => self.without_effect(write, "does not exist")?,
                Missing::Instead(other) => return self.write(other),
                Missing::Fail => return Err(explain(cgroup, &write.file, &write.value, e)),
            },
            (Err(e), _) => return Err(explain(cgroup, &write.file, &write.value, e)),
        }
        self.retry_waiting(write)
    }

    /// Warns when the kernel has taken a value that cannot be in force now. In strict mode this is
    /// an error.
    fn check_valid(&mut self, cgroup: Cgroup<'_>, write: &Write) -> Result<()> {
        if !attribute::may_be_invalid(&write.file) {
            return Ok(());
        }
        let now = String::from_utf8_lossy(&cgroup.read(&write.file)?).trim().to_owned();
        if !attribute::is_invalid(&write.file, &now) {
            return Ok(());
        }
        let text = format!(
            "{} is {now:?} after {:?} was written; the kernel makes it valid when the reason ends",
            write.file, write.value
        );
        match self.options.strict {
            true => fail(Code::Clamped, text),
            false => {
                self.warnings.push(text);
                Ok(())
            }
        }
    }

    /// Writes again the files that the kernel refused before this file was written.
    fn retry_waiting(&mut self, written: &Write) -> Result<()> {
        let (due, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(file, _)| *file == written.file);
        self.waiting = waiting;
        due.iter().try_for_each(|(_, write)| self.write(write))
    }

    /// Writes one file, then restores other files that the kernel changed as a side effect and that
    /// the caller did not ask to change.
    fn write_with_side_effects(&mut self, cgroup: Cgroup<'_>, write: &Write) -> Result<()> {
        let Some(effect) = attribute::side_effects(&write.file, &write.value) else {
            return self.write_journaled(cgroup, write, &[]);
        };
        let others = values_changed_with(cgroup, write, effect);
        self.write_journaled(cgroup, write, &others)?;
        match effect.device_lines {
            true => others.iter().try_for_each(|device| put(cgroup, device, None)),
            false => Ok(()),
        }
    }

    /// Writes one file and notes its old value. A directory of this transaction's own needs no old
    /// values: the rollback removes it.
    fn write_journaled(
        &mut self,
        cgroup: Cgroup<'_>,
        write: &Write,
        others: &[Write],
    ) -> Result<()> {
        match self.ahead.files.find(write) {
            KeptFile::Open(fd) => {
                return match put_open(cgroup, write, fd) {
                    // systemd has created the cgroup again, or the file is open for reading only.
                    Err(e) if e.is(Errno::NODEV) || e.is(Errno::BADF) => put(cgroup, write, None),
                    done => done,
                };
            }
            KeptFile::Absent => return put(cgroup, write, None),
            KeptFile::Unseen => {}
        }
        let made = |site| self.has_made(site);
        if !self.options.keep_old || self.scope.placement.at(write.hierarchy).is_ok_and(made) {
            return put(cgroup, write, None);
        }
        let mut old = None;
        let result = put(cgroup, write, Some(&mut old));
        // The file has changed even if the kernel took another value, or only a part of it.
        let taken = |e: &Error| e.code() == Code::Clamped || e.is(Errno::IO);
        if result.as_ref().map_or_else(taken, |()| true) {
            let old = old.as_deref().map(String::from_utf8_lossy);
            let value = |old: &str| attribute::restore_value(&write.file, &write.value, old);
            self.journal_file(write, old.as_deref().and_then(value), others);
        }
        result
    }

    /// Notes the old value of a file that systemd is about to write.
    pub(super) fn journal_before(
        &mut self,
        cgroup: Cgroup<'_>,
        write: &Write,
        old: Option<String>,
    ) {
        let effect = attribute::side_effects(&write.file, &write.value);
        let others = effect.map(|effect| values_changed_with(cgroup, write, effect));
        self.journal_file(write, old, &others.unwrap_or_default());
    }

    /// Notes an old value. Unwinding goes backwards: other files that the kernel changes with this
    /// one are restored after it.
    fn journal_file(&mut self, write: &Write, old: Option<String>, others: &[Write]) {
        for other in others {
            self.journal.push(Undo::RestoreFile(Box::new(other.clone())));
        }
        self.journal.push(match old {
            Some(old) => Undo::RestoreFile(Box::new(Write::new(
                write.hierarchy,
                write.controller,
                write.file.clone(),
                old,
            ))),
            None => Undo::ReportFile(write.file.clone()),
        });
    }

    /// Returns the names of the two cpuset files in a hierarchy.
    pub(super) fn cpuset_files(&self, id: HierarchyId) -> [&'static str; 2] {
        let name = |name| match self.scope.info().hierarchy(id) {
            Some(hierarchy) => cpuset_file(hierarchy, name),
            None => name,
        };
        [name("cpuset.cpus"), name("cpuset.mems")]
    }
}

/// Whether a file that should take weights of devices has one number for all of them.
fn takes_one_number(cgroup: Cgroup<'_>, write: &Write) -> bool {
    let is_number = |text: Vec<u8>| String::from_utf8_lossy(&text).trim().parse::<u64>().is_ok();
    write.missing == Missing::Warn && cgroup.read(&write.file).is_ok_and(is_number)
}

/// Returns the writes that restore what the kernel changes together with this file.
fn values_changed_with(cgroup: Cgroup<'_>, write: &Write, effect: &SideEffect) -> Vec<Write> {
    let text = |file: &str| {
        let text = cgroup.read(file).ok()?;
        Some(String::from_utf8_lossy(&text).trim().to_owned())
    };
    if effect.only_from.is_some_and(|old| text(&write.file).as_deref() != Some(old)) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for &file in effect.files {
        let Some(text) = text(file) else { continue };
        let write_of = |value: &str| Write::new(write.hierarchy, write.controller, file, value);
        if effect.device_lines {
            out.extend(text.lines().filter(|line| line.contains(':')).map(write_of));
        } else {
            out.push(write_of(&text));
        }
    }
    out
}
