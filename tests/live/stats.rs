// SPDX-License-Identifier: Apache-2.0

//! Compares the statistics of live cgroups with the kernel's files.

use std::process::Command;
use std::time::Duration;

use katacg::stats::{ALL, CPU, MAX_VALUE, PIDS, PRESSURE};
use katacg::{Code, Field, Stats};

use crate::fixture::{eventually, has, manager, name, on_v2, Sandbox};

fn read(s: &Sandbox) -> Stats {
    s.manager.stats(0).unwrap()
}

/// Some kernels have no memory controller on v1.
fn with_memory() -> bool {
    has("memory", "memory")
}

#[test]
fn statistics_are_those_of_the_files() {
    let memory = if with_memory() { r#""memory":{"limit":67108864},"# } else { "" };
    let s = Sandbox::new(&format!(r#"{{{memory}"pids":{{"limit":33}}}}"#));
    let stats = read(&s);
    assert_eq!(stats.get(Field::PidsLimit), Some(33));
    assert_eq!(stats.get(Field::PidsCurrent), Some(1));
    if with_memory() {
        let v2 = on_v2("memory", "memory");
        let file = if v2 { "memory.max" } else { "memory.limit_in_bytes" };
        assert_eq!(s.file(file).parse().ok(), stats.get(Field::MemoryLimit));
        assert_eq!(stats.get(Field::MemoryLimit), Some(67_108_864));
        assert!(stats.get(Field::MemoryUsage).is_some_and(|bytes| bytes < 67_108_864));
        assert_eq!(stats.get(Field::EventsOomKill), Some(0));
    }
}

#[test]
fn limits_that_are_not_set_are_no_limit() {
    let memory = if with_memory() { r#""memory":{"limit":-1},"# } else { "" };
    let s = Sandbox::new(&format!(r#"{{{memory}"pids":{{"limit":-1}}}}"#));
    let stats = read(&s);
    assert_eq!(stats.get(Field::PidsLimit), Some(MAX_VALUE));
    let wanted = with_memory().then_some(MAX_VALUE);
    assert_eq!(stats.get(Field::MemoryLimit), wanted);
}

#[test]
fn cpu_time_grows_while_a_process_computes() {
    let mut s = Sandbox::new("{}");
    let pid = s.spawn(Command::new("sh").args(["-c", "while :; do :; done"]));
    s.manager.add(&[pid], katacg::Add::default()).unwrap();
    let mut reader = s.manager.stats_reader(1).unwrap();
    let mut stats = Stats::default();
    let mut before = 0;
    for _ in 0..3 {
        eventually("CPU time grows", || {
            assert!(!reader.read(&mut stats).unwrap());
            stats.get(Field::CpuUsage).is_some_and(|ns| ns > before)
        });
        before = stats.get(Field::CpuUsage).unwrap();
    }
    // Memory was not asked for.
    assert_eq!(stats.get(Field::MemoryUsage), None);
    assert_eq!(stats.missing, 0);
}

#[test]
fn a_missing_controller_is_named_and_fails_nothing() {
    let s = Sandbox::new("{}");
    let stats = read(&s);
    assert_eq!(stats.missing & !ALL, 0);
    for (bit, v1, v2) in [(2, "memory", "memory"), (4, "pids", "pids"), (32, "rdma", "rdma")] {
        let known = has(v1, v2);
        assert!(known || stats.missing & bit != 0, "{v1}");
        // On a hybrid host the manager enables cgroup2's controllers only where a limit needs them.
        assert!(!known || stats.missing & bit == 0 || on_v2(v1, v2), "{v1}");
    }
    let error = s.manager.stats(512).unwrap_err();
    assert_eq!(error.code(), Code::Argument, "{error}");
}

#[test]
fn statistics_of_a_cgroup_that_is_not_there_are_deleted() {
    let nowhere = manager(&name(), "{}");
    assert_eq!(nowhere.stats(0).unwrap_err().code(), Code::Deleted);
    assert_eq!(nowhere.stats_reader(0).unwrap_err().code(), Code::Deleted);
}

#[test]
fn reader_says_deleted_and_goes_on_when_the_cgroup_is_made_again() {
    let mut s = Sandbox::new(r#"{"pids":{"limit":33}}"#);
    let mut reader = s.manager.stats_reader(PIDS).unwrap();
    let mut stats = Stats::default();
    assert!(!reader.read(&mut stats).unwrap());
    s.end_children();
    s.manager.destroy().unwrap();
    for _ in 0..2 {
        assert_eq!(reader.read(&mut stats).unwrap_err().code(), Code::Deleted);
        assert_eq!(stats.valid(), 0);
    }
    s.manager.apply(katacg::NOBODY, true).unwrap();
    assert!(reader.read(&mut stats).unwrap(), "made again");
    assert!(stats.get(Field::PidsLimit).is_some());
    assert!(!reader.read(&mut stats).unwrap());
}

/// Another program may remove a cgroup in one hierarchy after the other, and make it again
/// likewise.
#[test]
fn reader_finds_a_controller_again_whose_hierarchy_lost_the_cgroup_for_a_while() {
    let in_v1 = has("cpuacct", "cpuacct") && has("pids", "pids") && !on_v2("pids", "pids");
    need!(in_v1, "needs two v1 hierarchies");
    let s = Sandbox::empty("{}");
    let mut reader = s.manager.stats_reader(CPU | PIDS).unwrap();
    let mut stats = Stats::default();
    assert!(!reader.read(&mut stats).unwrap());
    assert_eq!(stats.missing, 0);
    std::fs::remove_dir(s.dir("pids")).unwrap();
    assert!(reader.read(&mut stats).unwrap(), "a part was removed");
    assert_eq!(stats.missing, PIDS);
    assert!(!reader.read(&mut stats).unwrap(), "nothing has changed");
    assert_eq!(stats.missing, PIDS);
    std::fs::create_dir(s.dir("pids")).unwrap();
    assert!(reader.read(&mut stats).unwrap(), "the part was made again");
    assert_eq!((stats.missing, stats.get(Field::PidsCurrent)), (0, Some(0)));
    assert!(!reader.read(&mut stats).unwrap());
}

/// On a hybrid host v1's freezer freezes the cgroup, and cgroup2 does not show that.
#[test]
fn statistics_say_whether_the_cgroup_is_frozen() {
    let s = Sandbox::new("{}");
    need!(s.manager.path("").is_ok(), "no cgroup2");
    let is_frozen = || read(&s).get(Field::IsFrozen);
    assert_eq!(is_frozen(), Some(0));
    s.manager.freeze(Duration::from_secs(20)).unwrap();
    assert_eq!(is_frozen(), Some(1));
    s.manager.thaw().unwrap();
    assert_eq!(is_frozen(), Some(0));
}

/// When pressure is turned off, the kernel treats open pressure files as if the cgroup were gone.
#[test]
fn reader_finds_pressure_again_that_was_turned_off_for_a_while() {
    let s = Sandbox::new("{}");
    need!(s.manager.path("").is_ok(), "no cgroup2");
    let switch = s.dir("").join("cgroup.pressure");
    need!(switch.exists(), "the kernel has no cgroup.pressure (Linux 6.1), or no pressure");
    let mut reader = s.manager.stats_reader(PIDS | PRESSURE).unwrap();
    let mut stats = Stats::default();
    assert!(!reader.read(&mut stats).unwrap());
    for (value, missing) in [("0", PRESSURE), ("1", 0)] {
        std::fs::write(&switch, value).unwrap();
        assert!(reader.read(&mut stats).unwrap(), "{value}");
        assert_eq!(stats.missing & PRESSURE, missing, "{value}");
        assert!(!reader.read(&mut stats).unwrap(), "{value}");
    }
}
