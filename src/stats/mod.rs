// SPDX-License-Identifier: Apache-2.0

//! Statistics: what the kernel counts for a cgroup.
//!
//! The module `table` says which file feeds which field on v1 and on v2. The module `parse` has the
//! parsers, which are pure. [`Reader`] keeps the files open and reads each with one pread(2). A
//! field that could not be read is marked as not valid, so that nobody takes its 0 for a count.
//! Kernel: cgroup-v2.rst, admin-guide/cgroup-v1/, accounting/psi.rst.

mod fields;
mod flat_keyed;
mod hugepages;
mod json;
mod json_io;
mod keyed;
mod list_table;
#[cfg(test)]
mod list_tests;
mod lists;
mod parse;
#[cfg(any(test, feature = "internals"))]
mod printed;
mod reader;
mod scan;
mod table;
#[cfg(test)]
mod tests;
mod values;

pub use fields::{Field, FIELDS};
#[cfg(any(test, feature = "internals"))]
pub use fields::{Group, MAX_VALUE};
pub use hugepages::sizes;
pub use json::json;
#[cfg(any(test, feature = "internals"))]
pub use list_table::LISTS;
pub use list_table::{
    List, CPUS, HUGETLB as HUGETLB_SIZES, IO as IO_DEVICES, NODES, RESOURCES, VALUES,
};
pub use lists::{fill, values, Entry, Text};
#[cfg(any(test, feature = "internals"))]
pub use parse::parse;
#[cfg(any(test, feature = "internals"))]
pub use printed::{list_table, table};
pub use reader::{Part, Reader};
pub(crate) use scan::{lines, number, split};
pub use table::{controller_names, Source, ALL, BRIEF, MEMORY, SOURCES};
#[cfg(any(test, feature = "internals"))]
pub use table::{CPU, PIDS, PRESSURE};
pub use values::Stats;
