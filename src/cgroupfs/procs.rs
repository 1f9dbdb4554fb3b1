// SPDX-License-Identifier: Apache-2.0

//! Lists the tasks of a cgroup, and moves tasks in.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::advice::explain_move;
use super::cgroup::Cgroup;
use super::parse::parse_ids;
use super::removal::removed_or;
use crate::error::{Error, Result};
use crate::plan::TaskKind;
use crate::sys::write_all;

/// Attempts to move a task. A task that is still being forked (TASK_NEW) cannot be moved for a
/// moment (EINVAL).
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(30);

impl Cgroup<'_> {
    /// Moves processes or threads in, with one write for each. Calls `moved` after each one.
    pub fn attach(&self, kind: TaskKind, ids: &[i32], moved: impl FnMut(i32)) -> Result<()> {
        self.attach_to(&self.open_tasks(kind)?, kind, ids, moved)
    }

    /// Opens the file that moves tasks in. After the cgroup is removed, writes to the file fail.
    pub fn open_tasks(&self, kind: TaskKind) -> Result<OwnedFd> {
        let file = kind.file(self.version());
        let failed = |e| Error::system("open", &self.absolute(file), e);
        let opened = self.open(file, OFlags::WRONLY).map_err(failed);
        opened.map_err(|e| removed_or(*self, file, None, e))
    }

    /// Does what [`Cgroup::attach`] does, with the file of [`Cgroup::open_tasks`].
    pub fn attach_to(
        &self,
        fd: &OwnedFd,
        kind: TaskKind,
        ids: &[i32],
        mut moved: impl FnMut(i32),
    ) -> Result<()> {
        let file = kind.file(self.version());
        for &id in ids {
            let value = id.to_string();
            let mut result = write_all(fd, value.as_bytes());
            for _ in 1..TRIES {
                if result != Err(Errno::INVAL) {
                    break;
                }
                std::thread::sleep(PAUSE);
                result = write_all(fd, value.as_bytes());
            }
            result.map_err(|e| {
                let error = Error::write(&self.absolute(file), value.as_bytes(), e);
                removed_or(*self, file, Some(fd), explain_move(*self, &value, error))
            })?;
            moved(id);
        }
        Ok(())
    }

    /// Returns the processes in the cgroup. A threaded v2 cgroup cannot list processes
    /// (EOPNOTSUPP), so its threads are returned.
    pub fn pids(&self) -> Result<Vec<i32>> {
        match self.read("cgroup.procs") {
            Err(e) if e.is(Errno::OPNOTSUPP) => parse_ids(&self.read("cgroup.threads")?),
            other => parse_ids(&other?),
        }
    }

    /// Returns the processes in the cgroup and below it, each once. For a threaded cgroup these are
    /// threads.
    pub fn all_pids(&self) -> Result<Vec<i32>> {
        let mut all = BTreeSet::new();
        let mut threaded = None;
        let mut list = |cgroup: Cgroup<'_>| {
            match cgroup.read("cgroup.procs") {
                Err(e) if e.is(Errno::OPNOTSUPP) => {
                    // A threaded cgroup below a domain has only threads of processes that
                    // the domain lists.
                    if *threaded.get_or_insert(true) {
                        all.extend(cgroup.pids()?);
                    }
                }
                other => {
                    all.extend(parse_ids(&other?)?);
                    threaded.get_or_insert(false);
                }
            }
            Ok(())
        };
        self.walk(&mut list)?;
        Ok(all.into_iter().collect())
    }

    /// Returns the threads in the cgroup.
    pub fn threads(&self) -> Result<Vec<i32>> {
        parse_ids(&self.read(TaskKind::Thread.file(self.version()))?)
    }
}
