// SPDX-License-Identifier: Apache-2.0

//! Parses JSON that is malformed, truncated, out of range or of the wrong type. The result must be
//! an error with line and column, never a panic and never another meaning.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic)]

mod documents;

use std::sync::Arc;

use katacg::host::{HostInfo, Sources};
use katacg::resources::parse;
use katacg::{Code, Error};
use katacg::{Config, Host, Manager};
use oci_spec::runtime::LinuxResources;
use proptest::prelude::*;
use serde_json::Value;

const RESOURCES: &str = r#"{
  "devices": [{"allow": false, "type": "c", "major": 1, "minor": 3, "access": "rwm"}],
  "cpu": {"shares": 1024, "quota": -1, "period": 100000, "burst": 1, "idle": 0, "cpus": "0-1",
          "mems": "0", "realtimeRuntime": 950000, "realtimePeriod": 1000000},
  "memory": {"limit": 1e0, "swap": -1, "swappiness": 60, "disableOOMKiller": true},
  "pids": {"limit": 100},
  "blockIO": {"weight": 10, "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 5}]},
  "hugepageLimits": [{"pageSize": "2MB", "limit": 4}],
  "network": {"classID": 1, "priorities": [{"name": "eth\u0030", "priority": 2}]},
  "rdma": {"mlx": {"hcaHandles": 3}},
  "unified": {"memory.high": "5\n"},
  "unknown": [null, {"x": [1.5, -2, "é"]}]
}"#;

/// Returns the resources with a valid number in place of 1e0, which Go refuses as an integer, too.
fn valid() -> String {
    RESOURCES.replace("1e0", "1")
}

fn check_error(error: &Error, input: &[u8]) {
    let shown = String::from_utf8_lossy(input);
    assert_eq!(error.code(), Code::Json, "{error} of {shown}");
    let text = error.to_string();
    assert!(text.contains(" line ") && text.contains(" column "), "{text} of {shown}");
    assert!(!text.contains('\n'), "one line: {text}");
}

fn refused(input: &str) -> String {
    let error = match parse::resources(input.as_bytes()) {
        Ok(found) => panic!("{input} was taken for {found:?}"),
        Err(e) => e,
    };
    check_error(&error, input.as_bytes());
    let linux = format!("{{\"resources\":{input}}}");
    let whole = format!("{{\"linux\":{linux}}}");
    for spec in [linux, whole] {
        check_error(&parse::spec(spec.as_bytes()).unwrap_err(), spec.as_bytes());
    }
    error.to_string()
}

fn accepted(input: &str) -> LinuxResources {
    let alone = parse::resources(input.as_bytes()).unwrap_or_else(|e| panic!("{input}: {e}"));
    let linux = format!("{{\"cgroupsPath\":\"/x\",\"resources\":{input}}}");
    let whole =
        format!("{{\"ociVersion\":\"1.3.0\",\"process\":{{\"cwd\":\"/\"}},\"linux\":{linux}}}");
    for spec in [linux, whole] {
        let spec = parse::spec(spec.as_bytes()).unwrap_or_else(|e| panic!("{spec}: {e}"));
        assert_eq!(spec.cgroups_path.as_deref(), Some("/x"));
        assert_eq!(spec.resources.as_ref(), Some(&alone), "{input}");
    }
    alone
}

#[test]
fn every_truncated_specification_is_refused_with_line_and_column() {
    let text = valid();
    accepted(&text);
    for end in 0..text.len() {
        let part = &text.as_bytes()[..end];
        check_error(&parse::resources(part).unwrap_err(), part);
    }
    let whole = format!("{{\"linux\": {{\"cgroupsPath\": \"/a\", \"resources\": {text}}}}}");
    for end in 0..whole.len() {
        let part = &whole.as_bytes()[..end];
        check_error(&parse::spec(part).unwrap_err(), part);
    }
    let cpus = r#"[null, {"shares": 5, "cpus": "0"}]"#;
    for end in 0..cpus.len() {
        let part = &cpus.as_bytes()[..end];
        check_error(&parse::cpus(part).unwrap_err(), part);
    }
}

#[test]
fn error_has_the_right_line_and_column() {
    let error = refused("{\n  \"cpu\": {\n    \"shares\": x\n  }\n}");
    assert!(error.ends_with("at line 3 column 15"), "{error}");
    let error = refused("{\n \"pids\": {\"limit\": \"9\"}\n}");
    assert!(error.contains("at line 2 column 22"), "{error}");
}

#[test]
fn json_that_is_no_object_is_refused() {
    let deep = "[".repeat(100_000);
    let deep_unknown = format!("{{\"x\":{deep}");
    for input in ["5", "true", "\"cpu\"", "{}}", "{} {}", "\u{feff}{}", "{,}", "nul", "{'cpu':{}}"]
    {
        refused(input);
    }
    for input in [&deep, &deep_unknown] {
        check_error(&parse::resources(input.as_bytes()).unwrap_err(), b"a deep one");
        check_error(&parse::spec(input.as_bytes()).unwrap_err(), b"a deep one");
    }
    for bytes in [&b"\xff{}"[..], b"{\"unified\":{\"a.b\":\"\xff\"}}", b"{\"\xc3\":1}", b"\0"] {
        check_error(&parse::resources(bytes).unwrap_err(), bytes);
    }
    check_error(&parse::resources(b"null").unwrap_err(), b"null");
    check_error(&parse::spec(b"null").unwrap_err(), b"null");
}

/// serde would accept an array as an object, with its elements in the order of the fields.
#[test]
fn arrays_in_place_of_objects_are_refused() {
    let objects = [
        "[]",
        r#"{"pids": [5]}"#,
        r#"{"pids": []}"#,
        r#"{"cpu": [1, 2, 3, 4, 5, 6, 7, "0", "0"]}"#,
        r#"{"memory": [1, 2, 3, 4, 5, 6, true, true, true]}"#,
        r#"{"devices": [[true, "c", 1, 2, "rwm"]]}"#,
        r#"{"hugepageLimits": [["2MB", 5]]}"#,
    ];
    let taken: Vec<_> =
        objects.into_iter().filter(|text| parse::resources(text.as_bytes()).is_ok()).collect();
    assert!(taken.is_empty(), "taken for objects: {taken:?}");
    check_error(&parse::spec(b"[]").unwrap_err(), b"[]");
}

#[test]
fn values_of_wrong_range_or_type_are_refused() {
    let fields = [
        ("cpu", "shares", "-1 18446744073709551616 1.0 1e3 0.5 \"5\" true {} []"),
        ("cpu", "quota", "9223372036854775808 -9223372036854775809 1.5 \"5\""),
        ("cpu", "period", "-1 18446744073709551616"),
        ("cpu", "burst", "-1 1.5"),
        ("cpu", "idle", "9223372036854775808"),
        ("cpu", "realtimeRuntime", "9223372036854775808"),
        ("cpu", "realtimePeriod", "-1"),
        ("cpu", "cpus", "0 [0]"),
        ("memory", "limit", "9223372036854775808 1.5 \"1g\" 1e400 -0.5"),
        ("memory", "swap", "-9223372036854775809"),
        ("memory", "swappiness", "-2 60.5 18446744073709551616"),
        ("memory", "disableOOMKiller", "1 \"true\""),
        ("memory", "checkBeforeUpdate", "0"),
        ("pids", "limit", "9223372036854775808 1.5 \"max\""),
        ("blockIO", "weight", "-1 65536"),
        ("blockIO", "leafWeight", "65536"),
        ("network", "classID", "-1 4294967296"),
    ];
    for (object, field, values) in fields {
        for value in values.split(' ') {
            refused(&format!("{{\"{object}\": {{\"{field}\": {value}}}}}"));
        }
    }
    for input in [
        r#"{"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": -1}]}}"#,
        r#"{"blockIO":
            {"weightDevice": [{"major": 9223372036854775808, "minor": 0, "weight": 5}]}}"#,
        r#"{"network": {"priorities": [{"name": "eth0", "priority": -1}]}}"#,
        r#"{"rdma": {"mlx": {"hcaHandles": 4294967296}}}"#,
        r#"{"hugepageLimits": [{"pageSize": "2MB", "limit": 18446744073709551616}]}"#,
        r#"{"unified": {"memory.max": 5}}"#,
        r#"{"devices": [{"allow": true, "type": "z", "access": "r"}]}"#,
        r#"{"devices": {"allow": true}}"#,
    ] {
        refused(input);
    }
}

#[test]
fn unknown_fields_are_ignored() {
    let plain = accepted(
        r#"{"cpu": {"shares": 5}, "pids": {"limit": 3}, "rdma": {"x": {"hcaHandles": 1}}}"#,
    );
    let more = accepted(
        r#"{"new": 1, "cpu": {"new": {"shares": 9}, "shares": 5}, "pids": {"limit": 3, "new": []},
            "rdma": {"x": {"hcaHandles": 1, "new": null}}, "CPU": {"shares": 7}, "": 0}"#,
    );
    assert_eq!(plain, more);
}

#[test]
fn null_means_absent() {
    let all = "devices memory cpu pids blockIO hugepageLimits network rdma unified";
    let nulls: Vec<String> = all.split(' ').map(|field| format!("\"{field}\": null")).collect();
    assert_eq!(accepted(&format!("{{{}}}", nulls.join(","))), LinuxResources::default());
    let cpu = accepted(r#"{"cpu": {"shares": null, "quota": 5, "cpus": null}}"#);
    assert_eq!(cpu, accepted(r#"{"cpu": {"quota": 5}}"#));
    for spec in [r#"{"linux": null}"#, r#"{"resources": null, "cgroupsPath": null}"#, "{}"] {
        let found = parse::spec(spec.as_bytes()).unwrap();
        assert_eq!((found.resources, found.cgroups_path), (None, None), "{spec}");
    }
    assert_eq!(parse::cpu(b"null").unwrap(), None);
    assert_eq!(parse::cpus(b"[null]").unwrap(), [None]);
}

/// Returns each value as `path=value`, as tests/go-resources writes it.
fn values(resources: &LinuxResources) -> Vec<String> {
    fn add(value: &Value, path: &str, out: &mut Vec<String>) {
        match value {
            Value::Null => {}
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(i, v)| add(v, &format!("{path}/{i}"), out));
            }
            Value::Object(map) => {
                map.iter().for_each(|(key, v)| add(v, &format!("{path}/{key}"), out));
            }
            Value::String(text) => out.push(format!("{path}={text}")),
            other => out.push(format!("{path}={other}")),
        }
    }
    let mut resources = resources.clone();
    for rule in resources.devices_mut().iter_mut().flatten() {
        rule.set_typ(Some(rule.typ().unwrap_or_default()));
    }
    let mut out = Vec::new();
    add(&serde_json::to_value(&resources).unwrap(), "", &mut out);
    // Go's encoder omits these when they are empty.
    out.retain(|v| !["/cpus=", "/mems=", "/access="].iter().any(|empty| v.ends_with(empty)));
    out.sort();
    out
}

/// The table was made by Go's encoder and decoder: see tests/go-resources.
#[test]
fn resources_from_go_have_the_values_that_go_reads() {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/go-resources.jsonl");
    let table = std::fs::read_to_string(table).unwrap();
    let mut differ = String::new();
    for line in table.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let json = line["json"].as_str().unwrap();
        if line["error"] == true {
            refused(json);
            continue;
        }
        let wanted: Vec<&str> =
            line["values"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
        let found = values(&accepted(json));
        if found != wanted {
            let missing: Vec<_> =
                wanted.iter().filter(|v| !found.iter().any(|f| f == *v)).collect();
            let more: Vec<_> = found.iter().filter(|v| !wanted.contains(&v.as_str())).collect();
            differ += &format!("{json}\n  missing {missing:?}\n  more    {more:?}\n");
        }
        let (_, warnings) = parse::resources_and_warnings(json.as_bytes()).unwrap();
        assert!(warnings.is_empty(), "{warnings:?} of {json}");
    }
    assert_eq!(table.lines().count(), 250);
    assert!(differ.is_empty(), "\n{differ}");
}

/// Go's decoder leaves a value as it is for null, and a device's type may be "".
#[test]
fn nulls_and_empty_types_are_those_of_go() {
    let devices = |json: &str| accepted(json).devices().clone().unwrap();
    for json in [
        r#"{"devices":[{"allow":null,"access":"rwm"}]}"#,
        r#"{"devices":[{"allow":false,"type":"","access":"rwm"}]}"#,
        r#"{"devices":[{"type":null,"major":null,"minor":null,"access":"rwm"}]}"#,
    ] {
        let rules = devices(json);
        assert!(!rules[0].allow() && rules[0].typ().unwrap_or_default().as_str() == "a", "{json}");
        assert_eq!((rules[0].major(), rules[0].minor()), (None, None), "{json}");
    }
    let rules =
        devices(r#"{"devices":[{"allow":false,"type":"","major":0,"minor":0,"access":"rwm"}]}"#);
    assert_eq!((rules[0].major(), rules[0].minor()), (Some(0), Some(0)));
    assert_eq!(devices(r#"{"devices":[null]}"#), [Default::default()]);
    for (json, same) in [
        (
            r#"{"hugepageLimits":[{"pageSize":"2MB","limit":null}]}"#,
            r#"{"hugepageLimits":[{"pageSize":"2MB"}]}"#,
        ),
        (
            r#"{"hugepageLimits":[{"pageSize":null,"limit":1}]}"#,
            r#"{"hugepageLimits":[{"pageSize":"","limit":1}]}"#,
        ),
        (
            r#"{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":null,"rate":null}]}}"#,
            r#"{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":0}]}}"#,
        ),
        (
            r#"{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":null}]}}"#,
            r#"{"blockIO":{"weightDevice":[{"major":8,"minor":0}]}}"#,
        ),
        (
            r#"{"network":{"priorities":[{"name":"eth0","priority":null},null]}}"#,
            r#"{"network":{"priorities":[{"name":"eth0","priority":0},{}]}}"#,
        ),
        (r#"{"rdma":{"mlx5_1":null}}"#, r#"{"rdma":{"mlx5_1":{}}}"#),
        (r#"{"unified":{"memory.high":null}}"#, r#"{"unified":{"memory.high":""}}"#),
        (r#"{"pids":{"limit":null}}"#, "{}"),
        (r#"{"cpu":{"cpus":null,"mems":null,"shares":null}}"#, r#"{"cpu":{}}"#),
    ] {
        assert_eq!(accepted(json), accepted(same), "{json}");
    }
    refused(r#"{"devices":[{"allow":false,"type":"A","access":"rwm"}]}"#);
    refused(r#"{"network":{"classID":4294967296}}"#);
    let spec = parse::spec(br#"{"linux":{},"annotations":{"a":null}}"#).unwrap();
    assert_eq!(spec.annotations.get("a").map(String::as_str), Some(""));
}

#[test]
fn every_truncated_state_is_refused_with_line_and_column() {
    let host = HostInfo::parse(Sources {
        mountinfo: b"30 26 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        cgroup: b"0::/\n",
        ..Sources::default()
    })
    .unwrap();
    let shared = Arc::new(Host::new(host));
    let resources = parse::resources(valid().as_bytes()).unwrap();
    let config = Config { path: b"/a/\xff".to_vec(), resources, ..Config::default() };
    let manager = Manager::new(Arc::clone(&shared), config).unwrap();
    let state = manager.state().unwrap();
    let again = Manager::load(Arc::clone(&shared), state.as_bytes()).unwrap();
    assert_eq!(again.resources(), manager.resources());
    assert_eq!(again.config().path, b"/a/\xff");
    for end in 0..state.len() {
        let part = &state.as_bytes()[..end];
        check_error(&Manager::load(Arc::clone(&shared), part).unwrap_err(), part);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for error in [parse::resources(&bytes).err(), parse::spec(&bytes).err()].iter().flatten() {
            check_error(error, &bytes);
        }
        let _ = (parse::cpu(&bytes), parse::cpus(&bytes));
    }

    #[test]
    fn specification_with_one_changed_byte_is_parsed_or_refused(
        place in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut text = valid().into_bytes();
        let place = place.index(text.len());
        text[place] = byte;
        if let Err(e) = parse::resources(&text) {
            check_error(&e, &text);
        }
    }
}
