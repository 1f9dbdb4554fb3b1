// SPDX-License-Identifier: Apache-2.0

//! A mounted hierarchy as a directory descriptor, and the operations on cgroups below it.
//!
//! Every file of a cgroup is opened below the hierarchy's descriptor in a way that cannot leave the
//! hierarchy (see [`beneath`]). The library creates directories, never files.

pub(crate) mod advice;
mod beneath;
pub mod bpf;
mod cgroup;
mod create;
mod files;
mod freezer;
mod hierarchies;
pub(crate) mod interface_file;
mod parse;
mod procs;
pub(crate) mod removal;
mod remove;
mod v2;
mod walk;

pub use cgroup::Cgroup;
pub use create::Created;
pub use freezer::{FreezerState, Thaw};
pub use hierarchies::Hierarchies;
pub use parse::parse_ids;
pub use remove::REMOVE_TIMEOUT;
pub use v2::Enabled;
