//! What a change leaves out and yet would change: the other half of a knob that takes two values,
//! the weight that the kernel resets. It is filled in with what was set before, so that what a call
//! leaves out stays as it is on every layout.

use std::borrow::Cow;

use oci_spec::runtime::{LinuxCpu, LinuxMemory, LinuxResources};

use super::bandwidth::Bandwidth;
use super::{cpu, Target};

/// `r`, so that it says all that is to be in force after it; `known` was before.
pub fn completed<'r>(
    r: &'r LinuxResources,
    known: &LinuxResources,
    target: Target<'_>,
) -> Cow<'r, LinuxResources> {
    let mut out = Cow::Borrowed(r);
    bandwidth(&mut out, known, target);
    weight(&mut out, known);
    oom_killer(&mut out, known);
    out
}

/// `cpu.max` takes quota and period in one write. v1 has a file for each.
fn bandwidth(out: &mut Cow<'_, LinuxResources>, known: &LinuxResources, target: Target<'_>) {
    let Some(cpu) = out.cpu() else { return };
    if !is_half(cpu) || !target.v2("cpu", "cpu") {
        return;
    }
    let was = Bandwidth::known(known);
    let quota = cpu::set(cpu.quota()).or(was.map(Bandwidth::quota));
    let period = cpu::set(cpu.period()).or(was.map(Bandwidth::period));
    if let Some(cpu) = out.to_mut().cpu_mut() {
        cpu.set_quota(quota);
        cpu.set_period(period);
    }
}

/// One of quota and period.
pub fn is_half(cpu: &LinuxCpu) -> bool {
    cpu::set(cpu.quota()).is_some() != cpu::set(cpu.period()).is_some()
}

/// Whoever is no longer idle has the kernel's default weight.
fn weight(out: &mut Cow<'_, LinuxResources>, known: &LinuxResources) {
    let by_field = out.cpu().as_ref().and_then(LinuxCpu::idle) == Some(0);
    let by_map = cpu::unified(out, "cpu.idle") == Some("0");
    let new = cpu::unified(out, "cpu.weight").is_some()
        || out.cpu().as_ref().is_some_and(|cpu| cpu::set(cpu.shares()).is_some());
    if !(by_field || by_map) || new || !cpu::is_idle(known) {
        return;
    }
    let shares = known.cpu().as_ref().and_then(|cpu| cpu::set(cpu.shares()));
    let weight = match (cpu::unified(known, "cpu.weight"), shares) {
        (Some(weight), _) => weight.to_owned(),
        (None, Some(shares)) if by_map => cpu::weight_from_shares(shares).to_string(),
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

/// Only who had it turned off wants it turned on; a configuration's `false` is mostly a default.
fn oom_killer(out: &mut Cow<'_, LinuxResources>, known: &LinuxResources) {
    let disabled =
        |r: &LinuxResources| r.memory().as_ref().and_then(LinuxMemory::disable_oom_killer);
    if disabled(out) == Some(false) && disabled(known) != Some(true) {
        if let Some(memory) = out.to_mut().memory_mut() {
            memory.set_disable_oom_killer(None);
        }
    }
}
