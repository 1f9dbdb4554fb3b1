//! OCI resources to properties of a systemd unit. Pure, as the files' side is.
//!
//! systemd writes its own idea of every attribute that it knows again and again (at
//! daemon-reload, when a neighbour starts), so what it knows it is told; the files are written
//! after that, for what it does not.

use std::borrow::Cow;

use oci_spec::runtime::LinuxResources;

use super::unified_properties as unified;
use super::{cpu, cpuset, io, memory, pids, Target};
use crate::error::Result;
use crate::host::Version;
use crate::systemd::{Property, Value};

/// systemd's "no limit", and "not set" of weights.
pub(super) const INFINITY: u64 = u64::MAX;

/// What properties depend on besides the resources and the place.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// systemd's version.
    pub version: u32,
    /// What was set before: a property can need a value that a call leaves as it is.
    pub known: &'a LinuxResources,
    /// The I/O scheduler BFQ has the weight files.
    pub bfq: bool,
}

/// Properties in the order in which systemd gets them, and what this version of it lacks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties {
    /// A name is there once (the last value), but for `DeviceAllow`, which clears and then adds.
    pub list: Vec<Property>,
    /// What is in force in the files alone.
    pub warnings: Vec<String>,
}

/// Properties on their way.
pub(super) struct Draft<'a> {
    pub(super) target: Target<'a>,
    pub(super) facts: Facts<'a>,
    pub(super) out: Properties,
}

impl Draft<'_> {
    /// Which side's properties a controller has here. None on a hybrid host whose v1 lacks it:
    /// there systemd has no hand in cgroup2's controllers.
    pub(super) fn side(&self, v1_name: &str) -> Option<Version> {
        let host = self.target.host;
        match host.is_unified() {
            true => Some(Version::V2),
            false => host.find(v1_name).map(|_| Version::V1),
        }
    }

    /// A property; an earlier one of the name is replaced.
    pub(super) fn set(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        let name = name.into();
        self.out.list.retain(|p| p.name != name);
        self.out.list.push(Property { name, value });
    }

    /// A property of type `t`.
    pub(super) fn number(&mut self, name: &'static str, value: u64) {
        self.set(name, Value::U64(value));
    }

    /// Says what is not as it was asked for.
    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.out.warnings.push(text.into());
    }

    /// Whether systemd has a property; a warning when it is too old.
    pub(super) fn since(&mut self, version: u32, property: &str, file: &str) -> bool {
        let has = self.facts.version >= version;
        if !has {
            self.out.warnings.push(format!(
                "systemd {} has no {property} (since {version}); {file} is set in its file alone, \
                 and a daemon-reload can change it",
                self.facts.version
            ));
        }
        has
    }
}

/// The properties that say what these resources say.
pub fn properties(r: &LinuxResources, target: Target<'_>, facts: Facts<'_>) -> Result<Properties> {
    let mut draft = Draft { target, facts, out: Properties::default() };
    memory::properties(r, &mut draft)?;
    cpu::properties(r, &mut draft);
    io::properties(r, &mut draft);
    pids::properties(r, &mut draft);
    cpuset::properties(r, &mut draft)?;
    unified::properties(r, &mut draft)?;
    Ok(draft.out)
}

/// Those that a unit can only be made with.
pub fn at_creation(r: &LinuxResources, target: Target<'_>, facts: Facts<'_>) -> Properties {
    let mut draft = Draft { target, facts, out: Properties::default() };
    unified::oom_policy(r, &mut draft);
    draft.out
}

/// Warnings of what a unit that is there cannot be told any more.
pub fn too_late(r: &LinuxResources, target: Target<'_>, facts: Facts<'_>) -> Vec<String> {
    let mut draft = Draft { target, facts, out: Properties::default() };
    unified::oom_policy_changed(r, &mut draft);
    draft.out.warnings
}

/// The value of a property that was never set.
pub fn unset(name: &str) -> Option<Value> {
    Some(match name {
        "CPUWeight" | "CPUShares" | "IOWeight" | "BlockIOWeight" | "CPUQuotaPerSecUSec"
        | "CPUQuotaPeriodUSec" | "MemoryMax" | "MemoryHigh" | "MemorySwapMax"
        | "MemoryZSwapMax" | "MemoryLimit" | "TasksMax" => Value::U64(INFINITY),
        "MemoryLow" | "MemoryMin" => Value::U64(0),
        "AllowedCPUs" | "AllowedMemoryNodes" => Value::bytes(&[]),
        "IODeviceWeight" | "BlockIODeviceWeight" => Value::Array("(st)".to_owned(), Vec::new()),
        _ => return None,
    })
}

/// The resources as the files get them beside a unit: systemd counts CPU quota in whole percent,
/// so it is rounded up, and both must say the same.
pub fn rounded(r: &LinuxResources, target: Target<'_>, facts: Facts<'_>) -> LinuxResources {
    let mut out = r.clone();
    cpu::round(&mut out, target, facts);
    unified::round(&mut out, facts.known);
    out
}
