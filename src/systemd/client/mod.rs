// SPDX-License-Identifier: Apache-2.0

//! The client of systemd's manager: makes, changes and stops units over D-Bus.
//!
//! Methods and properties: org.freedesktop.systemd1(5).

mod connection_pool;
mod error;
mod job;
mod name;
mod request;
mod single_call;
mod start;
mod stop;
mod systemd;

pub use start::Started;
pub use systemd::Systemd;
