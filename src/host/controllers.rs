// SPDX-License-Identifier: Apache-2.0

//! The table of controllers: what the kernel and systemd do with each.

/// The fixed facts about one controller of cgroup v2.
struct V2Controller {
    name: &'static str,
    /// Threaded cgroups do not have it: cgroup-v2.rst, "Threads".
    domain_only: bool,
    /// systemd enables it for a unit that sets one of its properties: systemd.resource-control(5).
    systemd_enables: bool,
}

const fn v2(name: &'static str, domain_only: bool, systemd_enables: bool) -> V2Controller {
    V2Controller { name, domain_only, systemd_enables }
}

const V2: &[V2Controller] = &[
    v2("memory", true, true),
    v2("io", true, true),
    v2("hugetlb", true, false),
    v2("rdma", true, false),
    v2("cpu", false, true),
    v2("cpuset", false, true),
    v2("pids", false, true),
    v2("perf_event", false, false),
    v2("misc", true, false),
    v2("dmem", true, false),
];

/// The fixed facts about one v1 subsystem.
struct V1Subsystem {
    name: &'static str,
    /// systemd puts a unit's processes into this hierarchy itself.
    systemd_attaches: bool,
}

const fn v1(name: &'static str, systemd_attaches: bool) -> V1Subsystem {
    V1Subsystem { name, systemd_attaches }
}

/// In the order in which runc's library joins them. `""` is the cgroup2 mount of a hybrid host,
/// which is joined so that a process is in the same place in every hierarchy.
const V1: &[V1Subsystem] = &[
    v1("cpuset", false),
    v1("devices", true),
    v1("memory", true),
    v1("cpu", true),
    v1("cpuacct", true),
    v1("pids", true),
    v1("blkio", true),
    v1("hugetlb", false),
    v1("net_cls", false),
    v1("net_prio", false),
    v1("perf_event", false),
    v1("freezer", false),
    v1("rdma", false),
    v1("name=systemd", true),
    v1("misc", false),
    v1("", true),
];

/// Returns the controllers of cgroup v2.
pub fn v2_controllers() -> impl Iterator<Item = &'static str> {
    V2.iter().map(|controller| controller.name)
}

/// Returns the subsystems that a manager can join on v1 and hybrid hosts, in runc's order.
pub fn subsystems() -> impl Iterator<Item = &'static str> {
    V1.iter().map(|subsystem| subsystem.name)
}

/// Returns the name that [`subsystems`] has for a caller's name. Kata's sets and directories say
/// `systemd` for `name=systemd`.
pub fn canonical(name: &str) -> &str {
    match name {
        "systemd" => "name=systemd",
        name => name,
    }
}

/// Whether the kernel has a controller of this name, on v1 or v2.
pub fn is_controller(name: &str) -> bool {
    let on_v1 = V1.iter().any(|known| known.name == name && !name.is_empty());
    on_v1 || V2.iter().any(|known| known.name == name)
}

/// Whether systemd puts a unit's processes into the hierarchy of this v1 subsystem.
///
/// A unit's manager always joins these hierarchies. Otherwise the unit could hold processes that
/// the manager does not see, and stopping the unit would kill them.
pub fn systemd_attaches(subsystem: &str) -> bool {
    V1.iter().any(|known| known.name == subsystem && known.systemd_attaches)
}

/// Whether systemd enables a v2 controller for a unit that sets one of its properties.
pub fn systemd_enables(controller: &str) -> bool {
    // `cgroup.*` files belong to the cgroup core and need no controller.
    controller == "cgroup"
        || V2.iter().any(|known| known.name == controller && known.systemd_enables)
}

/// Returns the v2 controllers that threaded cgroups do not have.
pub fn domain_only() -> impl Iterator<Item = &'static str> {
    V2.iter().filter(|known| known.domain_only).map(|known| known.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threaded_cgroups_lack_the_controllers_that_do_not_count_threads() {
        let names: Vec<&str> = domain_only().collect();
        assert_eq!(names, ["memory", "io", "hugetlb", "rdma", "misc", "dmem"]);
    }

    #[test]
    fn systemd_enables_exactly_the_controllers_that_it_has_properties_for() {
        for controller in ["cpu", "cpuset", "io", "memory", "pids", "cgroup"] {
            assert!(systemd_enables(controller), "{controller}");
        }
        for controller in ["hugetlb", "rdma", "misc", "blkio"] {
            assert!(!systemd_enables(controller), "{controller}");
        }
    }

    #[test]
    fn canonical_name_of_systemd_is_the_named_hierarchy() {
        assert_eq!(canonical("systemd"), "name=systemd");
        assert!(systemd_attaches(canonical("systemd")));
        assert_eq!(canonical("cpu"), "cpu");
    }
}
