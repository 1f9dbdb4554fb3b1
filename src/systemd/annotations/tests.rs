//! Annotations with the properties that they set, and annotations that are refused.

use super::*;

fn one(name: &str, text: &str) -> Result<Vec<Property>> {
    user_properties([(format!("{PREFIX}{name}").as_str(), text)])
}

fn gives(name: &str, text: &str, property: &str) {
    let found = one(name, text).unwrap_or_else(|e| panic!("{name}={text}: {e}"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].to_string(), property, "{name}={text}");
}

fn fails(name: &str, text: &str, with: &str) {
    let e = one(name, text).unwrap_err();
    assert_eq!(e.code(), Code::Value);
    let message = e.to_string();
    assert!(message.starts_with(&format!("annotation {:?}: ", format!("{PREFIX}{name}"))));
    assert!(message.contains(with), "{message}");
}

#[test]
fn values_are_in_gvariant_text_format() {
    gives("CollectMode", "'inactive-or-failed'", "CollectMode='inactive-or-failed'");
    gives("TimeoutStopUSec", "uint64 123456789", "TimeoutStopUSec=uint64 123456789");
    gives("After", "['a.service', 'b.service']", "After=['a.service', 'b.service']");
    gives("DeviceAllow", "@a(ss) []", "DeviceAllow=@a(ss) []");
    gives("ManagedOOMSwap", "\"kill\"", "ManagedOOMSwap='kill'");
}

#[test]
fn other_annotations_are_ignored() {
    let others = [("some.other.annotation", "0"), ("org.systemd.propertyX", "garbage"), ("", "")];
    assert_eq!(user_properties(others).unwrap(), []);
    assert_eq!(user_properties([]).unwrap(), []);
}

#[test]
fn properties_come_in_order_of_name() {
    let names = ["RequiresMountsFor", "After", "TimeoutStopSec", "Before"];
    let keys: Vec<String> = names.iter().map(|name| format!("{PREFIX}{name}")).collect();
    let found = user_properties(keys.iter().map(|key| (key.as_str(), "5"))).unwrap();
    let found: Vec<&str> = found.iter().map(|p| p.name.as_ref()).collect();
    assert_eq!(found, ["After", "Before", "RequiresMountsFor", "TimeoutStopUSec"]);
}

#[test]
fn reserved_properties_are_refused() {
    for name in ["PIDs", "Slice", "Delegate", "Controller", "Conflicts", "BindsTo", "Wants"] {
        fails(name, "@au []", "only the runtime may set");
    }
}

#[test]
fn two_annotations_for_one_property_are_refused() {
    let (sec, usec) = (format!("{PREFIX}TimeoutStopSec"), format!("{PREFIX}TimeoutStopUSec"));
    let e = user_properties([(sec.as_str(), "5"), (usec.as_str(), "uint64 5")]).unwrap_err();
    assert_eq!(e.code(), Code::Value);
    assert!(e.to_string().contains(&sec) && e.to_string().contains(&usec), "{e}");
}

#[test]
fn names_other_than_letters_are_refused() {
    for name in ["", "X", "Xo", "Number1", "A_bc", "Some.Name", "Ärger", "a b", "Foo\n"] {
        fails(name, "1", "3 or more ASCII letters");
    }
    gives("abc", "1", "abc=1");
}

#[test]
fn malformed_values_are_refused() {
    fails("ValidName", "invalid-value", "at byte 1: unknown word \"invalid-value\"");
    fails("ValidName", "", "at byte 1: expected a value, found the end of the text");
    fails("ValidName", "uint32 -1", "at byte 8: -1 is out of range for uint32");
}

#[test]
fn seconds_become_microseconds() {
    let property = |n: &str| format!("TimeoutStopUSec=uint64 {n}");
    for kind in
        ["", "byte ", "int16 ", "uint16 ", "int32 ", "uint32 ", "int64 ", "uint64 ", "double "]
    {
        gives("TimeoutStopSec", &format!("{kind}234"), &property("234000000"));
    }
    for (text, usec) in [
        ("234.789", "234789000"),
        ("0.29", "290000"),
        ("1e-7", "0"),
        ("0.0000015", "2"),
        ("0", "0"),
        ("-0.0", "0"),
        ("uint64 18446744073709", "18446744073709000000"),
        ("1.8e13", "18000000000000000000"),
    ] {
        gives("TimeoutStopSec", text, &property(usec));
    }
}

#[test]
fn other_values_than_seconds_are_refused() {
    for text in
        ["-1", "int64 -1", "-0.5", "uint64 18446744073710", "1.9e13", "uint64 18446744073709551615"]
    {
        fails("TimeoutStopSec", text, "is negative or does not fit");
    }
    for text in ["inf", "-inf", "nan"] {
        fails("TimeoutStopSec", text, "uint64 18446744073709551615");
    }
    for text in ["false", "'5s'", "[5]", "<5>", "(5,)"] {
        fails("TimeoutStopSec", text, "is not a number of seconds");
    }
}

/// runc converts only names that end in `Sec` after a lower-case letter.
#[test]
fn only_names_ending_in_sec_are_converted() {
    gives("FOOSec", "123", "FOOSec=123");
    gives("Sec", "123", "Sec=123");
    gives("TimeoutStopUSec", "123", "TimeoutStopUSec=123");
    gives("TimeoutSecs", "123", "TimeoutSecs=123");
    gives("aSec", "1", "aUSec=uint64 1000000");
}
