//! CPU weight, bandwidth, burst, idle and realtime.
//!
//! Kernel: admin-guide/cgroup-v2.rst "CPU", scheduler/sched-bwc.rst, scheduler/sched-rt-group.rst.

use oci_spec::runtime::{LinuxCpu, LinuxResources};

use super::bandwidth::Bandwidth;
use super::properties::{Draft, Facts, INFINITY};
use super::Target;
use crate::error::{fail, Code, Result};
use crate::host::Version;
use crate::plan::{Plan, Write};

/// The kernel's default period in microseconds.
pub(super) const DEFAULT_PERIOD: u64 = 100_000;

pub(super) fn plan(r: &LinuxResources, target: Target<'_>, out: &mut Plan) -> Result<()> {
    let Some(cpu) = r.cpu() else { return Ok(()) };
    if cpu.idle().is_some_and(|idle| !(0..=1).contains(&idle)) {
        return fail(Code::Value, "cpu.idle must be 0 or 1");
    }
    if target.v2("cpu", "cpu") {
        v2(cpu, target, out)
    } else {
        v1(cpu, target, out)?;
        plan_realtime(r, target, out)
    }
}

/// Sharing and being idle exclude each other: the kernel refuses a weight for an idle cgroup
/// (EINVAL), and resets the weight when idle is cleared. So idle goes first, and a weight
/// beside `idle: 1` is not written.
fn weight_has_effect(cpu: &LinuxCpu, file: &str, out: &mut Plan) -> bool {
    let idle = cpu.idle() == Some(1);
    if idle {
        out.warn(format!("cpu shares have no effect with cpu.idle 1; {file} is not written"));
    }
    !idle
}

fn v1(cpu: &LinuxCpu, target: Target<'_>, out: &mut Plan) -> Result<()> {
    let quota_set = set(cpu.quota()).is_some();
    if let Some(idle) = cpu.idle() {
        out.write(target.write("cpu", "cpu.idle", idle)?);
    }
    if let Some(shares) = set(cpu.shares()) {
        if weight_has_effect(cpu, "cpu.shares", out) {
            // The kernel clamps to 2..262144 without a word.
            out.write(target.write("cpu", "cpu.shares", shares)?.exact());
        }
    }
    // A period below the current one is refused while the old quota over the new period
    // exceeds the parent's share; and a burst above the old quota. Both pass after the quota.
    if let Some(period) = set(cpu.period()) {
        let write = target.write("cpu", "cpu.cfs_period_us", period)?;
        out.write(write.retry_after("cpu.cfs_quota_us", quota_set));
    }
    if let Some(burst) = cpu.burst() {
        let write = target.write("cpu", "cpu.cfs_burst_us", burst)?;
        out.write(burst_write(write, burst).retry_after("cpu.cfs_quota_us", quota_set));
    }
    if let Some(quota) = set(cpu.quota()) {
        // v1 knows one spelling of "no limit".
        out.write(target.write("cpu", "cpu.cfs_quota_us", quota.max(-1))?);
    }
    Ok(())
}

fn v2(cpu: &LinuxCpu, target: Target<'_>, out: &mut Plan) -> Result<()> {
    if cpu.realtime_runtime().is_some_and(|v| v != 0) || set(cpu.realtime_period()).is_some() {
        out.warn("realtime runtime and period have no files on cgroup v2; not applied");
    }
    if let Some(idle) = cpu.idle() {
        out.write(target.write("cpu", "cpu.idle", idle)?);
    }
    if let Some(shares) = set(cpu.shares()) {
        if weight_has_effect(cpu, "cpu.weight", out) {
            out.write(target.write("cpu", "cpu.weight", weight_from_shares(shares))?);
        }
    }
    let (quota, period) = (set(cpu.quota()), set(cpu.period()));
    if let Some(burst) = cpu.burst() {
        let write = target.write("cpu", "cpu.max.burst", burst)?;
        out.write(burst_write(write, burst).retry_after("cpu.max", quota.is_some()));
    }
    if quota.is_some() || period.is_some() {
        let period = period.unwrap_or(DEFAULT_PERIOD);
        let value = match quota {
            Some(quota) if quota > 0 => format!("{quota} {period}"),
            _ => format!("max {period}"),
        };
        out.write(target.write("cpu", "cpu.max", value)?);
    }
    Ok(())
}

pub(super) fn properties(r: &LinuxResources, out: &mut Draft<'_>) {
    let Some(cpu) = r.cpu() else { return };
    let Some(version) = out.side("cpu") else { return };
    let shares = set(cpu.shares());
    match version {
        Version::V1 => {
            if let Some(shares) = shares.filter(|_| cpu.idle() != Some(1)) {
                out.number("CPUShares", shares);
            }
        }
        Version::V2 => match (cpu.idle(), shares) {
            (Some(1), _) => idle(out),
            // The kernel refuses a weight while it is idle, and systemd would end that for it.
            (None, Some(_)) if is_idle(out.facts.known) => {}
            (_, Some(shares)) => out.number("CPUWeight", weight_from_shares(shares)),
            (Some(0), None) => busy(out),
            _ => {}
        },
    }
    if let Some(bandwidth) = Bandwidth::of(cpu, out.facts.known) {
        bandwidth.properties(out);
    }
}

/// A weight of 0 is systemd's word for idle.
pub(super) fn idle(out: &mut Draft<'_>) {
    if out.since(252, "CPUWeight=idle", "cpu.idle") {
        out.number("CPUWeight", 0);
    }
}

/// No longer idle, and no weight was ever set: systemd's word for that.
pub(super) fn busy(out: &mut Draft<'_>) {
    if is_idle(out.facts.known) && out.facts.version >= 252 {
        out.number("CPUWeight", INFINITY);
    }
}

/// By either of the two ways to say so; the map has the last word.
pub(super) fn is_idle(known: &LinuxResources) -> bool {
    let by_field = || known.cpu().as_ref().and_then(LinuxCpu::idle) == Some(1);
    unified(known, "cpu.idle").map_or_else(by_field, |idle| idle == "1")
}

/// A value of the `unified` map.
pub(super) fn unified<'r>(r: &'r LinuxResources, file: &str) -> Option<&'r str> {
    r.unified().as_ref()?.get(file).map(|value| value.trim())
}

/// See [`super::properties::rounded`].
pub(super) fn round(r: &mut LinuxResources, target: Target<'_>, facts: Facts<'_>) {
    let v1 = !target.v2("cpu", "cpu");
    let Some(cpu) = r.cpu_mut() else { return };
    let Some(bandwidth) = Bandwidth::of(cpu, facts.known) else { return };
    let limited = bandwidth.rounded() > 0;
    // Before 242 systemd writes the default period, with a quota for that.
    let both = v1 && facts.version < 242 && bandwidth.period() != DEFAULT_PERIOD;
    if both {
        cpu.set_period(Some(bandwidth.period()));
    }
    if limited && (both || cpu.quota().is_some_and(|v| v > 0)) {
        cpu.set_quota(Some(bandwidth.rounded()));
    }
}

/// A kernel without the knob (before 5.14) has no burst: only asking for one is an error.
fn burst_write(write: Write, burst: u64) -> Write {
    if burst == 0 {
        write.or_skip()
    } else {
        write
    }
}

/// Realtime bandwidth: v1 only. Period and runtime are checked against each other, and the
/// runtime against the parent's: the period first, again after the runtime on EINVAL.
pub(super) fn plan_realtime(r: &LinuxResources, target: Target<'_>, out: &mut Plan) -> Result<()> {
    let Some(cpu) = r.cpu().as_ref().filter(|_| !target.v2("cpu", "cpu")) else {
        return Ok(());
    };
    let runtime = set(cpu.realtime_runtime());
    if let Some(period) = set(cpu.realtime_period()) {
        let write = target.write("cpu", "cpu.rt_period_us", period)?;
        out.write(write.retry_after("cpu.rt_runtime_us", runtime.is_some()));
    }
    if let Some(runtime) = runtime {
        out.write(target.write("cpu", "cpu.rt_runtime_us", runtime)?);
    }
    Ok(())
}

/// 0 means unset in every one of these fields.
pub(super) fn set<T: Default + PartialEq>(value: Option<T>) -> Option<T> {
    value.filter(|v| *v != T::default())
}

/// `cpu.shares` to `cpu.weight`; 0 (unset) stays 0.
///
/// The curve that runc, crun and youki agreed on in 2025 (opencontainers/cgroups#20): it goes
/// through (2, 1), (1024, 100) and (262144, 10000). The straight line that it replaces gave a
/// default container a weight of 39, less than half of its neighbours'.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn weight_from_shares(shares: u64) -> u64 {
    match shares {
        0 => 0,
        1..=2 => 1,
        262_144.. => 10_000,
        _ => {
            let l = (shares as f64).log2();
            let exponent = (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0;
            10f64.powf(exponent).ceil() as u64
        }
    }
}
