// SPDX-License-Identifier: Apache-2.0

//! A saved `configs.Cgroup` of libcontainer as a manager's state.
//!
//! Kata's Go code and runc keep the structure in their state files. Source: runc's
//! libcontainer/configs/cgroup_linux.go and libcontainer/specconv.

use serde_json::{json, Map, Value};

/// Section and member of linux.resources, and libcontainer's name for the value.
const NUMBERS: &[(&str, &str, &str)] = &[
    ("memory", "limit", "memory"),
    ("memory", "reservation", "memory_reservation"),
    ("memory", "swap", "memory_swap"),
    ("memory", "kernel", "kernel_memory"),
    ("memory", "kernelTCP", "kernel_memory_tcp"),
    ("memory", "swappiness", "memory_swappiness"),
    ("memory", "disableOOMKiller", "oom_kill_disable"),
    ("cpu", "shares", "cpu_shares"),
    ("cpu", "quota", "cpu_quota"),
    ("cpu", "burst", "cpu_burst"),
    ("cpu", "period", "cpu_period"),
    ("cpu", "realtimeRuntime", "cpu_rt_quota"),
    ("cpu", "realtimePeriod", "cpu_rt_period"),
    ("cpu", "cpus", "cpuset_cpus"),
    ("cpu", "mems", "cpuset_mems"),
    ("cpu", "idle", "cpu_idle"),
    ("pids", "limit", "pids_limit"),
    ("blockIO", "weight", "blkio_weight"),
    ("blockIO", "leafWeight", "blkio_leaf_weight"),
    ("blockIO", "weightDevice", "blkio_weight_device"),
    ("blockIO", "throttleReadBpsDevice", "blkio_throttle_read_bps_device"),
    ("blockIO", "throttleWriteBpsDevice", "blkio_throttle_write_bps_device"),
    ("blockIO", "throttleReadIOPSDevice", "blkio_throttle_read_iops_device"),
    ("blockIO", "throttleWriteIOPSDevice", "blkio_throttle_write_iops_device"),
    ("network", "classID", "net_cls_classid_u"),
];

/// Returns the state of a saved `configs.Cgroup`, or of a whole state.json of runc; None for any
/// other JSON.
///
/// Device rules have another form there, and are left out.
pub(super) fn as_state(json: &[u8]) -> Option<Value> {
    let saved: Value = serde_json::from_slice(json).ok()?;
    let cgroup = saved.pointer("/config/cgroups").unwrap_or(&saved);
    let has = |name: &str| cgroup.get(name).is_some();
    let is_state = has("version") || has("driver");
    if is_state || !["scope_prefix", "Paths", "Systemd"].into_iter().any(has) {
        return None;
    }
    let text = |name: &str| cgroup.get(name).and_then(Value::as_str).unwrap_or_default();
    let (path, parent, prefix) = (text("path"), text("parent"), text("scope_prefix"));
    let name = text("name");
    let is_slice = |name: &str| name.strip_suffix(".slice").is_some();
    // Older versions do not save which manager made the cgroup. Only systemd's has no path.
    let systemd = cgroup.get("Systemd").and_then(Value::as_bool).unwrap_or_default()
        || path.is_empty() && (!prefix.is_empty() || is_slice(parent));
    // After an empty prefix libcontainer still puts the dash: `-name.scope`. No path of ours gives
    // that name.
    let dashed = systemd && prefix.is_empty() && !is_slice(name);
    let path = match (systemd, path) {
        (true, _) if dashed => format!("{parent}::"),
        (true, _) => format!("{parent}:{prefix}:{name}"),
        (false, "") => format!("{}/{name}", parent.trim_end_matches('/')),
        (false, path) => path.to_owned(),
    };
    let paths = saved.get("cgroup_paths").or_else(|| cgroup.get("Paths"));
    Some(json!({
        "version": 1,
        "driver": if systemd { "systemd" } else { "cgroupfs" },
        "path": path,
        "paths": paths,
        "unit": dashed.then(|| format!("-{name}.scope")),
        "literal": !systemd,
        "skipDevices": true,
        "resources": resources(cgroup),
    }))
}

/// Returns libcontainer's resources as a linux.resources object. 0 and "" stand for absent there.
fn resources(cgroup: &Value) -> Value {
    let mut out = Map::new();
    for (section, member, name) in NUMBERS {
        let Some(value) = cgroup.get(name).filter(|value| is_set(value)) else { continue };
        let section = out.entry(*section).or_insert_with(|| json!({}));
        if let Some(section) = section.as_object_mut() {
            section.insert((*member).to_owned(), value.clone());
        }
    }
    let list = |name: &str| cgroup.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let huge =
        |limit: &Value| json!({"pageSize": limit.get("page_size"), "limit": limit.get("limit")});
    let huge: Vec<Value> = list("hugetlb_limit").iter().map(huge).collect();
    if !huge.is_empty() {
        out.insert("hugepageLimits".to_owned(), Value::from(huge));
    }
    let priority = |map: &Value| {
        let (name, priority) = (map.get("interface"), map.get("priority"));
        json!({"name": name, "priority": priority})
    };
    let priorities: Vec<Value> = list("net_prio_ifpriomap").iter().map(priority).collect();
    if let (false, Some(network)) =
        (priorities.is_empty(), out.entry("network").or_insert_with(|| json!({})).as_object_mut())
    {
        network.insert("priorities".to_owned(), Value::from(priorities));
    }
    if let Some(map) = cgroup.get("unified").filter(|map| is_set(map)) {
        out.insert("unified".to_owned(), map.clone());
    }
    Value::Object(out)
}

fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}
