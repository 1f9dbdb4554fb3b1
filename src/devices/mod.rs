//! Device rules: computes the result of a list of OCI rules.
//!
//! OCI rules apply in order ("deny all, allow these, deny that one"). Every enforcement needs the
//! result: cgroup v1 takes a default and exceptions, systemd a list of allowed devices, cgroup v2 a
//! BPF program. [`State`] is the result: a default and exceptions. Rules that have no such result
//! are an error and are never approximated.
//! OCI: runtime-spec config-linux.md "Allowed Device list".
//! Kernel: admin-guide/cgroup-v1/devices.rst, admin-guide/cgroup-v2.rst "Device controller".

mod access;
mod defaults;
mod rule;
mod state;
#[cfg(test)]
mod tests;

pub use access::Access;
pub use defaults::append_runtime_defaults;
pub use rule::{Devices, Kind, Number, Rule};
pub use state::{Mode, State};
