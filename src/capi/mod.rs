// SPDX-License-Identifier: Apache-2.0

//! The C ABI: a thin layer over the crate.
//!
//! Each file is one section of include/katacg.h. cbindgen copies the comments of exported items
//! into the header, so those comments are written for C programmers. `ffi` has what all functions
//! share. Only this module touches a caller's pointer.

#![allow(unsafe_code)]
// The comment of each function states its contract in C's terms.
#![allow(clippy::missing_safety_doc, non_camel_case_types)]

mod attach;
mod cgroup;
mod cpu;
mod devices;
mod error;
mod events;
mod ffi;
mod files;
mod host;
mod lifecycle;
mod manager;
mod manager_info;
mod manager_opts;
mod mounts;
mod paths;
mod processes;
mod resources;
mod stats;
mod stats_bits;
mod stats_entries;
mod stats_lists;
mod stats_reader;
#[cfg(test)]
mod stats_tests;
#[cfg(test)]
mod tests;
mod units;
mod version;

pub use attach::*;
pub use cgroup::*;
pub use cpu::*;
pub use devices::*;
pub use error::*;
pub use events::*;
pub use files::*;
pub use host::*;
pub use lifecycle::*;
pub use manager::*;
pub use manager_info::*;
pub use manager_opts::*;
pub use mounts::*;
pub use paths::*;
pub use processes::*;
pub use resources::*;
pub use stats::*;
pub use stats_bits::*;
pub use stats_entries::*;
pub use stats_lists::*;
pub use stats_reader::*;
pub use units::*;
pub use version::*;
