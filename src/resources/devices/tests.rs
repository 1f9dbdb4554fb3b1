// SPDX-License-Identifier: Apache-2.0

//! Unit properties for device rules.

use serde_json::json;

use super::*;

/// Returns the OCI form of a rule such as `allow c 1:* rw`.
fn oci(rule: &str) -> LinuxDeviceCgroup {
    let parts: Vec<&str> = rule.split([' ', ':']).collect();
    let number = |i: usize| parts[i].parse::<i64>().ok();
    serde_json::from_value(json!({
        "allow": parts[0] == "allow", "type": parts[1], "major": number(2), "minor": number(3),
        "access": parts[4],
    }))
    .unwrap()
}

/// Returns the properties as text, and the warnings.
fn properties(rules: &[&str], version: u32) -> Result<(Vec<String>, Vec<String>)> {
    let rules: Vec<_> = rules.iter().map(|rule| oci(rule)).collect();
    let mut warnings = Vec::new();
    match unit_devices(&rules, version, false, &mut warnings)? {
        UnitDevices::List { properties, .. } => {
            Ok((properties.iter().map(Property::to_string).collect(), warnings))
        }
        UnitDevices::Program(state) => panic!("{state}"),
    }
}

const CLEARED: &str = "DeviceAllow=@a(ss) []";

#[test]
fn device_properties_clear_then_set_the_policy_then_allow() {
    let rules = [
        "deny a *:* rwm",
        "allow c *:* m",
        "allow b *:* m",
        "allow c 1:3 rwm",
        "allow c 136:* rwm",
        "allow b 8:* r",
        "allow b 8:1 w",
        "allow c 195:255 wr",
    ];
    let (out, warnings) = properties(&rules, 252).unwrap();
    // One entry alone must have all accesses of a call.
    let list = "DeviceAllow=[('block-*', 'm'), ('char-*', 'm'), ('/dev/char/1:3', 'rwm'), \
                ('block-8', 'rm'), ('/dev/block/8:1', 'rwm'), ('char-136', 'rwm'), \
                ('/dev/char/195:255', 'rwm')]";
    assert_eq!(out, [CLEARED, "DevicePolicy='strict'", list]);
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn device_properties_have_the_types_of_the_bus() {
    let state = State::from_rules(&[oci("allow c 1:3 r")], &mut Vec::new()).unwrap();
    let out = list_properties(&state, 252, true).unwrap();
    let types: Vec<String> = out.iter().map(|p| p.value.signature()).collect();
    assert_eq!(types, ["a(ss)", "s", "a(ss)"]);
}

#[test]
fn deny_all_is_a_strict_policy_and_an_empty_list() {
    let expected = [CLEARED, "DevicePolicy='strict'", CLEARED];
    for rules in [&[][..], &["deny a *:* rwm"], &["allow c 1:3 r", "deny c *:* rwm"]] {
        assert_eq!(properties(rules, 252).unwrap().0, expected);
    }
}

#[test]
fn allow_all_is_a_list_of_both_kinds() {
    let all = "DeviceAllow=[('char-*', 'rwm'), ('block-*', 'rwm')]";
    for version in [219, 239, 252] {
        for rules in
            [&["allow a *:* rwm"][..], &["allow a *:* rwm", "deny c 1:3 r", "allow c *:* r"]]
        {
            let (out, warnings) = properties(rules, version).unwrap();
            assert_eq!(out, [CLEARED, "DevicePolicy='strict'", all]);
            assert_eq!(warnings, Vec::<String>::new());
        }
    }
}

#[test]
fn rules_that_systemd_cannot_express_are_a_program_on_v2() {
    let form = |rules: &[String], beside| {
        let rules: Vec<_> = rules.iter().map(|rule| oci(rule)).collect();
        unit_devices(&rules, 257, beside, &mut Vec::new())
    };
    let long = |count: u32| (0..count).map(|n| format!("allow c {n}:1 r")).collect::<Vec<_>>();
    let is_program = |rules: &[String]| matches!(form(rules, true), Ok(UnitDevices::Program(_)));
    assert!(!is_program(&long(400)));
    assert!(is_program(&long(401)));
    assert!(is_program(&["allow c *:5 rw".to_owned()]));
    assert!(is_program(&["allow a *:* rwm".to_owned(), "deny b 8:* w".to_owned()]));
    // v1 has no program of systemd, whose length would be limited.
    assert!(matches!(form(&long(4000), false), Ok(UnitDevices::List { .. })));
}

#[test]
fn restoring_no_rules_first_allows_all() {
    let shown = |policy: &str, rules: Value| {
        let calls = restoring_devices(Value::str(policy), rules);
        let call = |list: Vec<Property>| list.iter().map(Property::to_string).collect::<Vec<_>>();
        calls.into_iter().map(call).collect::<Vec<_>>()
    };
    let all = "DeviceAllow=[('char-*', 'rwm'), ('block-*', 'rwm')]";
    assert_eq!(
        shown("auto", Value::pairs([])),
        [[CLEARED, "DevicePolicy='strict'", all], [CLEARED, "DevicePolicy='auto'", CLEARED]]
    );
    let one = || Value::pairs([("/dev/char/1:3".to_owned(), "r".to_owned())]);
    let list = "DeviceAllow=[('/dev/char/1:3', 'r')]";
    assert_eq!(shown("auto", one()), [[CLEARED, "DevicePolicy='auto'", list]]);
    assert_eq!(shown("closed", Value::pairs([])), [[CLEARED, "DevicePolicy='closed'", CLEARED]]);
}

#[test]
fn rules_that_systemd_cannot_express_are_refused() {
    for (rules, version, rule) in [
        (&["allow c 1:3 r", "allow c *:5 rw"][..], 252, "allow c *:5 rw"),
        (&["allow b *:0 rwm"], 252, "allow b *:0 rwm"),
        (&["allow a *:* rwm", "deny b 8:* w"], 252, "deny b 8:* w"),
        (&["allow c 226:* rwm"], 239, "allow c 226:* rwm"),
        (&["allow b 8:* rwm"], 0, "allow b 8:* rwm"),
    ] {
        let e = properties(rules, version).unwrap_err();
        assert_eq!(e.code(), Code::Unsupported);
        let text = e.to_string();
        assert!(text.contains(&format!("{rule:?}")), "{text}");
        assert!(text.contains("KATACG_MANAGER_SKIP_DEVICES"), "{text}");
    }
    assert!(properties(&["allow c 226:* rwm"], 240).is_ok());
}

/// Every container has the pseudo-terminals, also with an old systemd.
#[test]
fn pseudo_terminals_have_a_name_before_240() {
    let list = |version| properties(&["allow c 136:* rw"], version).unwrap().0.remove(2);
    assert_eq!(list(239), "DeviceAllow=[('char-pts', 'rw')]");
    assert_eq!(list(240), "DeviceAllow=[('char-136', 'rw')]");
}

#[test]
fn invalid_rules_are_refused_with_their_index() {
    let e = properties(&["allow c 1:* r", "deny c 1:3 r"], 252).unwrap_err();
    assert_eq!(e.code(), Code::Value);
    assert!(e.to_string().starts_with("devices[1]: "), "{e}");
}

#[test]
fn warns_of_type_a_numbers_and_of_old_systemd() {
    let (_, warnings) = properties(&["allow a 10:229 rwm"], 252).unwrap();
    assert_eq!(warnings.len(), 1);
    for rules in [["allow c 1:3 r", "allow c 1:5 r"], ["allow c *:* m", "allow c 1:5 r"]] {
        let (out, warnings) = properties(&rules, 239).unwrap();
        assert_eq!(out.len(), 3);
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with("systemd 239 looks device rules up"), "{warnings:?}");
        assert!(properties(&rules, 240).unwrap().1.is_empty());
    }
    assert!(properties(&["deny a *:* rwm"], 239).unwrap().1.is_empty());
}
