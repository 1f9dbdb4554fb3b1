// SPDX-License-Identifier: Apache-2.0

//! Runs the golden data, which the original Go code has produced, through the crate's functions.
//! The C suite runs the same lines through the C ABI, and the Go suite through the Go package.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic)]

mod common;

use std::collections::BTreeMap;

use common::{vectors, Vector};
use katacg::host::v1mount;
use katacg::kata::rules::{self, Generation, Rules};
use katacg::kata::{cpu, path};
use katacg::path::{lexical, slice};
use katacg::Result;
use oci_spec::runtime::LinuxCpu;
use serde_json::{json, Value};

/// Lines that make the original panic: eight of v1MountPoint and eight of its sibling in runc. Here
/// they are errors.
const ORIGINAL_DIED: usize = 16;

/// Mountpoints that the original returns with their escapes, and the decoded ones.
const LOST_ESCAPES: &[(&str, &str)] = &[
    ("/mnt/my\\040cgroup", "/mnt/my cgroup"),
    ("/mnt/tab\\011x", "/mnt/tab\tx"),
    ("/mnt/bs\\134x", "/mnt/bs\\x"),
];

fn validate(v: &Vector, generation: Generation) -> Result<Value> {
    let rules = Rules { generation, systemd: v.flag("systemd"), strict: false };
    path::validate(&v.bytes("path"), rules).map(|out| common::bytes(&out))
}

fn text(out: &[u8]) -> Result<Value> {
    Ok(common::bytes(out))
}

fn cpu_value(cpu: Option<&LinuxCpu>) -> Value {
    serde_json::to_value(cpu).unwrap()
}

fn run(v: &Vector) -> Result<Value> {
    let path = || v.bytes("path");
    match v.function.as_str() {
        "validCgroupPath" => validate(v, Generation::K0),
        "k1.ValidCgroupPath" => validate(v, Generation::K1),
        "k3.ValidCgroupPath" => validate(v, Generation::K3 { unified: v.flag("v2") }),
        "isSystemdCgroup" => Ok(json!(rules::is_systemd(&path()))),
        "k1.IsSystemdCgroup" => Ok(json!(rules::is_systemd_slice(&path()))),
        "renameCgroupPath" => path::rename(&path()).map(|out| common::bytes(&out)),
        "k3.RenameCgroupPath" => path::rename_k3(&path()).map(|out| common::bytes(&out)),
        "cgroupNoConstraintsPath" => text(&path::no_constraints(&path())),
        "parentPath" => text(&path::parent(&path())),
        "guestCgroupsPath" => text(&path::guest(&path())),
        "k3.getSliceAndUnit" => path::slice_and_unit_k3(&path())
            .map(|(slice, unit)| json!([common::bytes(&slice), common::bytes(&unit)])),
        "subsystemPath" => {
            text(&path::subsystem_path(&v.bytes("root"), &v.bytes("subsystem"), &path()))
        }
        "runc.ExpandSlice" => slice::expand(&v.bytes("slice")).map(|out| common::bytes(&out)),
        "runc.CleanPath" => text(&lexical::clean_confined(&path())),
        "filepath.Clean" => text(&lexical::clean(&path())),
        "filepath.Dir" => text(&lexical::dir(&path())),
        "filepath.Base" => text(lexical::base(&path())),
        "v1MountPoint" => v1mount::find(&v.bytes("mountinfo")).map(|out| common::bytes(&out)),
        "runc.FindCgroupMountpointDir" => {
            v1mount::find_any(&v.bytes("mountinfo")).map(|out| common::bytes(&out))
        }
        "validCPUResources" => {
            let cpu: Option<LinuxCpu> = serde_json::from_value(v.input["cpu"].clone()).unwrap();
            Ok(cpu_value(cpu.as_ref().map(cpu::validate).as_ref()))
        }
        "sandboxCPUResources" => {
            let all: Vec<Option<LinuxCpu>> =
                serde_json::from_value(v.input["containers"].clone()).unwrap();
            Ok(cpu_value(Some(&cpu::aggregate(all.iter().flatten()))))
        }
        other => panic!("{other} is a new function in the golden data and has no test"),
    }
}

/// runc's error for a host without cgroups differs from Kata's. The crate uses Kata's.
fn wanted_error(v: &Vector, text: &str) -> String {
    if v.function == "runc.FindCgroupMountpointDir" && text == "mountpoint for cgroup not found" {
        return "cgroups: cgroup mountpoint does not exist".to_owned();
    }
    text.to_owned()
}

#[test]
fn rust_functions_match_the_golden_data() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut died, mut escapes) = (0, Vec::new());
    for v in vectors() {
        *counts.entry(v.function.clone()).or_default() += 1;
        let got = run(&v);
        let case = || format!("{} {}", v.function, v.input);
        if v.panicked() {
            died += 1;
            assert!(got.is_err(), "{}: the original died, ours gave {got:?}", case());
        } else if let Some(wanted) = v.error() {
            let got = got.expect_err(&case());
            let wanted = match std::str::from_utf8(&wanted) {
                Ok(text) => wanted_error(&v, text).into_bytes(),
                Err(_) => wanted,
            };
            // Some messages quote a line. The crate quotes only the start of a long one.
            assert_eq!(got.text(), wanted, "{}", case());
        } else {
            let got = got.unwrap_or_else(|e| panic!("{}: {e}", case()));
            let wanted = v.ok();
            let lost = LOST_ESCAPES.iter().find(|(old, _)| wanted == json!(old));
            match lost {
                Some((old, decoded)) => {
                    escapes.push(*old);
                    assert_eq!(got, json!(decoded), "{}", case());
                }
                None => assert_eq!(got, wanted, "{}", case()),
            }
        }
    }
    assert_eq!(died, ORIGINAL_DIED);
    assert_eq!(escapes.len(), 2 * LOST_ESCAPES.len(), "{escapes:?}");
    assert_eq!(counts.values().sum::<usize>(), 3835, "{counts:#?}");
    assert_eq!(counts.len(), 21, "{counts:#?}");
}

/// Writes the lines for the C suite, which cannot parse JSON, as `function TAB kind TAB expected
/// TAB inputs…`. All fields but the first two are in hex. The kind is ok, err or died.
#[test]
fn golden_data_is_exported_for_the_c_suite() {
    let untested = |f: &str| {
        f.starts_with("filepath.") || f == "runc.CleanPath" || f == "runc.FindCgroupMountpointDir"
    };
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let mut out = String::new();
    let mut lines = 0;
    for v in vectors().iter().filter(|v| !untested(&v.function)) {
        let inputs: Vec<Vec<u8>> = match v.function.as_str() {
            "validCgroupPath" | "k1.ValidCgroupPath" | "k3.ValidCgroupPath" => {
                let flags = u8::from(v.flag("systemd")) | (16 * u8::from(v.flag("v2")));
                vec![v.bytes("path"), flags.to_string().into_bytes()]
            }
            "subsystemPath" => vec![v.bytes("root"), v.bytes("subsystem"), v.bytes("path")],
            "runc.ExpandSlice" => vec![v.bytes("slice")],
            "v1MountPoint" => vec![v.bytes("mountinfo")],
            "validCPUResources" => vec![v.input["cpu"].to_string().into_bytes()],
            "sandboxCPUResources" => vec![v.input["containers"].to_string().into_bytes()],
            _ => vec![v.bytes("path")],
        };
        let (kind, expected) = match v.error() {
            _ if v.panicked() => ("died", Vec::new()),
            Some(text) => ("err", text),
            None => ("ok", expected_text(v)),
        };
        let inputs: Vec<String> = inputs.iter().map(|i| hex(i)).collect();
        out += &format!("{}\t{kind}\t{}\t{}\n", v.function, hex(&expected), inputs.join("\t"));
        lines += 1;
    }
    assert_eq!(lines, 3835 - 3 * 190 - 190 - 72);
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("build");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("vectors.tsv"), out).unwrap();
}

/// Returns the text that the C function should print.
fn expected_text(v: &Vector) -> Vec<u8> {
    let raw = |value: &Value| match value {
        Value::String(text) => text.clone().into_bytes(),
        Value::Bool(b) => u8::from(*b).to_string().into_bytes(),
        Value::Object(o) if o.contains_key("raw") => {
            serde_json::from_value(o["raw"].clone()).unwrap()
        }
        other => panic!("{other}"),
    };
    match v.function.as_str() {
        // The C functions print the fields of a CPU object in a fixed order.
        "validCPUResources" | "sandboxCPUResources" => {
            let cpu: Option<LinuxCpu> = serde_json::from_value(v.ok()).unwrap();
            serde_json::to_vec(&cpu).unwrap()
        }
        "k3.getSliceAndUnit" => {
            let pair = v.ok();
            [raw(&pair[0]), b"\n".to_vec(), raw(&pair[1])].concat()
        }
        "v1MountPoint" => {
            let wanted = v.ok();
            match LOST_ESCAPES.iter().find(|(old, _)| wanted == json!(old)) {
                Some((_, decoded)) => decoded.as_bytes().to_vec(),
                None => raw(&wanted),
            }
        }
        _ => raw(&v.ok()),
    }
}
