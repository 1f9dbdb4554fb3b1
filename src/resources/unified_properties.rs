// SPDX-License-Identifier: Apache-2.0

//! Unit properties for keys of the `unified` map.
//!
//! systemd: systemd.resource-control(5). Kernel: admin-guide/cgroup-v2.rst.

use oci_spec::runtime::LinuxResources;

use super::attribute::{self, Form};
use super::bandwidth::{Bandwidth, DEFAULT_PERIOD};
use super::oci::is_idle;
use super::property_builder::{PropertyBuilder, INFINITY};
use super::{cpu, cpuset, io};
use crate::error::{fail, Code, Result};
use crate::sort::sort;
use crate::systemd::Value;

/// Adds the properties, sorted by file name, like the writes. [`oom_policy`] adds the property for
/// `memory.oom.group`.
pub(super) fn properties(r: &LinuxResources, out: &mut PropertyBuilder<'_>) -> Result<()> {
    let Some(map) = r.unified().as_ref().filter(|_| out.placement.is_unified()) else {
        return Ok(());
    };
    let mut keys: Vec<(&str, &str)> = map.iter().map(|(k, v)| (k.as_str(), v.trim())).collect();
    sort(&mut keys);
    let idle = map.get("cpu.idle").map(|v| v.trim() == "1");
    let stays_idle = idle.unwrap_or_else(|| is_idle(out.context.known));
    for (key, value) in keys {
        match key {
            "cpu.idle" if value == "1" => cpu::idle(out),
            "cpu.idle" if !map.contains_key("cpu.weight") => cpu::busy(out),
            "cpu.max" => match Bandwidth::parse(value, period(r, out.context.known)) {
                Some(bandwidth) => bandwidth.properties(out),
                None => return invalid(key, value),
            },
            // The kernel refuses a weight for an idle cgroup; systemd would end idle to set one.
            "cpu.weight" if !stays_idle => out.number("CPUWeight", number(key, value)?),
            "cpuset.cpus" => cpuset::property("cpuset.cpus", value, out)?,
            "cpuset.mems" => cpuset::property("cpuset.mems", value, out)?,
            "io.weight" => {
                if let Some(weight) = default_weight(value) {
                    out.number("IOWeight", weight);
                }
            }
            "io.bfq.weight" => {
                if let Some(weight) = default_weight(value) {
                    out.number("IOWeight", io::io_weight_from_bfq(weight));
                }
            }
            "pids.max" => out.number("TasksMax", number(key, value)?.max(1)),
            _ => {
                // A systemd without the property does not write the file.
                let version = out.context.version;
                let known = attribute::property_of(key, Form::Bytes);
                if let Some((property, _)) = known.filter(|(_, since)| version >= *since) {
                    out.number(property, bytes(key, value)?);
                }
            }
        }
    }
    Ok(())
}

/// Adds `OOMPolicy` for `memory.oom.group`.
///
/// Only the creation of a unit accepts it. Scopes have it since systemd 253; an older systemd
/// resets the file at daemon-reload.
pub(super) fn oom_policy(r: &LinuxResources, out: &mut PropertyBuilder<'_>) {
    let map = r.unified().as_ref().filter(|_| out.placement.is_unified());
    let Some(value) = map.and_then(|map| map.get("memory.oom.group")) else { return };
    let policy = match value.trim() {
        "0" => "continue",
        "1" => "kill",
        _ => return,
    };
    if out.since(attribute::since("OOMPolicy"), "OOMPolicy of scopes", "memory.oom.group") {
        out.set("OOMPolicy", Value::str(policy));
    }
}

/// Warns when `memory.oom.group` changes: an existing unit accepts no new `OOMPolicy`.
pub(super) fn oom_policy_changed(r: &LinuxResources, out: &mut PropertyBuilder<'_>) {
    let group = |r: &LinuxResources| {
        let value = r.unified().as_ref()?.get("memory.oom.group")?;
        Some(value.trim().to_owned())
    };
    let changed =
        out.placement.is_unified() && group(r).is_some_and(|v| group(out.context.known) != Some(v));
    if changed {
        out.warn(
            "systemd takes memory.oom.group only when it creates a scope; it is set in its file \
             alone, and a daemon-reload can change it",
        );
    }
}

/// Rounds `cpu.max` as systemd does, and adds an omitted period; see [`super::rounded`].
pub(super) fn round(r: &mut LinuxResources, known: &LinuxResources) {
    let period = period(r, known);
    if let Some(value) = r.unified_mut().as_mut().and_then(|map| map.get_mut("cpu.max")) {
        if let Some(bandwidth) = Bandwidth::parse(value, period) {
            *value = bandwidth.text();
        }
    }
}

/// Returns the period that stays in force when the map writes `cpu.max` without a period: the
/// period of the call's fields, which are written first, or else the period before the call.
fn period(r: &LinuxResources, known: &LinuxResources) -> u64 {
    let by_field = r.cpu().as_ref().and_then(|cpu| Bandwidth::of(cpu, known));
    by_field.or_else(|| Bandwidth::known(known)).map_or(DEFAULT_PERIOD, Bandwidth::period)
}

fn number(key: &str, value: &str) -> Result<u64> {
    match value {
        "max" => Ok(INFINITY),
        value => value.parse().or_else(|_| invalid(key, value)),
    }
}

/// Parses a size as the kernel does (memparse): decimal, with a binary suffix.
fn bytes(key: &str, value: &str) -> Result<u64> {
    let Some(last) = value.chars().last().filter(char::is_ascii_alphabetic) else {
        return number(key, value);
    };
    if value == "max" {
        return Ok(INFINITY);
    }
    let shift = match last.to_ascii_lowercase() {
        'k' => 10,
        'm' => 20,
        'g' => 30,
        't' => 40,
        'p' => 50,
        'e' => 60,
        _ => return invalid(key, value),
    };
    let digits = value.strip_suffix(last).unwrap_or_default();
    let scaled = digits.parse().ok().and_then(|n: u64| n.checked_mul(1 << shift));
    scaled.map_or_else(|| invalid(key, value), Ok)
}

/// Returns the weight for all devices. A line for one device has no property.
fn default_weight(value: &str) -> Option<u64> {
    let weight = |line: &str| line.strip_prefix("default").unwrap_or(line).trim().parse().ok();
    value.lines().filter_map(weight).next_back()
}

fn invalid<T>(key: &str, value: &str) -> Result<T> {
    fail(Code::Value, format!("unified resource {key:?} has an invalid value: {value:?}"))
}
