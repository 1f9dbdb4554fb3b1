// SPDX-License-Identifier: Apache-2.0

//! The calls that each method of the client sends: order, signatures and arguments.

use std::sync::{Arc, Mutex};

use katacg::systemd::{Property, Started, Value};
use katacg::Code;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value as Wire};

use super::peer::{Peer, Then};
use super::{client, weight, UNIT};

/// The arguments of StartTransientUnit.
type Sent = (String, String, Vec<(String, OwnedValue)>, Vec<(String, Vec<(String, OwnedValue)>)>);

fn all_types() -> Vec<Property> {
    vec![
        Property::new("Description", Value::str("a \"sandbox\"")),
        Property::new("Delegate", Value::Bool(true)),
        Property::new("PIDs", Value::u32s([1, 4_000_000])),
        Property::new("Wants", Value::strs(["a.slice", "b.slice"])),
        Property::new("AllowedCPUs", Value::bytes(&[0x0f, 0x80])),
        Property::new("DeviceAllow", Value::pairs([])),
        Property::new("DeviceAllow", Value::pairs([("/dev/char/1:3".into(), "rwm".into())])),
        Property::new("MemoryMax", Value::U64(u64::MAX)),
        Property::new("I32", Value::I32(-1)),
        Property::new("X", Value::Struct(vec![Value::Double(0.5), Value::Path("/a".into())])),
        Property::new("G", Value::Signature("a{sv}".into())),
    ]
}

#[test]
fn start_sends_the_match_rule_and_the_unit() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let received = Arc::clone(&bodies);
    let peer = Peer::new(move |call, _| {
        if call.is("StartTransientUnit") {
            assert_eq!(call.path, "/org/freedesktop/systemd1");
            received.lock().unwrap().push(call.read::<Sent>());
        }
        if call.is("AddMatch") || call.is("RemoveMatch") {
            assert_eq!(
                call.read::<&str>(),
                "type='signal',sender='org.freedesktop.systemd1',\
                 path='/org/freedesktop/systemd1',\
                 interface='org.freedesktop.systemd1.Manager',member='JobRemoved',\
                 arg2='kata-1.scope'"
            );
        }
        Then::Usual
    });
    assert_eq!(client(&peer).start(UNIT, &all_types(), false).unwrap(), Started::Created);

    let want = ["AddMatch s", "StartTransientUnit ssa(sv)a(sa(sv))", "RemoveMatch! s"];
    peer.members(3);
    assert_eq!(peer.seen(), want);
    let (unit, mode, properties, auxiliary) = bodies.lock().unwrap().remove(0);
    assert_eq!((&*unit, &*mode, auxiliary.len()), (UNIT, "replace", 0));
    let types: Vec<_> = properties
        .iter()
        .map(|(name, value)| format!("{name} {}", value.value_signature()))
        .collect();
    let want = [
        "Description s",
        "Delegate b",
        "PIDs au",
        "Wants as",
        "AllowedCPUs ay",
        "DeviceAllow a(ss)",
        "DeviceAllow a(ss)",
        "MemoryMax t",
        "I32 i",
        "X (do)",
        "G g",
    ];
    assert_eq!(types, want);
    assert_eq!(Vec::<u8>::try_from(properties[4].1.clone()).unwrap(), [0x0f, 0x80]);
    assert_eq!(u64::try_from(&properties[7].1).unwrap(), u64::MAX);
}

/// The client waits only for systemd's reply and for its signal.
#[test]
fn start_does_not_wait_for_the_reply_to_add_match() {
    let peer = Peer::new(|call, _| match call.is("AddMatch") {
        true => Then::Done,
        false => Then::Usual,
    });
    let systemd = client(&peer);
    systemd.start(UNIT, &weight(), false).unwrap();
    systemd.stop(UNIT).unwrap();
    let want = [
        "AddMatch",
        "StartTransientUnit",
        "RemoveMatch!",
        "AddMatch",
        "StopUnit",
        "ResetFailedUnit!",
        "RemoveMatch!",
    ];
    assert_eq!(peer.members(7), want);
    assert_eq!(peer.connections(), 1);
}

#[test]
fn set_sends_properties_until_the_next_boot() {
    let peer = Peer::new(|call, _| {
        let (unit, runtime, properties): (String, bool, Vec<(String, OwnedValue)>) = call.read();
        assert_eq!((&*unit, runtime, properties.len()), (UNIT, true, 11));
        Then::Usual
    });
    client(&peer).set(UNIT, &all_types(), None).unwrap();
    assert_eq!(peer.seen(), ["SetUnitProperties sba(sv)"]);
}

#[test]
fn stop_sends_a_job_and_a_reset() {
    let peer = Peer::new(|call, _| {
        if call.is("StopUnit") {
            assert_eq!(call.read::<(&str, &str)>(), (UNIT, "replace"));
        }
        Then::Usual
    });
    assert_eq!(client(&peer).stop(UNIT).unwrap(), None);
    let want = ["AddMatch s", "StopUnit ss", "ResetFailedUnit! s", "RemoveMatch! s"];
    peer.members(4);
    assert_eq!(peer.seen(), want);
}

#[test]
fn attach_sends_the_subcgroup_and_pids() {
    let peer = Peer::new(|call, _| {
        assert_eq!(call.read::<(&str, &str, Vec<u32>)>(), (UNIT, "/below", vec![5, 6]));
        Then::Usual
    });
    client(&peer).attach(UNIT, "/below", &[5, 6]).unwrap();
    assert_eq!(peer.seen(), ["AttachProcessesToUnit ssau"]);
}

#[test]
fn is_loaded_tells_an_unknown_unit_from_an_error() {
    for (error, loaded) in [
        (None, Some(true)),
        (Some("org.freedesktop.systemd1.NoSuchUnit"), Some(false)),
        (Some("org.freedesktop.DBus.Error.AccessDenied"), None),
    ] {
        let peer = Peer::new(move |call, out| {
            assert_eq!(call.read::<String>(), UNIT);
            match error {
                Some(name) => out.error(call, name, "because"),
                None => out.reply(call, &OwnedObjectPath::try_from("/a").unwrap()),
            }
            Then::Done
        });
        assert_eq!(client(&peer).is_loaded(UNIT).ok(), loaded, "{error:?}");
        assert_eq!(peer.seen(), ["GetUnit s"]);
    }
}

#[test]
fn property_reads_every_type_of_value() {
    let peer = Peer::new(|call, out| {
        assert_eq!(call.path, "/org/freedesktop/systemd1/unit/kata_2d1_2escope");
        let (interface, name): (&str, &str) = call.read();
        assert_eq!(interface, "org.freedesktop.systemd1.Scope");
        let path = OwnedObjectPath::try_from("/").unwrap();
        let value = match name {
            "MemoryMax" => Wire::U64(7),
            "AllowedCPUs" => Wire::from(vec![3u8]),
            "DeviceAllow" => Wire::from(vec![("a", "b")]),
            "Job" => Wire::from((0u32, path.into_inner())),
            "Map" => Wire::from(std::collections::HashMap::from([("k", 1u32)])),
            _ => Wire::Value(Box::new(Wire::Bool(true))),
        };
        out.reply(call, &value);
        Then::Done
    });
    let systemd = client(&peer);
    for (name, want) in [
        ("MemoryMax", Value::U64(7)),
        ("AllowedCPUs", Value::bytes(&[3])),
        ("DeviceAllow", Value::pairs([("a".into(), "b".into())])),
        ("Job", Value::Struct(vec![Value::U32(0), Value::Path("/".into())])),
        (
            "Map",
            Value::Array("{su}".into(), vec![Value::Struct(vec![Value::str("k"), Value::U32(1)])]),
        ),
        ("V", Value::Variant(Box::new(Value::Bool(true)))),
    ] {
        let got = systemd.property(UNIT, "org.freedesktop.systemd1.Scope", name, None).unwrap();
        assert_eq!(got, want, "{name}");
    }
    assert_eq!(peer.connections(), 1);
}

#[test]
fn version_and_control_group_are_queried_once() {
    let peer = Peer::new(|call, out| {
        let (interface, name): (&str, &str) = call.read();
        assert_eq!(interface, "org.freedesktop.systemd1.Manager");
        out.reply(call, &Wire::from(if name == "Version" { "257.13-1" } else { "/user.slice" }));
        Then::Done
    });
    let systemd = client(&peer);
    for _ in 0..3 {
        assert_eq!(systemd.version().unwrap(), 257);
        assert_eq!(systemd.control_group().unwrap(), "/user.slice");
    }
    assert_eq!(peer.seen(), ["Get ss", "Get ss"]);
    assert_eq!(client(&peer).with_version(239).version().unwrap(), 239);
    assert_eq!(peer.seen().len(), 2);
}

#[test]
fn values_that_d_bus_forbids_are_never_sent() {
    let peer = Peer::healthy();
    let systemd = client(&peer);
    for value in [
        Value::str("a\0b"),
        Value::Path("no path".into()),
        Value::Signature("?".into()),
        Value::Array("s".into(), vec![Value::U32(1)]),
        Value::Array("?".into(), vec![]),
        Value::Struct(vec![]),
    ] {
        let property = [Property::new("Slice", value)];
        for error in [
            systemd.set(UNIT, &property, None).unwrap_err(),
            systemd.start(UNIT, &property, false).unwrap_err(),
        ] {
            assert_eq!(error.code(), Code::Argument, "{error}");
        }
    }
    let property = [Property::new("a\0b", Value::U32(1))];
    assert_eq!(systemd.set(UNIT, &property, None).unwrap_err().code(), Code::Argument);
    assert_eq!(systemd.set("", &[], None).unwrap_err().code(), Code::Argument);
    assert_eq!(systemd.attach(UNIT, "\0", &[]).unwrap_err().code(), Code::Argument);
    assert_eq!(systemd.property(UNIT, "a", "\0", None).unwrap_err().code(), Code::Argument);
    assert!(peer.seen().is_empty());
}

/// All requests go out together. A property that this systemd does not have ends nothing.
#[test]
fn several_properties_are_asked_in_one_go() {
    let peer = Peer::new(|call, out| {
        let (_, name): (String, String) = call.read();
        match name.as_str() {
            "CPUWeight" => out.reply(call, &zbus::zvariant::Value::from(170u64)),
            "TasksMax" => out.reply(call, &zbus::zvariant::Value::from(20u64)),
            _ => out.error(call, "org.freedesktop.DBus.Error.UnknownProperty", "no"),
        }
        Then::Done
    });
    let names = ["CPUWeight", "MemoryZSwapMax", "TasksMax"];
    let values = client(&peer).properties(UNIT, "org.freedesktop.systemd1.Scope", &names, None);
    assert_eq!(values.unwrap(), [Some(Value::U64(170)), None, Some(Value::U64(20))]);
    assert_eq!(peer.seen(), ["Get ss"; 3]);
}
