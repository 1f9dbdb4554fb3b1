//! Resources on top of resources.

use oci_spec::runtime::{LinuxMemory, LinuxResources};
use serde_json::Value;

/// `old`, with every field that `new` has: what is in force after `new` was set.
pub fn merge(old: &LinuxResources, new: &LinuxResources) -> LinuxResources {
    let overlaid = serde_json::to_value(old).and_then(|mut all| {
        overlay(&mut all, serde_json::to_value(new)?);
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
    merged
}

fn overlay(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                overlay(old.entry(key).or_insert(Value::Null), value);
            }
        }
        (old, new) => *old = new,
    }
}

#[cfg(test)]
mod tests {
    use super::merge;
    use crate::resources::parse;

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
