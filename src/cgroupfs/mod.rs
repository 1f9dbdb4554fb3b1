//! A mounted hierarchy as a directory descriptor, and the operations on cgroups below it.
//!
//! Every file of a cgroup is opened below the hierarchy's descriptor in a way that cannot leave the
//! hierarchy (see [`beneath`]). The library creates directories, never files.

mod beneath;
pub mod bpf;
mod cgroup;
mod create;
mod freezer;
mod hierarchies;
pub(crate) mod interface_file;
mod parse;
mod procs;
mod remove;
mod v2;

pub use cgroup::{Cgroup, OpenHierarchy};
pub use create::Created;
pub use freezer::{FreezerState, Thaw};
pub use hierarchies::Hierarchies;
pub use parse::parse_ids;
pub use remove::REMOVE_TIMEOUT;
