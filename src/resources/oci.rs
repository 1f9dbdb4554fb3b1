// SPDX-License-Identifier: Apache-2.0

//! Reading fields of OCI resources.
//!
//! OCI: runtime-spec config-linux.md "Control groups". In most numeric fields 0 means "unset".

use oci_spec::runtime::{LinuxCpu, LinuxResources};

/// Returns the value of a field in which 0 means "unset".
pub(super) fn set<T: Default + PartialEq>(value: Option<T>) -> Option<T> {
    value.filter(|v| *v != T::default())
}

/// Returns a value of the `unified` map.
pub(super) fn unified<'r>(r: &'r LinuxResources, file: &str) -> Option<&'r str> {
    r.unified().as_ref()?.get(file).map(|value| value.trim())
}

/// Returns whether the resources make the cgroup idle. The `unified` map wins over `cpu.idle`,
/// because the map is written last.
pub(super) fn is_idle(r: &LinuxResources) -> bool {
    let by_field = || r.cpu().as_ref().and_then(LinuxCpu::idle) == Some(1);
    unified(r, "cpu.idle").map_or_else(by_field, |idle| idle == "1")
}
