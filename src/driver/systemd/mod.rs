// SPDX-License-Identifier: Apache-2.0

//! The systemd driver: a transient scope or slice.
//!
//! systemd creates the cgroup in the hierarchies that it manages, and keeps the limits that it has
//! a property for. The other hierarchies and limits are files, written after systemd's.

mod start;
mod stop;
mod unit;
mod update;
mod wanted;

pub use start::plan_apply;
pub use stop::{release, stop};
pub use unit::{check_sites, unit};
pub use update::{can_freeze, plan_set};
pub use wanted::too_late;
