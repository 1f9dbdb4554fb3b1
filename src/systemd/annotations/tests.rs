// SPDX-License-Identifier: Apache-2.0

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
    let names = ["TasksMax", "After", "TimeoutStopSec", "Before"];
    let keys: Vec<String> = names.iter().map(|name| format!("{PREFIX}{name}")).collect();
    let found = user_properties(keys.iter().map(|key| (key.as_str(), "5"))).unwrap();
    let found: Vec<&str> = found.iter().map(|p| p.name.as_ref()).collect();
    assert_eq!(found, ["After", "Before", "TasksMax", "TimeoutStopUSec"]);
}

#[test]
fn properties_that_reach_beyond_the_unit_are_refused() {
    for (name, why) in [
        ("PIDs", "which processes are in the unit"),
        ("Slice", "where its cgroup is"),
        ("Delegate", "who owns"),
        ("Wants", "ties other units"),
        ("BindsTo", "ties other units"),
        ("RequiresMountsFor", "mount units"),
        ("WantsMountsFor", "mount units"),
        ("FailureAction", "the whole host"),
        ("Conditions", "what is on the host"),
        ("BPFProgram", "attaches a program"),
        ("ManagedOOMPreference", "killed in this one's place"),
        ("RefuseManualStop", "ends the container"),
    ] {
        fails(name, "@as []", "only the runtime may set");
        fails(name, "@as []", why);
    }
    fails("JobTimeoutSec", "5", "not a property that an annotation can set");
    fails("NoSuchThing", "true", "NoSuchThing is not a property");
}

/// What StartTransientUnit of systemd 252 and 257 takes for a scope or a slice, apart from names
/// that can be written but not read (`TasksMaxScale`). Found out by sending values of a wrong type
/// to both.
const TAKEN: &str = "
AddRef After AllowIsolate AllowedCPUs AllowedMemoryNodes Asserts BPFProgram Before BindsTo
BlockIOAccounting BlockIODeviceWeight BlockIOReadBandwidth BlockIOWeight
BlockIOWriteBandwidth CPUAccounting CPUQuotaPerSecUSec CPUQuotaPeriodUSec CPUShares
CPUWeight CollectMode Conditions Conflicts Controller CoredumpReceive DefaultDependencies
DefaultMemoryLow DefaultMemoryMin DefaultStartupMemoryLow Delegate DelegateControllers
DelegateSubgroup Description DeviceAllow DevicePolicy DisableControllers Documentation
FailureAction FailureActionExitStatus FinalKillSignal Group IOAccounting
IODeviceLatencyTargetUSec IODeviceWeight IOReadBandwidthMax IOReadIOPSMax IOWeight
IOWriteBandwidthMax IOWriteIOPSMax IPAccounting IPAddressAllow IPAddressDeny
IPEgressFilterPath IPIngressFilterPath IgnoreOnIsolate JobRunningTimeoutUSec
JobTimeoutAction JobTimeoutRebootArgument JoinsNamespaceOf KillMode KillSignal
ManagedOOMMemoryPressure ManagedOOMMemoryPressureDurationUSec ManagedOOMMemoryPressureLimit
ManagedOOMPreference ManagedOOMSwap Markers MemoryAccounting MemoryHigh MemoryLimit
MemoryLow MemoryMax MemoryMin MemoryPressureThresholdUSec MemoryPressureWatch MemorySwapMax
MemoryZSwapMax MemoryZSwapWriteback NFTSet OOMPolicy OnFailure OnFailureJobMode OnSuccess
OnSuccessJobMode PIDFDs PIDs PartOf PropagatesReloadTo PropagatesStopTo RebootArgument
RefuseManualStart RefuseManualStop ReloadPropagatedFrom Requires RequiresMountsFor Requisite
RestartKillSignal RestrictNetworkInterfaces RuntimeMaxUSec RuntimeRandomizedExtraUSec
SendSIGHUP SendSIGKILL Slice SocketBindAllow SocketBindDeny SourcePath StartLimitAction
StartLimitBurst StartLimitIntervalUSec StartupAllowedCPUs StartupAllowedMemoryNodes
StartupBlockIOWeight StartupCPUShares StartupCPUWeight StartupIOWeight StartupMemoryHigh
StartupMemoryLow StartupMemoryMax StartupMemorySwapMax StartupMemoryZSwapMax
StopPropagatedFrom StopWhenUnneeded SuccessAction SuccessActionExitStatus
SurviveFinalKillSignal TasksAccounting TasksMax TimeoutStopUSec Upholds User Wants
WantsMountsFor WatchdogSignal";

#[test]
fn every_property_of_a_transient_unit_is_decided_once() {
    for name in TAKEN.split_whitespace() {
        assert!(table::find(name).is_some(), "{name}");
    }
    let mut names: Vec<&str> = table::TABLE.iter().flat_map(|row| row.names).copied().collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
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
}

#[test]
fn malformed_values_are_refused() {
    fails("TasksMax", "invalid-value", "at byte 1: unknown word \"invalid-value\"");
    fails("TasksMax", "", "at byte 1: expected a value, found the end of the text");
    fails("TasksMax", "uint32 -1", "at byte 8: -1 is out of range for uint32");
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
    for name in ["FOOSec", "Sec", "TimeoutStopUSec", "TimeoutSecs"] {
        assert_eq!(bus_name(name), (name.to_owned(), false));
    }
    assert_eq!(bus_name("aSec"), ("aUSec".to_owned(), true));
    gives("TimeoutStopUSec", "123", "TimeoutStopUSec=123");
}
