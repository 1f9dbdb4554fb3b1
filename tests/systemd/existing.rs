// SPDX-License-Identifier: Apache-2.0

//! Joining existing units.

use katacg::host::{HostInfo, Layout};
use katacg::Code;
use katacg::{Flags, Manager};

use crate::fixture::*;
use crate::helper;

#[test]
fn existing_flag_joins_a_unit_and_fails_when_there_is_none() {
    need_systemd!();
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    let mut config = s.manager.config().clone();
    config.flags = Flags { existing: true, ..config.flags };
    let again = Manager::new(s.shared.clone(), config.clone()).unwrap();
    assert_eq!(again.pids().unwrap(), s.manager.pids().unwrap());
    again.set(&katacg::resources::parse::resources(br#"{"pids":{"limit":30}}"#).unwrap()).unwrap();
    s.check("set by the other", &[("TasksMax", "30"), ("pids.max", "30")]);
    s.end();
    let error = Manager::new(s.shared.clone(), config).unwrap_err();
    assert_eq!(error.code(), Code::Deleted, "{error}");
}

/// A scope ends by itself with its last process. On v1 the directories that systemd does not manage
/// stay.
#[test]
fn existing_flag_joins_and_removes_directories_of_an_ended_unit() {
    need_systemd!();
    need!(!unified(), "on v2 systemd removes the only directory");
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    s.end_children();
    eventually("it ends", || !s.is_loaded());
    assert!(!directories(&s.unit).is_empty());
    let mut config = s.manager.config().clone();
    config.flags.existing = true;
    let rest = Manager::new(s.shared.clone(), config).unwrap();
    rest.destroy().unwrap();
    assert!(directories(&s.unit).is_empty(), "{:?}", directories(&s.unit));
    rest.destroy().unwrap();
}

#[test]
fn exclusive_apply_fails_where_the_unit_is() {
    need_systemd!();
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    let inside = s.manager.pids().unwrap();
    let pid = s.child();
    let was = home_of(pid);
    let error = s.manager.apply_exclusively(pid, true).unwrap_err();
    assert_eq!(error.errno(), rustix::io::Errno::EXIST, "{error}");
    assert!(error.to_string().contains(&s.unit), "{error}");
    s.assert_outside(pid, &was);
    assert_eq!(s.manager.pids().unwrap(), inside);
    s.end();
    let pid = s.child();
    s.manager.apply_exclusively(pid, true).unwrap();
    assert_eq!(s.manager.pids().unwrap(), [pid]);
    s.end();
}

/// Runs in a namespace that hides the unit's directory. The next test starts it.
pub fn blind() {
    let path = std::env::var("KATACG_TEST_PATH").unwrap();
    let shared = std::sync::Arc::new(katacg::Host::read().unwrap());
    let manager = Manager::new(shared, config(&path, "{}")).unwrap();
    assert!(!manager.exists().unwrap());
    let error = manager.destroy().unwrap_err();
    assert_eq!(error.code(), Code::Busy, "{error}");
    assert!(error.to_string().contains("1 processes in it"), "{error}");
}

/// StopUnit kills the processes inside, so a caller that cannot see them must not send it.
#[test]
fn destroy_does_not_stop_a_unit_outside_the_cgroup_namespace() {
    need_systemd!();
    need!(root() && unified(), "only root has a cgroup namespace, and mounts that show it");
    let name = name();
    let path = format!(":katacgtest:{name}");
    let mut s = Sandbox::with(&format!("katacgtest-{name}.scope"), config(&path, "{}"));
    let pid = s.start();
    let helper = helper::command("blind");
    // The helper runs in another scope, so that its namespace's root is not the hierarchy's root.
    let mut command = std::process::Command::new("systemd-run");
    command.args(["--scope", "--quiet", "unshare", "-C", "-m", "sh", "-c"]);
    let mount = "umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"";
    command.args([mount, "sh"]);
    command.arg(helper.get_program()).args(helper.get_args()).env("KATACG_TEST_PATH", &path);
    command.envs(helper.get_envs().filter_map(|(k, v)| Some((k, v?))));
    helper::run(command);
    assert!(alive(pid));
    s.check("after it", &[("ActiveState", "active")]);
    s.end();
}

/// Cilium makes such a mount beside v1.
#[test]
fn unit_also_uses_a_cgroup2_mount_that_systemd_does_not_know() {
    need_systemd!();
    let legacy = HostInfo::read().unwrap().layout == Layout::Legacy;
    need!(legacy, "systemd has the cgroup2 mount here");
    let helper = helper::command("stray");
    let mut command = std::process::Command::new("unshare");
    let mount = "mkdir -p /run/stray && mount -t cgroup2 stray /run/stray && exec \"$@\"";
    command.args(["-m", "sh", "-c", mount, "sh"]).arg(helper.get_program());
    command.args(helper.get_args()).envs(helper.get_envs().filter_map(|(k, v)| Some((k, v?))));
    helper::run(command);
}

/// Runs in a mount namespace that has that mount. The test above starts it.
pub fn stray() {
    assert_eq!(HostInfo::read().unwrap().layout, Layout::Hybrid);
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    s.check("made", &[("ActiveState", "active"), ("TasksMax", "20"), ("pids.max", "20")]);
    let pid = s.manager.pids().unwrap()[0];
    let there = s.dir("");
    assert!(there.starts_with("/run/stray"), "{}", there.display());
    let inside = std::fs::read_to_string(there.join("cgroup.procs")).unwrap();
    assert_eq!(inside.trim(), pid.to_string());
    s.end();
    assert!(!there.exists());
}
