// SPDX-License-Identifier: Apache-2.0

//! The current resources after a set: the old resources, overlaid with the new ones.

use oci_spec::runtime::{LinuxMemory, LinuxResources};

use super::overlay::overlay;
use crate::placement::Placement;

/// Returns the resources in force after `new` was set: `old` with every field of `new`.
pub fn merge(old: &LinuxResources, new: &LinuxResources, placement: &Placement) -> LinuxResources {
    let mut merged = old.clone();
    overlay(&mut merged, new);
    swap(&mut merged, old, new, placement);
    merged
}

/// Corrects `swap` when a call sets the memory limit alone: OCI's `swap` includes the memory limit.
fn swap(
    merged: &mut LinuxResources,
    old: &LinuxResources,
    new: &LinuxResources,
    placement: &Placement,
) {
    let (Some(memory), Some(new)) = (merged.memory_mut(), new.memory()) else { return };
    // Removing the memory limit also removes the memory+swap limit: see resources/memory.rs.
    let lifts = |m: &LinuxMemory| m.limit() == Some(-1) && m.swap().unwrap_or(0) == 0;
    if lifts(new) {
        memory.set_swap(None);
    }
    let Some(old) = old.memory() else { return };
    let limits = (old.limit().unwrap_or(0), old.swap().unwrap_or(0), new.limit().unwrap_or(0));
    let ((was @ 1.., swap @ 1.., limit @ 1..), None | Some(0)) = (limits, new.swap()) else {
        return;
    };
    // v2's file limits swap alone, which the kernel keeps. v1's file limits the sum.
    if placement.is_v2("memory", "memory") {
        memory.set_swap(Some(limit.saturating_add((swap - was).max(0))));
    }
}

#[cfg(test)]
mod tests {
    use crate::host::{HostInfo, Sources};
    use crate::resources::parse;

    const V1: &str = "30 20 0:30 / /sys/fs/cgroup/memory rw - cgroup none rw,memory\n\
                      31 20 0:31 / /sys/fs/cgroup/cpu rw - cgroup none rw,cpu\n";
    const V2: &str = "30 20 0:30 / /sys/fs/cgroup rw - cgroup2 none rw\n";

    fn check_on(mountinfo: &str, old: &str, new: &str, wanted: &str) {
        let mountinfo = mountinfo.as_bytes();
        let host = HostInfo::parse(Sources { mountinfo, cgroup: b"0::/\n", ..Sources::default() });
        let host = host.unwrap();
        let read = |json: &str| parse::resources(json.as_bytes()).unwrap();
        let found = super::merge(&read(old), &read(new), &crate::placement::for_tests(host));
        assert_eq!(found, read(wanted), "{old} and {new}");
    }

    fn check(old: &str, new: &str, wanted: &str) {
        check_on(V1, old, new, wanted);
        check_on(V2, old, new, wanted);
    }

    #[test]
    fn merge_ignores_zero_and_appends_to_lists() {
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
    fn merge_keeps_the_omitted_weight_of_a_device() {
        check(
            r#"{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":300}]}}"#,
            r#"{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":0,"leafWeight":50}]}}"#,
            r#"{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":300,"leafWeight":50}]}}"#,
        );
    }

    #[test]
    fn removing_the_memory_limit_removes_the_swap_limit() {
        let new = r#"{"memory":{"limit":-1}}"#;
        check(r#"{"memory":{"limit":5,"swap":7}}"#, new, new);
    }

    #[test]
    fn new_memory_limit_keeps_swap_alone_on_v2_and_the_sum_on_v1() {
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
    fn merge_keeps_omitted_fields() {
        check(
            r#"{"cpu":{"shares":2,"quota":5},"pids":{"limit":7}}"#,
            r#"{"cpu":{"shares":3},"memory":{"limit":9}}"#,
            r#"{"cpu":{"shares":3,"quota":5},"pids":{"limit":7},"memory":{"limit":9}}"#,
        );
    }

    #[test]
    fn new_field_removes_its_file_from_the_unified_map() {
        check(
            r#"{"cpu":{"shares":3},
            "unified":{"memory.max":"100M","cpu.idle":"1","cpu.max":"5 10","pids.max":"7"}}"#,
            r#"{"memory":{"limit":9},"cpu":{"idle":0,"quota":0},"unified":{"cpu.weight":"5"}}"#,
            r#"{"memory":{"limit":9},"cpu":{"shares":3,"idle":0},
            "unified":{"cpu.max":"5 10","pids.max":"7","cpu.weight":"5"}}"#,
        );
    }
}
