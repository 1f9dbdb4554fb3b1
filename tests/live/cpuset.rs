// SPDX-License-Identifier: Apache-2.0

//! CPUs and memory nodes, and processes that enter cgroups with a cpuset.

use crate::fixture::*;

#[test]
fn cpus_and_memory_nodes_are_set() {
    need!(has("cpuset", "cpuset"), "no cpuset controller");
    let s = Sandbox::new(r#"{"cpu":{"cpus":"0","mems":"0"}}"#);
    assert_eq!((s.file("cpuset.cpus"), s.file("cpuset.mems")), ("0".into(), "0".into()));
    s.set(r#"{"cpu":{"cpus":"0-1"}}"#).unwrap();
    assert_eq!(s.file("cpuset.cpus"), "0-1");
    s.set(r#"{"cpu":{"cpus":"1"}}"#).unwrap();
    assert_eq!((s.file("cpuset.cpus"), s.file("cpuset.mems")), ("1".into(), "0".into()));
}

#[test]
fn process_can_enter_a_cpuset_on_a_deep_path() {
    need!(has("cpuset", "cpuset"), "no cpuset controller");
    let mut s = Sandbox::planned("/a/b/c", r#"{"cpu":{"cpus":"1"}}"#);
    let pid = s.child();
    s.manager.apply(pid, true).unwrap();
    assert_eq!(s.file("cpuset.cpus"), "1");
    let effective = if on_v2("cpuset", "cpuset") { "cpuset.mems.effective" } else { "cpuset.mems" };
    assert_ne!(s.file(effective), "");
}

#[test]
fn apply_fills_an_empty_cpuset_of_an_ancestor() {
    need!(!on_v2("cpuset", "cpuset") && has("cpuset", "cpuset"), "v1 cpusets alone start empty");
    let mut s = Sandbox::planned("/made-by-hand/leaf", r#"{"cpu":{"cpus":"0","mems":"0"}}"#);
    let by_hand = s.dir("cpuset").parent().unwrap().to_owned();
    std::fs::create_dir_all(&by_hand).unwrap();
    assert_eq!(std::fs::read_to_string(by_hand.join("cpuset.cpus")).unwrap().trim(), "");
    let pid = s.child();
    s.manager.apply(pid, true).unwrap();
    assert_eq!(s.file("cpuset.cpus"), "0");
}

#[test]
fn missing_cpus_are_refused_and_the_old_ones_restored() {
    need!(has("cpuset", "cpuset"), "no cpuset controller");
    let s = Sandbox::empty(r#"{"cpu":{"cpus":"0","mems":"0"}}"#);
    let error = s.set(r#"{"cpu":{"cpus":"8191"}}"#).unwrap_err();
    assert!(
        error.to_string().contains("8191") && error.to_string().contains("cpuset.cpus"),
        "{error}"
    );
    assert_eq!(s.file("cpuset.cpus"), "0");
    // On v1 no process can enter without a cpuset, so apply writes it even without a set, and
    // restores the old values. A hybrid host counts as v1.
    let other = r#"{"cpu":{"cpus":"0-1","mems":"8191"}}"#;
    let result = manager(&s.name, other).apply(katacg::NOBODY, false);
    assert_eq!(result.is_err(), !unified(), "{result:?}");
    assert_eq!((s.file("cpuset.cpus"), s.file("cpuset.mems")), ("0".into(), "0".into()));
}

/// The kernel refuses to empty a v2 cpuset that has processes.
#[test]
fn undo_of_a_v2_cpuset_names_its_current_value() {
    need!(on_v2("cpuset", "cpuset"), "v1 cpusets with processes are never empty");
    for json in [
        r#"{"cpu":{"cpus":"0"},"unified":{"pids.max":"x"}}"#,
        r#"{"unified":{"cpuset.cpus":"0","pids.max":"x"}}"#,
    ] {
        let s = Sandbox::new("{}");
        let all = s.file("cpuset.cpus.effective");
        let text = s.set(json).unwrap_err().to_string();
        assert_eq!(s.file("cpuset.cpus"), all, "{text}");
        let (_, failed) = text.split_once("could not be undone: ").unwrap_or_default();
        assert!(failed.starts_with(&format!("cpuset.cpus is now {all:?}")), "{text}");
    }
}

/// When the parent is not a partition, the kernel accepts the word and adds `invalid` to it.
#[test]
fn partition_that_is_not_valid_is_a_warning_and_can_be_restored() {
    need!(on_v2("cpuset", "cpuset"), "partitions are v2's");
    let s = Sandbox::empty("{}");
    let child = manager(&format!("{}/child", s.name), "{}");
    child.apply(katacg::NOBODY, true).unwrap();
    let set = |manager: &katacg::Manager, json: &str| {
        manager.set(&katacg::resources::parse::resources(json.as_bytes()).unwrap())
    };
    let file = dir(&child, "cpuset").join("cpuset.cpus.partition");
    need!(file.exists(), "no cpuset partitions");
    let root = r#"{"unified":{"cpuset.cpus":"0","cpuset.cpus.partition":"root"}}"#;
    let warnings = set(&child, root).unwrap();
    let now = std::fs::read_to_string(&file).unwrap();
    need!(now.contains("invalid"), "this kernel makes it {now:?}");
    assert!(warnings.iter().any(|w| w.contains(now.trim())), "{warnings:?}");
    // A later failure restores the word, and does not write the reason.
    let failing = r#"{"unified":{"cpuset.cpus.partition":"member","pids.max":"x"}}"#;
    let text = set(&child, failing).unwrap_err().to_string();
    assert!(text.contains("restored: cpuset.cpus.partition"), "{text}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), now);
    let mut strict = config(&format!("{}/child", s.name), "{}");
    strict.flags.strict = true;
    let strict = katacg::Manager::new(shared(), strict).unwrap();
    let error = set(&strict, root).unwrap_err();
    assert_eq!(error.code(), katacg::Code::Clamped, "{error}");
}
