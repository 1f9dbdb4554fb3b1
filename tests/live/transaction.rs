// SPDX-License-Identifier: Apache-2.0

//! A failed set restores the old values, and concurrent sets take turns.

use katacg::{Flags, Manager};

use crate::fixture::*;

/// The last write, for a missing RDMA device, fails on every host.
const FAILS: &str = r#"{"cpu":{"shares":4096,"quota":70000,"period":100000},"pids":{"limit":99},
    "memory":{"limit":134217728,"reservation":67108864},"rdma":{"nosuchdev":{"hcaHandles":1}}}"#;
const BEFORE: &str = r#"{"cpu":{"shares":512,"quota":30000,"period":50000},"pids":{"limit":7},
    "memory":{"limit":67108864,"reservation":33554432}}"#;

const ROUNDS: usize = 40;

fn values(s: &Sandbox) -> Vec<String> {
    let files: &[&str] = match unified() {
        true => &["cpu.weight", "cpu.max", "pids.max", "memory.max", "memory.low"],
        false => &[
            "cpu.shares",
            "cpu.cfs_quota_us",
            "cpu.cfs_period_us",
            "pids.max",
            "memory.limit_in_bytes",
            "memory.soft_limit_in_bytes",
        ],
    };
    files.iter().filter(|f| s.has_file(f)).map(|f| s.file(f)).collect()
}

fn without_memory(json: &str) -> String {
    if has("memory", "memory") {
        return json.to_owned();
    }
    let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
    value.as_object_mut().unwrap().remove("memory");
    value.to_string()
}

#[test]
fn failed_set_restores_the_old_values() {
    let s = Sandbox::empty(&without_memory(BEFORE));
    let before = values(&s);
    // Without an rdma controller the set fails before the first write, so another value fails late.
    let mut failing = without_memory(FAILS);
    if !has("rdma", "rdma") {
        failing = failing.replace(r#""limit":99"#, r#""limit":9223372036854775807"#);
        failing = failing.replace(r#""rdma":{"nosuchdev":{"hcaHandles":1}}"#, r#""network":{}"#);
    }
    let error = s.set(&failing).unwrap_err();
    assert_eq!(values(&s), before, "{error}");
    if has("rdma", "rdma") {
        let text = error.to_string();
        assert!(text.contains("nosuchdev") && text.contains("restored: "), "{text}");
        assert!(text.contains("pids.max"), "{text}");
    }
    let own = s.manager.resources().pids().map(|p| p.limit());
    assert_eq!(own, Some(7), "the manager keeps its old resources");
}

#[test]
fn failed_set_with_no_rollback_keeps_the_written_values() {
    need!(has("rdma", "rdma"), "no rdma controller, so no write that fails last");
    let s = Sandbox::empty(&without_memory(BEFORE));
    let mut config = config(&s.name, "{}");
    config.flags = Flags { no_rollback: true, ..config.flags };
    let fast = Manager::new(shared(), config).unwrap();
    let failing = katacg::resources::parse::resources(without_memory(FAILS).as_bytes()).unwrap();
    fast.set(&failing).unwrap_err();
    assert_eq!(s.file("pids.max"), "99");
}

#[test]
fn concurrent_sets_never_mix_their_values() {
    let s = Sandbox::empty(&without_memory(BEFORE));
    let settings = [
        r#"{"cpu":{"shares":1000,"quota":10000,"period":20000},"pids":{"limit":1000}}"#,
        r#"{"cpu":{"shares":2000,"quota":200000,"period":400000},"pids":{"limit":2000}}"#,
    ];
    let results: Vec<Vec<String>> = settings
        .iter()
        .map(|json| {
            s.set(json).unwrap();
            values(&s)
        })
        .collect();
    // In each round both threads set at once. The test reads the values when both have ended.
    let turn = std::sync::Arc::new(std::sync::Barrier::new(3));
    let threads: Vec<_> = settings
        .into_iter()
        .map(|json| {
            let own = manager(&s.name, "{}");
            let resources = katacg::resources::parse::resources(json.as_bytes()).unwrap();
            let turn = turn.clone();
            std::thread::spawn(move || {
                for _ in 0..ROUNDS {
                    turn.wait();
                    let done = own.set(&resources);
                    turn.wait();
                    done.unwrap();
                }
            })
        })
        .collect();
    let mut mixed = Vec::new();
    for _ in 0..ROUNDS {
        turn.wait();
        turn.wait();
        let found = values(&s);
        if !results.contains(&found) {
            mixed.push(found);
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(mixed.is_empty(), "{mixed:?} are neither of {results:?}");
}

/// One thread sets only the quota, the other only the period. On v2 both are one file.
#[test]
fn concurrent_sets_of_quota_and_period_both_take_effect() {
    let s = Sandbox::empty("{}");
    for _ in 0..ROUNDS {
        s.set(r#"{"cpu":{"quota":30000,"period":50000}}"#).unwrap();
        let halves = [r#"{"cpu":{"quota":20000}}"#, r#"{"cpu":{"period":80000}}"#];
        let turn = std::sync::Arc::new(std::sync::Barrier::new(2));
        let threads = halves.map(|json| {
            let own = manager(&s.name, "{}");
            let resources = katacg::resources::parse::resources(json.as_bytes()).unwrap();
            let turn = turn.clone();
            std::thread::spawn(move || {
                turn.wait();
                own.set(&resources).map(drop)
            })
        });
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
        let found = match on_v2("cpu", "cpu") {
            true => s.file("cpu.max"),
            false => format!("{} {}", s.file("cpu.cfs_quota_us"), s.file("cpu.cfs_period_us")),
        };
        assert_eq!(found, "20000 80000");
    }
}

/// The map is for limits: a write to these files would move processes, kill them or reclaim memory.
#[test]
fn commands_in_the_unified_map_are_refused_before_the_first_write() {
    need!(unified(), "the files are those of v2");
    let s = Sandbox::empty("{}");
    let before = s.file("pids.max");
    let own = std::process::id();
    let procs = format!("\"cgroup.procs\":\"{own}\"");
    let commands = [
        "\"cgroup.kill\":\"1\"",
        "\"cgroup.subtree_control\":\"+pids\"",
        "\"memory.reclaim\":\"1\"",
    ];
    for command in commands.into_iter().chain([procs.as_str()]) {
        let error =
            s.set(&format!(r#"{{"pids":{{"limit":8}},"unified":{{{command}}}}}"#)).unwrap_err();
        assert_eq!(error.code(), katacg::Code::Value, "{error}");
    }
    assert_eq!(s.file("pids.max"), before);
    assert_eq!(s.file("cgroup.procs"), "");
}

/// On a hybrid host, a limit of cgroup2 enables its controller in the ancestors.
#[test]
fn refused_limit_disables_the_controller_that_it_enabled() {
    let host = shared();
    let v2 = host.info().cgroup2_with("hugetlb").filter(|_| !unified());
    need!(v2.is_some() && !has_v1("hugetlb"), "hugetlb is not in a hybrid host's cgroup2");
    let s = Sandbox::planned("/own", "{}");
    s.manager.apply(katacg::NOBODY, true).unwrap();
    manager(&format!("{}/neighbour", s.name), "{}").apply(katacg::NOBODY, true).unwrap();
    let file = s.dir("").parent().unwrap().join("cgroup.subtree_control");
    let enabled = || std::fs::read_to_string(&file).unwrap();
    assert_eq!(enabled(), "");
    let error = s
        .set(
            r#"{"hugepageLimits":[{"pageSize":"2MB","limit":2097152}],
                "unified":{"hugetlb.2MB.max":"nonsense"}}"#,
        )
        .unwrap_err();
    assert_eq!(enabled(), "", "{error}");
    s.set(r#"{"hugepageLimits":[{"pageSize":"2MB","limit":2097152}]}"#).unwrap();
    assert_eq!(enabled().trim(), "hugetlb");
}

fn has_v1(controller: &str) -> bool {
    shared().info().find(controller).is_some()
}
