// SPDX-License-Identifier: Apache-2.0

//! The hierarchies and values of the life cycle, on v1 and on v2.

use std::path::Path;

use crate::{MEMORY, PERIOD, PIDS, QUOTA, SHARES, SUBSYSTEMS, WEIGHT};

/// A file of a hierarchy and its value.
pub struct Expected {
    pub hierarchy: &'static str,
    pub file: &'static str,
    pub value: String,
}

pub struct Version {
    pub unified: bool,
    /// The directory of each hierarchy, relative to the base.
    pub hierarchies: Vec<&'static str>,
    pub files: Vec<Expected>,
}

impl Version {
    /// `base` is the cgroup2 mount, or a directory of v1 hierarchies that are named like their
    /// subsystems.
    pub fn of(base: &str, cpus: &str, mems: &str) -> Version {
        if Path::new(base).join("cgroup.controllers").exists() {
            Version::v2(cpus, mems)
        } else {
            Version::v1(cpus, mems)
        }
    }

    fn v1(cpus: &str, mems: &str) -> Version {
        Version {
            unified: false,
            hierarchies: SUBSYSTEMS.to_vec(),
            files: vec![
                expected("cpu", "cpu.shares", SHARES),
                expected("cpu", "cpu.cfs_quota_us", QUOTA),
                expected("cpu", "cpu.cfs_period_us", PERIOD),
                expected("memory", "memory.limit_in_bytes", MEMORY),
                expected("pids", "pids.max", PIDS),
                expected("cpuset", "cpuset.cpus", cpus),
                expected("cpuset", "cpuset.mems", mems),
            ],
        }
    }

    fn v2(cpus: &str, mems: &str) -> Version {
        Version {
            unified: true,
            hierarchies: vec![""],
            files: vec![
                expected("", "cpu.weight", WEIGHT),
                expected("", "cpu.max", format!("{QUOTA} {PERIOD}")),
                expected("", "memory.max", MEMORY),
                expected("", "pids.max", PIDS),
                expected("", "cpuset.cpus", cpus),
                expected("", "cpuset.mems", mems),
            ],
        }
    }
}

fn expected(hierarchy: &'static str, file: &'static str, value: impl ToString) -> Expected {
    Expected { hierarchy, file, value: value.to_string() }
}
