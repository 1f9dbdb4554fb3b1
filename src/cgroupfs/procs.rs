//! Who is in a cgroup, and moving somebody in.

use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::{write_all, Cgroup};
use crate::error::{fail, Code, Error, Result};

/// A task that is still being forked (TASK_NEW) cannot be moved: EINVAL, for a moment.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(30);

/// What is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// A process with all its threads.
    Process(i32),
}

/// Moves a process into a cgroup.
pub fn attach(cgroup: Cgroup<'_>, member: Member) -> Result<()> {
    let Member::Process(pid) = member;
    let file = "cgroup.procs";
    let value = pid.to_string();
    let failed = |e: Errno| {
        let error = Error::write(&cgroup.absolute(file), value.as_bytes(), e);
        match e {
            Errno::SRCH => error.advice("the process is gone"),
            Errno::NOSPC => error.advice("the cpuset has no CPUs or no memory nodes"),
            Errno::BUSY | Errno::OPNOTSUPP => error
                .advice("a cgroup with controllers for its children takes no process; join a leaf"),
            _ => error,
        }
    };
    let fd = cgroup.open(file, OFlags::WRONLY).map_err(failed)?;
    for _ in 1..TRIES {
        match write_all(&fd, value.as_bytes()) {
            Err(Errno::INVAL) => std::thread::sleep(PAUSE),
            other => return other.map_err(failed),
        }
    }
    write_all(&fd, value.as_bytes()).map_err(failed)
}

impl Cgroup<'_> {
    /// The child with this name.
    pub(super) fn child(&self, name: &[u8]) -> Owned<'_> {
        let mut path = self.path.to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Owned {
            parent: *self,
            path,
        }
    }

    /// The processes in it. v2 threaded cgroups have none of their own to list (EOPNOTSUPP):
    /// then the threads.
    pub fn pids(&self) -> Result<Vec<i32>> {
        match self.read("cgroup.procs") {
            Err(e) if e.is(Errno::OPNOTSUPP) => parse_pids(&self.read("cgroup.threads")?),
            other => parse_pids(&other?),
        }
    }
}

/// A child's path, owned.
pub(super) struct Owned<'p> {
    parent: Cgroup<'p>,
    path: Vec<u8>,
}

impl Owned<'_> {
    pub(super) fn get(&self) -> Cgroup<'_> {
        Cgroup {
            tree: self.parent.tree,
            path: &self.path,
        }
    }

    pub(super) fn remove(&self) -> Result<()> {
        self.get().remove()
    }
}

/// Lines of decimal numbers.
pub fn parse_pids(text: &[u8]) -> Result<Vec<i32>> {
    let text = String::from_utf8_lossy(text);
    text.split_ascii_whitespace()
        .map(|field| match field.parse() {
            Ok(pid) => Ok(pid),
            Err(_) => fail(
                Code::System,
                format!("read cgroup.procs: {field:?} is not a number"),
            ),
        })
        .collect()
}
