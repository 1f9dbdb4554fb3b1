// SPDX-License-Identifier: Apache-2.0

//! What a watch is opened with.

use std::time::Duration;

use super::file::Target;
use super::pressure::Trigger;
use crate::cgroupfs::Cgroup;

/// What to watch, and where.
#[derive(Debug)]
pub struct Request<'a> {
    /// The kinds to tell.
    pub kinds: u64,
    /// The files.
    pub targets: Vec<Target<'a>>,
    /// The cgroup whose list of processes says whether it is empty, without cgroup2.
    pub members: Option<Cgroup<'a>>,
    /// The cgroup whose parent's memory.events can tell what happened last.
    pub memory: Option<Cgroup<'a>>,
    /// The cgroup whose removal inotify tells. None where an eventfd does.
    pub removal: Option<Cgroup<'a>>,
    /// A pressure trigger.
    pub trigger: Option<(Cgroup<'a>, Trigger)>,
    /// How often is looked at what wakes nobody and is asked for.
    pub interval: Option<Duration>,
}
