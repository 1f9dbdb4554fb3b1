// SPDX-License-Identifier: Apache-2.0
//! Writes a state as OCI rules.

use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};

use super::{Access, Kind, Mode, Number, State};

/// Returns OCI rules whose result is the state. The first rule is of type `a`, the default.
pub fn to_oci(state: &State) -> Vec<LinuxDeviceCgroup> {
    let number = |number| match number {
        Number::Any => None,
        Number::Is(n) => Some(i64::from(n)),
    };
    let rule = |allow: bool, kind, major, minor, access: Access| {
        let mut out = LinuxDeviceCgroup::default();
        out.set_allow(allow).set_typ(Some(kind)).set_major(major).set_minor(minor);
        out.set_access(Some(access.to_string()));
        out
    };
    let allow = state.mode() == Mode::Allow;
    let mut out = vec![rule(allow, LinuxDeviceType::A, None, None, Access::ALL)];
    for (devices, access) in state.exceptions() {
        let kind = match devices.kind {
            Kind::Block => LinuxDeviceType::B,
            Kind::Char => LinuxDeviceType::C,
        };
        let (major, minor) = (number(devices.major), number(devices.minor));
        out.push(rule(!allow, kind, major, minor, access));
    }
    out
}
