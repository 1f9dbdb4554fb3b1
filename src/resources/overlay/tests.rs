// SPDX-License-Identifier: Apache-2.0

//! Compares the overlay of types with an overlay of JSON, over random resources.

use oci_spec::runtime::LinuxResources;
use proptest::prelude::*;
use serde_json::{json, Map, Value};

/// Fields in which 0 means "unset".
const UNSET: &[&str] = &[
    "/cpu/shares",
    "/cpu/quota",
    "/cpu/period",
    "/cpu/realtimeRuntime",
    "/cpu/realtimePeriod",
    "/memory/limit",
    "/memory/reservation",
    "/memory/swap",
    "/blockIO/weight",
    "/blockIO/leafWeight",
    "/blockIO/weightDevice/weight",
    "/blockIO/weightDevice/leafWeight",
    "/network/classID",
];

/// Fields, and the file of the `unified` map that each of them sets too.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("/cpu/shares", "cpu.weight"),
    ("/cpu/shares", "cpu.weight.nice"),
    ("/cpu/quota", "cpu.max"),
    ("/cpu/period", "cpu.max"),
    ("/cpu/burst", "cpu.max.burst"),
    ("/cpu/idle", "cpu.idle"),
    ("/cpu/cpus", "cpuset.cpus"),
    ("/cpu/mems", "cpuset.mems"),
    ("/memory/limit", "memory.max"),
    ("/memory/swap", "memory.swap.max"),
    ("/memory/reservation", "memory.low"),
    ("/pids/limit", "pids.max"),
];

fn on_json(old: &LinuxResources, new: &LinuxResources) -> LinuxResources {
    let mut all = serde_json::to_value(old).unwrap();
    let new = serde_json::to_value(new).unwrap();
    for (field, file) in OTHER_NAMES {
        let is_set = |v: &Value| !v.is_null() && v != "" && !(*v == 0 && UNSET.contains(field));
        if let Some(map) = all.get_mut("unified").and_then(Value::as_object_mut) {
            if new.pointer(field).is_some_and(is_set) {
                map.remove(*file);
            }
        }
    }
    lay(&mut all, new, "");
    serde_json::from_value(all).unwrap()
}

fn lay(old: &mut Value, new: Value, place: &str) {
    let same = |a: &Value, b: &Value| {
        ["pageSize", "major", "minor", "name"].into_iter().all(|key| a.get(key) == b.get(key))
    };
    // A missing object or list counts as an empty one.
    match &new {
        Value::Object(_) if old.is_null() => *old = json!({}),
        Value::Array(_) if old.is_null() => *old = json!([]),
        _ => {}
    }
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                let place = format!("{place}/{key}");
                lay(old.entry(key).or_insert(Value::Null), value, &place);
            }
        }
        (Value::Array(old), Value::Array(new)) if place != "/devices" => {
            for entry in new {
                match old.iter_mut().find(|known| same(known, &entry)) {
                    Some(known) if place == "/blockIO/weightDevice" => lay(known, entry, place),
                    Some(known) => *known = entry,
                    None => old.push(entry),
                }
            }
        }
        (_, new) if new == 0 && UNSET.contains(&place) => {}
        (old, new) => *old = new,
    }
}

/// A JSON object that has each field or lacks it.
fn some_of(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let field = |(name, value)| prop::option::of(value).prop_map(move |v| (name, v));
    let fields: Vec<_> = fields.into_iter().map(field).collect();
    let object = |fields: Vec<(&str, Option<Value>)>| {
        let there = fields.into_iter().filter_map(|(name, v)| Some((name.to_owned(), v?)));
        Value::Object(there.collect::<Map<_, _>>())
    };
    fields.prop_map(object).boxed()
}

/// Random resources with every field of this version of the runtime specification.
fn resources() -> BoxedStrategy<Value> {
    let number = || (0..3u8).prop_map(|n| json!(n)).boxed();
    let truth = || any::<bool>().prop_map(|b| json!(b)).boxed();
    let word = |words: &'static [&'static str]| {
        prop::sample::select(words).prop_map(|word| json!(word)).boxed()
    };
    let list = |entry: BoxedStrategy<Value>| {
        prop::collection::vec(entry, 0..3).prop_map(|list| json!(list)).boxed()
    };
    let device = |more: &'static [&'static str]| {
        let more: Vec<_> = more.iter().map(|name| (*name, number())).collect();
        let entry = ((0..2u8), (0..2u8), some_of(more)).prop_map(|(major, minor, mut entry)| {
            entry["major"] = json!(major);
            entry["minor"] = json!(minor);
            entry
        });
        entry.boxed()
    };
    let numbers =
        |names: &[&'static str]| -> Vec<_> { names.iter().map(|name| (*name, number())).collect() };
    let with = |mut fields: Vec<_>, more: Vec<_>| {
        fields.extend(more);
        some_of(fields)
    };
    let cpus = || word(&["", "0", "0-1"]);
    let throttles = || list(device(&["rate"]));
    let named = |key: &'static str, names: &'static [&'static str], value: &'static str| {
        let entry = (word(names), number());
        list(entry.prop_map(move |(name, n)| json!({key: name, value: n})).boxed())
    };
    let files = OTHER_NAMES.iter().map(|(_, file)| (*file, cpus())).collect();
    let rule = truth().prop_map(|allow| json!({"allow": allow, "access": "r"})).boxed();
    let rdma = || some_of(numbers(&["hcaHandles", "hcaObjects"]));
    some_of(vec![
        ("devices", list(rule)),
        (
            "memory",
            with(
                numbers(&["limit", "reservation", "swap", "kernel", "kernelTCP", "swappiness"]),
                vec![
                    ("disableOOMKiller", truth()),
                    ("useHierarchy", truth()),
                    ("checkBeforeUpdate", truth()),
                ],
            ),
        ),
        (
            "cpu",
            with(
                numbers(&[
                    "shares",
                    "quota",
                    "burst",
                    "period",
                    "idle",
                    "realtimeRuntime",
                    "realtimePeriod",
                ]),
                vec![("cpus", cpus()), ("mems", cpus())],
            ),
        ),
        ("pids", number().prop_map(|n| json!({"limit": n})).boxed()),
        (
            "blockIO",
            with(
                numbers(&["weight", "leafWeight"]),
                vec![
                    ("weightDevice", list(device(&["weight", "leafWeight"]))),
                    ("throttleReadBpsDevice", throttles()),
                    ("throttleWriteBpsDevice", throttles()),
                    ("throttleReadIOPSDevice", throttles()),
                    ("throttleWriteIOPSDevice", throttles()),
                ],
            ),
        ),
        ("hugepageLimits", named("pageSize", &["2MB", "1GB"], "limit")),
        (
            "network",
            with(
                numbers(&["classID"]),
                vec![("priorities", named("name", &["eth0", "lo"], "priority"))],
            ),
        ),
        ("rdma", some_of(vec![("mlx4_0", rdma()), ("mlx5_0", rdma())])),
        ("unified", some_of(files)),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn overlay_equals_the_overlay_of_json(old in resources(), new in resources()) {
        let read = |json: &Value| serde_json::from_value::<LinuxResources>(json.clone()).unwrap();
        let (mut found, new) = (read(&old), read(&new));
        let wanted = on_json(&found, &new);
        super::overlay(&mut found, &new);
        prop_assert_eq!(found, wanted);
    }
}

/// Fails when a new version of the crate adds fields, which the overlay must then copy.
#[test]
fn overlay_knows_every_field_of_the_oci_types() {
    fn fields<T: Default + std::fmt::Debug>() -> String {
        let text = format!("{:?}", T::default());
        let inner = text.split_once('{').unwrap().1.trim_end_matches('}').trim().to_owned();
        let name = |field: &str| field.split_once(':').unwrap().0.to_owned();
        inner.split(", ").map(name).collect::<Vec<_>>().join(" ")
    }
    use oci_spec::runtime::*;
    let all = "devices memory cpu pids block_io hugepage_limits network rdma unified";
    assert_eq!(fields::<LinuxResources>(), all);
    let memory = "limit reservation swap kernel kernel_tcp swappiness disable_oom_killer \
                  use_hierarchy check_before_update";
    assert_eq!(fields::<LinuxMemory>(), memory);
    let cpu = "shares quota idle burst period realtime_runtime realtime_period cpus mems";
    assert_eq!(fields::<LinuxCpu>(), cpu);
    assert_eq!(fields::<LinuxPids>(), "limit");
    let io = "weight leaf_weight weight_device throttle_read_bps_device \
              throttle_write_bps_device throttle_read_iops_device throttle_write_iops_device";
    assert_eq!(fields::<LinuxBlockIo>(), io);
    assert_eq!(fields::<LinuxWeightDevice>(), "major minor weight leaf_weight");
    assert_eq!(fields::<LinuxThrottleDevice>(), "major minor rate");
    assert_eq!(fields::<LinuxHugepageLimit>(), "page_size limit");
    assert_eq!(fields::<LinuxNetwork>(), "class_id priorities");
    assert_eq!(fields::<LinuxInterfacePriority>(), "name priority");
    assert_eq!(fields::<LinuxRdma>(), "hca_handles hca_objects");
}
