// SPDX-License-Identifier: Apache-2.0

//! The life cycle of a scope. After each call the tests compare the unit's properties and the
//! files.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use katacg::Code;
use katacg::FreezerState;
use katacg::{Add, Host, Manager};
use rustix::process::Signal;

use crate::fixture::*;

const FIRST: &str = r#"{"cpu":{"shares":2000,"quota":50001,"period":100000,"cpus":"1","mems":"0"},
    "memory":{"limit":67108864,"reservation":33554432},"pids":{"limit":77}}"#;
const THEN: &str = r#"{"cpu":{"shares":512,"quota":20000,"period":50000,"cpus":"0-1"},
    "memory":{"limit":134217728},"pids":{"limit":88}}"#;

type Facts = Vec<(&'static str, &'static str)>;

/// Returns the wanted properties and files for the first or the second resources.
fn facts(then: bool) -> Facts {
    let mut out: Facts = match (unified(), then) {
        (true, false) => vec![
            ("CPUWeight", "170"),
            ("cpu.weight", "170"),
            ("CPUQuotaPerSecUSec", "510ms"),
            ("cpu.max", "51000 100000"),
        ],
        (true, true) => vec![
            ("CPUWeight", "59"),
            ("cpu.weight", "59"),
            ("CPUQuotaPerSecUSec", "400ms"),
            ("CPUQuotaPeriodUSec", "50ms"),
            ("cpu.max", "20000 50000"),
        ],
        (false, false) => vec![
            ("CPUShares", "2000"),
            ("cpu.shares", "2000"),
            ("CPUQuotaPerSecUSec", "510ms"),
            ("cpu.cfs_quota_us", "51000"),
        ],
        (false, true) => vec![
            ("CPUShares", "512"),
            ("cpu.shares", "512"),
            ("CPUQuotaPerSecUSec", "400ms"),
            ("cpu.cfs_quota_us", "20000"),
            ("cpu.cfs_period_us", "50000"),
        ],
    };
    let tasks = if then { "88" } else { "77" };
    out.extend([("TasksMax", tasks), ("pids.max", tasks)]);
    let limit = if then { "134217728" } else { "67108864" };
    if has("memory", "memory") {
        out.extend(match (unified(), on_v2("memory")) {
            (true, _) => vec![
                ("MemoryMax", limit),
                ("memory.max", limit),
                ("MemoryLow", "33554432"),
                ("memory.low", "33554432"),
            ],
            (_, true) => vec![("memory.max", limit), ("memory.low", "33554432")],
            _ => vec![
                ("MemoryLimit", limit),
                ("memory.limit_in_bytes", limit),
                ("memory.soft_limit_in_bytes", "33554432"),
            ],
        });
    }
    let cpus = if then { "0-1" } else { "1" };
    if has("cpuset", "cpuset") {
        if unified() || !on_v2("cpuset") {
            out.extend([("AllowedCPUs", cpus), ("AllowedMemoryNodes", "0")]);
        }
        out.extend([("cpuset.cpus", cpus), ("cpuset.mems", "0")]);
    }
    out
}

fn active(then: bool) -> Facts {
    let mut out = facts(then);
    out.extend([("ActiveState", "active"), ("Delegate", "yes"), ("Result", "success")]);
    out
}

/// Checks that a process is in the unit's cgroup, or in the subcgroup, in every hierarchy.
fn assert_inside(s: &Sandbox, pid: i32, subcgroup: &str) {
    let wanted = format!("/{}{subcgroup}", s.unit);
    for (hierarchy, path) in cgroups_of(pid) {
        // The manager does not join every controller, for example not misc on v1.
        let joined = hierarchy.split(',').any(|c| s.manager.paths().any(|(name, _)| name == c));
        assert!(!joined || path.ends_with(&wanted), "{hierarchy}: {path}, not {wanted}");
    }
}

#[test]
fn scope_has_the_expected_properties_and_files_after_each_call() {
    need_systemd!();
    let (first, then) = (available(FIRST), available(THEN));
    let mut s = Sandbox::planned(&first);
    assert!(!s.manager.exists().unwrap());
    s.check("planned", &[("ActiveState", "inactive"), ("LoadState", "not-found")]);
    let warnings = s.manager.plan_apply(1, None).unwrap().warnings;
    assert_eq!(warnings, [""; 0]);

    let pid = s.child();
    assert_eq!(s.manager.apply(pid, true).unwrap().warnings, [""; 0]);
    s.check("applied", &active(false));
    let slice = if root() { "system.slice" } else { "user.slice" };
    s.check("applied", &[("Slice", slice), ("DefaultDependencies", "no"), ("TasksCurrent", "1")]);
    assert!(s.property("ControlGroup").ends_with(&format!("/{slice}/{}", s.unit)));
    assert_inside(&s, pid, "");
    assert_eq!(s.manager.pids().unwrap(), [pid]);

    let second = s.child();
    s.manager.add(&[second], Add::default()).unwrap();
    s.check("a second process", &active(false));
    assert_inside(&s, second, "");
    let mut pids = s.manager.pids().unwrap();
    pids.sort_unstable();
    assert_eq!(pids, [pid, second]);

    let third = s.child();
    let exec = Add { subcgroup: b"exec", create: true, threads: false };
    s.manager.add(&[third], exec).unwrap();
    s.check("a subcgroup", &active(false));
    assert_inside(&s, third, "/exec");
    assert_eq!(s.manager.all_pids().unwrap().len(), 3);
    assert_eq!(s.manager.pids().unwrap().len(), 2);

    assert_eq!(s.set(&then).unwrap(), [""; 0]);
    s.check("set", &active(true));
    // The manager remembers all resources that were set.
    let reservation = s.manager.resources().memory().as_ref().and_then(|m| m.reservation());
    assert_eq!(reservation.is_some(), has("memory", "memory"));

    s.manager.freeze(Duration::from_secs(10)).unwrap();
    assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Frozen);
    s.check("frozen", &active(true));
    s.manager.thaw().unwrap();
    assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Thawed);
    s.check("thawed", &active(true));
    if has("memory", "memory") {
        assert_eq!(s.manager.oom_kills().unwrap(), 0);
    }

    let parent = s.manager.parent().unwrap();
    assert!(parent.exists().unwrap());
    let parent = String::from_utf8(parent.path("pids").unwrap()).unwrap();
    assert_eq!(parent.rsplit('/').next(), Some(slice));
    // The parent has other processes, so a manager of it only takes processes, also when loaded.
    let saved = s.manager.parent().unwrap().state().unwrap();
    let saved = Manager::load(Arc::new(Host::read().unwrap()), saved.as_bytes()).unwrap();
    assert_eq!(saved.kill(Signal::CONT).unwrap_err().code(), Code::Path);
    assert_eq!(saved.destroy().unwrap_err().code(), Code::Path);

    // Another process would have only the state.
    let state = s.manager.state().unwrap();
    let other = Manager::load(Arc::new(Host::read().unwrap()), state.as_bytes()).unwrap();
    assert_eq!(other.paths().collect::<Vec<_>>(), s.manager.paths().collect::<Vec<_>>());
    other.set(&katacg::resources::parse::resources(first.as_bytes()).unwrap()).unwrap();
    s.check("set by another", &active(false));
    assert_eq!(other.all_pids().unwrap().len(), 3);

    let mut target = Sandbox::new("{}");
    assert!(other.move_to(&target.manager).unwrap() > 2);
    assert_eq!(target.manager.all_pids().unwrap().len(), 4);
    assert!(s.manager.all_pids().unwrap_or_default().is_empty());
    assert_inside(&target, third, "");
    // systemd ends a scope without processes by itself.
    eventually("collected", || !s.is_loaded());
    s.manager.destroy().unwrap();

    target.manager.kill(Signal::KILL).unwrap();
    eventually("killed", || !alive(pid) && !alive(second) && !alive(third));
    s.end();
    target.end();
}

#[test]
fn destroy_keeps_a_unit_with_a_process_inside() {
    need_systemd!();
    let mut s = Sandbox::new(r#"{"pids":{"limit":9}}"#);
    let error = s.manager.destroy().unwrap_err();
    assert_eq!(error.code(), Code::Busy, "{error}");
    let pid = s.manager.pids().unwrap()[0];
    assert!(error.to_string().contains(&pid.to_string()), "{error}");
    assert!(alive(pid));
    s.check("busy", &[("ActiveState", "active"), ("TasksMax", "9"), ("pids.max", "9")]);
    s.end();
}

#[test]
fn add_moves_threads_of_a_scope_into_a_subcgroup() {
    need_systemd!();
    let mut s = Sandbox::planned(r#"{"pids":{"limit":50}}"#);
    let pid = s.spawn(&mut crate::helper::command("threads"));
    eventually("threads", || fs::read_dir(format!("/proc/{pid}/task")).unwrap().count() > 3);
    s.manager.apply(pid, true).unwrap();
    let tids = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let tids = tids.map(|e| e.unwrap().file_name().to_str().unwrap().parse().unwrap());
    let mut tids: Vec<i32> = tids.filter(|tid| *tid != pid).collect();
    tids.sort_unstable();
    let vcpus = &tids[tids.len() - 2..];
    s.manager.add(vcpus, Add { threads: true, subcgroup: b"vcpu", create: true }).unwrap();
    for (hierarchy, path) in cgroups_of(vcpus[0]) {
        let joined = s.manager.paths().any(|(name, _)| hierarchy.split(',').any(|c| c == name));
        assert!(!joined || path.ends_with(&format!("/{}/vcpu", s.unit)), "{hierarchy}: {path}");
    }
    assert_inside(&s, pid, "");
    s.check("threads below", &[("ActiveState", "active"), ("TasksMax", "50"), ("pids.max", "50")]);
    s.end();
}

/// runc#2356: exec into a container whose processes are in leaf cgroups.
#[test]
fn add_to_a_scope_that_is_no_leaf_advises_using_a_leaf() {
    need_systemd!();
    need!(unified(), "cgroup v1 has processes anywhere");
    let mut s = Sandbox::planned(r#"{"pids":{"limit":50}}"#);
    let pid = s.child();
    s.manager.apply(pid, true).unwrap();
    s.manager.add(&[pid], Add { subcgroup: b"leaf", create: true, threads: false }).unwrap();
    fs::write(s.dir("").join("cgroup.subtree_control"), "+pids").unwrap();
    let late = s.child();
    match s.manager.add(&[late], Add::default()) {
        Err(e) => assert!(e.to_string().contains("use one of its leaves"), "{e}"),
        Ok(()) => panic!("a process in a cgroup with controllers for its children"),
    }
    assert!(alive(late));
    s.manager.add(&[late], Add { subcgroup: b"leaf", ..Add::default() }).unwrap();
    assert_inside(&s, late, "/leaf");
    s.end();
}

/// Nobody is killed or moved. The scope goes with its last process.
#[test]
fn released_scope_goes_with_its_last_process() {
    need_systemd!();
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    let pid = s.manager.pids().unwrap()[0];
    let was = home_of(pid);
    assert!(s.manager.release().unwrap());
    assert!(alive(pid));
    assert_eq!(home_of(pid), was);
    s.check("released", &[("ActiveState", "active"), ("SubState", "abandoned")]);
    assert!(s.manager.release().unwrap());
    s.end_children();
    eventually("it goes", || !s.is_loaded());
    // On v1 directories that systemd does not manage are left.
    assert!(!s.manager.release().unwrap());
    assert!(!s.manager.exists().unwrap());
    s.end();
}

#[test]
fn released_scope_without_processes_is_gone() {
    need_systemd!();
    let mut s = Sandbox::new("{}");
    s.end_children();
    assert!(!s.manager.release().unwrap());
    assert!(!s.manager.exists().unwrap());
    s.end();
}
