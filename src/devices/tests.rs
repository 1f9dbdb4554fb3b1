// SPDX-License-Identifier: Apache-2.0

//! Parsing of rules, and the states that rules result in.

use oci_spec::runtime::LinuxDeviceCgroup;
use proptest::prelude::*;
use serde_json::{json, Value};

use super::*;
use crate::error::{Code, Result};

/// Returns the OCI form of a rule such as `allow c 1:* rw`.
fn oci(rule: &str) -> LinuxDeviceCgroup {
    let mut parts = rule.split([' ', ':']);
    let mut next = || parts.next().unwrap();
    let (allow, kind) = (next() == "allow", next());
    let mut number = || next().parse().map_or(Value::Null, |n: i64| json!(n));
    let (major, minor) = (number(), number());
    let json =
        json!({"allow": allow, "type": kind, "major": major, "minor": minor, "access": next()});
    serde_json::from_value(json).unwrap()
}

pub fn emulate(rules: &[&str]) -> Result<State> {
    let rules: Vec<_> = rules.iter().map(|rule| oci(rule)).collect();
    State::from_rules(&rules, &mut Vec::new())
}

fn states(cases: &[(&[&str], &str)]) {
    for (rules, state) in cases {
        assert_eq!(emulate(rules).unwrap().to_string(), *state, "{rules:?}");
    }
}

#[test]
fn empty_rules_deny_all_devices() {
    let state = emulate(&[]).unwrap();
    assert_eq!(state, State::default());
    assert_eq!(state, State::all(Mode::Deny));
    assert_eq!(state.mode(), Mode::Deny);
    assert_eq!(state.to_string(), "deny a *:* rwm");
}

#[test]
fn type_a_removes_all_exceptions() {
    states(&[
        (&["allow a *:* rwm"], "allow a *:* rwm"),
        (&["deny a *:* rwm"], "deny a *:* rwm"),
        (&["allow c 1:3 r", "allow a *:* rwm"], "allow a *:* rwm"),
        (&["allow c 1:3 r", "deny a *:* rwm"], "deny a *:* rwm"),
        (&["allow a *:* rwm", "deny c 1:3 r", "allow a *:* rwm"], "allow a *:* rwm"),
        (&["allow a *:* rwm", "deny c 1:3 r", "deny a *:* rwm"], "deny a *:* rwm"),
    ]);
}

#[test]
fn exceptions_are_added_and_merged() {
    states(&[
        (&["allow c 42:1337 mr"], "deny a *:* rwm, allow c 42:1337 rm"),
        (&["allow b 5:12 rw", "allow b 5:12 rm"], "deny a *:* rwm, allow b 5:12 rwm"),
        (&["allow b 5:* rw", "allow b 5:* rm"], "deny a *:* rwm, allow b 5:* rwm"),
        (&["allow b 5:12 rw", "allow b 5:12 r"], "deny a *:* rwm, allow b 5:12 rw"),
        (&["allow b 5:12 rr"], "deny a *:* rwm, allow b 5:12 r"),
        // An exception that another one includes stays, as in the kernel's list.
        (
            &["allow c 42:* rwm", "allow c 42:1337 rm"],
            "deny a *:* rwm, allow c 42:* rwm, allow c 42:1337 rm",
        ),
        (
            &["allow a *:* rwm", "deny c 42:1337 rm", "deny b 1:5 r"],
            "allow a *:* rwm, deny b 1:5 r, deny c 42:1337 rm",
        ),
    ]);
}

#[test]
fn exceptions_are_removed_by_opposite_rules() {
    states(&[
        (&["allow c 42:7 rm", "allow b 1:5 r", "deny c 42:7 rm"], "deny a *:* rwm, allow b 1:5 r"),
        (&["allow b 1:5 r", "deny c 4:1 rw"], "deny a *:* rwm, allow b 1:5 r"),
        (&["allow c 42:7 w", "deny c 42:7 rw"], "deny a *:* rwm"),
        (&["allow c 42:7 rm", "deny c 42:7 r"], "deny a *:* rwm, allow c 42:7 m"),
        (&["allow a *:* rwm", "deny c 1:3 rw", "allow c 1:3 w"], "allow a *:* rwm, deny c 1:3 r"),
        // A wildcard removes its accesses from every exception that it includes.
        (
            &["allow c 1:3 rwm", "allow c 1:5 r", "allow b 1:3 r", "deny c 1:* r"],
            "deny a *:* rwm, allow b 1:3 r, allow c 1:3 wm",
        ),
        (
            &["allow c 1:3 rwm", "allow c *:5 rw", "allow c 7:* m", "deny c *:* rwm"],
            "deny a *:* rwm",
        ),
        // The wildcard exception lacks this access, so it loses nothing.
        (
            &["allow c 42:* wm", "allow c 42:7 r", "deny c 42:7 r"],
            "deny a *:* rwm, allow c 42:* wm",
        ),
    ]);
}

#[test]
fn a_hole_in_a_wildcard_is_refused_with_both_rules_named() {
    for (first, second) in [
        ("allow c 42:* rm", "deny c 42:7 r"),
        ("allow c *:7 rm", "deny c 42:7 r"),
        ("allow c *:* rm", "deny c 42:7 r"),
        ("allow c *:* rm", "deny c 42:* rw"),
        ("allow b *:* rwm", "deny b *:7 m"),
        // Neither rule includes the other.
        ("allow c *:7 rm", "deny c 42:* r"),
        ("allow c 42:* rm", "deny c *:7 r"),
    ] {
        let e = emulate(&["deny a *:* rwm", first, second]).unwrap_err();
        assert_eq!(e.code(), Code::Value);
        let text = e.to_string();
        assert!(text.starts_with("devices[2]: "), "{text}");
        assert!(text.contains(&format!("{first:?}")), "{text}");
        assert!(text.contains(&format!("{second:?}")), "{text}");

        // The same with allow and deny exchanged.
        let invert = |rule: &str| match rule.strip_prefix("deny") {
            Some(rest) => format!("allow{rest}"),
            None => rule.replacen("allow", "deny", 1),
        };
        let (first, second) = (invert(first), invert(second));
        let text = emulate(&["allow a *:* rwm", &first, &second]).unwrap_err().to_string();
        assert!(text.contains(&format!("{first:?}")), "{text}");
    }
}

#[test]
fn a_refused_rule_leaves_the_state_unchanged() {
    let mut state = emulate(&["allow c 1:* rw", "allow c 1:3 rwm"]).unwrap();
    let before = state.clone();
    let rule = Rule::from_oci(&oci("deny c 1:3 rwm"), &mut Vec::new()).unwrap();
    state.apply(&rule).unwrap_err();
    assert_eq!(state, before);
}

fn parse(json: Value) -> (Result<Rule>, Vec<String>) {
    let mut warnings = Vec::new();
    let rule = Rule::from_oci(&serde_json::from_value(json).unwrap(), &mut warnings);
    (rule, warnings)
}

#[test]
fn absent_type_and_numbers_mean_all_devices() {
    for (json, text) in [
        (json!({"allow": false, "access": "rwm"}), "deny a *:* rwm"),
        (json!({"access": "rwm"}), "deny a *:* rwm"),
        (json!({"allow": true, "type": "a", "access": "mwr"}), "allow a *:* rwm"),
        (json!({"allow": true, "type": "c", "access": "rw"}), "allow c *:* rw"),
        (json!({"allow": true, "type": "c", "major": 0, "access": "rw"}), "allow c 0:* rw"),
        (json!({"allow": true, "type": "b", "minor": 0, "access": "rw"}), "allow b *:0 rw"),
        (
            json!({"allow": true, "type": "b", "major": -1, "minor": -1, "access": "m"}),
            "allow b *:* m",
        ),
        (
            json!({"allow": true, "type": "b", "major": u32::MAX - 1, "minor": 0, "access": "m"}),
            "allow b 4294967294:0 m",
        ),
    ] {
        let (rule, warnings) = parse(json);
        assert_eq!(rule.unwrap().to_string(), text);
        assert_eq!(warnings, Vec::<String>::new());
    }
}

#[test]
fn type_a_with_numbers_or_fewer_accesses_is_warned_of() {
    for (json, text) in [
        (json!({"allow": true, "major": 10, "minor": 229, "access": "rwm"}), "allow a *:* rwm"),
        (json!({"type": "a", "major": 0, "minor": 0, "access": "rwm"}), "deny a *:* rwm"),
        (json!({"type": "a", "access": "m"}), "deny a *:* rwm"),
    ] {
        let (rule, warnings) = parse(json);
        assert_eq!(rule.unwrap().to_string(), text);
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains(text), "{warnings:?}");
    }
}

#[test]
fn invalid_rules_are_refused() {
    for (json, text) in [
        (json!({"type": "c", "major": 1, "minor": 3}), "access cannot be empty"),
        (json!({"type": "c", "major": 1, "minor": 3, "access": ""}), "access cannot be empty"),
        (json!({"allow": true}), "access cannot be empty"),
        (json!({"type": "c", "access": "rwk"}), "\"rwk\" has 'k'"),
        (json!({"access": "RW"}), "\"RW\" has 'R'"),
        (json!({"type": "c", "access": "r w"}), "has ' '"),
        (json!({"type": "c", "major": -2, "access": "r"}), "major number -2 is out of range"),
        (json!({"type": "c", "minor": -4, "access": "r"}), "minor number -4 is out of range"),
        (json!({"minor": -4, "access": "r"}), "minor number -4 is out of range"),
        (json!({"type": "b", "major": u32::MAX, "access": "r"}), "4294967295 is out of range"),
        (json!({"type": "b", "minor": 1_u64 << 32, "access": "r"}), "4294967296 is out of range"),
        (json!({"type": "b", "minor": i64::MIN, "access": "r"}), "is out of range"),
        (json!({"type": "u", "major": 1, "minor": 3, "access": "r"}), "type \"u\" is none of"),
        (json!({"type": "p", "access": "r"}), "type \"p\" is none of"),
    ] {
        let e = parse(json).0.unwrap_err();
        assert_eq!(e.code(), Code::Value);
        assert!(e.to_string().contains(text), "{e}");
    }
}

#[test]
fn exceptions_are_sorted_and_their_text_leads_to_the_same_state() {
    let state = emulate(&[
        "allow c 10:200 rwm",
        "allow c 5:2 rwm",
        "allow c 136:* rwm",
        "allow b 5:2 r",
        "allow c 5:* w",
        "allow c *:* m",
        "allow b *:* m",
    ])
    .unwrap();
    let order: Vec<String> = state.exceptions().map(|(devices, _)| devices.to_string()).collect();
    assert_eq!(order, ["b *:*", "c *:*", "c 5:*", "b 5:2", "c 5:2", "c 10:200", "c 136:*"]);
    let devices = state.exceptions().last().unwrap().0;
    assert_eq!(state.exception(&devices), Access::ALL);
    assert_eq!(state.exception(&Devices { kind: Kind::Block, ..devices }), Access::NONE);
    // The state's text is a list of rules with the same result.
    let text = state.to_string();
    assert_eq!(emulate(&text.split(", ").collect::<Vec<_>>()).unwrap(), state);
}

#[test]
fn access_has_the_bits_of_the_kernel() {
    let all = Access::READ.with(Access::WRITE).with(Access::MKNOD);
    assert_eq!((all, all.bits()), (Access::ALL, 7));
    assert_eq!(Access::parse("m").unwrap().bits(), 1);
    assert_eq!(Access::parse("r").unwrap().bits(), 2);
    assert_eq!(Access::parse("w").unwrap().bits(), 4);
    assert_eq!(Access::parse("rx"), Err('x'));
    assert_eq!(Access::NONE.to_string(), "");
    assert!(Access::ALL.contains(Access::READ) && !Access::READ.contains(Access::ALL));
    assert!(!Access::READ.overlaps(Access::WRITE) && Access::ALL.overlaps(Access::WRITE));
}

/// 2,000 generated lists; `KATACG_LONG` makes them 100,000.
pub fn config() -> ProptestConfig {
    let long = std::env::var_os("KATACG_LONG").is_some();
    ProptestConfig { cases: if long { 100_000 } else { 2_000 }, ..ProptestConfig::default() }
}

/// Returns devices of every kind in and around the numbers of [`rules`].
pub fn kinds_and_numbers() -> impl Iterator<Item = (Kind, u32, u32)> {
    let numbers = || (0..4).flat_map(|major| (0..4).map(move |minor| (major, minor)));
    [Kind::Block, Kind::Char]
        .into_iter()
        .flat_map(move |kind| numbers().map(move |(major, minor)| (kind, major, minor)))
}

/// Returns states of generated lists; rules that would be refused are left out.
pub fn states_of() -> impl Strategy<Value = State> {
    rules().prop_map(|rules| {
        let mut state = State::default();
        for rule in &rules {
            let rule = Rule::from_oci(&oci(rule), &mut Vec::new()).unwrap();
            let _ = state.apply(&rule);
        }
        state
    })
}

fn rules() -> impl Strategy<Value = Vec<String>> {
    let part = |values: &[&'static str]| proptest::sample::select(values.to_vec());
    let rule = (
        part(&["allow", "deny"]),
        prop_oneof![1 => Just("a"), 12 => part(&["b", "c"])],
        part(&["*", "0", "1", "2"]),
        part(&["*", "0", "1", "2"]),
        part(&["r", "w", "m", "rw", "rwm", "wm"]),
    );
    let text = |(verb, kind, major, minor, access)| match kind {
        "a" => format!("{verb} a *:* rwm"),
        kind => format!("{verb} {kind} {major}:{minor} {access}"),
    };
    proptest::collection::vec(rule.prop_map(text), 0..8)
}

proptest! {
    /// For each device and access, the last rule with that device and access decides.
    #[test]
    fn the_last_rule_decides(rules in rules()) {
        let mut state = State::default();
        let mut taken = Vec::new();
        for rule in &rules {
            let rule = Rule::from_oci(&oci(rule), &mut Vec::new()).unwrap();
            // A refused rule has no effect.
            if state.apply(&rule).is_ok() {
                taken.push(rule);
            }
        }
        prop_assert!(state.exceptions().all(|(_, access)| !access.is_empty()));
        for kind in [Kind::Block, Kind::Char] {
            for (major, minor) in (0..4).flat_map(|a| (0..4).map(move |b| (a, b))) {
                let device = Devices { kind, major: Number::Is(major), minor: Number::Is(minor) };
                for access in [Access::READ, Access::WRITE, Access::MKNOD] {
                    let last = taken.iter().rev().find(|rule| {
                        rule.access.contains(access)
                            && rule.devices.is_none_or(|devices| devices.contains(&device))
                    });
                    let allowed = last.is_some_and(|rule| rule.allow);
                    let found = state.allowed(kind, major, minor).contains(access);
                    prop_assert_eq!(found, allowed, "{} {} of {}", device, access, state);
                }
            }
        }
    }
}
