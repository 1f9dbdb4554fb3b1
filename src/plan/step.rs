// SPDX-License-Identifier: Apache-2.0

//! The steps of a plan.

use super::task::TaskKind;
use super::write::Write;
use crate::devices::{Rule, State};
use crate::host::HierarchyId;
use crate::systemd::Property;

/// One step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// Create the manager's cgroup in this hierarchy, and its missing ancestors.
    Create {
        /// The hierarchy.
        hierarchy: HierarchyId,
    },
    /// v2: enable controllers in the cgroup's ancestors.
    Enable {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// Controllers of limits.
        needed: Vec<String>,
        /// Enable the needed controllers only, instead of all that the mount has.
        only_needed: bool,
    },
    /// v2: bring a cgroup below a threaded one into a type that takes processes.
    SettleType {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// A controller that has limits and does not work in threaded cgroups, if there is one.
        domain: Option<&'static str>,
    },
    /// Create a cgroup below the manager's.
    CreateSubcgroup {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// Its path from the manager's cgroup.
        subcgroup: Vec<u8>,
        /// v2: make it a threaded cgroup.
        threaded: bool,
    },
    /// Give the manager's cgroup to a user.
    Delegate {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// v1: fill empty cpuset files with the value of the nearest non-empty ancestor. A cpuset
    /// without CPUs or memory nodes takes no process.
    InheritCpuset {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// Fill the cgroup's own CPUs; false when a later step writes them.
        cpus: bool,
        /// Fill the cgroup's own memory nodes; false when a later step writes them.
        mems: bool,
    },
    /// v2: refuse limits at or below the current usage, before anything is written.
    CheckMemory {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// The memory limit in bytes, when one is set.
        limit: Option<u64>,
        /// The memory + swap limit in bytes, when one is set.
        swap: Option<u64>,
    },
    /// Have systemd start a transient unit with its processes.
    Start {
        /// The unit's name.
        unit: String,
        /// The unit's properties without its limits.
        properties: Vec<Property>,
        /// The unit's limits.
        resources: Vec<Property>,
    },
    /// Have systemd change a unit.
    SetProperties {
        /// The unit's name.
        unit: String,
        /// Set in one call: systemd takes all of them or none.
        properties: Vec<Property>,
    },
    /// v1: freeze the cgroup while systemd replaces device rules, because systemd first denies all
    /// devices. A cgroup that is frozen already stays frozen.
    Freeze,
    /// Ends [`Step::Freeze`].
    Thaw,
    /// v2: create the cgroup of a scope and enforce device rules in it, before systemd starts the
    /// scope with its process.
    PrepareDevices {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// What the rules come to.
        state: State,
    },
    /// Look whether systemd enforces the device rules that it was told. Detach this library's own
    /// program then.
    AwaitDevices {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// What the rules come to.
        state: State,
    },
    /// Enforce device rules: by the v1 devices controller, or by a program of cgroup v2. In a unit
    /// the program is beside systemd's, which allows all.
    Devices {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// The default and the exceptions that the rules amount to.
        state: State,
    },
    /// Allow or deny devices, on top of the rules in force.
    ChangeDevice {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// The rule.
        rule: Rule,
    },
    /// Write an interface file.
    Write(Write),
    /// Move processes or threads into the cgroup.
    Attach {
        /// The hierarchy.
        hierarchy: HierarchyId,
        /// Processes or threads.
        kind: TaskKind,
        /// The ids of the tasks.
        ids: Vec<i32>,
        /// A cgroup below the manager's; empty for the manager's own.
        subcgroup: Vec<u8>,
    },
    /// Have a user's systemd move processes into a unit. systemd may move processes that the user
    /// may not.
    AttachUnit {
        /// The unit's name.
        unit: String,
        /// Process ids.
        ids: Vec<i32>,
        /// A cgroup below the unit's; empty for the unit's own.
        subcgroup: Vec<u8>,
    },
}

impl Step {
    /// Returns the hierarchy that the step works in; None for a step that systemd carries out, and
    /// for freezing and thawing.
    pub fn hierarchy(&self) -> Option<HierarchyId> {
        match self {
            Step::Create { hierarchy }
            | Step::Enable { hierarchy, .. }
            | Step::SettleType { hierarchy, .. }
            | Step::CreateSubcgroup { hierarchy, .. }
            | Step::Delegate { hierarchy, .. }
            | Step::InheritCpuset { hierarchy, .. }
            | Step::CheckMemory { hierarchy, .. }
            | Step::PrepareDevices { hierarchy, .. }
            | Step::AwaitDevices { hierarchy, .. }
            | Step::Devices { hierarchy, .. }
            | Step::ChangeDevice { hierarchy, .. }
            | Step::Attach { hierarchy, .. } => Some(*hierarchy),
            Step::Write(write) => Some(write.hierarchy),
            Step::Start { .. }
            | Step::SetProperties { .. }
            | Step::AttachUnit { .. }
            | Step::Freeze
            | Step::Thaw => None,
        }
    }

    /// Whether the step sets a limit, which another call may set at the same time.
    pub fn is_limit(&self) -> bool {
        matches!(
            self,
            Step::Write(_)
                | Step::Devices { .. }
                | Step::ChangeDevice { .. }
                | Step::AwaitDevices { .. }
        )
    }

    /// Whether the step only looks at the cgroup. Such steps come first in a plan.
    pub fn is_check(&self) -> bool {
        matches!(self, Step::CheckMemory { .. })
    }
}

/// Returns the writes among steps.
pub fn writes(steps: &[Step]) -> impl Iterator<Item = &Write> {
    steps.iter().filter_map(|step| match step {
        Step::Write(write) => Some(write),
        _ => None,
    })
}

/// Steps in order, and warnings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The steps, in the order in which a transaction carries them out.
    pub steps: Vec<Step>,
    /// Settings that have no effect on this host, each with the reason.
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

    /// Returns the writes.
    pub fn writes(&self) -> impl Iterator<Item = &Write> {
        writes(&self.steps)
    }
}
