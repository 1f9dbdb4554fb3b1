//! The C ABI: a thin layer over the crate, one file for each section of the header, and the
//! only place that touches a caller's pointer.
//!
//! The comments on the exported functions are the header's documentation: cbindgen copies them.

#![allow(unsafe_code)]
// The contract of each function is in its comment, in C's terms.
#![allow(clippy::missing_safety_doc, non_camel_case_types)]

mod attach;
mod cgroup;
mod cpu;
mod error;
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
#[cfg(test)]
mod tests;
mod units;
mod version;

pub use attach::*;
pub use cgroup::*;
pub use cpu::*;
pub use error::*;
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
pub use units::*;
pub use version::*;
