// SPDX-License-Identifier: Apache-2.0

//! Pids, huge pages, RDMA, network, and the unified map.

use katacg::Code;
use katacg::{Flags, Manager};

use crate::fixture::*;

#[test]
fn pids_limit_is_set_and_lifted() {
    need!(has("pids", "pids"), "no pids controller");
    let s = Sandbox::empty(r#"{"pids":{"limit":64}}"#);
    assert_eq!(s.file("pids.max"), "64");
    s.set(r#"{"pids":{"limit":0}}"#).unwrap();
    assert_eq!(s.file("pids.max"), "1");
    s.set(r#"{"pids":{}}"#).unwrap();
    assert_eq!(s.file("pids.max"), "1", "an absent limit keeps the value");
    s.set(r#"{"pids":{"limit":-1}}"#).unwrap();
    assert_eq!(s.file("pids.max"), "max");
}

#[test]
fn huge_page_limit_includes_reservations() {
    need!(has("hugetlb", "hugetlb"), "no hugetlb controller");
    let s = Sandbox::empty("{}");
    let suffix = if on_v2("hugetlb", "hugetlb") { "max" } else { "limit_in_bytes" };
    let file = format!("hugetlb.2MB.{suffix}");
    need!(s.has_file(&file), "no 2 MB huge pages: no {file}");
    s.set(r#"{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}"#).unwrap();
    assert_eq!(s.file(&file), "4194304");
    let rsvd = format!("hugetlb.2MB.rsvd.{suffix}");
    if s.has_file(&rsvd) {
        assert_eq!(s.file(&rsvd), "4194304");
    }
    for bad in ["2mb", "2MB/../x", "MB", ""] {
        let json = format!(r#"{{"hugepageLimits":[{{"pageSize":"{bad}","limit":1}}]}}"#);
        assert_eq!(s.set(&json).unwrap_err().code(), Code::Value, "{bad}");
    }
}

#[test]
fn rdma_error_names_the_device_and_limits() {
    need!(has("rdma", "rdma"), "no rdma controller");
    let s = Sandbox::empty("{}");
    let error = s.set(r#"{"rdma":{"mlx0":{"hcaHandles":3,"hcaObjects":7}}}"#).unwrap_err();
    assert!(error.to_string().contains("mlx0 hca_handle=3 hca_object=7"), "{error}");
}

#[test]
fn network_settings_are_written_on_v1_and_warn_on_v2() {
    let s = Sandbox::empty("{}");
    let json = r#"{"network":{"classID":1048577,"priorities":[{"name":"lo","priority":5}]}}"#;
    if unified() {
        let warnings = s.set(json).unwrap();
        assert!(warnings.iter().any(|w| w.contains("network")), "{warnings:?}");
        let mut config = config(&s.name, "{}");
        config.flags = Flags { strict: true, ..config.flags };
        let strict = Manager::new(shared(), config).unwrap();
        let resources = katacg::resources::parse::resources(json.as_bytes()).unwrap();
        assert_eq!(strict.set(&resources).unwrap_err().code(), Code::Unsupported);
        return;
    }
    need!(has("net_cls", "") && has("net_prio", ""), "no net_cls and net_prio controllers");
    s.set(json).unwrap();
    assert_eq!(s.file("net_cls.classid"), "1048577");
    assert!(s.file("net_prio.ifpriomap").lines().any(|line| line == "lo 5"));
}

#[test]
fn unified_map_writes_v2_files_and_refuses_bad_keys() {
    let s = Sandbox::empty("{}");
    let json = r#"{"unified":{"cgroup.max.depth":"7","cgroup.max.descendants":"9"}}"#;
    if katacg::host::HostInfo::read().unwrap().find("").is_none() {
        let error = s.set(json).unwrap_err();
        assert_eq!(error.to_string(), "invalid configuration: cannot use unified on cgroup v1");
        return;
    }
    s.set(json).unwrap();
    let read = |file| std::fs::read_to_string(s.dir("").join(file)).unwrap();
    assert_eq!(read("cgroup.max.depth").trim(), "7");
    assert_eq!(read("cgroup.max.descendants").trim(), "9");
    let error = s.set(r#"{"unified":{"a/b.c":"1"}}"#).unwrap_err();
    assert!(error.to_string().contains("no slashes"), "{error}");
    let error = s.set(r#"{"unified":{"nosuch.max":"1"}}"#).unwrap_err();
    assert_eq!(error.code(), Code::Controller, "{error}");
    assert!(error.to_string().contains("nosuch is not available"), "{error}");
    assert!(!s.dir("").join("nosuch.max").exists());
    let own = std::process::id().to_string();
    for (file, value) in [("cgroup.procs", &own[..]), ("cgroup.kill", "1"), ("cgroup.freeze", "1")]
    {
        let error = s.set(&format!(r#"{{"unified":{{"{file}":"{value}"}}}}"#)).unwrap_err();
        assert_eq!(error.code(), Code::Value, "{error}");
    }
    assert_eq!(read("cgroup.procs"), "");
    s.set(r#"{"unified":{"cgroup.max.depth":"\n5\n\n"}}"#).unwrap();
    assert_eq!(read("cgroup.max.depth").trim(), "5");
}

#[test]
fn error_names_a_missing_controller() {
    let shared = shared();
    let host = shared.info();
    need!(host.find("hugetlb").is_none() || host.is_unified(), "this host has hugetlb");
    need!(host.cgroup2_with("hugetlb").is_none(), "this host has hugetlb");
    let s = Sandbox::empty("{}");
    let json = r#"{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}"#;
    let error = s.set(json).unwrap_err();
    assert_eq!(error.code(), Code::Controller, "{error}");
    assert!(
        error.to_string().contains("hugetlb") && error.to_string().contains("available:"),
        "{error}"
    );
}
