// SPDX-License-Identifier: Apache-2.0

//! Memory and swap limits that grow and shrink.

use katacg::Code;

use crate::fixture::*;

const MIB: i64 = 1 << 20;

fn v2() -> bool {
    on_v2("memory", "memory")
}

fn limit(s: &Sandbox) -> String {
    s.file(if v2() { "memory.max" } else { "memory.limit_in_bytes" })
}

fn swap_file() -> &'static str {
    if v2() {
        "memory.swap.max"
    } else {
        "memory.memsw.limit_in_bytes"
    }
}

/// Returns OCI's limit of memory plus swap in the form of the layout's file.
fn swap(limit: i64, both: i64) -> String {
    (if v2() { both - limit } else { both }).to_string()
}

#[test]
fn memory_limit_and_reservation_are_set() {
    need!(has("memory", "memory"), "no memory controller");
    let s = Sandbox::new(r#"{"memory":{"limit":67108864,"reservation":33554432}}"#);
    assert_eq!(limit(&s), "67108864");
    assert_eq!(s.file(if v2() { "memory.low" } else { "memory.soft_limit_in_bytes" }), "33554432");
    s.set(r#"{"memory":{"limit":-1}}"#).unwrap();
    let unlimited = if v2() { "max" } else { "9223372036854771712" };
    assert_eq!(limit(&s), unlimited);
}

#[test]
fn swap_and_memory_limits_grow_and_shrink_together() {
    need!(has("memory", "memory"), "no memory controller");
    let s = Sandbox::empty("{}");
    need!(s.has_file(swap_file()), "this kernel does not count swap: no {}", swap_file());
    for (memory, both) in [(64, 128), (256, 512), (300, 300), (32, 40), (512, 600), (16, 16)] {
        let (memory, both) = (memory * MIB, both * MIB);
        s.set(&format!(r#"{{"memory":{{"limit":{memory},"swap":{both}}}}}"#)).unwrap();
        assert_eq!((limit(&s), s.file(swap_file())), (memory.to_string(), swap(memory, both)));
    }
    s.set(r#"{"memory":{"limit":67108864,"swap":-1}}"#).unwrap();
    assert_eq!(limit(&s), "67108864");
    assert_eq!(s.file(swap_file()), if v2() { "max" } else { "9223372036854771712" });
}

#[test]
fn lifting_the_memory_limit_lifts_the_swap_limit() {
    need!(has("memory", "memory"), "no memory controller");
    let s = Sandbox::empty("{}");
    need!(s.has_file(swap_file()), "this kernel does not count swap: no {}", swap_file());
    s.set(r#"{"memory":{"limit":67108864,"swap":134217728}}"#).unwrap();
    s.set(r#"{"memory":{"limit":-1}}"#).unwrap();
    assert_eq!(s.file(swap_file()), if v2() { "max" } else { "9223372036854771712" });
}

#[test]
fn memory_limit_alone_keeps_the_swap_limit() {
    need!(has("memory", "memory"), "no memory controller");
    let s = Sandbox::empty("{}");
    need!(s.has_file(swap_file()), "this kernel does not count swap: no {}", swap_file());
    s.set(r#"{"memory":{"limit":67108864,"swap":134217728}}"#).unwrap();
    let before = s.file(swap_file());
    s.set(r#"{"memory":{"limit":33554432}}"#).unwrap();
    assert_eq!(s.file(swap_file()), before);
}

#[test]
fn contradictory_memory_limits_are_refused_before_the_first_write() {
    need!(v2(), "on v1 the kernel compares memory and swap itself");
    let s = Sandbox::empty(r#"{"memory":{"limit":67108864}}"#);
    for json in [
        r#"{"memory":{"swap":67108864}}"#,
        r#"{"memory":{"limit":134217728,"swap":67108864}}"#,
        r#"{"memory":{"limit":-5}}"#,
    ] {
        let error = s.set(json).unwrap_err();
        assert_eq!(error.code(), Code::Value, "{error}");
    }
    assert_eq!(limit(&s), "67108864");
}

/// runc#3509: the new limit is below the memory in use.
#[test]
fn memory_limit_below_usage_is_refused_and_kills_no_process() {
    need!(has("memory", "memory"), "no memory controller");
    let mut s = Sandbox::empty("{}");
    let pid = s.helper("memory");
    s.manager.apply(pid, false).unwrap();
    let usage = if v2() { "memory.current" } else { "memory.usage_in_bytes" };
    eventually("32 MiB in use", || s.file(usage).parse::<i64>().unwrap() > 32 * MIB);
    let before = limit(&s);
    let error = s.set(r#"{"memory":{"limit":4194304,"checkBeforeUpdate":true}}"#).unwrap_err();
    let text = error.to_string();
    if v2() {
        assert!(text.contains("rejecting memory limit 4194304 <= usage"), "{text}");
    } else {
        // There is no swap to reclaim to, so the kernel refuses. The message has the numbers.
        assert!(text.contains("current usage: ") && text.contains("peak usage: "), "{text}");
    }
    assert_eq!(limit(&s), before);
    assert_eq!(s.manager.pids().unwrap(), [pid], "no process may be killed");
}

#[test]
fn swappiness_and_oom_killer_are_set_on_v1_and_warn_on_v2() {
    need!(has("memory", "memory"), "no memory controller");
    let s = Sandbox::empty("{}");
    let json = r#"{"memory":{"swappiness":30,"disableOOMKiller":true}}"#;
    if v2() {
        let warnings = s.set(json).unwrap();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        return;
    }
    s.set(json).unwrap();
    assert_eq!(s.file("memory.swappiness"), "30");
    assert!(s.file("memory.oom_control").starts_with("oom_kill_disable 1"));
    let error = s.set(r#"{"memory":{"swappiness":101}}"#).unwrap_err();
    assert_eq!(error.to_string(), "invalid memory swappiness value: 101 (valid range is 0-100)");
}

#[test]
fn kernel_memory_limit_is_a_warning() {
    need!(has("memory", "memory"), "no memory controller");
    let s = Sandbox::empty("{}");
    let warnings = s.set(r#"{"memory":{"kernel":1048576,"kernelTCP":1048576}}"#).unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn oom_kills_are_counted() {
    need!(has("memory", "memory"), "no memory controller");
    let mut s = Sandbox::empty(r#"{"memory":{"limit":16777216,"swap":16777216}}"#);
    assert_eq!(s.manager.oom_kills().unwrap(), 0);
    let pid = s.helper("memory");
    s.manager.apply(pid, false).unwrap();
    eventually("the OOM killer", || s.manager.oom_kills().unwrap() > 0);
}
