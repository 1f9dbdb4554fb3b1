// SPDX-License-Identifier: Apache-2.0

//! The advice in an error when the kernel refuses a value. src/cgroupfs/advice/tests.rs checks the
//! texts that this host's kernel cannot cause.

use std::fs;

use katacg::{Code, Manager, NOBODY};

use crate::alone::alone;
use crate::fixture::*;

fn child(parent: &Sandbox, name: &str, json: &str) -> Manager {
    manager(&format!("{}/{name}", parent.name), json)
}

#[track_caller]
fn refused(s: &Sandbox, json: &str, advice: &str) {
    let error = s.set(json).unwrap_err().to_string();
    assert!(error.contains(advice), "{json}: {error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn refused_bandwidth_names_the_kernels_range_or_the_burst() {
    let s = Sandbox::empty(r#"{"cpu":{"quota":20000,"period":100000}}"#);
    let quota = "the kernel's minimum quota is 1000 µs";
    refused(&s, r#"{"cpu":{"quota":999}}"#, quota);
    refused(&s, r#"{"cpu":{"quota":999,"period":1000}}"#, quota);
    let period = "the kernel's period is 1000 to 1000000 µs";
    refused(&s, r#"{"cpu":{"period":999}}"#, period);
    refused(&s, r#"{"cpu":{"quota":20000,"period":1000001}}"#, period);
    if s.has_file("cpu.cfs_burst_us") || s.has_file("cpu.max.burst") {
        let burst = "the burst may not exceed the quota, which is 20000 µs";
        refused(&s, r#"{"cpu":{"burst":20001}}"#, burst);
        s.set(r#"{"cpu":{"burst":15000}}"#).unwrap();
        let burst = "the quota may not be below the burst, which is 15000 µs";
        refused(&s, r#"{"cpu":{"quota":14000}}"#, burst);
    }
}

#[test]
fn refused_quota_names_the_ancestor_or_the_child() {
    let parent = Sandbox::empty(r#"{"cpu":{"quota":20000,"period":100000}}"#);
    let below = child(&parent, "below", r#"{"cpu":{"quota":20001,"period":100000}}"#);
    if on_v2("cpu", "cpu") {
        // v2 accepts the quota, and the parent's limit holds as well.
        below.apply(NOBODY, true).unwrap();
        return;
    }
    let error = below.apply(NOBODY, true).unwrap_err().to_string();
    let dir = parent.dir("cpu");
    let advice = format!(
        "the share may not exceed that of an ancestor: {} has 20000 µs in each 100000 µs",
        dir.display()
    );
    assert!(error.contains(&advice), "{error}");
    let below = child(&parent, "below", r#"{"cpu":{"quota":20000,"period":100000}}"#);
    below.apply(NOBODY, true).unwrap();
    let advice = format!("the child cgroup {}/below has more: 20000 µs", dir.display());
    refused(&parent, r#"{"cpu":{"quota":19000}}"#, &advice);
}

#[test]
fn refused_weight_of_an_idle_cgroup_names_cpu_idle() {
    let s = Sandbox::empty("{}");
    if !s.has_file("cpu.idle") {
        return;
    }
    s.set(r#"{"cpu":{"idle":1}}"#).unwrap();
    refused(&s, r#"{"cpu":{"shares":2048}}"#, "an idle cgroup (cpu.idle 1) takes no weight");
}

#[test]
fn refused_pids_limit_names_the_kernels_range() {
    let s = Sandbox::empty("{}");
    refused(&s, r#"{"pids":{"limit":4194305}}"#, "the kernel takes 0 to 4194304 here");
    s.set(r#"{"pids":{"limit":4194304}}"#).unwrap();
}

#[test]
fn refused_cpus_and_nodes_name_those_of_the_host_or_the_other_cgroup() {
    need!(has("cpuset", "cpuset"), "no cpuset controller");
    let online = |what: &str| {
        let text = fs::read_to_string(format!("/sys/devices/system/{what}/online")).unwrap();
        text.trim().to_owned()
    };
    let parent = Sandbox::empty(r#"{"cpu":{"cpus":"0","mems":"0"}}"#);
    let cpus = format!("this host has the CPUs {}", online("cpu"));
    refused(&parent, r#"{"cpu":{"cpus":"60000"}}"#, &cpus);
    let nodes = format!("this host has the memory nodes {}", online("node"));
    refused(&parent, r#"{"cpu":{"mems":"0,1023"}}"#, &nodes);
    if on_v2("cpuset", "cpuset") || !online("cpu").starts_with("0-") {
        return;
    }
    let dir = parent.dir("cpuset");
    let below = child(&parent, "below", r#"{"cpu":{"cpus":"0-1"}}"#);
    let error = below.apply(NOBODY, true).unwrap_err().to_string();
    let advice = format!("the parent cgroup {} has the CPUs 0", dir.display());
    assert!(error.contains(&advice), "{error}");
    child(&parent, "below", r#"{"cpu":{"cpus":"0"}}"#).apply(NOBODY, true).unwrap();
    let advice = format!("the child cgroup {}/below has the CPUs 0", dir.display());
    refused(&parent, r#"{"cpu":{"cpus":"1"}}"#, &advice);
}

#[test]
fn refused_cpus_name_the_exclusive_sibling() {
    need!(has("cpuset", "cpuset"), "no cpuset controller");
    let _alone = alone();
    need!(!on_v2("cpuset", "cpuset"), "only v1 has exclusive cpusets");
    let parent = Sandbox::empty(r#"{"cpu":{"cpus":"0","mems":"0"}}"#);
    let one = child(&parent, "one", "{}");
    one.apply(NOBODY, false).unwrap();
    let at = dir(&one, "cpuset");
    let exclusive = ["cpuset.cpu_exclusive", "cpu_exclusive"].map(|file| at.join(file));
    let file = exclusive.iter().find(|file| file.exists()).unwrap();
    // The parent must be exclusive first. It cannot be while another cgroup shares its CPUs.
    let above = parent.dir("cpuset").join(file.file_name().unwrap());
    need!(fs::write(above, "1").is_ok(), "another cgroup has the CPUs of this test");
    fs::write(file, "1").unwrap();
    let two = child(&parent, "two", r#"{"cpu":{"cpus":"0"}}"#);
    let error = two.apply(NOBODY, true).unwrap_err().to_string();
    assert!(error.contains(&format!("the sibling {} has 0", at.display())), "{error}");
}

#[test]
fn refused_memory_limit_names_the_other_memory_limit() {
    need!(has("memory", "memory"), "no memory controller");
    let s = Sandbox::empty(r#"{"memory":{"limit":67108864}}"#);
    if on_v2("memory", "memory") {
        let json = r#"{"memory":{"limit":67108864,"swap":67108863}}"#;
        refused(&s, json, "memory+swap limit should be >= memory limit");
        return;
    }
    if !s.has_file("memory.memsw.limit_in_bytes") {
        return;
    }
    s.set(r#"{"memory":{"limit":67108864,"swap":134217728}}"#).unwrap();
    let above = "memory may not exceed memory+swap (swap), which is 134217728";
    refused(&s, r#"{"memory":{"limit":268435456}}"#, above);
    let below = "memory+swap (swap) may not be below the memory limit, which is 67108864";
    refused(&s, r#"{"memory":{"swap":33554432}}"#, below);
}

#[test]
fn misspelt_file_gets_the_nearest_name_as_advice() {
    let s = Sandbox::empty("{}");
    if on_v2("pids", "pids") {
        let error = s.set(r#"{"unified":{"pids.mox":"9"}}"#).unwrap_err().to_string();
        assert!(error.contains("did you mean pids.max?"), "{error}");
    } else {
        let error = s.manager.write("pids", "pids.mox", b"9").unwrap_err().to_string();
        assert!(error.contains("did you mean pids.max?"), "{error}");
    }
}

#[test]
fn calls_after_a_destroy_say_apply_first() {
    let mut s = Sandbox::new("{}");
    s.end_children();
    let outside = s.child();
    let other = Sandbox::new("{}");
    // Calls that fail on this host for every cgroup.
    let never = [
        ("directory", s.manager.directory().is_err()),
        ("oom_kills", s.manager.oom_kills().is_err()),
    ];
    s.manager.destroy().unwrap();
    let (m, second) = (&s.manager, std::time::Duration::from_secs(1));
    let all: [(&str, katacg::Result<()>); 16] = [
        ("set", s.set(r#"{"pids":{"limit":9}}"#).map(drop)),
        ("write", m.write("pids", "pids.max", b"9")),
        ("read", m.read("pids", "pids.max").map(drop)),
        ("add", m.add(&[outside], katacg::Add::default())),
        ("pids", m.pids().map(drop)),
        ("threads", m.threads().map(drop)),
        ("all_pids", m.all_pids().map(drop)),
        ("freeze", m.freeze(second)),
        ("thaw", m.thaw()),
        ("freezer_state", m.freezer_state().map(drop)),
        ("attach_fds", m.attach_fds(false).map(drop)),
        ("directory", m.directory().map(drop)),
        ("kill", m.kill(rustix::process::Signal::KILL)),
        ("oom_kills", m.oom_kills().map(drop)),
        ("move_to, from", m.move_to(&other.manager).map(drop)),
        ("move_to, to", other.manager.move_to(m).map(drop)),
    ];
    let bare: Vec<String> = all
        .into_iter()
        .filter(|(call, _)| !never.contains(&(call, true)))
        .filter_map(|(call, result)| match result {
            Err(e) if e.code() == Code::Deleted && e.to_string().contains("apply first") => None,
            other => Some(format!("{call}: {other:?}")),
        })
        .collect();
    assert!(bare.is_empty(), "{bare:#?}");
}
