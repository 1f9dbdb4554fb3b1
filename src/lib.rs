// SPDX-License-Identifier: Apache-2.0

//! Control groups for container runtimes.
//!
//! libkatacg turns OCI resources into the right writes on cgroup v1, hybrid and v2, behind one C
//! header (`include/katacg.h`) and this crate. Pure functions make a plan. A transaction carries
//! the plan out, and undoes it when a step fails.
//!
//! Making a plan needs no root, and works for any host:
//!
//! ```
//! use std::sync::Arc;
//!
//! use katacg::{parse, Config, Host, HostInfo, Manager, Sources};
//!
//! # fn main() -> katacg::Result<()> {
//! let info = HostInfo::parse(Sources {
//!     mountinfo: b"30 20 0:30 / /sys/fs/cgroup rw - cgroup2 none rw\n",
//!     cgroup: b"0::/\n",
//!     ..Sources::default()
//! })?;
//! let config = Config { path: b"/my-sandbox".to_vec(), ..Config::default() };
//! let manager = Manager::new(Arc::new(Host::new(info)), config)?;
//! let plan = manager.plan(&parse::resources(br#"{"pids": {"limit": 64}}"#)?)?;
//! assert_eq!(plan.to_text(manager.host().info()), "write\tpids\tpids.max\t64\n");
//! # Ok(())
//! # }
//! ```
//!
//! On this host, as root, the life of a sandbox is:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use katacg::{parse, Config, Host, Manager, NOBODY};
//!
//! # fn main() -> katacg::Result<()> {
//! let config = Config {
//!     path: b"/my-sandbox".to_vec(),
//!     resources: parse::resources(br#"{"pids": {"limit": 64}}"#)?,
//!     ..Config::default()
//! };
//! let manager = Manager::new(Arc::new(Host::read()?), config)?;
//! manager.apply(NOBODY, true)?;
//! manager.destroy()?;
//! # Ok(())
//! # }
//! ```
//!
//! The library starts no thread and installs no signal handler. It keeps no global state but one
//! panic hook, which the C ABI (feature `capi`) installs. It reads the environment only for the
//! address of a bus.

#![cfg_attr(
    test,
    allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]
#![cfg_attr(not(feature = "capi"), allow(dead_code, unused_imports))]

mod bytes;
#[cfg(feature = "capi")]
pub mod capi;
pub mod kata;
mod sort;
mod sys;

// The rooms of the crate. The feature `internals` makes them public for the crate's own tests.
#[cfg(not(feature = "internals"))]
mod cgroupfs;
#[cfg(not(feature = "internals"))]
mod config;
#[cfg(not(feature = "internals"))]
mod devices;
#[cfg(not(feature = "internals"))]
mod driver;
#[cfg(not(feature = "internals"))]
mod error;
#[cfg(not(feature = "internals"))]
mod events;
#[cfg(not(feature = "internals"))]
mod host;
#[cfg(not(feature = "internals"))]
mod host_handle;
#[cfg(not(feature = "internals"))]
mod log;
#[cfg(not(feature = "internals"))]
mod manager;
#[cfg(not(feature = "internals"))]
mod path;
#[cfg(not(feature = "internals"))]
mod placement;
#[cfg(not(feature = "internals"))]
mod plan;
#[cfg(not(feature = "internals"))]
mod resources;
#[cfg(not(feature = "internals"))]
mod stats;
#[cfg(not(feature = "internals"))]
mod systemd;
#[cfg(not(feature = "internals"))]
mod transaction;

#[cfg(feature = "internals")]
pub mod cgroupfs;
#[cfg(feature = "internals")]
pub mod config;
#[cfg(feature = "internals")]
pub mod devices;
#[cfg(feature = "internals")]
pub mod driver;
#[cfg(feature = "internals")]
pub mod error;
#[cfg(feature = "internals")]
pub mod events;
#[cfg(feature = "internals")]
pub mod host;
#[cfg(feature = "internals")]
pub mod host_handle;
#[cfg(feature = "internals")]
pub mod log;
#[cfg(feature = "internals")]
pub mod manager;
#[cfg(feature = "internals")]
pub mod path;
#[cfg(feature = "internals")]
pub mod placement;
#[cfg(feature = "internals")]
pub mod plan;
#[cfg(feature = "internals")]
pub mod resources;
#[cfg(feature = "internals")]
pub mod stats;
#[cfg(feature = "internals")]
pub mod systemd;
#[cfg(feature = "internals")]
pub mod transaction;

pub use cgroupfs::FreezerState;
pub use config::{Config, DriverKind, Flags, SystemdConfig};
pub use error::{Code, Error, Result};
pub use events::{Event, Events, Kind as EventKind, AT_LEAST, EXACT, UNKNOWN};
pub use host::{HostInfo, Layout, Sources};
pub use host_handle::Host;
pub use log::Log;
pub use manager::{Add, ApplyOutcome, EventOptions, Manager, Resource, StatsReader, NOBODY};
pub use plan::Plan;
pub use resources::parse;
pub use stats::{Field, Stats};
pub use systemd::Bus;
