// SPDX-License-Identifier: Apache-2.0

//! A manager: one sandbox's or container's cgroup in every hierarchy that it is in.
//!
//! A manager holds no descriptor of its own and no process. It can be dropped, and made again from
//! its [state](Manager::state) in another process.

mod apply;
mod attach;
mod core;
mod current;
mod destroy;
mod devices;
mod events;
mod files;
mod freezer;
mod kill;
mod libcontainer;
mod lock;
mod move_to;
mod processes;
mod release;
mod set;
mod state;
mod stats;
mod stats_lists;

pub use apply::{ApplyOutcome, NOBODY};
pub use core::Manager;
pub use events::{EventOptions, Resource};
pub use processes::Add;
pub use stats::StatsReader;
