// SPDX-License-Identifier: Apache-2.0

//! Golden plans: the exact steps and warnings, or the exact error, for tables of resources on a
//! legacy, a hybrid and a unified host. The tables beside this file are written from the rules in
//! the kernel's documents, the OCI specification and runc's library. They are not copied from this
//! library's output.
//!
//! A case has `resources`, optional `known` resources that were set before, and an outcome for each
//! layout. The key of an outcome is `legacy`, `hybrid` or `unified`, or a key that several layouts
//! share: `v1` (legacy and hybrid), `v2` (hybrid and unified) or `all`. An outcome is a list of
//! steps, or `{"steps", "warnings"}`, or `{"error": code, "text"}`. Steps are
//! `HIERARCHY: FILE=VALUE | or skip | or FILE=VALUE | again after FILE | read back`.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic)]

mod random;
mod systemd;
mod weights;

use std::sync::Arc;

use katacg::host::{HostInfo, Sources};
use katacg::plan::{Missing, Plan, Step, Write};
use katacg::resources::parse;
use katacg::{Config, Flags, Host, Manager};
use serde_json::Value;

const LAYOUTS: [&str; 3] = ["legacy", "hybrid", "unified"];

fn mount(id: usize, place: &str, kind: &str, options: &str) -> String {
    format!("{id} 30 0:{id} / /sys/fs/cgroup/{place} rw shared:{id} - {kind} cgroup rw,{options}\n")
}

fn host(layout: &str) -> HostInfo {
    let v1 = "cpuset|cpu,cpuacct|memory|devices|pids|blkio|hugetlb|net_cls,net_prio|perf_event|\
              freezer|rdma|name=systemd|misc";
    let v1 = v1.split('|').filter(|set| layout == "legacy" || !["cpuset", "memory"].contains(set));
    let mut mountinfo = String::new();
    let mut cgroup = String::new();
    let mut controllers = "";
    if layout == "unified" {
        mountinfo += "30 26 0:30 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        controllers = "cpuset cpu io memory hugetlb pids rdma misc\n";
    } else {
        mountinfo += "30 26 0:30 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro,mode=755\n";
        for (id, set) in v1.enumerate() {
            mountinfo += &mount(id + 40, set.trim_start_matches("name="), "cgroup", set);
            cgroup += &format!("{}:{set}:/\n", id + 1);
        }
    }
    if layout == "hybrid" {
        mountinfo += &mount(80, "unified", "cgroup2", "nsdelegate");
        controllers = "cpuset memory\n";
    }
    if layout != "legacy" {
        cgroup += "0::/\n";
    }
    HostInfo::parse(Sources {
        mountinfo: mountinfo.as_bytes(),
        cgroup: cgroup.as_bytes(),
        controllers: controllers.as_bytes(),
        ..Sources::default()
    })
    .unwrap()
}

fn manager(host: HostInfo, config: Config) -> katacg::Result<Manager> {
    let path = if config.path.is_empty() { b"/kata_test".to_vec() } else { config.path };
    Manager::new(Arc::new(Host::new(host)), Config { path, ..config })
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|s| s.as_str().unwrap().to_owned()).collect()
}

fn config(case: &Value) -> Config {
    let flags = strings(&case["flags"]);
    let known = ["strict", "skip devices"];
    assert!(flags.iter().all(|f| known.contains(&f.as_str())), "{flags:?}");
    let has = |flag: &str| flags.iter().any(|f| f == flag);
    let owner = case["owner"].as_array().map(|owner| {
        let id = |i: usize| u32::try_from(owner[i].as_u64().unwrap()).unwrap();
        (id(0), id(1))
    });
    Config {
        flags: Flags {
            strict: has("strict"),
            skip_devices: has("skip devices"),
            ..Flags::default()
        },
        subsystems: strings(&case["subsystems"]),
        owner,
        ..Config::default()
    }
}

fn write_text(write: &Write) -> String {
    let mut out = format!("{}={}", write.file, write.value);
    match &write.missing {
        Missing::Fail => {}
        Missing::Skip => out += " | or skip",
        Missing::Warn => out += " | or warn",
        Missing::Instead(other) => {
            assert_eq!(other.hierarchy, write.hierarchy);
            out += &format!(" | or {}", write_text(other));
        }
    }
    if let Some(file) = write.retry_after {
        out += &format!(" | again after {file}");
    }
    if write.exact {
        out += " | read back";
    }
    out
}

fn step_text(step: &Step, host: &HostInfo) -> String {
    if let Some(text) = systemd::step_text(step) {
        return text;
    }
    let hierarchy = host.hierarchy(step.hierarchy().unwrap()).unwrap();
    let label = match hierarchy.controllers.join(",") {
        v1 if hierarchy.version == katacg::host::Version::V1 => v1,
        _ => "cgroup2".to_owned(),
    };
    let number = |v: &Option<u64>| v.map_or("-".to_owned(), |v| v.to_string());
    let what = match step {
        Step::Create { .. } => "create".to_owned(),
        Step::Enable { .. } => "enable".to_owned(),
        Step::SettleType { domain: None, .. } => "settle any".to_owned(),
        Step::SettleType { domain: Some(controller), .. } => format!("settle domain {controller}"),
        Step::Delegate { uid, gid, .. } => format!("delegate {uid}:{gid}"),
        Step::InheritCpuset { cpus, mems, .. } => {
            let part = |has: bool, text: &str| if has { text.to_owned() } else { String::new() };
            format!("inherit{}{}", part(*cpus, " cpus"), part(*mems, " mems"))
        }
        Step::CheckMemory { limit, swap, .. } => {
            format!("check limit {} swap {}", number(limit), number(swap))
        }
        Step::Write(write) => write_text(write),
        Step::Devices { state, .. } => format!("devices {state}"),
        Step::PrepareDevices { state, .. } => format!("prepare devices {state}"),
        Step::AwaitDevices { state, .. } => format!("await devices {state}"),
        Step::Attach { ids, subcgroup, .. } => {
            assert!(subcgroup.is_empty());
            format!("attach {}", ids.iter().map(i32::to_string).collect::<Vec<_>>().join(" "))
        }
        other => panic!("{other:?} cannot be in these plans"),
    };
    format!("{label}: {what}")
}

/// Returns a plan or an error in the form of the tables.
fn outcome(result: katacg::Result<Plan>, host: &HostInfo) -> Value {
    let plan = match result {
        Ok(plan) => plan,
        Err(e) => {
            return serde_json::json!({"error": format!("{:?}", e.code()), "text": e.to_string()})
        }
    };
    let steps: Vec<String> = plan.steps.iter().map(|step| step_text(step, host)).collect();
    serde_json::json!({"steps": steps, "warnings": plan.warnings})
}

/// Returns the outcome of a case for a layout.
fn wanted(case: &Value, layout: &str) -> Option<Value> {
    let keys: &[&str] = match layout {
        "legacy" => &["all", "v1", "legacy"],
        "hybrid" => &["all", "v1", "v2", "hybrid"],
        _ => &["all", "v2", "unified"],
    };
    let mut found = keys.iter().filter_map(|key| case.get(*key));
    let (found, more) = (found.next(), found.next());
    assert!(more.is_none(), "{}: two outcomes for {layout}", case["name"]);
    match found {
        Some(Value::Array(steps)) => Some(serde_json::json!({"steps": steps, "warnings": []})),
        other => other.cloned(),
    }
}

/// Runs a table, and fails with all differences together.
fn table(name: &str, run: impl Fn(&Value, &str) -> Value) {
    let path = format!("{}/tests/plans/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut differ = String::new();
    for case in &cases {
        let only = case.get("only").and_then(Value::as_str);
        for layout in LAYOUTS.into_iter().filter(|layout| only.is_none_or(|only| only == *layout)) {
            let wanted = wanted(case, layout)
                .unwrap_or_else(|| panic!("{}: no outcome for {layout}", case["name"]));
            let found = run(case, layout);
            if found != wanted {
                differ +=
                    &format!("{}, {layout}\n  wanted {wanted}\n  found  {found}\n", case["name"]);
            }
        }
    }
    assert!(differ.is_empty(), "\n{differ}");
}

/// Runs a table of plans for set.
fn set_table(name: &str) {
    table(name, |case, layout| {
        let host = host(layout);
        let resources = match parse::resources(case["resources"].to_string().as_bytes()) {
            Ok(resources) => resources,
            Err(e) => return outcome(Err(e), &host),
        };
        let known = case.get("known").map_or_else(|| "{}".to_owned(), Value::to_string);
        let known = parse::resources(known.as_bytes()).unwrap();
        let config = Config { resources: known, ..config(case) };
        let manager = manager(host.clone(), config).unwrap();
        outcome(without_enable(manager.plan(&resources), &host), &host)
    });
}

/// Removes the `enable` step of a hybrid host from the plan. The step must come before the first
/// limit that needs a controller, and only then exists. The tables do not mention this step.
fn without_enable(plan: katacg::Result<Plan>, host: &HostInfo) -> katacg::Result<Plan> {
    let mut plan = plan?;
    let cgroup2 = host.find("").filter(|_| !host.is_unified());
    let has = |file: &str| ["cpuset.", "memory."].iter().any(|c| file.starts_with(c));
    let needs = |w: &&Write| Some(w.hierarchy) == cgroup2 && has(&w.file);
    let needed = plan.writes().find(needs).is_some();
    let enable = |step: &Step| matches!(step, Step::Enable { .. });
    let at = plan.steps.iter().position(enable);
    assert_eq!(at.is_some(), needed, "{plan:?}");
    if let Some(at) = at {
        assert!(!plan.steps[..at].iter().any(|step| matches!(step, Step::Write(_))), "{plan:?}");
        plan.steps.remove(at);
    }
    Ok(plan)
}

#[test]
fn cpu_plans_match_the_table() {
    set_table("cpu");
}

#[test]
fn memory_plans_match_the_table() {
    set_table("memory");
}

#[test]
fn io_plans_match_the_table() {
    set_table("io");
}

#[test]
fn other_plans_and_the_order_of_resources_match_the_table() {
    set_table("other");
}

#[test]
fn apply_plans_match_the_table() {
    table("apply", |case, layout| {
        let host = host(layout);
        let resources = parse::resources(case["own"].to_string().as_bytes()).unwrap();
        let config = Config { resources: resources.clone(), ..config(case) };
        let pid = i32::try_from(case["pid"].as_i64().unwrap()).unwrap();
        let set = case["set"].as_bool().unwrap_or(false).then_some(&resources);
        let plan = manager(host.clone(), config).and_then(|m| m.plan_apply(pid, set));
        outcome(plan, &host)
    });
}

/// Android mounts the v1 cpuset hierarchy like this.
#[test]
fn noprefix_cpuset_mount_gets_file_names_without_the_prefix() {
    let host = HostInfo::parse(Sources {
        mountinfo: b"36 30 0:32 / /dev/cpuset rw - cgroup none rw,cpuset,noprefix\n",
        cgroup: b"1:cpuset:/\n",
        ..Sources::default()
    })
    .unwrap();
    let flags = Flags { skip_devices: true, ..Flags::default() };
    let manager = manager(host.clone(), Config { flags, ..Config::default() }).unwrap();
    let resources = parse::resources(br#"{"cpu":{"cpus":"0-3","mems":"0"}}"#).unwrap();
    let wanted =
        serde_json::json!({"steps": ["cpuset: cpus=0-3", "cpuset: mems=0"], "warnings": []});
    assert_eq!(outcome(manager.plan(&resources), &host), wanted);
    let apply = manager.plan_apply(-1, Some(&resources)).unwrap();
    let wanted = ["cpuset: create", "cpuset: inherit", "cpuset: cpus=0-3", "cpuset: mems=0"];
    assert_eq!(outcome(Ok(apply), &host)["steps"], serde_json::json!(wanted));
}

/// `katacg_subsystems` returns this name, so lists of subsystems and saved paths may contain it.
#[test]
fn subsystem_systemd_means_the_named_hierarchy() {
    for layout in ["legacy", "hybrid"] {
        let subsystems = ["systemd", "cpu"].map(str::to_owned).to_vec();
        let made = manager(host(layout), Config { subsystems, ..Config::default() }).unwrap();
        let keys: Vec<&str> = made.paths().map(|(key, _)| key).collect();
        assert_eq!(keys, ["cpu", "name=systemd"], "{layout}");
        let state = r#"{"version":1,"driver":"cgroupfs","path":"/x","paths":{
            "systemd":"/sys/fs/cgroup/systemd/x","cpu":"/sys/fs/cgroup/cpu,cpuacct/x"}}"#;
        let shared = Arc::new(Host::new(host(layout)));
        let loaded = Manager::load(shared, state.as_bytes()).unwrap();
        let keys: Vec<&str> = loaded.paths().map(|(key, _)| key).collect();
        assert_eq!(keys, ["cpu", "name=systemd"], "{layout}");
    }
}

/// The memory hierarchy of the list has been unmounted since.
#[test]
fn loaded_state_warns_of_limits_whose_listed_hierarchy_has_gone() {
    let memory = r#"{"memory":{"limit":5},"cpu":{"shares":7}}"#;
    let load = |strict: bool, subsystems: &str| {
        let state = format!(
            r#"{{"version":1,"driver":"cgroupfs","path":"/x","strict":{strict},"paths":{{
            "memory":"/cg/memory/x","cpu":"/cg/cpu/x"}},"subsystems":{subsystems}}}"#
        );
        let mountinfo = b"30 26 0:30 / /cg/cpu rw - cgroup none rw,cpu\n";
        let sources = Sources { mountinfo, cgroup: b"1:cpu:/\n", ..Sources::default() };
        Manager::load(Arc::new(Host::new(HostInfo::parse(sources).unwrap())), state.as_bytes())
    };
    let resources = parse::resources(memory.as_bytes()).unwrap();
    let plan = load(false, r#"["memory","cpu"]"#).unwrap().plan(&resources).unwrap();
    let written: Vec<&str> = plan.writes().map(|write| &*write.file).collect();
    assert_eq!(written, ["cpu.shares"]);
    let wanted = "cannot set memory limit: the cgroup has no memory controller; available: cpu; \
                  not applied";
    assert_eq!(plan.warnings, [wanted]);
    let error = load(true, r#"["memory","cpu"]"#).unwrap().plan(&resources).unwrap_err();
    assert_eq!(error.code(), katacg::Code::Controller, "{error}");
    assert_eq!(load(false, "[]").unwrap_err().code(), katacg::Code::NotMounted);
}

/// Another library may have saved the state.
#[test]
fn loaded_state_keeps_the_meaning_of_its_resources() {
    let state = r#"{"version":1,"driver":"cgroupfs","path":"/x",
        "resources":{"pids":{},"memory":{"limit":5,"swappiness":-1}}}"#;
    let host = host("legacy");
    let shared = Arc::new(Host::new(host.clone()));
    let loaded = Manager::load(shared, state.as_bytes()).unwrap();
    let plan = outcome(loaded.plan(&loaded.resources()), &host);
    assert_eq!(plan["steps"], serde_json::json!(["memory: memory.limit_in_bytes=5"]));
}

/// The JSON shows the hierarchy, the controller, and how the executor treats the write.
#[test]
fn printed_plans_show_place_value_and_handling_of_each_step() {
    let json = br#"{"cpu":{"shares":7,"quota":5,"period":6,"burst":0},"blockIO":{"weight":100},
                    "memory":{"limit":9,"swap":12,"checkBeforeUpdate":true},
                    "unified":{"io.max":"8:0 rbps=1\n"}}"#;
    let host = host("hybrid");
    let manager = manager(host.clone(), Config::default()).unwrap();
    let plan = manager.plan(&parse::resources(json).unwrap()).unwrap();
    let cpu = |file: &str, value: &str, more: Value| {
        let mut out = serde_json::json!({"op": "write", "hierarchy": "cpu,cpuacct",
            "controller": "cpu", "file": file, "value": value});
        out.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        out
    };
    let v2 = |controller: &str, file: &str, value: &str| {
        serde_json::json!({"op": "write", "hierarchy": "cgroup2", "controller": controller,
            "file": file, "value": value})
    };
    let bfq = serde_json::json!({"hierarchy": "blkio", "controller": "blkio",
        "file": "blkio.bfq.weight", "value": "100"});
    let found = plan.to_json(&host);
    let wanted = serde_json::json!({"warnings": [], "steps": [
        {"op": "check", "hierarchy": "cgroup2", "file": "memory.current", "limit": 9, "swap": 12},
        {"op": "enable", "hierarchy": "cgroup2", "file": "cgroup.subtree_control"},
        v2("memory", "memory.swap.max", "3"),
        v2("memory", "memory.max", "9"),
        cpu("cpu.shares", "7", serde_json::json!({"read_back": true})),
        cpu("cpu.cfs_period_us", "6", serde_json::json!({"retry_after": "cpu.cfs_quota_us"})),
        cpu("cpu.cfs_burst_us", "0",
            serde_json::json!({"retry_after": "cpu.cfs_quota_us", "if_missing": "skip"})),
        cpu("cpu.cfs_quota_us", "5", serde_json::json!({})),
        {"op": "write", "hierarchy": "blkio", "controller": "blkio", "file": "blkio.weight",
         "value": "100", "if_missing": bfq},
        v2("unified", "io.max", "8:0 rbps=1\n"),
    ]});
    assert_eq!(found, wanted, "\n{found:#}\n");
    let text = "check\tmemory\tmemory.current\t9\n\
                enable\tcgroup2\tcgroup.subtree_control\t\n\
                write\tmemory\tmemory.swap.max\t3\n\
                write\tmemory\tmemory.max\t9\n\
                write\tcpu\tcpu.shares\t7\n\
                write\tcpu\tcpu.cfs_period_us\t6\n\
                write\tcpu\tcpu.cfs_burst_us\t0\n\
                write\tcpu\tcpu.cfs_quota_us\t5\n\
                write\tblkio\tblkio.weight\t100\n\
                write\tunified\tio.max\t8:0 rbps=1\\n\n";
    assert_eq!(plan.to_text(&host), text);
}
