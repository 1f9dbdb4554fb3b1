// SPDX-License-Identifier: Apache-2.0

//! Failed calls restore the unit's properties and the files.

use katacg::{Config, Flags, Manager};
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};

use crate::fixture::*;

const BEFORE: &str = r#"{"cpu":{"shares":2000,"quota":50000,"period":100000},
    "memory":{"limit":67108864},"pids":{"limit":20}}"#;
const LATER: &str = r#""cpu":{"shares":512,"quota":20000,"period":50000},
    "memory":{"limit":134217728,"reservation":1048576},"pids":{"limit":30}"#;

/// Returns the properties and files that a failed set must restore.
fn facts() -> Vec<(&'static str, &'static str)> {
    let mut out = match unified() {
        true => vec![
            ("CPUWeight", "170"),
            ("cpu.weight", "170"),
            ("CPUQuotaPerSecUSec", "500ms"),
            ("cpu.max", "50000 100000"),
        ],
        false => vec![
            ("CPUShares", "2000"),
            ("cpu.shares", "2000"),
            ("CPUQuotaPerSecUSec", "500ms"),
            ("cpu.cfs_quota_us", "50000"),
            ("cpu.cfs_period_us", "100000"),
        ],
    };
    out.extend([("TasksMax", "20"), ("pids.max", "20"), ("ActiveState", "active")]);
    if has("memory", "memory") {
        out.extend(match (unified(), on_v2("memory")) {
            (true, _) => vec![
                ("MemoryMax", "67108864"),
                ("memory.max", "67108864"),
                ("MemoryLow", "0"),
                ("memory.low", "0"),
            ],
            (_, true) => vec![("memory.max", "67108864"), ("memory.low", "0")],
            _ => vec![("MemoryLimit", "67108864"), ("memory.limit_in_bytes", "67108864")],
        });
    }
    out
}

/// Returns sets whose last file write fails.
fn failing() -> Vec<(&'static str, String)> {
    let with = |last: &str| available(&format!("{{{LATER},{last}}}"));
    let mut out = Vec::new();
    if has("hugetlb", "hugetlb") {
        // No machine has this page size.
        out.push(("hugetlb.3KB", with(r#""hugepageLimits":[{"pageSize":"3KB","limit":4096}]"#)));
    }
    if has("blkio", "io") {
        let device = r#"{"major":4095,"minor":77,"rate":1000}"#;
        out.push((
            "4095:77",
            with(&format!(r#""blockIO":{{"throttleReadBpsDevice":[{device}]}}"#)),
        ));
    }
    if unified() {
        out.push(("cgroup.max.depth", with(r#""unified":{"cgroup.max.depth":"deep"}"#)));
    }
    out
}

#[test]
fn failed_file_write_restores_properties_and_files() {
    need_systemd!();
    let mut s = Sandbox::new(&available(BEFORE));
    let wanted = facts();
    s.check("before", &wanted);
    for (what, json) in failing() {
        let error = s.set(&json).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("restored: "), "{error}");
        assert!(error.contains(&format!("{}'s properties", s.unit)), "{error}");
        assert!(!error.contains("could not be undone"), "{error}");
        s.check(what, &wanted);
    }
    reload();
    s.check("reloaded", &wanted);
    assert_eq!(s.manager.resources().pids().as_ref().unwrap().limit(), 20);
    s.set(r#"{"pids":{"limit":25}}"#).unwrap();
    s.check("a set that succeeds", &[("TasksMax", "25"), ("pids.max", "25")]);
    s.end();
}

/// The kernel refuses an empty cpuset for a cgroup with processes, so the cgroup gets all CPUs
/// back.
#[test]
fn failed_set_restores_the_cpuset() {
    need_systemd!();
    need!(
        has("cpuset", "cpuset") && has("hugetlb", "hugetlb"),
        "no cpuset, or no write that fails last"
    );
    let mut s = Sandbox::new("{}");
    let json = r#"{"cpu":{"cpus":"1"},"hugepageLimits":[{"pageSize":"3KB","limit":4096}]}"#;
    let error = s.set(json).unwrap_err().to_string();
    assert!(error.contains("hugetlb.3KB"), "{error}");
    // The file keeps all CPUs until systemd writes it again, and the error says so.
    let kept = error.contains("could not be undone: cpuset.cpus is now \"0-1\", as in the parent");
    assert_eq!(kept, on_v2("cpuset"), "{error}");
    // A v1 cpuset is never empty, and systemd's property has no effect on v1.
    let wanted = match on_v2("cpuset") {
        true => [("AllowedCPUs", ""), ("cpuset.cpus.effective", "0-1")],
        false => [("AllowedCPUs", ""), ("cpuset.cpus", "0-1")],
    };
    s.check("restored", &wanted);
    reload();
    s.check("reloaded", &wanted);
    s.end();
}

/// systemd is asked for its properties: a file has a value also where its property is not set, and
/// the kernel rounds a memory limit to pages.
#[test]
fn refused_set_leaves_no_property_that_was_not_set() {
    need_systemd!();
    need!(unified() || has("hugetlb", "hugetlb"), "no write that fails last");
    let first = available(r#"{"memory":{"limit":100000001},"pids":{"limit":20}}"#);
    let mut s = Sandbox::new(&first);
    let names: &[&str] = match unified() {
        true => &["CPUWeight", "IOWeight", "CPUQuotaPeriodUSec", "AllowedCPUs", "MemoryMax"],
        false => {
            &["CPUShares", "BlockIOWeight", "CPUQuotaPeriodUSec", "AllowedCPUs", "MemoryLimit"]
        }
    };
    let told = || names.iter().map(|name| s.property(name)).collect::<Vec<_>>();
    let before = told();
    let mut later = String::from(
        r#""cpu":{"shares":512,"quota":20000,"period":50000,"cpus":"0"},
           "memory":{"limit":134217728},"pids":{"limit":30}"#,
    );
    if has("blkio", "io") {
        later += r#","blockIO":{"weight":300}"#;
    }
    let last = match unified() {
        true => r#""unified":{"cgroup.max.depth":"deep"}"#,
        false => r#""hugepageLimits":[{"pageSize":"3KB","limit":4096}]"#,
    };
    // The cpuset file keeps all CPUs until systemd writes it again, and the error says so. They are
    // in force before the second set, and AllowedCPUs is still not set.
    let kept = usize::from(has("cpuset", "cpuset") && on_v2("cpuset"));
    for kept in [kept, 0] {
        let error = s.set(&available(&format!("{{{later},{last}}}"))).unwrap_err().to_string();
        assert!(error.contains("restored: "), "{error}");
        assert_eq!(error.matches("undone").count(), kept, "{error}");
        assert_eq!(error.matches("undone: cpuset.cpus is now").count(), kept, "{error}");
        assert_eq!(told(), before, "{names:?} {error}");
    }
    reload();
    assert_eq!(told(), before, "{names:?} after a reload");
    s.end();
}

/// The kernel shows the weight of an idle cgroup as 0, and as 1 since Linux 6.12.
#[test]
fn failed_set_keeps_an_idle_cgroup_idle() {
    need_systemd!();
    need!(unified() && version() >= 252, "idle needs cgroup v2 and systemd 252");
    let mut s = Sandbox::new(r#"{"cpu":{"idle":1}}"#);
    let idle = s.property("CPUWeight");
    let wrong = r#"{"cpu":{"idle":0,"shares":2000},"unified":{"cgroup.max.depth":"deep"}}"#;
    let error = s.set(wrong).unwrap_err().to_string();
    assert!(error.contains("max.depth") && !error.contains("could not be undone"), "{error}");
    s.check("restored", &[("CPUWeight", &idle), ("cpu.idle", "1")]);
    reload();
    s.check("reloaded", &[("CPUWeight", &idle), ("cpu.idle", "1")]);
    s.end();
}

/// Sets limits while no descriptor is free. Old values cannot be read then, so nothing may change.
/// The next test starts it.
pub fn without_descriptors() {
    let mut s = Sandbox::new(&available(BEFORE));
    let wanted = facts();
    let later = available(&format!("{{{LATER}}}"));
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(100), ..before }).unwrap();
    let mut used = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        used.push(file);
    }
    let error = s.set(&later).unwrap_err();
    setrlimit(Resource::Nofile, before).unwrap();
    drop(used);
    assert_eq!(error.errno(), rustix::io::Errno::MFILE, "{error}");
    s.check("before", &wanted);
    reload();
    s.check("reloaded", &wanted);
    s.end();
}

#[test]
fn set_without_free_descriptors_changes_nothing() {
    need_systemd!();
    crate::helper::run(crate::helper::command("without-descriptors"));
}

/// systemd adds new weights to the list of a unit, so the undo must remove the new device.
#[test]
fn failed_set_restores_the_weights_of_devices() {
    need_systemd!();
    need!(root() && unified() && has("-", "io"), "IODeviceWeight needs root, v2 and io");
    std::fs::write("/sys/block/loop0/queue/scheduler", "bfq").unwrap();
    std::fs::write("/sys/block/loop1/queue/scheduler", "bfq").unwrap();
    let weights =
        |list: &str, rest: &str| format!(r#"{{"blockIO":{{"weightDevice":[{list}]}}{rest}}}"#);
    let first = r#"{"major":7,"minor":0,"weight":300}"#;
    let mut s = Sandbox::new(&weights(first, ""));
    let second = r#"{"major":7,"minor":0,"weight":77},{"major":7,"minor":1,"weight":400}"#;
    let wrong = r#","hugepageLimits":[{"pageSize":"3KB","limit":4096}]"#;
    let error = s.set(&weights(second, wrong)).unwrap_err().to_string();
    assert!(error.contains("hugetlb.3KB") && !error.contains("could not be undone"), "{error}");
    let told = s.property("IODeviceWeight");
    assert!(told.contains("7:0 2300") && !told.contains("7:1"), "{told}");
    reload();
    assert_eq!(s.file("io.bfq.weight"), "default 100\n7:0 300");
    s.end();
}

/// systemd gets the properties before any file is written.
#[test]
fn set_refused_by_systemd_changes_nothing() {
    need_systemd!();
    need!(unified(), "on v1 the library checks properties before it sends them");
    let mut s = Sandbox::new(&available(BEFORE));
    let error = s.set(r#"{"pids":{"limit":30},"unified":{"cpu.weight":"10001"}}"#).unwrap_err();
    assert!(error.to_string().contains("SetUnitProperties"), "{error}");
    s.check("refused", &facts());
    s.end();
}

#[test]
fn failed_set_with_no_rollback_keeps_the_written_values() {
    need_systemd!();
    need!(unified() || has("hugetlb", "hugetlb"), "no write that fails last");
    let mut s = Sandbox::changed(&available(BEFORE), |config| {
        config.flags = Flags { no_rollback: true, ..config.flags };
    });
    s.start();
    let (_, json) = failing().remove(0);
    s.set(&json).unwrap_err();
    s.check("values written before the failure", &[("TasksMax", "30"), ("pids.max", "30")]);
    s.end();
}

/// The unit starts, and then a file write fails.
#[test]
fn failed_apply_stops_the_unit_and_returns_the_process() {
    need_systemd!();
    for (what, json) in failing().into_iter().take(1) {
        let mut s = Sandbox::planned(&json);
        let pid = s.child();
        let was = home_of(pid);
        let error = s.manager.apply(pid, true).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        s.assert_outside(pid, &was);
        assert!(!error.contains("could not be undone"), "{error}");
        eventually("the unit is gone", || !s.is_loaded());
        assert!(directories(&s.unit).is_empty());
        // The name is free again.
        let fine = Config {
            resources: config("", r#"{"pids":{"limit":20}}"#).resources,
            ..s.manager.config().clone()
        };
        Manager::new(s.shared.clone(), fine).unwrap().apply(pid, true).unwrap();
        s.check("a second try", &[("TasksMax", "20"), ("pids.max", "20")]);
        s.end();
    }
}

/// runc#3509: a limit below the memory in use.
#[test]
fn memory_limit_below_usage_is_refused_and_kills_no_process() {
    need_systemd!();
    need!(has("memory", "memory"), "no memory controller");
    let mut s = Sandbox::planned(r#"{"memory":{"limit":268435456}}"#);
    let pid = s.spawn(&mut crate::helper::command("memory"));
    s.manager.apply(pid, true).unwrap();
    let usage = if on_v2("memory") { "memory.current" } else { "memory.usage_in_bytes" };
    eventually("in use", || s.file(usage).parse::<u64>().unwrap() > 40 << 20);
    let json = r#"{"memory":{"limit":1048576,"checkBeforeUpdate":true}}"#;
    // On v1 the kernel refuses, because there is no swap to reclaim to.
    let error = s.set(json).unwrap_err();
    assert!(alive(pid), "{error}");
    let wanted: &[(&str, &str)] = match (unified(), on_v2("memory")) {
        (true, _) => &[("MemoryMax", "268435456"), ("memory.max", "268435456")],
        (_, true) => &[("memory.max", "268435456")],
        _ => &[("MemoryLimit", "268435456"), ("memory.limit_in_bytes", "268435456")],
    };
    s.check("refused", wanted);
    reload();
    s.check("reloaded", wanted);
    assert!(alive(pid));
    s.end();
}
