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
