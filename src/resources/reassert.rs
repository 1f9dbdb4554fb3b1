// SPDX-License-Identifier: Apache-2.0

//! Values to write again after a change of a unit.
//!
//! When any property of a unit changes, systemd writes every attribute that it manages with its own
//! value. It has no property for some of these values, so they are written again after each change.

use std::collections::HashMap;

use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxResources, LinuxWeightDevice};

use super::attribute::{self, Field};
use super::bandwidth::{Bandwidth, DEFAULT_PERIOD};
use super::oci::unified;
use super::property_builder::PropertyContext;
use crate::placement::Placement;

/// Returns the resources of `known` that a change of the unit resets and that `r` does not set.
pub fn reassert(
    known: &LinuxResources,
    r: &LinuxResources,
    placement: &Placement,
    context: PropertyContext<'_>,
) -> LinuxResources {
    let mut out = LinuxResources::default();
    if placement.is_unified() {
        out.set_unified(files(known, r));
    }
    out.set_cpu(period(known, r, context.version));
    if context.bfq && !placement.is_unified() {
        out.set_block_io(bfq_weights(known, r));
    }
    out
}

/// Returns the files of the `unified` map that systemd resets.
fn files(known: &LinuxResources, r: &LinuxResources) -> Option<HashMap<String, String>> {
    let mut map: HashMap<String, String> = HashMap::new();
    for file in attribute::reset_by_systemd_on_v2().filter(|file| unified(r, file).is_none()) {
        if let Some(value) = unified(known, file) {
            map.insert(file.to_owned(), value.to_owned());
        }
    }
    // A new weight replaces the old nice value.
    if Field::CpuShares.is_set(r) || unified(r, "cpu.weight").is_some() {
        map.remove("cpu.weight.nice");
    }
    (!map.is_empty()).then_some(map)
}

/// Returns quota and period where systemd writes the default period: a period without a quota, and
/// any period before systemd 242.
fn period(known: &LinuxResources, r: &LinuxResources, version: u32) -> Option<LinuxCpu> {
    let changes =
        Field::CpuQuota.is_set(r) || Field::CpuPeriod.is_set(r) || unified(r, "cpu.max").is_some();
    let was = Bandwidth::known(known).filter(|was| was.period() != DEFAULT_PERIOD)?;
    // Version 0: systemd's version was not queried, because no resource depends on it.
    let has = version == 0 || version >= attribute::since("CPUQuotaPeriodUSec");
    if changes || has && Bandwidth::period_alone(known).is_none() {
        return None;
    }
    let mut again = LinuxCpu::default();
    let limit = Some(was.rounded()).filter(|&quota| quota > 0);
    let no_limit = || known.cpu().as_ref().and_then(LinuxCpu::quota);
    again.set_period(Some(was.period())).set_quota(limit.or_else(no_limit));
    Some(again)
}

/// Returns v1's BFQ weights: systemd scales the default weight and has no weight per device.
fn bfq_weights(known: &LinuxResources, r: &LinuxResources) -> Option<LinuxBlockIo> {
    let io = known.block_io().as_ref()?;
    let new = r.block_io().clone().unwrap_or_default();
    let mut again = LinuxBlockIo::default();
    again.set_weight(io.weight().filter(|_| new.weight().is_none()));
    let mut devices = io.weight_device().clone().unwrap_or_default();
    let id = |d: &LinuxWeightDevice| (d.major(), d.minor());
    devices.retain(|d| !new.weight_device().iter().flatten().any(|new| id(new) == id(d)));
    again.set_weight_device(Some(devices));
    Some(again)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{HostInfo, Sources};
    use crate::resources::parse;

    #[test]
    fn reasserts_bfq_weights_on_v1_that_the_call_does_not_set() {
        let mountinfo = b"30 20 0:30 / /sys/fs/cgroup/blkio rw - cgroup none rw,blkio\n";
        let host =
            HostInfo::parse(Sources { mountinfo, cgroup: b"1:blkio:/\n", ..Sources::default() });
        let host = host.unwrap();
        let placement = &crate::placement::for_tests(host);
        let read = |json: &str| parse::resources(json.as_bytes()).unwrap();
        let known = read(
            r#"{"blockIO":{"weight":200,"weightDevice":[{"major":7,"minor":0,"weight":300},
            {"major":7,"minor":1,"weight":400}]}}"#,
        );
        let context = PropertyContext { version: 252, known: &known, bfq: true };
        let new = read(r#"{"blockIO":{"weightDevice":[{"major":7,"minor":0,"weight":77}]}}"#);
        let wanted = read(
            r#"{"blockIO":{"weight":200,"weightDevice":[{"major":7,"minor":1,"weight":400}]}}"#,
        );
        assert_eq!(reassert(&known, &new, placement, context), wanted);
        let context = PropertyContext { bfq: false, ..context };
        assert_eq!(reassert(&known, &new, placement, context), LinuxResources::default());
    }
}
