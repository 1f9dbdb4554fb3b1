//! Set is all or nothing, and takes turns.

use katacg::manager::{Flags, Manager};

use crate::fixture::*;

/// Ends in a write that fails everywhere.
const FAILS: &str = r#"{"cpu":{"shares":4096,"quota":70000,"period":100000},"pids":{"limit":99},
    "memory":{"limit":134217728,"reservation":67108864},"rdma":{"nosuchdev":{"hcaHandles":1}}}"#;
const BEFORE: &str = r#"{"cpu":{"shares":512,"quota":30000,"period":50000},"pids":{"limit":7},
    "memory":{"limit":67108864,"reservation":33554432}}"#;

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
fn a_failed_set_changes_nothing() {
    let s = Sandbox::empty(&without_memory(BEFORE));
    let before = values(&s);
    // A controller that is not there is refused before the first write; one that is fails late.
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
    assert!(s.manager.resources().pids().is_some_and(|p| p.limit() == 7), "nor the manager's own");
}

#[test]
fn no_rollback_when_not_wanted() {
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
fn two_handles_end_in_one_of_the_two_results() {
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
    let threads: Vec<_> = settings
        .into_iter()
        .map(|json| {
            let own = manager(&s.name, "{}");
            let resources = katacg::resources::parse::resources(json.as_bytes()).unwrap();
            std::thread::spawn(move || {
                for _ in 0..50 {
                    own.set(&resources).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(results.contains(&values(&s)), "{:?} is neither of {results:?}", values(&s));
}
