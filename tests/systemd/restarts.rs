//! systemd reloads, re-executes itself, and loses its bus, between any two calls.

use std::process::Command;

use katacg::manager::{Add, Manager};
use rustix::process::Signal;

use crate::fixture::*;

/// The calls of a life, with something in between. One `Shared`: one connection as long as
/// nobody closes it.
fn life(between: &str, disturb: fn()) {
    let mut s = Sandbox::planned(r#"{"pids":{"limit":20}}"#);
    let pid = s.child();
    // A connection that is there before.
    s.manager.plan_apply(pid, Some(&s.manager.resources())).unwrap();
    disturb();
    s.manager.apply(pid, true).unwrap();
    s.check(between, &[("ActiveState", "active"), ("TasksMax", "20"), ("pids.max", "20")]);
    disturb();
    s.set(r#"{"pids":{"limit":30},"cpu":{"shares":2000}}"#).unwrap();
    disturb();
    let weight = match unified() {
        true => [("CPUWeight", "170"), ("cpu.weight", "170")],
        false => [("CPUShares", "2000"), ("cpu.shares", "2000")],
    };
    s.check(between, &[("TasksMax", "30"), ("pids.max", "30")]);
    s.check(between, &weight);
    let late = s.child();
    s.manager.add(&[late], Add::default()).unwrap();
    assert_eq!(s.manager.pids().unwrap().len(), 2, "{between}");
    s.manager.kill(Signal::KILL).unwrap();
    s.end_children();
    disturb();
    s.manager.destroy().unwrap();
    s.end();
}

fn reexecute() {
    systemctl(&["daemon-reexec"]);
}

fn restart_bus() {
    systemctl(&["restart", "dbus"]);
}

#[test]
fn daemon_reload() {
    need_systemd!();
    life("daemon-reload", reload);
}

#[test]
fn daemon_reexec() {
    need_systemd!(alone);
    life("daemon-reexec", reexecute);
}

/// runc#3476: the connection was the old bus's.
#[test]
fn a_restart_of_the_bus() {
    need_systemd!(alone);
    life("restart of dbus", restart_bus);
}

/// systemd is busy with itself while it is asked.
#[test]
fn calls_while_systemd_reexecutes() {
    need_systemd!(alone);
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    let user: &[&str] = if root() { &[] } else { &["--user"] };
    let mut reexec = Command::new("systemctl").args(user).arg("daemon-reexec").spawn().unwrap();
    let mut limit = 20;
    let wait = |reexec: &mut std::process::Child| reexec.try_wait().unwrap().is_some();
    // Once more when it has come back.
    let mut more = 2;
    while more > 0 {
        more -= i32::from(wait(&mut reexec));
        limit += 1;
        s.set(&format!(r#"{{"pids":{{"limit":{limit}}}}}"#)).unwrap();
    }
    let limit = limit.to_string();
    s.check("in the end", &[("TasksMax", &limit), ("pids.max", &limit)]);
    s.end();
}

/// A frozen scope stays frozen, and so does what it holds.
#[test]
fn frozen_through_a_reload() {
    need_systemd!();
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    s.manager.freeze(std::time::Duration::from_secs(10)).unwrap();
    reload();
    assert_eq!(s.manager.freezer_state().unwrap(), katacg::cgroupfs::Freezer::Frozen);
    s.set(r#"{"pids":{"limit":30}}"#).unwrap();
    assert_eq!(s.manager.freezer_state().unwrap(), katacg::cgroupfs::Freezer::Frozen);
    s.check("frozen", &[("TasksMax", "30"), ("pids.max", "30"), ("ActiveState", "active")]);
    // Killed all the same.
    s.manager.kill(Signal::KILL).unwrap();
    s.end();
}

/// A unit of systemd's own making, from before: a manager of another process goes on with it.
#[test]
fn a_manager_from_before_a_reload() {
    need_systemd!();
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    let state = s.manager.state().unwrap();
    reload();
    let shared = std::sync::Arc::new(katacg::manager::Shared::read().unwrap());
    let other = Manager::load(shared, state.as_bytes()).unwrap();
    other.set(&katacg::resources::parse::resources(br#"{"pids":{"limit":30}}"#).unwrap()).unwrap();
    s.check("set", &[("TasksMax", "30"), ("pids.max", "30")]);
    s.end();
}
