//! Joining a unit that is there.

use katacg::host::{Host, Layout};
use katacg::manager::{Flags, Manager};
use katacg::Code;

use crate::fixture::*;
use crate::helper;

#[test]
fn what_is_there_is_joined_and_nothing_else() {
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

/// A cgroup2 mount beside v1 that systemd knows nothing of, as Cilium makes one.
#[test]
fn a_cgroup2_mount_of_somebody_elses() {
    need_systemd!();
    let legacy = Host::read().unwrap().layout == Layout::Legacy;
    need!(legacy, "systemd has the cgroup2 mount here");
    let helper = helper::command("stray");
    let mut command = std::process::Command::new("unshare");
    let mount = "mkdir -p /run/stray && mount -t cgroup2 stray /run/stray && exec \"$@\"";
    command.args(["-m", "sh", "-c", mount, "sh"]).arg(helper.get_program());
    command.args(helper.get_args()).envs(helper.get_envs().filter_map(|(k, v)| Some((k, v?))));
    helper::run(command);
}

/// What the test above runs where that mount is.
pub fn stray() {
    assert_eq!(Host::read().unwrap().layout, Layout::Hybrid);
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
