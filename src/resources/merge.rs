//! Resources on top of resources.

use oci_spec::runtime::{LinuxMemory, LinuxResources};
use serde_json::Value;

/// `old`, with every field that `new` has: what is in force after `new` was set.
pub fn merge(old: &LinuxResources, new: &LinuxResources) -> LinuxResources {
    let overlaid = serde_json::to_value(old).and_then(|mut all| {
        overlay(&mut all, serde_json::to_value(new)?, "");
        serde_json::from_value(all)
    });
    // Both came from JSON, so both go through it again.
    let mut merged: LinuxResources = overlaid.unwrap_or_else(|_| new.clone());
    // Lifting the memory limit lifts the one on memory and swap: see resources/memory.rs.
    let lifts = |m: &LinuxMemory| m.limit() == Some(-1) && m.swap().unwrap_or(0) == 0;
    if new.memory().as_ref().is_some_and(lifts) {
        if let Some(memory) = merged.memory_mut() {
            memory.set_swap(None);
        }
    }
    // v2 keeps what is left for swap; and what is known must stay something that can be set.
    if let (Some(old), Some(new)) = (old.memory(), new.memory()) {
        let limits = (old.limit().unwrap_or(0), old.swap().unwrap_or(0), new.limit().unwrap_or(0));
        if let ((was @ 1.., swap @ 1.., limit @ 1..), None | Some(0)) = (limits, new.swap()) {
            if let Some(memory) = merged.memory_mut().as_mut().filter(|_| limit > swap) {
                memory.set_swap(Some(limit.saturating_add((swap - was).max(0))));
            }
        }
    }
    merged
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
    "/network/classID",
];

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
    use super::merge;
    use crate::resources::parse;

    #[test]
    fn zero_is_unset_and_lists_grow() {
        let read = |json: &str| parse::resources(json.as_bytes()).unwrap();
        let old = read(
            r#"{"cpu":{"shares":512},"pids":{"limit":7},
            "hugepageLimits":[{"pageSize":"2MB","limit":4}]}"#,
        );
        let new = read(
            r#"{"cpu":{"shares":0},"pids":{"limit":0},
            "hugepageLimits":[{"pageSize":"1GB","limit":2},{"pageSize":"2MB","limit":6}]}"#,
        );
        let wanted = read(
            r#"{"cpu":{"shares":512},"pids":{"limit":0},
            "hugepageLimits":[{"pageSize":"2MB","limit":6},{"pageSize":"1GB","limit":2}]}"#,
        );
        assert_eq!(merge(&old, &new), wanted);
    }

    #[test]
    fn no_memory_limit_is_no_swap_limit() {
        let old = parse::resources(br#"{"memory":{"limit":5,"swap":7}}"#).unwrap();
        let new = parse::resources(br#"{"memory":{"limit":-1}}"#).unwrap();
        assert_eq!(merge(&old, &new), new);
    }

    #[test]
    fn an_update_keeps_what_it_leaves_out() {
        let old =
            parse::resources(br#"{"cpu":{"shares":2,"quota":5},"pids":{"limit":7}}"#).unwrap();
        let new = parse::resources(br#"{"cpu":{"shares":3},"memory":{"limit":9}}"#).unwrap();
        let wanted = parse::resources(
            br#"{"cpu":{"shares":3,"quota":5},"pids":{"limit":7},"memory":{"limit":9}}"#,
        );
        assert_eq!(merge(&old, &new), wanted.unwrap());
    }
}
