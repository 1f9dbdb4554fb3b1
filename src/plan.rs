//! What is going to be done, as data: an ordered list of steps.
//!
//! A plan is made by pure functions from resources, host and path, and carried out by
//! [`crate::manager`]'s executor. It is what a dry run prints and what golden tests compare.

use std::borrow::Cow;

use serde_json::{json, Value};

use crate::host::{Host, Version};
use crate::systemd::Property;

/// What an id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A process with all its threads.
    Process,
    /// One thread.
    Thread,
}

impl Kind {
    /// The file that lists these, and takes them.
    pub fn file(self, version: Version) -> &'static str {
        match (self, version) {
            (Kind::Process, _) => "cgroup.procs",
            (Kind::Thread, Version::V1) => "tasks",
            (Kind::Thread, Version::V2) => "cgroup.threads",
        }
    }
}

/// What to do when a knob's file does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// Fail, naming the controller that would have it.
    #[default]
    Fail,
    /// Go on: the kernel lacks the knob, and without it the state is what was asked for.
    Skip,
    /// Go on, and say so: what was asked for is not in force.
    Warn,
    /// Write another file instead (an I/O scheduler's own weight, for instance).
    Instead(Box<Write>),
}

/// One write of one value to one file of one cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Index into [`Host::hierarchies`].
    pub hierarchy: usize,
    /// The controller that the file belongs to.
    pub controller: &'static str,
    /// File name; never has a slash.
    pub file: Cow<'static, str>,
    /// What is written, in one `write(2)`.
    pub value: String,
    /// When the file is not there.
    pub missing: Missing,
    /// On EINVAL, write again after this file has been written: two knobs of which each is
    /// checked against the other's old value.
    pub retry_after: Option<&'static str>,
    /// Read back, and fail when the kernel took another value.
    pub exact: bool,
}

impl Write {
    /// A write that must succeed.
    pub fn new(
        hierarchy: usize,
        controller: &'static str,
        file: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        Write {
            hierarchy,
            controller,
            file: file.into(),
            value: value.into(),
            missing: Missing::Fail,
            retry_after: None,
            exact: false,
        }
    }

    /// Tolerates a missing file.
    #[must_use]
    pub fn or_skip(mut self) -> Self {
        self.missing = Missing::Skip;
        self
    }

    /// Goes on without a missing file, with a warning.
    #[must_use]
    pub fn or_warn(mut self) -> Self {
        self.missing = Missing::Warn;
        self
    }

    /// Writes `other` when the file is missing.
    #[must_use]
    pub fn or(mut self, other: Write) -> Self {
        self.missing = Missing::Instead(Box::new(other));
        self
    }

    /// Retries after `file` on EINVAL, if `other_is_set`.
    #[must_use]
    pub fn retry_after(mut self, file: &'static str, other_is_set: bool) -> Self {
        self.retry_after = other_is_set.then_some(file);
        self
    }

    /// Reads back and compares.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make the manager's cgroup in this hierarchy, and its missing ancestors.
    Create {
        /// Index into [`Host::hierarchies`].
        hierarchy: usize,
    },
    /// v2: turn every controller that the mount has on in the cgroup's ancestors.
    Enable {
        /// Index into [`Host::hierarchies`].
        hierarchy: usize,
    },
    /// v2: bring a cgroup below a threaded one into a type that takes processes.
    SettleType {
        /// Index into [`Host::hierarchies`].
        hierarchy: usize,
        /// A controller with limits to come that no threaded cgroup has.
        domain: Option<&'static str>,
    },
    /// Make a cgroup below the manager's.
    CreateBelow {
        /// Index into [`Host::hierarchies`].
        hierarchy: usize,
        /// Its path from the manager's cgroup.
        below: Vec<u8>,
        /// v2: a threaded one.
        threaded: bool,
    },
    /// Give the manager's cgroup to a user.
    Delegate {
        /// Index into [`Host::hierarchies`].
        hierarchy: usize,
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// v1: give the cpuset files that are still empty the nearest non-empty ancestor's value,
    /// because a cpuset without CPUs or memory nodes takes no process.
    InheritCpuset {
        /// Index into [`Host::hierarchies`].
        hierarchy: usize,
        /// The cgroup's own CPUs as well (they are not written by a later step).
        cpus: bool,
        /// The cgroup's own memory nodes as well.
        mems: bool,
    },
    /// v2: refuse limits at or below what is in use, before anything is written.
    CheckMemory {
        /// Index into [`Host::hierarchies`].
        hierarchy: usize,
        /// memory limit in bytes, when one is set.
        limit: Option<u64>,
        /// memory + swap limit in bytes, when one is set.
        swap: Option<u64>,
    },
    /// Have systemd make a transient unit, with its processes.
    Start {
        /// Its name.
        unit: String,
        /// What it is made with, besides its limits.
        properties: Vec<Property>,
        /// Its limits, which a unit that is there already gets as well.
        resources: Vec<Property>,
    },
    /// Have systemd change a unit.
    SetProperties {
        /// Its name.
        unit: String,
        /// In one call, so all of them or none.
        properties: Vec<Property>,
    },
    /// v1: hold everybody still while systemd replaces device rules, which it does by denying
    /// everything first. What is frozen already is left so.
    Freeze,
    /// Ends [`Step::Freeze`].
    Thaw,
    /// Write a knob.
    Write(Write),
    /// Move processes or threads into the cgroup.
    Attach {
        /// Index into [`Host::hierarchies`].
        hierarchy: usize,
        /// Which of the two.
        kind: Kind,
        /// Their ids.
        ids: Vec<i32>,
        /// A cgroup below the manager's; empty is the manager's own.
        below: Vec<u8>,
    },
}

impl Step {
    /// The hierarchy that it works in.
    pub fn hierarchy(&self) -> Option<usize> {
        match self {
            Step::Create { hierarchy }
            | Step::Enable { hierarchy }
            | Step::SettleType { hierarchy, .. }
            | Step::CreateBelow { hierarchy, .. }
            | Step::Delegate { hierarchy, .. }
            | Step::InheritCpuset { hierarchy, .. }
            | Step::CheckMemory { hierarchy, .. }
            | Step::Attach { hierarchy, .. } => Some(*hierarchy),
            Step::Write(write) => Some(write.hierarchy),
            Step::Start { .. } | Step::SetProperties { .. } | Step::Freeze | Step::Thaw => None,
        }
    }
}

/// Steps in order, and what could not be turned into one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// In the order in which they are carried out.
    pub steps: Vec<Step>,
    /// What was asked for and has no effect here, each with the reason.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Adds a write.
    pub fn write(&mut self, write: Write) {
        self.steps.push(Step::Write(write));
    }

    /// Adds a warning.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// The writes alone.
    pub fn writes(&self) -> impl Iterator<Item = &Write> {
        self.steps.iter().filter_map(|step| match step {
            Step::Write(write) => Some(write),
            _ => None,
        })
    }

    /// The plan as JSON: `{"steps":[{"op":…}],"warnings":[…]}`.
    pub fn to_json(&self, host: &Host) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(|step| step_json(step, host)).collect();
        json!({ "steps": steps, "warnings": self.warnings })
    }

    /// One line a step, fields separated by tabs: operation, controller, file, value.
    pub fn to_text(&self, host: &Host) -> String {
        let mut out = String::new();
        for step in &self.steps {
            let [operation, controller, file, value] = step_text(step, host);
            out.extend([&operation, "\t", &controller, "\t", &file, "\t", &value, "\n"]);
        }
        out
    }
}

fn step_text(step: &Step, host: &Host) -> [String; 4] {
    let at = |hierarchy: &usize| label(host, *hierarchy);
    let row = |operation: &str, controller: String, file: &str, value: String| {
        [operation.to_owned(), controller, file.to_owned(), value]
    };
    match step {
        Step::Create { hierarchy } => row("create", at(hierarchy), "", String::new()),
        Step::Enable { hierarchy } => {
            row("enable", at(hierarchy), "cgroup.subtree_control", String::new())
        }
        Step::SettleType { hierarchy, domain } => {
            let kind = if domain.is_some() { "domain" } else { "any" };
            row("settle", at(hierarchy), "cgroup.type", kind.to_owned())
        }
        Step::CreateBelow { hierarchy, below, threaded } => {
            let below = String::from_utf8_lossy(below);
            row("create", at(hierarchy), &below, if *threaded { "threaded" } else { "" }.to_owned())
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
        // A value of several lines stays on one: it is for people to read.
        Step::Write(w) => {
            row("write", w.controller.to_owned(), &w.file, w.value.replace('\n', "\\n"))
        }
        Step::Attach { hierarchy, kind, ids, below } => {
            let version = host.hierarchies.get(*hierarchy).map_or(Version::V1, |h| h.version);
            let file = kind.file(version);
            let file = match below.as_slice() {
                b"" => file.to_owned(),
                below => format!("{}/{file}", String::from_utf8_lossy(below)),
            };
            let ids: Vec<String> = ids.iter().map(i32::to_string).collect();
            row("attach", at(hierarchy), &file, ids.join(" "))
        }
    }
}

fn systemd() -> String {
    "systemd".to_owned()
}

/// `NAME=VALUE` with the values as GVariant text.
fn listed(properties: &[Property]) -> String {
    let properties: Vec<String> = properties.iter().map(Property::to_string).collect();
    properties.join(" ")
}

fn label(host: &Host, hierarchy: usize) -> String {
    match host.hierarchies.get(hierarchy) {
        Some(h) if h.version == Version::V1 => h.controllers.join(","),
        _ => "cgroup2".to_owned(),
    }
}

/// The files of the cgroup itself that are filled; those of ancestors always are.
fn inherited(cpus: bool, mems: bool) -> Vec<&'static str> {
    [(cpus, "cpuset.cpus"), (mems, "cpuset.mems")]
        .into_iter()
        .filter_map(|(fill, file)| fill.then_some(file))
        .collect()
}

/// As [`step_text`], by name; a write and a check have more to tell.
fn step_json(step: &Step, host: &Host) -> Value {
    let [operation, controller, file, value] = step_text(step, host);
    let mut out = match step {
        Step::Write(write) => write_json(write, host),
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

fn pairs(properties: &[Property]) -> Vec<Value> {
    properties.iter().map(|p| json!([p.name, p.value.to_string()])).collect()
}

fn write_json(write: &Write, host: &Host) -> Value {
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
