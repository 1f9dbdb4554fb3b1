//! Resources on top of resources.

use oci_spec::runtime::{LinuxMemory, LinuxResources};
use serde_json::Value;

use super::Target;

/// `old`, with every field that `new` has: what is in force after `new` was set.
pub fn merge(old: &LinuxResources, new: &LinuxResources, target: Target<'_>) -> LinuxResources {
    let overlaid = serde_json::to_value(old).and_then(|mut all| {
        let new = serde_json::to_value(new)?;
        drop_other_names(&mut all, &new);
        overlay(&mut all, new, "");
        serde_json::from_value(all)
    });
    // Both came from JSON, so both go through it again.
    let mut merged: LinuxResources = overlaid.unwrap_or_else(|_| new.clone());
    swap(&mut merged, old, new, target);
    merged
}

/// OCI counts memory and swap together; what they come to when the memory limit alone changes.
fn swap(merged: &mut LinuxResources, old: &LinuxResources, new: &LinuxResources, at: Target<'_>) {
    let (Some(memory), Some(new)) = (merged.memory_mut(), new.memory()) else { return };
    // Lifting the memory limit lifts the one on memory and swap: see resources/memory.rs.
    let lifts = |m: &LinuxMemory| m.limit() == Some(-1) && m.swap().unwrap_or(0) == 0;
    if lifts(new) {
        memory.set_swap(None);
    }
    let Some(old) = old.memory() else { return };
    let limits = (old.limit().unwrap_or(0), old.swap().unwrap_or(0), new.limit().unwrap_or(0));
    let ((was @ 1.., swap @ 1.., limit @ 1..), None | Some(0)) = (limits, new.swap()) else {
        return;
    };
    // v2 keeps what there is for swap alone; v1 the sum.
    if at.v2("memory", "memory") {
        memory.set_swap(Some(limit.saturating_add((swap - was).max(0))));
    }
}

/// Fields of which 0 means "leave it": setting them to 0 writes nothing.
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

/// Fields, and the file of the `unified` map that each of them writes, too.
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

/// The map is written last and would have the last word, also over a field that was set since.
fn drop_other_names(old: &mut Value, new: &Value) {
    let Some(map) = old.get_mut("unified").and_then(Value::as_object_mut) else { return };
    for (field, file) in OTHER_NAMES {
        let is_unset = |v: &Value| v.is_null() || v == "" || *v == 0 && UNSET.contains(field);
        if new.pointer(field).is_some_and(|v| !is_unset(v)) {
            map.remove(*file);
        }
    }
}

/// Lists of which entries have several values, each to be left out.
const IN_PARTS: &str = "/blockIO/weightDevice";

fn overlay(old: &mut Value, new: Value, place: &str) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                let place = format!("{place}/{key}");
                overlay(old.entry(key).or_insert(Value::Null), value, &place);
            }
        }
        // Lists of devices, page sizes and interfaces: an entry replaces the one for the same.
        (Value::Array(old), Value::Array(new)) if place != "/devices" => {
            for entry in new {
                match old.iter_mut().find(|known| same(known, &entry)) {
                    Some(known) if place == IN_PARTS => overlay(known, entry, place),
                    Some(known) => *known = entry,
                    None => old.push(entry),
                }
            }
        }
        (_, new) if new == 0 && UNSET.contains(&place) => {}
        (old, new) => *old = new,
    }
}

/// Whether two list entries are about the same thing.
fn same(a: &Value, b: &Value) -> bool {
    ["pageSize", "major", "minor", "name"].into_iter().all(|key| a.get(key) == b.get(key))
}

#[cfg(test)]
mod tests {
    use crate::host::{Host, Sources};
    use crate::resources::{parse, Target};

    const V1: &str = "30 20 0:30 / /sys/fs/cgroup/memory rw - cgroup none rw,memory\n\
                      31 20 0:31 / /sys/fs/cgroup/cpu rw - cgroup none rw,cpu\n";
    const V2: &str = "30 20 0:30 / /sys/fs/cgroup rw - cgroup2 none rw\n";

    fn check_on(mountinfo: &str, old: &str, new: &str, wanted: &str) {
        let mountinfo = mountinfo.as_bytes();
        let host = Host::parse(Sources { mountinfo, cgroup: b"0::/\n", ..Sources::default() });
        let host = host.unwrap();
        let read = |json: &str| parse::resources(json.as_bytes()).unwrap();
        let found = super::merge(&read(old), &read(new), Target { host: &host, joined: &[0] });
        assert_eq!(found, read(wanted), "{old} and {new}");
    }

    fn check(old: &str, new: &str, wanted: &str) {
        check_on(V1, old, new, wanted);
        check_on(V2, old, new, wanted);
    }

    #[test]
    fn zero_is_unset_and_lists_grow() {
        check(
            r#"{"cpu":{"shares":512},"pids":{"limit":7},
            "hugepageLimits":[{"pageSize":"2MB","limit":4}]}"#,
            r#"{"cpu":{"shares":0},"pids":{"limit":0},
            "hugepageLimits":[{"pageSize":"1GB","limit":2},{"pageSize":"2MB","limit":6}]}"#,
            r#"{"cpu":{"shares":512},"pids":{"limit":0},
            "hugepageLimits":[{"pageSize":"2MB","limit":6},{"pageSize":"1GB","limit":2}]}"#,
        );
    }

    #[test]
    fn a_device_keeps_the_weight_that_is_left_out() {
        check(
            r#"{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":300}]}}"#,
            r#"{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":0,"leafWeight":50}]}}"#,
            r#"{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":300,"leafWeight":50}]}}"#,
        );
    }

    #[test]
    fn no_memory_limit_is_no_swap_limit() {
        let new = r#"{"memory":{"limit":-1}}"#;
        check(r#"{"memory":{"limit":5,"swap":7}}"#, new, new);
    }

    #[test]
    fn another_memory_limit_and_the_same_swap() {
        let old = r#"{"memory":{"limit":1000,"swap":3000}}"#;
        for (limit, swap) in [(2000, 4000), (500, 2500), (4000, 6000)] {
            let new = format!(r#"{{"memory":{{"limit":{limit}}}}}"#);
            let v2 = format!(r#"{{"memory":{{"limit":{limit},"swap":{swap}}}}}"#);
            check_on(V2, old, &new, &v2);
            let v1 = format!(r#"{{"memory":{{"limit":{limit},"swap":3000}}}}"#);
            check_on(V1, old, &new, &v1);
        }
    }

    #[test]
    fn an_update_keeps_what_it_leaves_out() {
        check(
            r#"{"cpu":{"shares":2,"quota":5},"pids":{"limit":7}}"#,
            r#"{"cpu":{"shares":3},"memory":{"limit":9}}"#,
            r#"{"cpu":{"shares":3,"quota":5},"pids":{"limit":7},"memory":{"limit":9}}"#,
        );
    }

    #[test]
    fn a_field_replaces_the_file_of_the_map() {
        check(
            r#"{"cpu":{"shares":3},
            "unified":{"memory.max":"100M","cpu.idle":"1","cpu.max":"5 10","pids.max":"7"}}"#,
            r#"{"memory":{"limit":9},"cpu":{"idle":0,"quota":0},"unified":{"cpu.weight":"5"}}"#,
            r#"{"memory":{"limit":9},"cpu":{"shares":3,"idle":0},
            "unified":{"cpu.max":"5 10","pids.max":"7","cpu.weight":"5"}}"#,
        );
    }
}
