// SPDX-License-Identifier: Apache-2.0

//! Devices that are allowed and denied in a unit after its start.

use katacg::devices::{parse_devices, Access};

use super::*;

/// Another process allows and denies devices, and systemd is told as well.
#[test]
fn devices_allowed_and_denied_later_survive_a_reload() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    let program = r#"{"devices":[{"allow":false,"access":"rwm"},
        {"allow":true,"type":"c","minor":3,"access":"rw"}]}"#;
    for (first, before) in
        [(NULL_AND_RANDOM, "null r, null w, random r"), (program, "null r, null w")]
    {
        if first == program && !unified() {
            continue;
        }
        let mut s = alone(first);
        let mut opener = Opener::new();
        s.manager.apply(opener.pid(), true).unwrap();
        assert_eq!(opener.opens(), before);
        let zero = parse_devices("/dev/zero").unwrap();
        let change = |allow| {
            let mut config = s.manager.config().clone();
            // By a manager of the existing unit, and by one that could start the unit.
            config.flags.existing = allow;
            let later = Sandbox::with(&s.unit, config);
            let done = later.change_device(allow, zero, Access::READ);
            // Dropping the sandbox would end the unit.
            std::mem::forget(later);
            done.map(|warnings| assert_eq!(warnings, [""; 0]))
        };
        let with_zero = before.replace("null w", "null w, zero r");
        for (allow, wanted) in [(true, &*with_zero), (false, before)] {
            change(allow).unwrap();
            change(allow).unwrap();
            assert_eq!(opener.opens(), wanted);
            assert_eq!(beside::said(&s), wanted);
            if !allow && first == program {
                continue;
            }
            reload();
            assert_eq!(opener.opens(), wanted, "after a reload");
            let property = ["set-property", "--runtime", &s.unit, "TasksMax=4000"];
            systemctl(&property);
            assert_eq!(opener.opens(), wanted, "after set-property");
        }
        drop(opener);
        s.end();
    }
}

/// The DevicePolicy that another program has set stays.
#[test]
fn device_is_added_to_rules_of_another_program() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    let mut s = alone("{}");
    let mut opener = Opener::new();
    s.manager.apply(opener.pid(), true).unwrap();
    let kvm = parse_devices("c 10:232").unwrap();
    // All devices are allowed already, so systemd is not told anything.
    s.change_device(true, kvm, Access::ALL).unwrap();
    s.check("no rules", &[("DevicePolicy", "auto"), ("DeviceAllow", "")]);
    assert_eq!(opener.opens(), EVERYTHING);
    let others =
        ["set-property", "--runtime", &s.unit, "DevicePolicy=strict", "DeviceAllow=/dev/null r"];
    systemctl(&others);
    assert_eq!(opener.opens(), "null r");
    let zero = parse_devices("/dev/zero").unwrap();
    s.change_device(true, zero, Access::READ).unwrap();
    assert_eq!(opener.opens(), "null r, zero r");
    assert_eq!(beside::said(&s), "null r, zero r");
    reload();
    assert_eq!(opener.opens(), "null r, zero r");
    let list = s.property("DeviceAllow");
    assert!(list.contains("/dev/null r") && list.contains("/dev/char/1:5 r"), "{list}");
    drop(opener);
    s.end();
}
