//! The sets of v1 subsystems that Kata's sandboxes use.

use rustix::fs::lstat;

use super::path::subsystem_path;

/// A set of v1 subsystems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// Those that may limit a hypervisor: cpuset, cpu, cpuacct.
    Constraints,
    /// Those that must not: memory (a pod's limit is too small to hold a hypervisor).
    NoConstraints,
    /// Every v1 subsystem.
    All,
}

/// Every v1 subsystem, in the order in which containerd's library walks them. `systemd` is the
/// named hierarchy that holds no controller.
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
    /// The names in the set, whether this host has them or not.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Set::Constraints => &["cpuset", "cpu", "cpuacct"],
            Set::NoConstraints => &["memory"],
            Set::All => ALL,
        }
    }

    /// The names for which `lstat(root/name)` succeeds.
    pub fn present(self, root: &[u8]) -> Vec<&'static str> {
        let here = |name: &&&str| lstat(subsystem_path(root, name.as_bytes(), b"/")).is_ok();
        self.names().iter().filter(here).copied().collect()
    }
}
