// SPDX-License-Identifier: Apache-2.0

//! CPU weight, bandwidth, burst, idle, realtime.

use katacg::{Code, Flags, Manager};

use crate::fixture::*;

fn quota(s: &Sandbox) -> (String, String) {
    if on_v2("cpu", "cpu") {
        let max = s.file("cpu.max");
        let (quota, period) = max.split_once(' ').unwrap();
        let quota = if quota == "max" { "-1" } else { quota };
        (quota.to_owned(), period.to_owned())
    } else {
        (s.file("cpu.cfs_quota_us"), s.file("cpu.cfs_period_us"))
    }
}

#[test]
fn cpu_shares_are_set_and_checked_by_reading_back() {
    let s = Sandbox::empty(r#"{"cpu":{"shares":2000}}"#);
    if on_v2("cpu", "cpu") {
        assert_eq!(s.file("cpu.weight"), "170");
        s.set(r#"{"cpu":{"shares":1024}}"#).unwrap();
        assert_eq!(s.file("cpu.weight"), "100");
        s.set(r#"{"cpu":{"shares":1}}"#).unwrap();
        assert_eq!(s.file("cpu.weight"), "1");
    } else {
        assert_eq!(s.file("cpu.shares"), "2000");
        let error = s.set(r#"{"cpu":{"shares":1}}"#).unwrap_err();
        assert_eq!(error.code(), Code::Clamped, "{error}");
        assert!(error.to_string().contains("the minimum allowed cpu-shares is 2"), "{error}");
        assert_eq!(s.file("cpu.shares"), "2000", "the old value is restored");
    }
}

#[test]
fn cpu_quota_and_period_grow_and_shrink() {
    let s = Sandbox::empty(r#"{"cpu":{"quota":50000,"period":100000}}"#);
    assert_eq!(quota(&s), ("50000".into(), "100000".into()));
    for (wanted_quota, period) in
        [(200_000, 50_000), (5_000, 10_000), (300_000, 1_000_000), (1_000, 1_000)]
    {
        s.set(&format!(r#"{{"cpu":{{"quota":{wanted_quota},"period":{period}}}}}"#)).unwrap();
        assert_eq!(quota(&s), (wanted_quota.to_string(), period.to_string()));
    }
    s.set(r#"{"cpu":{"quota":-1,"period":100000}}"#).unwrap();
    assert_eq!(quota(&s), ("-1".into(), "100000".into()));
}

/// runc#3084: the old quota over the new, shorter period exceeds the parent's bandwidth.
#[test]
fn shorter_period_is_written_after_the_smaller_quota() {
    need!(!unified(), "cgroup v2 writes quota and period together");
    let parent = Sandbox::empty(r#"{"cpu":{"quota":50000,"period":100000}}"#);
    let child =
        manager(&format!("{}/child", parent.name), r#"{"cpu":{"quota":40000,"period":100000}}"#);
    child.apply(-1, true).unwrap();
    let update = katacg::resources::parse::resources(br#"{"cpu":{"quota":10000,"period":25000}}"#);
    child.set(&update.unwrap()).unwrap();
    let read = |file| std::fs::read_to_string(dir(&child, "cpu").join(file)).unwrap();
    assert_eq!(read("cpu.cfs_period_us").trim(), "25000");
    assert_eq!(read("cpu.cfs_quota_us").trim(), "10000");
}

#[test]
fn cpu_burst_can_grow_together_with_the_quota() {
    let s = Sandbox::empty(r#"{"cpu":{"quota":50000,"period":100000}}"#);
    let file = if on_v2("cpu", "cpu") { "cpu.max.burst" } else { "cpu.cfs_burst_us" };
    need!(s.has_file(file), "this kernel has no {file}");
    s.set(r#"{"cpu":{"burst":20000}}"#).unwrap();
    assert_eq!(s.file(file), "20000");
    // The burst exceeds the old quota, so the quota must be written first.
    s.set(r#"{"cpu":{"burst":90000,"quota":100000}}"#).unwrap();
    assert_eq!(s.file(file), "90000");
    s.set(r#"{"cpu":{"burst":0}}"#).unwrap();
    assert_eq!(s.file(file), "0");
}

/// containerd's library writes the shares and does not check which value the kernel stores.
#[test]
fn clamped_shares_are_a_warning_where_the_caller_asks_for_that() {
    let s = Sandbox::empty("{}");
    let made = |strict: bool| {
        let mut config = config(&s.name, "{}");
        config.flags = Flags { clamp_shares: true, strict, ..config.flags };
        Manager::new(shared(), config).unwrap()
    };
    for (shares, taken) in [(1, 2), (300_000, 262_144), (u64::MAX, 262_144), (2, 2)] {
        let json = format!(r#"{{"cpu":{{"shares":{shares}}}}}"#);
        let resources = katacg::resources::parse::resources(json.as_bytes()).unwrap();
        let warnings = made(false).set(&resources).unwrap();
        if on_v2("cpu", "cpu") {
            assert!(warnings.is_empty(), "{warnings:?}");
            continue;
        }
        assert_eq!(s.file("cpu.shares"), taken.to_string());
        let wanted = format!("cpu shares {shares} are outside 2 to 262144; {taken} is set");
        let wanted = if shares == taken { vec![] } else { vec![wanted] };
        assert_eq!(warnings, wanted);
        let strict = made(true).set(&resources);
        assert_eq!(strict.is_err(), shares != taken, "{strict:?}");
        assert!(strict.err().is_none_or(|e| e.code() == Code::Clamped));
    }
}

#[test]
fn idle_is_set_and_makes_shares_a_warning() {
    let s = Sandbox::empty("{}");
    need!(s.has_file("cpu.idle"), "this kernel has no cpu.idle");
    let warnings = s.set(r#"{"cpu":{"idle":1,"shares":512}}"#).unwrap();
    assert_eq!(s.file("cpu.idle"), "1");
    assert!(warnings.iter().any(|w| w.contains("no effect")), "{warnings:?}");
    // The kernel accepts no weight while the cgroup is idle.
    s.set(r#"{"cpu":{"idle":0,"shares":512}}"#).unwrap();
    assert_eq!(s.file("cpu.idle"), "0");
    let error = s.set(r#"{"cpu":{"idle":2}}"#).unwrap_err();
    assert_eq!(error.code(), Code::Value);
}

fn weight_file() -> &'static str {
    match on_v2("cpu", "cpu") {
        true => "cpu.weight",
        false => "cpu.shares",
    }
}

#[test]
fn old_shares_return_after_idle() {
    let s = Sandbox::empty("{}");
    need!(s.has_file("cpu.idle"), "this kernel has no cpu.idle");
    s.set(r#"{"cpu":{"shares":2000}}"#).unwrap();
    let before = s.file(weight_file());
    s.set(r#"{"cpu":{"idle":1}}"#).unwrap();
    s.set(r#"{"cpu":{"idle":0}}"#).unwrap();
    assert_eq!(s.file(weight_file()), before);
}

#[test]
fn failed_set_of_idle_restores_the_old_shares() {
    let s = Sandbox::empty("{}");
    need!(s.has_file("cpu.idle"), "this kernel has no cpu.idle");
    s.set(r#"{"cpu":{"shares":2000}}"#).unwrap();
    let before = s.file(weight_file());
    // The kernel refuses a quota below one millisecond.
    let error = s.set(r#"{"cpu":{"idle":1,"quota":1}}"#).unwrap_err();
    assert_eq!((s.file("cpu.idle").as_str(), s.file(weight_file())), ("0", before), "{error}");
}

/// The omitted half keeps its value, even if another manager has set it.
#[test]
fn set_of_quota_or_period_keeps_the_other() {
    let s = Sandbox::empty("{}");
    let now = || match on_v2("cpu", "cpu") {
        true => s.file("cpu.max"),
        false => format!("{} {}", s.file("cpu.cfs_quota_us"), s.file("cpu.cfs_period_us")),
    };
    s.set(r#"{"cpu":{"quota":50000,"period":50000}}"#).unwrap();
    s.set(r#"{"cpu":{"period":80000}}"#).unwrap();
    assert_eq!(now(), "50000 80000");
    s.set(r#"{"cpu":{"quota":25000}}"#).unwrap();
    assert_eq!(now(), "25000 80000");
    let other = manager(&s.name, "{}");
    let json = br#"{"cpu":{"period":40000}}"#;
    other.set(&katacg::resources::parse::resources(json).unwrap()).unwrap();
    assert_eq!(now(), "25000 40000");
    s.set(r#"{"cpu":{"quota":-1}}"#).unwrap();
    assert!(now().ends_with(" 40000"), "{}", now());
    let known = s.manager.resources().cpu().clone().unwrap();
    assert_eq!(known.quota(), Some(-1));
}

#[test]
fn realtime_is_set_on_v1_and_warns_on_v2() {
    if unified() {
        let s = Sandbox::empty("{}");
        let warnings = s.set(r#"{"cpu":{"realtimePeriod":500000}}"#).unwrap();
        assert!(warnings.iter().any(|w| w.contains("realtime")), "{warnings:?}");
        return;
    }
    let s = Sandbox::empty("{}");
    need!(s.has_file("cpu.rt_period_us"), "this kernel has no realtime group scheduling");
    s.set(r#"{"cpu":{"realtimePeriod":500000,"realtimeRuntime":0}}"#).unwrap();
    assert_eq!(s.file("cpu.rt_period_us"), "500000");
    // The kernel refuses a runtime above the period, and the old period is restored.
    let error = s.set(r#"{"cpu":{"realtimePeriod":400000,"realtimeRuntime":450000}}"#).unwrap_err();
    assert!(error.to_string().contains("cpu.rt_runtime_us"), "{error}");
    assert_eq!(s.file("cpu.rt_period_us"), "500000");
}
