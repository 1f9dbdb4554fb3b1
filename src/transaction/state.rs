// SPDX-License-Identifier: Apache-2.0

//! A transaction's state.

use std::borrow::Cow;

use rustix::io::Errno;
use rustix::process::{test_kill_process, Pid};

use super::freeze_guard::Freeze;
use super::held_files::HeldFiles;
use super::journal::Journal;
use super::look_ahead::LookAhead;
use super::progress::Progress;
use super::scope::Scope;
use crate::devices::{Mode, State};
use crate::error::{fail, Code, Error, Result};
use crate::host::{controllers, proc_cgroup, proc_state, HierarchyId};
use crate::placement::Site;
use crate::plan::{Step, TaskKind, Write};
use crate::systemd::Started;

/// How a transaction works.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Read each value before it is overwritten, so that a failure restores it.
    pub keep_old: bool,
    /// Fail where a value has no effect, instead of warning.
    pub strict: bool,
    /// Fail if a directory of the cgroup exists already, instead of using it.
    pub exclusive: bool,
}

/// One call's work on one cgroup: the steps that are done, and how to undo them.
pub struct Transaction<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) options: Options,
    pub(super) journal: Journal,
    /// Old values that were read before systemd changed the unit.
    pub(super) ahead: LookAhead,
    /// Device rules that the manager has set. v1 does not show exceptions to "allow all".
    pub(super) known_devices: Option<State>,
    /// systemd's device programs before it was told new rules.
    pub(super) systemds_before: Vec<u32>,
    pub(super) freeze: Freeze<'a>,
    /// The open files with which tasks will be moved in.
    pub(super) held: HeldFiles,
    /// Writes that wait until the named file has been written.
    pub(super) waiting: Vec<(&'static str, Write)>,
    pub(super) progress: Progress,
    pub(super) warnings: Vec<String>,
}

impl<'a> Transaction<'a> {
    /// Returns a transaction that has done nothing yet.
    pub fn new(scope: Scope<'a>, options: Options) -> Self {
        let hierarchies = scope.placement.live().count();
        Transaction {
            scope,
            options,
            // One entry for the directory, and one for the process that moves there.
            journal: Journal::with_capacity(2 * hierarchies),
            ahead: LookAhead::default(),
            known_devices: None,
            systemds_before: Vec::new(),
            freeze: Freeze::default(),
            held: HeldFiles::default(),
            waiting: Vec::new(),
            progress: Progress::new(hierarchies),
            warnings: Vec::new(),
        }
    }

    /// Selects whether writes from now on first read the value that they overwrite.
    pub fn set_keep_old(&mut self, keep_old: bool) {
        self.options.keep_old = keep_old;
    }

    /// Tells which device rules the manager has set.
    pub fn set_known_devices(&mut self, known: Option<State>) {
        self.known_devices = known;
    }

    /// Returns what to restore where v1 shows this list: the manager's rules, if they allow all
    /// devices but some.
    pub(super) fn shown_or_known(&self, shown: &State) -> State {
        let known = self.known_devices.as_ref();
        match known.filter(|known| known.mode() == Mode::Allow && shown.mode() == Mode::Allow) {
            Some(known) => known.clone(),
            None => shown.clone(),
        }
    }

    /// Selects whether a directory that exists already is an error from now on.
    pub fn set_exclusive(&mut self, exclusive: bool) {
        self.options.exclusive = exclusive;
    }

    /// Returns how far the transaction has come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Whether a failed transaction was undone completely, so that the call can be tried again.
    pub fn is_unwound(&self) -> bool {
        self.journal.is_unwound()
    }

    /// Takes the warnings of the steps so far.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Whether every directory of the cgroup is this transaction's own.
    pub fn has_made_all(&self) -> bool {
        self.scope.placement.live().all(|site| self.has_made(site))
    }

    /// Whether the cgroup's directory in a hierarchy is this transaction's own.
    pub fn has_made_in(&self, id: HierarchyId) -> bool {
        self.scope.placement.at(id).is_ok_and(|site| self.has_made(site))
    }

    /// Whether this transaction created the directory, or systemd did for a scope that this
    /// transaction started. The rollback removes both, so the old values of their files are not
    /// needed. A rollback leaves a slice.
    pub(super) fn has_made(&self, site: &Site) -> bool {
        let attaches = |name: &Cow<'static, str>| controllers::systemd_attaches(name);
        let is_scope = self.scope.unit.is_some_and(|unit| !unit.unit.is_slice());
        let by_systemd = is_scope && self.progress.unit == Some(Started::Created);
        by_systemd && site.names.iter().any(attaches) || self.journal.has_made(site.id, &site.path)
    }

    /// Checks that a process exists, before anything is created. Notes where it is, unless no step
    /// can fail after the process has moved: then it never has to be moved back.
    ///
    /// Errors: no such process (ESRCH).
    pub fn ensure_alive<'s>(
        &mut self,
        steps: impl Iterator<Item = &'s Step>,
        id: i32,
    ) -> Result<()> {
        let (mut moves, mut last_moves, mut starts) = (0, false, false);
        for step in steps {
            last_moves = matches!(step, Step::Attach { .. });
            starts |= matches!(step, Step::Start { .. });
            moves += usize::from(last_moves || matches!(step, Step::Start { .. }));
        }
        if starts && !proc_state::has_program(id) {
            check_alive(id)?;
        }
        if moves != 1 || !last_moves {
            return self.note_origins(TaskKind::Process, &[id]);
        }
        // One call shows that a process has a program, so that it is alive. Zombies, kernel threads
        // and processes of other users do not show a program.
        match proc_state::has_program(id) {
            true => Ok(()),
            false => check_alive(id),
        }
    }

    /// Notes where tasks are, so that they can be moved back.
    ///
    /// Errors: no such task (ESRCH); nothing has been created then.
    pub fn note_origins(&mut self, kind: TaskKind, ids: &[i32]) -> Result<()> {
        for &id in ids {
            match proc_cgroup::text_of_task(id) {
                Ok(text) => {
                    if proc_cgroup::may_be_zombie(&text) && !proc_state::has_program(id) {
                        check_alive(id)?;
                    }
                    self.journal.note_origin(kind, id, text);
                }
                Err(e) if e.is(Errno::NOENT) || e.is(Errno::SRCH) => {
                    return Err(no_such_process(id));
                }
                // /proc is not mounted, or with hidepid. The kernel moves the task all the same.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Undoes everything, and adds to the error what was restored and what could not be undone.
    pub fn unwind(&mut self, error: Error) -> Error {
        self.journal.unwind(self.scope, &mut self.freeze, error)
    }

    /// Warns that a value is not in force. In strict mode this is an error.
    pub(super) fn without_effect(&mut self, write: &Write, why: &str) -> Result<()> {
        let text = format!("{} {why}; {:?} is not applied", write.file, write.value);
        if self.options.strict {
            return fail(Code::Unsupported, text);
        }
        self.warnings.push(text);
        Ok(())
    }
}

/// Checks that a process exists and has not ended. Moving a zombie would succeed, but the kernel
/// would move nothing.
fn check_alive(id: i32) -> Result<()> {
    let missing = |pid| test_kill_process(pid) == Err(Errno::SRCH);
    if proc_state::is_zombie(id) || Pid::from_raw(id).is_some_and(missing) {
        return Err(no_such_process(id));
    }
    // EPERM: the process is another user's.
    Ok(())
}

fn no_such_process(id: i32) -> Error {
    Error::system("find process", id.to_string().as_bytes(), Errno::SRCH)
}
