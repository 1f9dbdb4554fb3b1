// SPDX-License-Identifier: Apache-2.0

//! The arguments with which a watch is opened.

use std::time::Duration;

use super::file::Target;
use super::pressure::Trigger;
use crate::cgroupfs::Cgroup;

/// What to watch, and where.
#[derive(Debug)]
pub struct Request<'a> {
    /// The kinds to report.
    pub kinds: u64,
    /// The files to watch.
    pub targets: Vec<Target<'a>>,
    /// Without cgroup2: the v1 cgroup whose list of processes says whether it is empty.
    pub members: Option<Cgroup<'a>>,
    /// v2: the memory cgroup, whose parent's memory.events can have its last counts.
    pub memory: Option<Cgroup<'a>>,
    /// The cgroup whose removal inotify reports. None if an eventfd of v1 reports it.
    pub removal: Option<Cgroup<'a>>,
    /// The cgroup that has the pressure file, and the trigger.
    pub trigger: Option<(Cgroup<'a>, Trigger)>,
    /// How often to compare memory use with the threshold. None without a threshold on v2.
    pub interval: Option<Duration>,
}
