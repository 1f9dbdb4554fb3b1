// SPDX-License-Identifier: Apache-2.0

//! A plan: an ordered list of steps, as data.
//!
//! Pure functions make a plan from resources, host and path. A transaction carries it out, a dry
//! run prints it, and golden tests compare it.

mod show;
mod step;
mod task;
mod write;

pub use step::{writes, Plan, Step};
pub use task::TaskKind;
pub use write::{Missing, Write};
