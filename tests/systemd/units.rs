// SPDX-License-Identifier: Apache-2.0

//! Units that exist already, have failed or are gone, and the properties of new units.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use katacg::Code;
use katacg::{Add, Config, Manager, SystemdConfig, NOBODY};

use crate::fixture::*;

fn annotated(annotations: &[(&str, &str)]) -> SystemdConfig {
    let pairs = annotations.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    SystemdConfig { annotations: pairs.collect(), ..SystemdConfig::default() }
}

#[test]
fn annotations_become_properties_of_the_unit() {
    need_systemd!();
    let mut s = Sandbox::changed("{}", |config| {
        config.systemd = annotated(&[
            ("org.systemd.property.TimeoutStopUSec", "uint64 123000000"),
            ("org.systemd.property.CollectMode", "'inactive-or-failed'"),
            ("org.systemd.property.Description", "'a test of annotations'"),
            ("org.systemd.property.RuntimeMaxSec", "900"),
            ("io.kubernetes.cri.other", "not a property"),
        ]);
    });
    s.start();
    s.check(
        "annotations",
        &[
            ("TimeoutStopUSec", "2min 3s"),
            ("CollectMode", "inactive-or-failed"),
            ("Description", "a test of annotations"),
            ("RuntimeMaxUSec", "15min"),
        ],
    );
    s.end();
}

/// systemd refuses a value whose type it does not expect.
#[test]
fn property_of_a_wrong_type_fails_apply_and_moves_no_process() {
    need_systemd!();
    let mut s = Sandbox::changed("{}", |config| {
        config.systemd = annotated(&[("org.systemd.property.TasksMax", "'many'")]);
    });
    let pid = s.child();
    let was = home_of(pid);
    let error = s.manager.apply(pid, true).unwrap_err();
    assert!(error.to_string().contains("StartTransientUnit"), "{error}");
    s.assert_outside(pid, &was);
    s.end();
}

/// The owner gets the directory and the files that a delegate writes, but not the limits.
#[test]
fn delegated_unit_belongs_to_its_owner() {
    need_systemd!();
    need!(root() && unified(), "only root can delegate, and only cgroup2 is safe to delegate");
    let mut s = Sandbox::changed(r#"{"pids":{"limit":20}}"#, |config| {
        config.owner = Some((1000, 1000));
    });
    s.start();
    let dir = s.dir("");
    let owner = |file: &str| std::fs::metadata(dir.join(file)).unwrap().uid();
    for file in ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] {
        assert_eq!(owner(file), 1000, "{file}");
    }
    assert_eq!(owner("pids.max"), 0);
    reload();
    assert_eq!((owner(""), owner("cgroup.procs"), owner("pids.max")), (1000, 1000, 0));
    s.end();
}

/// Kata adds a second process so, and a restored shim comes back so.
#[test]
fn apply_to_an_active_scope_joins_it() {
    need_systemd!();
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    let first = s.manager.pids().unwrap();
    let again = Manager::new(s.shared.clone(), config_of(&s, r#"{"pids":{"limit":30}}"#)).unwrap();
    let second = s.child();
    again.apply(second, false).unwrap();
    let both = std::collections::BTreeSet::from([first[0], second]);
    let inside =
        || s.manager.pids().unwrap().into_iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(inside(), both);
    let there = |(_, path): (String, String)| path.contains(&s.unit);
    let count = |pid| cgroups_of(pid).into_iter().filter(|all| there(all.clone())).count();
    assert_eq!(count(second), count(first[0]), "{:?}", cgroups_of(second));
    s.check("joined", &[("TasksMax", "20"), ("pids.max", "20"), ("ActiveState", "active")]);
    // A process that is inside stays, and gets the limits.
    again.apply(second, true).unwrap();
    s.check("set", &[("TasksMax", "30"), ("pids.max", "30"), ("ActiveState", "active")]);
    assert_eq!(inside(), both);
    s.end();
}

/// The unit stays as it was, and the process where it was.
#[test]
fn failed_apply_to_an_active_scope_changes_nothing() {
    need_systemd!();
    need!(unified() || has("hugetlb", "hugetlb"), "no write that fails last");
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    let inside = s.manager.pids().unwrap();
    let json = match unified() {
        true => r#"{"pids":{"limit":30},"unified":{"cgroup.max.depth":"deep"}}"#,
        false => r#"{"pids":{"limit":30},"hugepageLimits":[{"pageSize":"3KB","limit":4096}]}"#,
    };
    let again = Manager::new(s.shared.clone(), config_of(&s, json)).unwrap();
    let late = s.child();
    let was = home_of(late);
    again.apply(late, true).unwrap_err();
    s.check("refused", &[("TasksMax", "20"), ("pids.max", "20"), ("ActiveState", "active")]);
    assert_eq!(s.manager.pids().unwrap(), inside);
    s.assert_outside(late, &was);
    assert!(alive(inside[0]));
    s.end();
}

fn config_of(s: &Sandbox, json: &str) -> Config {
    Config { resources: config("", json).resources, ..s.manager.config().clone() }
}

/// runc#3780: a failed unit occupies its name until it is reset.
#[test]
fn apply_resets_a_failed_unit_of_the_same_name() {
    need_systemd!();
    let mut s = Sandbox::planned(r#"{"pids":{"limit":20}}"#);
    let user: &[&str] = if root() { &[] } else { &["--user"] };
    // systemd kills the process after a second, and counts the scope as failed.
    let mut run = Command::new("systemd-run");
    run.args(user).args(["--scope", "--quiet", "-p", "RuntimeMaxSec=1", "--unit"]);
    run.args([&s.unit, "sleep", "100"]);
    // Another test may restart the bus, so this may take more than one try.
    eventually("failed", || {
        assert!(!run.output().unwrap().status.success());
        s.property("ActiveState") == "failed"
    });
    let pid = s.start();
    s.check("started", &[("ActiveState", "active"), ("TasksMax", "20"), ("pids.max", "20")]);
    assert_eq!(s.manager.pids().unwrap(), [pid]);
    s.end();
}

#[test]
fn destroy_removes_a_unit_that_failed() {
    need_systemd!();
    let mut s = Sandbox::changed(r#"{"pids":{"limit":20}}"#, |config| {
        // Even a slow machine starts the unit in this time.
        config.systemd = annotated(&[("org.systemd.property.RuntimeMaxSec", "8")]);
    });
    let pid = s.start();
    eventually("failed", || s.property("ActiveState") == "failed");
    eventually("killed", || !alive(pid));
    let error = s.set(r#"{"pids":{"limit":5}}"#).unwrap_err();
    assert_eq!(error.code(), Code::Deleted, "{error}");
    s.end();
}

/// The OOM killer kills one process. The unit is delegated, so its other processes go on.
#[test]
fn oom_kill_is_counted_and_the_unit_stays_active() {
    need_systemd!();
    need!(has("memory", "memory"), "no memory controller");
    let mut s = Sandbox::new(r#"{"memory":{"limit":16777216,"swap":16777216}}"#);
    let inside = s.manager.pids().unwrap();
    let pid = s.spawn(&mut crate::helper::command("memory"));
    s.manager.add(&[pid], Add::default()).unwrap();
    eventually("killed", || !alive(pid));
    eventually("counted", || s.manager.oom_kills().unwrap() == 1);
    let living = || s.manager.pids().unwrap().into_iter().filter(|pid| alive(*pid));
    assert_eq!(living().collect::<Vec<_>>(), inside);
    s.check("one less", &[("ActiveState", "active")]);
    s.end();
}

/// At any change of a unit, systemd writes all values that it knows again.
#[test]
fn set_keeps_values_that_systemd_has_no_property_for() {
    need_systemd!();
    need!(unified(), "v1 has no unified map");
    let mut s = Sandbox::new(r#"{"unified":{"cpu.weight.nice":"-5","memory.oom.group":"1"}}"#);
    let now = || [s.file("cpu.weight.nice"), s.file("memory.oom.group")];
    assert_eq!(now(), ["-5", "1"]);
    s.set(r#"{"pids":{"limit":30}}"#).unwrap();
    assert_eq!(now(), ["-5", "1"]);
    s.set(r#"{"cpu":{"shares":2000}}"#).unwrap();
    assert_eq!(s.file("cpu.weight"), "170");
    s.end();
}

#[test]
fn collected_unit_is_deleted_and_its_name_can_be_used_again() {
    need_systemd!();
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    s.end_children();
    eventually("collected", || !s.is_loaded());
    let error = s.set(r#"{"pids":{"limit":30}}"#).unwrap_err();
    assert_eq!(error.code(), Code::Deleted, "{error}");
    s.end();
    // The name is free.
    s.start();
    s.check("again", &[("ActiveState", "active"), ("TasksMax", "20"), ("pids.max", "20")]);
    s.end();
}

#[test]
fn calls_before_apply_report_deleted() {
    need_systemd!();
    let s = Sandbox::planned("{}");
    let error = s.set(r#"{"pids":{"limit":30}}"#).unwrap_err();
    assert_eq!(error.code(), Code::Deleted, "{error}");
    s.check("not made", &[("LoadState", "not-found")]);
    s.manager.destroy().unwrap();
    assert_eq!(s.manager.pids().unwrap_err().code(), Code::Deleted);
    assert_eq!(
        s.manager.freeze(std::time::Duration::from_secs(1)).unwrap_err().code(),
        Code::Deleted
    );
    // systemd starts no scope without a process.
    let error = s.manager.apply(NOBODY, false).unwrap_err();
    assert!(error.to_string().contains(&s.unit), "{error}");
}

/// systemd escapes the name of a cgroup that looks like an interface file. The rule for this
/// changed in systemd 254.
#[test]
fn unit_named_like_an_interface_file_gets_an_escaped_directory() {
    need_systemd!();
    let name = name();
    for (prefix, wanted) in [("io.kata", version() >= 254), ("bpf", true), ("iox.kata", false)] {
        let last = if prefix == "bpf" { "devices".to_owned() } else { name.clone() };
        let unit = format!("{prefix}-{last}.scope");
        let json = r#"{"pids":{"limit":20}}"#;
        let mut s = Sandbox::with(&unit, config(&format!(":{prefix}:{last}"), json));
        s.start();
        let escaped = if wanted { "_" } else { "" };
        assert!(s.property("ControlGroup").ends_with(&format!("/{escaped}{unit}")));
        s.check(prefix, &[("TasksMax", "20"), ("pids.max", "20")]);
        s.end();
    }
}

/// The process was inside before the call. The call must not conclude that it started the unit, and
/// must keep the unit's directories.
#[test]
fn failed_apply_of_a_process_inside_keeps_the_unit_and_its_directories() {
    need_systemd!();
    need!(unified() || has("hugetlb", "hugetlb"), "no write that fails last");
    let mut s = Sandbox::planned(r#"{"pids":{"limit":20}}"#);
    let pid = s.start();
    let idle = s.dir("pids").join("idle");
    std::fs::create_dir(&idle).unwrap();
    let json = match unified() {
        true => r#"{"unified":{"cgroup.max.depth":"deep"}}"#,
        false => r#"{"hugepageLimits":[{"pageSize":"3KB","limit":4096}]}"#,
    };
    let again = Manager::new(s.shared.clone(), config_of(&s, json)).unwrap();
    let error = again.apply(pid, true).unwrap_err();
    assert!(!error.to_string().contains("undone"), "{error}");
    assert!(idle.is_dir() && alive(pid));
    assert_eq!(s.manager.pids().unwrap(), [pid]);
    s.end();
}

/// On v1 no process can enter a cgroup with an empty cpuset.
#[test]
fn apply_without_set_fills_the_v1_cpuset() {
    need_systemd!();
    need!(!unified() && has("cpuset", "-"), "only a v1 cpuset must be filled first");
    let mut s = Sandbox::planned(r#"{"cpu":{"cpus":"1"},"pids":{"limit":20}}"#);
    let pid = s.child();
    s.manager.apply(pid, false).unwrap();
    s.check("entered", &[("cpuset.cpus", "1"), ("TasksAccounting", "yes")]);
    s.end();
}
