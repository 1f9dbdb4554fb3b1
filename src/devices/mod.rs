// SPDX-License-Identifier: Apache-2.0

//! Device rules: computes the result of a list of OCI rules.
//!
//! OCI rules apply in order ("deny all, allow these, deny that one"). What enforces rules takes the
//! result of the whole list: cgroup v1 a default and exceptions, systemd a list of allowed devices,
//! cgroup v2 a BPF program. [`State`] is the result: a default and exceptions. Rules that no such
//! state can express are an error and are never approximated.
//! OCI: runtime-spec config-linux.md "Allowed Device list".
//! Kernel: admin-guide/cgroup-v1/devices.rst, admin-guide/cgroup-v2.rst "Device controller".

mod access;
mod covers;
mod decode;
mod defaults;
pub mod foreign;
mod front;
#[cfg(test)]
mod front_tests;
mod insn;
mod node;
mod oci;
#[cfg(test)]
#[path = "../../tests/common/device_programs.rs"]
mod peer_programs;
mod program;
#[cfg(test)]
mod program_tests;
mod rule;
mod state;
mod table;
#[cfg(test)]
mod tests;
pub mod v1;
#[cfg(test)]
mod v1_tests;

pub use access::Access;
pub use covers::{allows_all, covers, Covers};
pub use decode::{decode, is_ours};
pub use defaults::{append_runtime_defaults, runtime_defaults};
pub use front::Fronted;
pub use insn::{Insn, INSN_SIZE};
pub use node::{hypervisor_rules, parse_access, parse_devices};
pub use oci::to_oci;
pub use program::compile;
pub use rule::{Devices, Kind, Number, Rule};
pub use state::{Mode, State};
