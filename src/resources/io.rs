// SPDX-License-Identifier: Apache-2.0

//! Block I/O weights and throttles.
//!
//! The kernel version and the I/O scheduler decide which weight file exists, so each weight write
//! has an alternative: v1 `blkio.weight` (CFQ, before Linux 5.0), else `blkio.bfq.weight`; v2
//! `io.bfq.weight` with the OCI value, else `io.weight` with the value scaled to 1..10000.
//! Kernel: admin-guide/cgroup-v1/blkio-controller.rst, block/bfq-iosched.rst,
//! admin-guide/cgroup-v2.rst "IO". systemd: systemd.resource-control(5) "IOWeight=",
//! "IODeviceWeight=".

use oci_spec::runtime::{LinuxBlockIo, LinuxResources, LinuxThrottleDevice, LinuxWeightDevice};

use super::property_builder::PropertyBuilder;
use crate::error::{fail, Code, Result};
use crate::host::Version;
use crate::placement::Placement;
use crate::plan::{Plan, Write};
use crate::systemd::Value;

/// The smallest weight of OCI and of CFQ. BFQ also has 1 to 9.
const SMALLEST: u16 = 10;

/// Adds the writes of the block I/O section.
pub(super) fn plan(r: &LinuxResources, placement: &Placement, out: &mut Plan) -> Result<()> {
    let Some(io) = r.block_io() else {
        return Ok(());
    };
    for device in io.weight_device().iter().flatten() {
        check(device.major(), device.minor())?;
    }
    if placement.is_v2("blkio", "io") {
        v2(io, placement, out)
    } else {
        v1(io, placement, out)
    }
}

/// Returns OCI's four throttle lists, each with its v1 file and its key in v2's `io.max`.
fn throttles(
    io: &LinuxBlockIo,
) -> [(&Option<Vec<LinuxThrottleDevice>>, &'static str, &'static str); 4] {
    [
        (io.throttle_read_bps_device(), "blkio.throttle.read_bps_device", "rbps"),
        (io.throttle_write_bps_device(), "blkio.throttle.write_bps_device", "wbps"),
        (io.throttle_read_iops_device(), "blkio.throttle.read_iops_device", "riops"),
        (io.throttle_write_iops_device(), "blkio.throttle.write_iops_device", "wiops"),
    ]
}

fn v1(io: &LinuxBlockIo, placement: &Placement, out: &mut Plan) -> Result<()> {
    if let Some(weight) = io.weight().filter(|&w| w != 0) {
        let bfq = Write::limit(placement, "blkio", "blkio.bfq.weight", weight)?;
        out.write(Write::limit(placement, "blkio", "blkio.weight", weight)?.or(bfq));
    }
    if let Some(weight) = io.leaf_weight().filter(|&w| w != 0) {
        out.write(Write::limit(placement, "blkio", "blkio.leaf_weight", weight)?);
    }
    for device in io.weight_device().iter().flatten() {
        if let Some(weight) = device.weight().filter(|&w| w != 0) {
            let value = device_weight(device, weight);
            let bfq = Write::limit(placement, "blkio", "blkio.bfq.weight_device", &value)?;
            out.write(Write::limit(placement, "blkio", "blkio.weight_device", &value)?.or(bfq));
        }
        if let Some(weight) = device.leaf_weight().filter(|&w| w != 0) {
            let value = device_weight(device, weight);
            out.write(Write::limit(placement, "blkio", "blkio.leaf_weight_device", value)?);
        }
    }
    for (list, file, _) in throttles(io) {
        for device in list.iter().flatten() {
            check(device.major(), device.minor())?;
            let value = format!("{}:{} {}", device.major(), device.minor(), device.rate());
            out.write(Write::limit(placement, "blkio", file, value)?);
        }
    }
    Ok(())
}

fn v2(io: &LinuxBlockIo, placement: &Placement, out: &mut Plan) -> Result<()> {
    if io.leaf_weight().is_some_and(|w| w != 0) {
        out.warn("leafWeight has no file on cgroup v2; not applied");
    }
    if let Some(weight) = io.weight().filter(|&w| w != 0) {
        let bfq = Write::limit(placement, "io", "io.bfq.weight", weight)?;
        let plain = Write::limit(placement, "io", "io.weight", weight_from_blkio(weight))?;
        // The conversion to io.weight begins at 10. BFQ's own scale begins at 1.
        out.write(if weight < SMALLEST { bfq } else { bfq.or(plain) });
    }
    for device in io.weight_device().iter().flatten() {
        if device.leaf_weight().is_some_and(|w| w != 0) {
            out.warn("a device's leafWeight has no file on cgroup v2; not applied");
        }
        if let Some(weight) = device.weight().filter(|&w| w != 0) {
            // Only BFQ has weights per device. runc ignores the missing file without a warning.
            let value = device_weight(device, weight);
            out.write(Write::limit(placement, "io", "io.bfq.weight", value)?.or_warn());
        }
    }
    for (list, _, key) in throttles(io) {
        for device in list.iter().flatten() {
            check(device.major(), device.minor())?;
            // 0 removes the limit on v1. v2 refuses 0 and removes the limit with "max".
            let rate = match device.rate() {
                0 => "max".to_owned(),
                rate => rate.to_string(),
            };
            let value = format!("{}:{} {key}={rate}", device.major(), device.minor());
            out.write(Write::limit(placement, "io", "io.max", value)?);
        }
    }
    Ok(())
}

/// Adds the weight properties, including those of devices: when systemd writes a weight it resets
/// the BFQ weight of every device. Throttles need no property: systemd writes a throttle only if a
/// property sets one.
pub(super) fn properties(r: &LinuxResources, out: &mut PropertyBuilder<'_>) {
    let (Some(io), Some(version)) = (r.block_io(), out.side("blkio")) else { return };
    let bfq = out.context.bfq;
    let scaled = |weight: u16| match version {
        Version::V1 => weight.into(),
        Version::V2 if bfq => io_weight_from_bfq(weight.into()),
        Version::V2 => weight_from_blkio(weight),
    };
    let (all, each) = match version {
        Version::V1 => ("BlockIOWeight", "BlockIODeviceWeight"),
        Version::V2 => ("IOWeight", "IODeviceWeight"),
    };
    // BlockIOWeight begins at 10 (CFQ's range). IOWeight begins at 1.
    let has = |weight: &u16| *weight != 0 && (version == Version::V2 || *weight >= SMALLEST);
    let weight = io.weight().filter(has);
    if let Some(weight) = weight {
        out.number(all, scaled(weight));
    }
    let devices: Vec<Value> = io
        .weight_device()
        .iter()
        .flatten()
        .filter_map(|d| Some((d, d.weight().filter(has)?)))
        .map(|(d, weight)| device_property(&format!("{}:{}", d.major(), d.minor()), scaled(weight)))
        .collect();
    if version == Version::V1 && bfq && (weight.is_some() || !devices.is_empty()) {
        // On v1 systemd scales the BFQ weight and writes no BFQ weight per device.
        out.warn("systemd scales BFQ's weights on v1; a daemon-reload can change the weights");
    }
    if !devices.is_empty() {
        out.set(each, Value::Array("(st)".to_owned(), devices));
    }
}

/// Returns an entry of type `(st)`. systemd parses the numbers from the path, which need not exist.
pub(super) fn device_property(numbers: &str, weight: u64) -> Value {
    Value::Struct(vec![Value::Str(format!("/dev/block/{numbers}")), Value::U64(weight)])
}

/// Returns the `IOWeight` that systemd writes as this `io.bfq.weight`.
///
/// systemd keeps 1 to 100 and divides the part above 100 by 11 (BFQ_WEIGHT in systemd's source).
pub(super) fn io_weight_from_bfq(weight: u64) -> u64 {
    match weight {
        0..=100 => weight,
        _ => 100 + (weight.min(1000) - 100) * 11,
    }
}

/// Returns `MAJOR:MINOR WEIGHT`.
fn device_weight(device: &LinuxWeightDevice, weight: u16) -> String {
    format!("{}:{} {weight}", device.major(), device.minor())
}

/// Refuses wildcards: weights and throttles are for one device each.
fn check(major: i64, minor: i64) -> Result<()> {
    if major < 0 || minor < 0 {
        return fail(
            Code::Value,
            format!("block device {major}:{minor} is not a device; wildcards are not possible"),
        );
    }
    Ok(())
}

/// Converts `blkio.weight` (10 to 1000) to `io.weight` (1 to 10000); 0 (unset) stays 0.
pub fn weight_from_blkio(weight: u16) -> u64 {
    match u64::from(weight) {
        0 => 0,
        weight => 1 + weight.saturating_sub(10) * 9999 / 990,
    }
}
