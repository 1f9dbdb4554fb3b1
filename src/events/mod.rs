// SPDX-License-Identifier: Apache-2.0

//! Events out: one pollable descriptor for everything that happens to a cgroup.
//!
//! v2: the kernel wakes who polls cgroup.events, memory.events and pids.events, at most every 10 ms
//! for one file. A wake within 10 ms after another comes late, or never when the cgroup is removed
//! meanwhile, so a timer reads the files again.
//! v1: an eventfd on memory.oom_control. The timer looks after files that do not wake.
//! rmdir(2) wakes nobody but v1's eventfds; inotify on the parent tells it ([`Registry`]).
//! Kernel: cgroup-v2.rst, admin-guide/cgroup-v1/memory.rst "Notification", accounting/psi.rst.

mod aio;
mod file;
mod kind;
mod look;
mod members;
mod parent;
mod poller;
mod pressure;
mod registry;
mod request;
mod tally;
mod watch;

pub use file::{Argument, File, Role, Target};
pub use kind::{
    Event, Kind, ALL_KINDS, AT_LEAST, COUNTED_KINDS, EXACT, MEMORY_EVENTS, OPTION_KINDS, ORDER,
    UNKNOWN,
};
pub use pressure::Trigger;
pub use registry::Registry;
pub use request::Request;
pub use watch::Events;
