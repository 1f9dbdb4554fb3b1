//! The C ABI: a thin layer over the crate, one file for each section of the header, and the
//! only place that touches a caller's pointer.
//!
//! The comments on the exported functions are the header's documentation: cbindgen copies them.

#![allow(unsafe_code)]
// The contract of each function is in its comment, in C's terms.
#![allow(clippy::missing_safety_doc, non_camel_case_types)]

mod about;
mod attach;
mod boundary;
mod cgroup;
mod error;
mod files;
mod host;
mod kata;
mod lifecycle;
mod manager;
mod members;
mod options;
mod paths;
#[cfg(test)]
mod tests;
mod version;

pub use about::*;
pub use attach::*;
pub use cgroup::*;
pub use error::*;
pub use files::*;
pub use host::*;
pub use kata::*;
pub use lifecycle::*;
pub use manager::*;
pub use members::*;
pub use options::*;
pub use paths::*;
pub use version::*;
