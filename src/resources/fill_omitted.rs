// SPDX-License-Identifier: Apache-2.0

//! Fills in fields that a call omits but would change all the same.
//!
//! `cpu.max` holds quota and period, and the kernel resets the weight of a cgroup that stops being
//! idle. Such fields are filled in with the current resources, so that an omitted field keeps its
//! value on every layout.

use std::borrow::Cow;

use oci_spec::runtime::{LinuxCpu, LinuxMemory, LinuxResources};

use super::attribute::Field;
use super::bandwidth::Bandwidth;
use super::oci::{is_idle, set, unified};
use super::weight_from_shares;
use crate::placement::Placement;

/// Returns `r` with the omitted fields filled in from `known`, the current resources.
pub fn fill_omitted<'r>(
    r: &'r LinuxResources,
    known: &LinuxResources,
    placement: &Placement,
) -> Cow<'r, LinuxResources> {
    let mut out = Cow::Borrowed(r);
    bandwidth(&mut out, known, placement);
    weight(&mut out, known);
    oom_killer(&mut out, known);
    out
}

/// Fills in quota or period: `cpu.max` takes both in one write. v1 has a file for each.
fn bandwidth(out: &mut Cow<'_, LinuxResources>, known: &LinuxResources, placement: &Placement) {
    let Some(cpu) = out.cpu() else { return };
    if !is_half(cpu) || !placement.is_v2("cpu", "cpu") {
        return;
    }
    let was = Bandwidth::known(known);
    let quota = set(cpu.quota()).or(was.map(Bandwidth::quota));
    let period = set(cpu.period()).or(was.map(Bandwidth::period));
    if let Some(cpu) = out.to_mut().cpu_mut() {
        cpu.set_quota(quota);
        cpu.set_period(period);
    }
}

/// Returns whether the call sets exactly one of quota and period.
pub fn is_half(cpu: &LinuxCpu) -> bool {
    set(cpu.quota()).is_some() != set(cpu.period()).is_some()
}

/// Returns whether the resources have no CPU quota and a period other than the default. No unit
/// property can express that.
pub fn has_period_alone(known: &LinuxResources) -> bool {
    Bandwidth::period_alone(known).is_some()
}

/// Fills in the weight when the call ends idle: the kernel resets the weight to its default.
fn weight(out: &mut Cow<'_, LinuxResources>, known: &LinuxResources) {
    let by_field = out.cpu().as_ref().and_then(LinuxCpu::idle) == Some(0);
    let by_map = unified(out, "cpu.idle") == Some("0");
    let new = unified(out, "cpu.weight").is_some() || Field::CpuShares.is_set(out);
    if !(by_field || by_map) || new || !is_idle(known) {
        return;
    }
    let shares = known.cpu().as_ref().and_then(|cpu| set(cpu.shares()));
    let weight = match (unified(known, "cpu.weight"), shares) {
        (Some(weight), _) => weight.to_owned(),
        (None, Some(shares)) if by_map => weight_from_shares(shares).to_string(),
        (None, Some(shares)) => {
            if let Some(cpu) = out.to_mut().cpu_mut() {
                cpu.set_shares(Some(shares));
            }
            return;
        }
        (None, None) => return,
    };
    let out = out.to_mut();
    let mut map = out.unified().clone().unwrap_or_default();
    map.insert("cpu.weight".to_owned(), weight);
    out.set_unified(Some(map));
}

/// Drops `disableOOMKiller: false` unless the OOM killer is disabled now: in most configurations
/// the `false` is a default that asks for nothing.
fn oom_killer(out: &mut Cow<'_, LinuxResources>, known: &LinuxResources) {
    let disabled =
        |r: &LinuxResources| r.memory().as_ref().and_then(LinuxMemory::disable_oom_killer);
    if disabled(out) == Some(false) && disabled(known) != Some(true) {
        if let Some(memory) = out.to_mut().memory_mut() {
            memory.set_disable_oom_killer(None);
        }
    }
}
