// SPDX-License-Identifier: Apache-2.0

//! systemd reloads, re-executes itself, or loses its bus between any two calls.

use std::process::Command;
use std::sync::Arc;

use katacg::resources::parse;
use katacg::systemd::{Bus, Systemd};
use katacg::{Add, Host, Manager, NOBODY};
use rustix::process::Signal;

use crate::fixture::*;

/// The number of calls in the life cycle of a unit.
const CALLS: usize = 6;

/// The kind of a unit.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Scope,
    /// A scope with device rules. On v1 its processes are frozen while the rules change, and the
    /// library asks systemd for the old rules.
    Ruled,
    Slice,
}

/// A life cycle whose calls the test makes one by one, over one connection while it stays open.
struct Life {
    kind: Kind,
    /// The number of calls before the disturbance.
    gap: usize,
    sandbox: Sandbox,
    done: usize,
}

impl Life {
    fn new(kind: Kind, gap: usize) -> Life {
        let limit = r#"{"pids":{"limit":20}}"#;
        let sandbox = match kind {
            Kind::Scope => Sandbox::planned(limit),
            Kind::Ruled => Sandbox::planned(&rules(limit, 3)),
            Kind::Slice => {
                let unit = format!("katacg{}.slice", name());
                Sandbox::with(&unit, config(&format!("::{unit}"), limit))
            }
        };
        let mut life = Life { kind, gap, sandbox, done: 0 };
        (0..gap).for_each(|_| life.next());
        life
    }

    fn next(&mut self) {
        let s = &mut self.sandbox;
        let slice = self.kind == Kind::Slice;
        let limits = r#"{"pids":{"limit":30},"cpu":{"shares":2000}}"#;
        match self.done {
            // The plan asks systemd for its version.
            0 => drop(s.manager.plan_apply(1, Some(&s.manager.resources())).unwrap()),
            1 if slice => drop(s.manager.apply(NOBODY, true).unwrap()),
            1 => drop(s.start()),
            2 if self.kind == Kind::Ruled => drop(s.set(&rules(limits, 5)).unwrap()),
            2 => drop(s.set(limits).unwrap()),
            // A second apply of a slice that exists.
            3 if slice => drop(s.manager.apply(NOBODY, true).unwrap()),
            3 => {
                let late = s.child();
                s.manager.add(&[late], Add::default()).unwrap();
            }
            4 => {
                s.manager.kill(Signal::KILL).unwrap();
                s.end_children();
            }
            _ => s.manager.destroy().unwrap(),
        }
        self.done += 1;
    }

    /// Makes the calls up to the fourth. False when the life cycle is past that.
    fn is_full(&mut self) -> bool {
        while self.done < 4 {
            self.next();
        }
        self.done == 4
    }

    /// Returns the wanted properties and files after the fourth call.
    fn wanted(&self) -> Vec<(&'static str, &'static str)> {
        let mut wanted = match unified() {
            true => vec![("CPUWeight", "170"), ("cpu.weight", "170")],
            false => vec![("CPUShares", "2000"), ("cpu.shares", "2000")],
        };
        wanted.extend([("TasksMax", "30"), ("pids.max", "30")]);
        if self.kind == Kind::Ruled {
            wanted.extend([("DevicePolicy", "strict"), ("DeviceAllow", "/dev/char/1:5 rw")]);
        }
        wanted
    }
}

/// Adds a device rule that allows one memory device.
fn rules(json: &str, minor: u8) -> String {
    let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
    value["devices"] = serde_json::json!([
        {"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 1, "minor": minor, "access": "rw"}
    ]);
    value.to_string()
}

/// Runs one life cycle for each gap between two calls, so that one disturbance falls into all gaps.
fn between_any_two_calls(what: &str, disturb: impl Fn()) {
    let mut lives: Vec<Life> = (0..CALLS).map(|gap| Life::new(Kind::Scope, gap)).collect();
    // Slices and scopes with device rules differ from plain scopes only in these gaps.
    lives.extend((1..4).map(|gap| Life::new(Kind::Slice, gap)));
    if root() {
        lives.extend((1..4).map(|gap| Life::new(Kind::Ruled, gap)));
    }
    disturb();
    let full: Vec<&Life> =
        lives.iter_mut().filter_map(|life| life.is_full().then_some(&*life)).collect();
    let units: Vec<&str> = full.iter().map(|life| &*life.sandbox.unit).collect();
    let names = ["TasksMax", "CPUWeight", "CPUShares", "DevicePolicy", "DeviceAllow"];
    let all = properties(&units, &names);
    for life in full {
        let (gap, s) = (life.gap, &life.sandbox);
        let wrong = differences(s, &all[&s.unit], &life.wanted());
        assert_eq!(wrong, [""; 0], "{what} after {gap} calls");
        let inside = if life.kind == Kind::Slice { 0 } else { 2 };
        assert_eq!(s.manager.pids().unwrap().len(), inside, "{what} after {gap} calls");
    }
    for mut life in lives {
        while life.done < CALLS {
            life.next();
        }
        life.sandbox.end();
    }
}

#[test]
fn units_survive_a_daemon_reload_between_any_two_calls() {
    need_systemd!();
    between_any_two_calls("daemon-reload", reload);
}

/// runc#3476: the connection belonged to the old bus. systemd's own connection breaks at a reexec.
#[test]
fn units_survive_a_reexec_and_a_bus_restart_between_any_two_calls() {
    need_systemd!(alone);
    between_any_two_calls("daemon-reexec", || drop(systemctl(&["daemon-reexec"])));
    between_any_two_calls("restart of dbus", || drop(systemctl(&["restart", "dbus"])));
    newcomers();
    calls_meanwhile();
}

/// A process that starts during a restart finds a bus that systemd has not joined yet.
fn newcomers() {
    for what in [&["restart", "dbus"][..], &["daemon-reexec"]] {
        systemctl(what);
        let bus = if root() { Bus::System } else { Bus::User };
        assert_eq!(Systemd::new(bus, None).version().unwrap(), version(), "{what:?}");
    }
}

/// Makes calls while systemd re-executes itself.
fn calls_meanwhile() {
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    let user: &[&str] = if root() { &[] } else { &["--user"] };
    let mut reexec = Command::new("systemctl");
    let reexec = std::thread::spawn(move || reexec.args(user).arg("daemon-reexec").output());
    // Makes three more calls after systemd is back.
    let (mut limit, mut more) = (20, 3);
    while more > 0 {
        more -= i32::from(reexec.is_finished());
        limit += 1;
        s.set(&format!(r#"{{"pids":{{"limit":{limit}}}}}"#)).unwrap();
    }
    assert!(reexec.join().unwrap().unwrap().status.success());
    let limit = limit.to_string();
    s.check("in the end", &[("TasksMax", &limit), ("pids.max", &limit)]);
    s.end();
}

#[test]
fn frozen_scope_stays_frozen_through_a_reload_and_a_set() {
    need_systemd!();
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    s.manager.freeze(std::time::Duration::from_secs(10)).unwrap();
    let state = s.manager.state().unwrap();
    reload();
    assert_eq!(s.manager.freezer_state().unwrap(), katacg::FreezerState::Frozen);
    // Another process loads the state.
    let other = Manager::load(Arc::new(Host::read().unwrap()), state.as_bytes()).unwrap();
    other.set(&parse::resources(br#"{"pids":{"limit":30}}"#).unwrap()).unwrap();
    assert_eq!(s.manager.freezer_state().unwrap(), katacg::FreezerState::Frozen);
    s.check("frozen", &[("TasksMax", "30"), ("pids.max", "30"), ("ActiveState", "active")]);
    // Kill works on a frozen scope.
    s.manager.kill(Signal::KILL).unwrap();
    s.end();
}
