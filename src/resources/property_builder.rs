// SPDX-License-Identifier: Apache-2.0

//! Collects the properties of a systemd unit.

use std::borrow::Cow;

use oci_spec::runtime::LinuxResources;

use crate::host::Version;
use crate::placement::Placement;
use crate::systemd::{Property, Value};

/// systemd's value for "no limit", and for "not set" in weights.
pub(super) const INFINITY: u64 = u64::MAX;

/// Facts that properties depend on, besides the resources and the placement.
#[derive(Clone, Copy, Debug)]
pub struct PropertyContext<'a> {
    /// systemd's version.
    pub version: u32,
    /// The resources set before this call. Some properties need a value that the call omits.
    pub known: &'a LinuxResources,
    /// Whether the I/O scheduler BFQ provides the weight files.
    pub bfq: bool,
}

/// Properties, in the order in which they are sent to systemd, and warnings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties {
    /// Each name occurs once, except `DeviceAllow`, which is cleared and then extended.
    pub list: Vec<Property>,
    /// Resources that this systemd has no property for and that are written to files alone.
    pub warnings: Vec<String>,
}

/// Adds properties to a list.
pub(super) struct PropertyBuilder<'a> {
    pub(super) placement: &'a Placement,
    pub(super) context: PropertyContext<'a>,
    pub(super) out: Properties,
}

impl<'a> PropertyBuilder<'a> {
    pub(super) fn new(placement: &'a Placement, context: PropertyContext<'a>) -> Self {
        PropertyBuilder { placement, context, out: Properties::default() }
    }

    /// Returns whether the v1 or the v2 properties of a controller apply. None on a hybrid host
    /// whose v1 lacks the controller: there systemd does not manage cgroup2's controllers.
    pub(super) fn side(&self, v1_name: &str) -> Option<Version> {
        match self.placement.is_unified() {
            true => Some(Version::V2),
            false => self.placement.is_v1(v1_name).then_some(Version::V1),
        }
    }

    /// Adds a property and removes an earlier one of the same name.
    pub(super) fn set(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        let name = name.into();
        self.out.list.retain(|p| p.name != name);
        self.out.list.push(Property { name, value });
    }

    /// Adds a property of D-Bus type `t`.
    pub(super) fn number(&mut self, name: &'static str, value: u64) {
        self.set(name, Value::U64(value));
    }

    /// Adds a warning.
    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.out.warnings.push(text.into());
    }

    /// Returns whether systemd has a property. Adds a warning when systemd is too old.
    pub(super) fn since(&mut self, version: u32, property: &str, file: &str) -> bool {
        let has = self.context.version >= version;
        if !has {
            self.out.warnings.push(format!(
                "systemd {} has no {property} (since {version}); {file} is set in its file alone, \
                 and a daemon-reload can change it",
                self.context.version
            ));
        }
        has
    }
}
