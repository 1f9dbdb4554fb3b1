//! What is going to be done, as data: an ordered list of steps.
//!
//! A plan is made by pure functions from resources, host and path, and carried out by
//! [`crate::manager`]'s executor. It is what a dry run prints and what golden tests compare.

mod show;

use std::borrow::Cow;

use crate::host::Version;
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
        /// Those that limits need.
        needed: Vec<String>,
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
            | Step::Enable { hierarchy, .. }
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
}
