// SPDX-License-Identifier: Apache-2.0

//! Events out: one pollable descriptor for everything that happens to a cgroup.
//!
//! v2: the kernel wakes who polls cgroup.events, memory.events and pids.events, at most every 10 ms
//! for one file. A wake within 10 ms after another comes late, so a timer reads the files again.
//! v1: an eventfd on memory.oom_control. The timer looks after files that do not wake.
//! rmdir(2) wakes nobody. Only a cgroup without processes can be removed, so the timer looks after
//! such a cgroup.
//! Kernel: cgroup-v2.rst, admin-guide/cgroup-v1/memory.rst "Notification".

mod kind;
mod tally;
mod watch;

pub use kind::{Event, Kind, ALL_KINDS, AT_LEAST, EXACT, LATER_KINDS};
pub use watch::{Events, File, Role, Target};
