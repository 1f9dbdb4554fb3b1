// SPDX-License-Identifier: Apache-2.0

//! The sets of v1 subsystems that Kata's sandboxes use.

use rustix::fs::lstat;

use super::path::subsystem_path;

/// A set of v1 subsystems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// The subsystems that may limit a hypervisor: cpuset, cpu, cpuacct.
    Constraints,
    /// The subsystem that must not limit a hypervisor: memory. A pod's limit is too small for one.
    NoConstraints,
    /// Every v1 subsystem.
    All,
}

/// Every v1 subsystem, in containerd's order. `systemd` is the named hierarchy, which has no
/// controller.
const ALL: &[&str] = &[
    "systemd",
    "freezer",
    "pids",
    "net_cls",
    "net_prio",
    "perf_event",
    "cpuset",
    "cpu",
    "cpuacct",
    "memory",
    "blkio",
    "rdma",
    "devices",
    "hugetlb",
];

impl Set {
    /// Returns the names in the set, including those of subsystems that this host lacks.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Set::Constraints => &["cpuset", "cpu", "cpuacct"],
            Set::NoConstraints => &["memory"],
            Set::All => ALL,
        }
    }

    /// Returns the names for which `lstat(root/name)` succeeds.
    pub fn present(self, root: &[u8]) -> Vec<&'static str> {
        let here = |name: &&&str| lstat(subsystem_path(root, name.as_bytes(), b"/")).is_ok();
        self.names().iter().filter(here).copied().collect()
    }
}
