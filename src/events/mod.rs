// SPDX-License-Identifier: Apache-2.0

//! Events: one pollable descriptor that reports what happens to a cgroup.
//!
//! v2: the kernel wakes those that poll cgroup.events, memory.events and pids.events, at most every
//! 10 ms for each file. It delays a wake that follows another one sooner, and drops the wake if the
//! cgroup is removed meanwhile. So a timer has the files read again after each wake.
//! v1: the kernel signals an eventfd on memory.oom_control. For files that wake nobody, a timer has
//! them read every 100 ms.
//! rmdir(2) wakes only v1's eventfds. For the others, inotify on the parent reports the removal
//! ([`Registry`]).
//! Kernel: cgroup-v2.rst, admin-guide/cgroup-v1/memory.rst "Notification", accounting/psi.rst.

mod aio;
mod file;
mod kind;
mod look;
mod members;
mod parent;
mod parse;
#[cfg(test)]
mod parse_tests;
mod poller;
mod pressure;
mod registry;
mod request;
mod tally;
mod watch;

pub use file::{Argument, File, Target};
pub use kind::{
    Event, Kind, ALL_KINDS, AT_LEAST, COUNTED_KINDS, EXACT, MEMORY_EVENTS, OPTION_KINDS, ORDER,
    UNKNOWN,
};
pub use parse::Role;
pub use pressure::Trigger;
pub use registry::Registry;
pub use request::Request;
pub use watch::Events;
