// SPDX-License-Identifier: Apache-2.0

//! A plan as JSON and as text.

use serde_json::{json, Value};

use super::step::{Plan, Step};
use super::task::TaskKind;
use super::write::{Missing, Write};
use crate::devices::{compile, State};
use crate::host::{HierarchyId, HostInfo, Version};
use crate::systemd::Property;

impl Plan {
    /// Returns the plan as JSON: `{"steps":[{"op":…}],"warnings":[…]}`.
    pub fn to_json(&self, host: &HostInfo) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(|step| step_json(step, host)).collect();
        json!({ "steps": steps, "warnings": self.warnings })
    }

    /// Returns one line per step: operation, controller, file and value, separated by tabs.
    pub fn to_text(&self, host: &HostInfo) -> String {
        let mut out = String::new();
        for step in &self.steps {
            let [operation, controller, file, value] = step_text(step, host);
            out.extend([&operation, "\t", &controller, "\t", &file, "\t", &value, "\n"]);
        }
        out
    }
}

fn step_text(step: &Step, host: &HostInfo) -> [String; 4] {
    let at = |hierarchy: &HierarchyId| label(host, *hierarchy);
    let row = |operation: &str, controller: String, file: &str, value: String| {
        [operation.to_owned(), controller, file.to_owned(), value]
    };
    match step {
        Step::Create { hierarchy } => row("create", at(hierarchy), "", String::new()),
        Step::Enable { hierarchy, .. } => {
            row("enable", at(hierarchy), "cgroup.subtree_control", String::new())
        }
        Step::SettleType { hierarchy, domain } => {
            let kind = if domain.is_some() { "domain" } else { "any" };
            row("settle", at(hierarchy), "cgroup.type", kind.to_owned())
        }
        Step::CreateSubcgroup { hierarchy, subcgroup, threaded } => {
            let kind = if *threaded { "threaded" } else { "" };
            row("create", at(hierarchy), &String::from_utf8_lossy(subcgroup), kind.to_owned())
        }
        Step::Delegate { hierarchy, uid, gid } => {
            row("delegate", at(hierarchy), "", format!("{uid}:{gid}"))
        }
        Step::InheritCpuset { hierarchy, cpus, mems } => {
            row("inherit", at(hierarchy), &inherited(*cpus, *mems).join(","), String::new())
        }
        Step::CheckMemory { limit, swap, .. } => {
            let bound = [*limit, *swap].into_iter().flatten().min().unwrap_or(0);
            row("check", "memory".to_owned(), "memory.current", bound.to_string())
        }
        Step::Start { unit, properties, resources } => {
            let all: Vec<Property> = properties.iter().chain(resources).cloned().collect();
            row("start", systemd(), unit, listed(&all))
        }
        Step::SetProperties { unit, properties } => {
            row("property", systemd(), unit, listed(properties))
        }
        Step::Freeze => row("freeze", "freezer".to_owned(), "", String::new()),
        Step::Thaw => row("thaw", "freezer".to_owned(), "", String::new()),
        Step::PrepareDevices { hierarchy, state }
        | Step::AwaitDevices { hierarchy, state }
        | Step::Devices { hierarchy, state } => {
            row(devices_operation(step), at(hierarchy), "", state.to_string())
        }
        Step::ChangeDevice { hierarchy, rule } => {
            row("device", at(hierarchy), "", rule.to_string())
        }
        // One step is one line, so a value's line breaks are escaped.
        Step::Write(w) => {
            row("write", w.controller.to_owned(), &w.file, w.value.replace('\n', "\\n"))
        }
        Step::Attach { hierarchy, kind, ids, subcgroup } => row(
            "attach",
            at(hierarchy),
            &task_file(host, *hierarchy, *kind, subcgroup),
            numbers(ids),
        ),
        Step::AttachUnit { unit, ids, subcgroup } => {
            row("attach", systemd(), &unit_target(unit, subcgroup), numbers(ids))
        }
    }
}

fn devices_operation(step: &Step) -> &'static str {
    match step {
        Step::PrepareDevices { .. } => "prepare devices",
        Step::AwaitDevices { .. } => "await devices",
        _ => "devices",
    }
}

fn unit_target(unit: &str, subcgroup: &[u8]) -> String {
    match subcgroup {
        b"" => unit.to_owned(),
        subcgroup => format!("{unit}/{}", String::from_utf8_lossy(subcgroup)),
    }
}

/// Returns the path, from the manager's cgroup, of the file that moves tasks.
fn task_file(host: &HostInfo, id: HierarchyId, kind: TaskKind, subcgroup: &[u8]) -> String {
    let version = host.hierarchy(id).map_or(Version::V1, |h| h.version);
    let file = kind.file(version);
    match subcgroup {
        b"" => file.to_owned(),
        subcgroup => format!("{}/{file}", String::from_utf8_lossy(subcgroup)),
    }
}

fn numbers(ids: &[i32]) -> String {
    let ids: Vec<String> = ids.iter().map(i32::to_string).collect();
    ids.join(" ")
}

fn systemd() -> String {
    "systemd".to_owned()
}

/// Returns `NAME=VALUE` pairs, the values as GVariant text.
fn listed(properties: &[Property]) -> String {
    let properties: Vec<String> = properties.iter().map(Property::to_string).collect();
    properties.join(" ")
}

fn label(host: &HostInfo, hierarchy: HierarchyId) -> String {
    match host.hierarchy(hierarchy) {
        Some(h) if h.version == Version::V1 => h.controllers.join(","),
        _ => "cgroup2".to_owned(),
    }
}

/// Returns the cgroup's own cpuset files that are filled. Empty ancestors are always filled.
fn inherited(cpus: bool, mems: bool) -> Vec<&'static str> {
    [(cpus, "cpuset.cpus"), (mems, "cpuset.mems")]
        .into_iter()
        .filter_map(|(fill, file)| fill.then_some(file))
        .collect()
}

/// Returns a step as an object. A write and a check have more fields than [`step_text`] shows.
fn step_json(step: &Step, host: &HostInfo) -> Value {
    let [operation, controller, file, value] = step_text(step, host);
    let mut out = match step {
        Step::Write(write) => write_json(write, host),
        Step::PrepareDevices { hierarchy, state } | Step::Devices { hierarchy, state } => {
            devices_json(*hierarchy, state, host)
        }
        Step::CheckMemory { hierarchy, limit, swap } => json!({
            "hierarchy": label(host, *hierarchy), "file": file, "limit": limit, "swap": swap,
        }),
        Step::Start { unit, properties, resources } => json!({
            "unit": unit, "properties": pairs(properties), "resources": pairs(resources),
        }),
        Step::SetProperties { unit, properties } => {
            json!({ "unit": unit, "properties": pairs(properties) })
        }
        _ => {
            let mut out = json!({ "hierarchy": controller });
            for (key, text) in [("file", file), ("value", value)] {
                if let Some(object) = out.as_object_mut().filter(|_| !text.is_empty()) {
                    object.insert(key.into(), text.into());
                }
            }
            out
        }
    };
    if let Some(object) = out.as_object_mut() {
        object.insert("op".into(), operation.into());
    }
    out
}

/// Returns the rules, and for cgroup v2 the program, one instruction a line.
fn devices_json(hierarchy: HierarchyId, state: &State, host: &HostInfo) -> Value {
    let text = state.to_string();
    let rules: Vec<&str> = text.split(", ").collect();
    let mut out = json!({ "hierarchy": label(host, hierarchy), "rules": rules });
    let v2 = host.hierarchy(hierarchy).is_some_and(|h| h.version == Version::V2);
    if let Some(object) = out.as_object_mut().filter(|_| v2) {
        let lines: Vec<String> = compile(state).iter().map(ToString::to_string).collect();
        object.insert("program".into(), lines.into());
    }
    out
}

fn pairs(properties: &[Property]) -> Vec<Value> {
    properties.iter().map(|p| json!([p.name, p.value.to_string()])).collect()
}

fn write_json(write: &Write, host: &HostInfo) -> Value {
    let mut out = json!({
        "hierarchy": label(host, write.hierarchy), "controller": write.controller,
        "file": write.file, "value": write.value,
    });
    if let Some(object) = out.as_object_mut() {
        match &write.missing {
            Missing::Fail => {}
            Missing::Skip => drop(object.insert("if_missing".into(), "skip".into())),
            Missing::Warn => drop(object.insert("if_missing".into(), "warn".into())),
            Missing::Instead(other) => {
                object.insert("if_missing".into(), write_json(other, host));
            }
        }
        if let Some(file) = write.retry_after {
            object.insert("retry_after".into(), file.into());
        }
        if write.exact {
            object.insert("read_back".into(), true.into());
        }
    }
    out
}
