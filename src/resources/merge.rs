//! Resources on top of resources.

use oci_spec::runtime::LinuxResources;
use serde_json::Value;

/// `old`, with every field that `new` has: what is in force after `new` was set.
pub fn merge(old: &LinuxResources, new: &LinuxResources) -> LinuxResources {
    let overlaid = serde_json::to_value(old).and_then(|mut all| {
        overlay(&mut all, serde_json::to_value(new)?);
        serde_json::from_value(all)
    });
    // Both came from JSON, so both go through it again.
    overlaid.unwrap_or_else(|_| new.clone())
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
