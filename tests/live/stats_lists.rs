// SPDX-License-Identifier: Apache-2.0

//! Compares the lists of statistics of live cgroups with the kernel's files.

use std::process::Command;

use katacg::stats::{List, CPUS, HUGETLB_SIZES, IO_DEVICES, NODES, RESOURCES};
use katacg::Code;

use crate::fixture::{eventually, has, manager, name, on_v2, Sandbox};

/// Returns the number of the list's entries; None if the cgroup does not have the list's
/// controller.
fn count(s: &Sandbox, list: &'static List) -> Option<usize> {
    match s.manager.stats_list(list) {
        Ok(entries) => Some(entries.len()),
        Err(e) => {
            assert_eq!(e.code(), Code::Controller, "{e}");
            None
        }
    }
}

#[test]
fn each_list_is_there_or_says_which_controller_is_missing() {
    let s = Sandbox::new(r#"{"pids":{"limit":33}}"#);
    for (list, v1, v2) in [(&IO_DEVICES, "blkio", "io"), (&HUGETLB_SIZES, "hugetlb", "hugetlb")] {
        let known = count(&s, list).is_some();
        assert!(has(v1, v2) || !known, "{v1}");
        // The manager enables cgroup2's controllers only where a limit needs them.
        assert!(known || !has(v1, v2) || on_v2(v1, v2), "{v1}");
    }
    assert!(count(&s, &RESOURCES).is_none_or(|resources| resources < 100));
    assert!(count(&s, &NODES).is_none_or(|nodes| nodes > 0));
    let values = s.manager.stats_values("pids", "pids.max").unwrap();
    assert_eq!(values[0].numbers()[0], 33);
}

#[test]
fn processors_add_up_to_the_usage_of_the_cgroup() {
    let mut s = Sandbox::new("{}");
    need!(!on_v2("cpuacct", "cpu"), "only v1 counts by processor");
    let pid = s.spawn(Command::new("sh").args(["-c", "while :; do :; done"]));
    s.manager.add(&[pid], katacg::Add::default()).unwrap();
    eventually("a processor works", || {
        let cpus = s.manager.stats_list(&CPUS).unwrap();
        cpus.iter().filter_map(|cpu| cpu.get(&CPUS, "usage_ns")).sum::<u64>() > 0
    });
    s.end_children();
    let cpus = s.manager.stats_list(&CPUS).unwrap();
    let usage: u64 = cpus.iter().filter_map(|cpu| cpu.get(&CPUS, "usage_ns")).sum();
    assert_eq!(Some(usage), s.manager.stats(1).unwrap().get(katacg::Field::CpuUsage));
}

#[test]
fn lists_of_a_cgroup_that_is_not_there_are_deleted() {
    let nowhere = manager(&name(), "{}");
    for list in [&IO_DEVICES, &HUGETLB_SIZES, &RESOURCES, &CPUS, &NODES] {
        assert_eq!(nowhere.stats_list(list).unwrap_err().code(), Code::Deleted);
    }
    assert_eq!(nowhere.stats_values("pids", "pids.max").unwrap_err().code(), Code::Deleted);
}
