//! Statistics of live cgroups, against the files that the kernel shows.

use std::process::Command;

use katacg::stats::{ALL, MEMORY};
use katacg::{Code, Field, Stats};

use crate::fixture::{eventually, has, manager, name, on_v2, Sandbox};

fn read(s: &Sandbox) -> Stats {
    s.manager.stats(0).unwrap()
}

#[test]
fn statistics_are_those_of_the_files() {
    need!(has("memory", "memory") && has("pids", "pids"), "no memory or pids");
    let s = Sandbox::new(r#"{"memory":{"limit":67108864},"pids":{"limit":33}}"#);
    let stats = read(&s);
    let v2 = on_v2("memory", "memory");
    let file = if v2 { "memory.max" } else { "memory.limit_in_bytes" };
    assert_eq!(s.file(file).parse().ok(), stats.get(Field::MemoryLimit));
    assert_eq!(stats.get(Field::MemoryLimit), Some(67_108_864));
    assert_eq!(stats.get(Field::PidsLimit), Some(33));
    assert_eq!(stats.get(Field::PidsCurrent), Some(1));
    assert!(stats.get(Field::MemoryUsage).is_some_and(|bytes| bytes < 67_108_864));
    assert_eq!(stats.get(Field::EventsOomKill), Some(0));
}

#[test]
fn limits_that_are_not_set_are_no_limit() {
    need!(has("memory", "memory") && has("pids", "pids"), "no memory or pids");
    let s = Sandbox::new(r#"{"memory":{"limit":-1},"pids":{"limit":-1}}"#);
    let stats = read(&s);
    assert_eq!(stats.get(Field::MemoryLimit), Some(katacg::stats::MAX_VALUE));
    assert_eq!(stats.get(Field::PidsLimit), Some(katacg::stats::MAX_VALUE));
}

#[test]
fn cpu_time_grows_while_a_process_computes() {
    need!(has("cpuacct", "cpu"), "no CPU accounting");
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
        // Controllers of cgroup2 are on only where a limit needs them, on a hybrid host.
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
    need!(has("memory", "memory"), "no memory");
    let mut s = Sandbox::new(r#"{"memory":{"limit":67108864}}"#);
    let mut reader = s.manager.stats_reader(MEMORY).unwrap();
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
    assert!(stats.get(Field::MemoryUsage).is_some());
    assert!(!reader.read(&mut stats).unwrap());
}
