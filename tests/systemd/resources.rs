// SPDX-License-Identifier: Apache-2.0

//! Compares every resource in the unit and in the files: after the start, after a set, and after a
//! daemon-reload, when systemd writes all of its values again.
//!
//! A row of `resources.json` has the resources of the start and of the set, and, for v1 and unified
//! hosts, the wanted properties and files after each. All rows go through the same two reloads
//! together. Each row has a test that reports the result of that row.
//!
//! `reset before` lists files that older versions of systemd reset at a reload, which the library
//! cannot prevent. Scopes have no property for `memory.oom.group` before 253. On v1, systemd 252
//! resets BFQ's weights, of the unit and of all devices, to a default on its own scale; 257 does so
//! only when a unit beside this one starts, so no other test runs at the same time.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use katacg::host::HostInfo;
use serde_json::Value;

use crate::fixture::*;

/// The differences of a row, or the reason why the row cannot run here.
type Outcome = std::result::Result<Vec<String>, String>;

struct Row {
    name: String,
    then: String,
    /// The wanted properties and files, after the start and after the set.
    wanted: [Vec<(String, String)>; 2],
    /// The values to which an older systemd resets files at the reload after each.
    reset: [BTreeMap<String, String>; 2],
    sandbox: Sandbox,
    wrong: Vec<String>,
}

impl Row {
    /// Starts the unit of a row, or returns the reason why the row cannot run here.
    fn new(row: &Value) -> std::result::Result<Row, String> {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        let of = text("of");
        let (v1, v2) = of.split_once(' ').unwrap();
        if !has(v1, v2) {
            return Err(format!("no controller for the resource ({of})"));
        }
        let host = HostInfo::read().unwrap();
        let on_v1 = !host.is_unified() && host.find(v1).is_some();
        let side = if on_v1 { "v1" } else { "unified" };
        let Some(both) = row[side].as_array() else {
            return Err(format!("the resource does not exist on {side}"));
        };
        if !on_v1 && !host.is_unified() && v1 == "-" && !is_only_cgroup2(v2) {
            return Err(format!("{v2} is a v1 controller on this host"));
        }
        // systemd does not manage the cgroup2 mount of a hybrid host.
        let files_alone = !on_v1 && !host.is_unified();
        let wanted = [&both[0], &both[1]].map(|all| {
            let pairs = all.as_object().unwrap().iter();
            let pairs = pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().into()));
            let keep = |(name, _): &(String, String)| !files_alone || !is_property(name);
            pairs.filter(keep).collect()
        });
        let mut reset = [BTreeMap::new(), BTreeMap::new()];
        for (since, both) in row["reset before"].as_object().into_iter().flatten() {
            if version() >= since.parse().unwrap() {
                continue;
            }
            for (reset, files) in reset.iter_mut().zip(both.as_array().unwrap()) {
                let files = files.as_object().unwrap().iter();
                reset.extend(files.map(|(f, v)| (f.clone(), v.as_str().unwrap().to_owned())));
            }
        }
        let mut sandbox = Sandbox::planned(&row["start"].to_string());
        let pid = sandbox.child();
        let applied = sandbox.manager.apply(pid, true);
        let wrong = applied.err().map(|e| format!("apply: {e}")).into_iter().collect();
        Ok(Row { name: text("name"), then: row["then"].to_string(), wanted, reset, sandbox, wrong })
    }
}

/// Whether a controller of a hybrid host is on cgroup2.
fn is_only_cgroup2(controller: &str) -> bool {
    HostInfo::read().unwrap().find(controller).is_none()
}

/// Compares all rows with one call of systemctl, which is slow.
fn look(rows: &mut [Row], stage: usize, reloaded: bool, when: &str) {
    let units: Vec<&str> = rows.iter().map(|row| &*row.sandbox.unit).collect();
    let mut names: Vec<&str> =
        rows.iter().flat_map(|row| &row.wanted[stage]).map(|(name, _)| &**name).collect();
    names.retain(|name| is_property(name));
    names.sort_unstable();
    names.dedup();
    let all = properties(&units, &names);
    let none = BTreeMap::new();
    for row in rows.iter_mut().filter(|row| row.wrong.is_empty()) {
        let after = |name, value| row.reset[stage].get(name).filter(|_| reloaded).unwrap_or(value);
        let wanted = row.wanted[stage].iter();
        let wanted: Vec<(&str, &str)> =
            wanted.map(|(name, value)| (&**name, &**after(name, value))).collect();
        let unit = all.get(&row.sandbox.unit).unwrap_or(&none);
        let wrong = differences(&row.sandbox, unit, &wanted);
        row.wrong.extend(wrong.into_iter().map(|what| format!("{when}: {what}")));
    }
}

fn run() -> BTreeMap<String, Outcome> {
    if root() {
        // Weights of devices need a disk that uses the BFQ scheduler.
        std::fs::write("/sys/block/loop0/queue/scheduler", "bfq").unwrap();
    }
    let table: Vec<Value> = serde_json::from_str(include_str!("resources.json")).unwrap();
    let mut outcomes = BTreeMap::new();
    let mut rows = Vec::new();
    for row in &table {
        match Row::new(row) {
            Ok(row) => rows.push(row),
            Err(why) => drop(outcomes.insert(row["name"].as_str().unwrap().to_owned(), Err(why))),
        }
    }
    look(&mut rows, 0, false, "after the start");
    reload();
    look(&mut rows, 0, true, "after the start and a reload");
    for row in rows.iter_mut().filter(|row| row.wrong.is_empty()) {
        if let Err(e) = row.sandbox.set(&row.then) {
            row.wrong.push(format!("set: {e}"));
        }
    }
    look(&mut rows, 1, false, "after the set");
    reload();
    look(&mut rows, 1, true, "after the set and a reload");
    outcomes.extend(rows.into_iter().map(|row| (row.name, Ok(row.wrong))));
    outcomes
}

fn outcomes() -> &'static BTreeMap<String, Outcome> {
    static OUTCOMES: OnceLock<BTreeMap<String, Outcome>> = OnceLock::new();
    OUTCOMES.get_or_init(run)
}

macro_rules! rows {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                need_systemd!(alone);
                match &outcomes()[stringify!($name)] {
                    Ok(wrong) => assert_eq!(wrong, &[""; 0]),
                    Err(why) => skip!("{why}"),
                }
            }
        )*

        #[test]
        fn every_row_of_the_table_has_a_test() {
            let table: Vec<Value> = serde_json::from_str(include_str!("resources.json")).unwrap();
            let names: Vec<&str> = table.iter().map(|row| row["name"].as_str().unwrap()).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

rows! {
    cpu_shares cpu_quota cpu_quota_lifted cpu_quota_below_the_old_period cpu_burst cpu_idle
    cpu_idle_ended cpuset_first_cpu cpuset_second_cpu memory_limit memory_limit_lifted
    memory_reservation memory_swap memory_swappiness_and_oom_killer pids io_weight
    io_weight_of_a_device io_throttles huge_pages network unified_cpu_max unified_cpu_weight
    unified_cpu_idle unified_cpu_idle_ended unified_cpuset unified_memory
    unified_memory_oom_group unified_pids unified_io_weight unified_io_max unified_hugetlb
    unified_core_files
}
