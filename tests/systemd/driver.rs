// SPDX-License-Identifier: Apache-2.0

//! Which driver a path gets, and how another process continues from a saved state.

use std::sync::Arc;

use katacg::resources::parse;
use katacg::{Add, Config, DriverKind, Host, Manager, NOBODY};
use katacg::{Code, Result};
use serde_json::Value;

use crate::fixture::*;

const STATE: &str = "KATACG_TEST_STATE";

fn manager(driver: DriverKind, path: &str) -> Result<Manager> {
    let config = Config { driver, ..config(path, "{}") };
    Manager::new(Arc::new(Host::read().unwrap()), config)
}

#[test]
fn driver_follows_from_option_and_path() {
    need_systemd!();
    use DriverKind::{Auto, AutoK0, Cgroupfs, Systemd};
    let none: Option<&str> = None;
    for (path, expected) in [
        // The columns are the drivers Auto, AutoK0, Cgroupfs and Systemd.
        ("a.slice:p:x", [Some("systemd"), Some("systemd"), none, Some("systemd")]),
        (":p:x", [Some("systemd"), Some("cgroupfs"), none, Some("systemd")]),
        ("a-b.slice:p:x-y_z", [Some("systemd"), Some("cgroupfs"), none, Some("systemd")]),
        ("/a/b", [Some("cgroupfs"), Some("cgroupfs"), Some("cgroupfs"), none]),
        ("a/b.slice", [Some("cgroupfs"), Some("cgroupfs"), Some("cgroupfs"), none]),
    ] {
        for (driver, expected) in [Auto, AutoK0, Cgroupfs, Systemd].into_iter().zip(expected) {
            match (manager(driver, path), expected) {
                (Ok(made), Some(expected)) => {
                    let state: Value = serde_json::from_str(&made.state().unwrap()).unwrap();
                    assert_eq!(state["driver"], expected, "{driver:?} {path}");
                }
                (Err(e), None) => assert_eq!(e.code(), Code::Path, "{driver:?} {path}: {e}"),
                (made, _) => panic!("{driver:?} {path}: {:?}", made.map(|m| m.state())),
            }
        }
    }
}

#[test]
fn load_refuses_a_state_whose_path_is_of_the_other_driver() {
    need_systemd!();
    for (path, other) in [("a.slice:p:x", "/a/b"), ("/a/b", "a.slice:p:x")] {
        let state = manager(DriverKind::Auto, path).unwrap().state().unwrap();
        let mut state: Value = serde_json::from_str(&state).unwrap();
        let load = |state: &Value| {
            Manager::load(Arc::new(Host::read().unwrap()), state.to_string().as_bytes())
        };
        load(&state).unwrap();
        state["path"] = other.into();
        assert_eq!(load(&state).unwrap_err().code(), Code::Path, "{path}");
        state["paths"] = Value::Object(serde_json::Map::new());
        assert_eq!(load(&state).unwrap_err().code(), Code::Path, "{path}");
    }
}

/// kata runtime#2182, #2818: a path that the oldest rule (K0) takes for a directory is no unit.
#[test]
fn destroy_removes_a_directory_named_like_a_unit() {
    need_systemd!();
    need!(root(), "only root can create a cgroup in the hierarchies' root");
    let name = format!("katacg-{}.slice:p:x", name());
    let literal = manager(DriverKind::AutoK0, &format!("/{name}")).unwrap();
    literal.apply(NOBODY, true).unwrap();
    assert!(!directories(&name).is_empty());
    let state = literal.state().unwrap();
    let other = Manager::load(Arc::new(Host::read().unwrap()), state.as_bytes()).unwrap();
    other.destroy().unwrap();
    assert!(directories(&name).is_empty());
}

/// Continues from the saved state, in a process of its own. The next test starts it.
pub fn goes_on() {
    let state = std::fs::read(std::env::var(STATE).unwrap()).unwrap();
    let manager = Manager::load(Arc::new(Host::read().unwrap()), &state).unwrap();
    assert!(manager.exists().unwrap());
    assert_eq!(manager.pids().unwrap().len(), 1);
    assert_eq!(manager.resources().pids().as_ref().unwrap().limit(), 20);
    let mut child = sleeper();
    manager.add(&[i32::try_from(child.id()).unwrap()], Add::default()).unwrap();
    let resources = parse::resources(br#"{"pids":{"limit":30},"cpu":{"shares":512}}"#).unwrap();
    manager.set(&resources).unwrap();
    assert_eq!(manager.pids().unwrap().len(), 2);
    assert_eq!(manager.destroy().unwrap_err().code(), Code::Busy);
    child.kill().unwrap();
    child.wait().unwrap();
    let path = std::env::var(STATE).unwrap();
    std::fs::write(path, manager.state().unwrap()).unwrap();
}

#[test]
fn loaded_state_controls_a_unit_that_another_process_created() {
    need_systemd!();
    let mut s = Sandbox::new(r#"{"pids":{"limit":20},"cpu":{"shares":2000}}"#);
    let file = std::env::temp_dir().join(&s.unit);
    std::fs::write(&file, s.manager.state().unwrap()).unwrap();
    let mut helper = crate::helper::command("goes-on");
    helper.env(STATE, &file);
    crate::helper::run(helper);
    let weight = match unified() {
        true => [("CPUWeight", "59"), ("cpu.weight", "59")],
        false => [("CPUShares", "512"), ("cpu.shares", "512")],
    };
    s.check("the other's set", &weight);
    s.check("the other's set", &[("TasksMax", "30"), ("pids.max", "30")]);
    let state = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let back = Manager::load(Arc::new(Host::read().unwrap()), &state).unwrap();
    assert_eq!(back.resources().cpu().as_ref().unwrap().shares(), Some(512));
    s.end_children();
    back.destroy().unwrap();
    s.end();
}
