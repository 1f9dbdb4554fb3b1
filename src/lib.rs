//! Control groups for container runtimes.
//!
//! libkatacg turns OCI resources into the right writes on cgroup v1, hybrid and v2, behind one C
//! header (`include/katacg.h`) and this crate. It decides first and then does: pure functions make a
//! plan, a transaction carries the plan out, and undoes it when a step fails.
//!
//! The library starts no thread, installs no signal handler and keeps no global state. It reads the
//! environment only for the address of a bus.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![cfg_attr(test, allow(clippy::indexing_slicing))]

mod bytes;
#[cfg(feature = "capi")]
pub mod capi;
pub mod cgroupfs;
pub mod config;
pub mod devices;
pub mod driver;
pub mod error;
pub mod host;
pub mod host_handle;
pub mod kata;
pub mod log;
pub mod manager;
pub mod path;
pub mod placement;
pub mod plan;
pub mod resources;
mod sys;
pub mod systemd;
pub mod transaction;

pub use error::{Code, Error, Result};
