//! Control groups for container runtimes.
//!
//! libkatacg turns OCI resources into the right writes on cgroup v1, hybrid and v2, behind one
//! C header (`include/katacg.h`) and this crate. It decides first and then does:
//!
//! * [`host`] reads what is mounted into an immutable value;
//! * [`resources`] maps resources to a [`plan`], purely;
//! * [`devices`] is what a list of device rules comes to;
//! * [`manager`] carries plans out through [`cgroupfs`], below one directory descriptor for
//!   each hierarchy, and undoes what a failed call did;
//! * [`systemd`] says what a unit is called and has, and tells systemd over D-Bus;
//! * [`devices`] is what device rules come to;
//! * [`kata`] holds Kata's own rules for names and values;
//! * `capi` is the C ABI, a thin layer.
//!
//! No threads, no signal handlers, no global mutable state; of the environment only the variables
//! that say where a bus is are read.

#![warn(missing_docs, clippy::pedantic)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![deny(unsafe_code)]
#![allow(
    clippy::missing_errors_doc,
    clippy::module_name_repetitions,
    clippy::must_use_candidate,
    clippy::doc_markdown,
    // Which of two arms comes first is for the reader to say; switches are switches.
    clippy::match_bool,
    clippy::single_match_else,
    clippy::struct_excessive_bools
)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod bytes;
#[cfg(feature = "capi")]
pub mod capi;
pub mod cgroupfs;
pub mod devices;
pub mod error;
pub mod host;
pub mod kata;
pub mod manager;
pub mod plan;
pub mod resources;
mod sys;
pub mod systemd;

pub use error::{Code, Error, Result};
