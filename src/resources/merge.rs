//! Resources on top of resources.

use oci_spec::runtime::{LinuxMemory, LinuxResources};

use super::overlay::overlay;
use super::Target;

/// `old`, with every field that `new` has: what is in force after `new` was set.
pub fn merge(old: &LinuxResources, new: &LinuxResources, target: Target<'_>) -> LinuxResources {
    let mut merged = old.clone();
    overlay(&mut merged, new);
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
