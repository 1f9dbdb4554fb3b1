// SPDX-License-Identifier: Apache-2.0

//! What this host offers, as one immutable value.
//!
//! [`HostInfo::parse`] is pure: it turns the text of mountinfo and of /proc/self/cgroup into facts,
//! so that every decision that depends on the host can be tested for any host.
//! [`HostInfo::read`] does the I/O.

pub(crate) mod controllers;
mod hidden;
mod hierarchy;
mod info;
pub mod mountinfo;
mod mounts;
pub(crate) mod proc_cgroup;
pub(crate) mod proc_state;
pub mod v1mount;

pub use hierarchy::{Hierarchy, HierarchyId, Layout, Part, Version};
pub(crate) use info::is_named;
pub use info::{HostInfo, Sources};
