// SPDX-License-Identifier: Apache-2.0

//! CPU weight, bandwidth, burst, idle and realtime.
//!
//! v1 has `cpu.shares`, `cpu.cfs_quota_us` and `cpu.cfs_period_us`; v2 has `cpu.weight` and
//! `cpu.max`.
//! Kernel: scheduler/sched-design-CFS.rst, scheduler/sched-bwc.rst, scheduler/sched-rt-group.rst,
//! admin-guide/cgroup-v2.rst "CPU". systemd: systemd.resource-control(5) "CPU Accounting and
//! Control".

use oci_spec::runtime::{LinuxCpu, LinuxResources};

use super::attribute;
use super::bandwidth::{Bandwidth, DEFAULT_PERIOD};
use super::oci::{is_idle, set};
use super::property_builder::{PropertyBuilder, PropertyContext, INFINITY};
use crate::error::{fail, Code, Result};
use crate::host::Version;
use crate::placement::Placement;
use crate::plan::{Plan, Write};

/// The kernel's range of shares (MIN_SHARES and MAX_SHARES in kernel/sched/sched.h).
const MIN_SHARES: u64 = 2;
const MAX_SHARES: u64 = 1 << 18;

/// Adds the writes of the CPU section.
pub(super) fn plan(r: &LinuxResources, placement: &Placement, out: &mut Plan) -> Result<()> {
    let Some(cpu) = r.cpu() else { return Ok(()) };
    if cpu.idle().is_some_and(|idle| !(0..=1).contains(&idle)) {
        return fail(Code::Value, "cpu.idle must be 0 or 1");
    }
    if placement.is_v2("cpu", "cpu") {
        v2(cpu, placement, out)
    } else {
        v1(cpu, placement, out)?;
        plan_realtime(r, placement, out)
    }
}

/// Returns whether a weight can be written beside the call's `cpu.idle`; warns when it cannot.
///
/// The kernel refuses a weight for an idle cgroup (EINVAL) and resets the weight when idle is
/// cleared. So `cpu.idle` is written before the weight, and `idle: 1` drops the weight.
fn weight_has_effect(cpu: &LinuxCpu, file: &str, out: &mut Plan) -> bool {
    let idle = cpu.idle() == Some(1);
    if idle {
        out.warn(format!("cpu shares have no effect with cpu.idle 1; {file} is not written"));
    }
    !idle
}

fn v1(cpu: &LinuxCpu, placement: &Placement, out: &mut Plan) -> Result<()> {
    let quota_set = set(cpu.quota()).is_some();
    if let Some(idle) = cpu.idle() {
        out.write(Write::limit(placement, "cpu", "cpu.idle", idle)?);
    }
    if let Some(shares) = set(cpu.shares()) {
        if weight_has_effect(cpu, "cpu.shares", out) {
            // The kernel clamps to 2..262144 and reports success: read the value back.
            out.write(Write::limit(placement, "cpu", "cpu.shares", shares)?.exact());
        }
    }
    // The kernel checks the new period against the old quota (old quota / new period may exceed the
    // parent's ratio) and the new burst against the old quota. Both pass after the quota is
    // written.
    if let Some(period) = set(cpu.period()) {
        let write = Write::limit(placement, "cpu", "cpu.cfs_period_us", period)?;
        out.write(write.retry_after("cpu.cfs_quota_us", quota_set));
    }
    if let Some(burst) = cpu.burst() {
        let write = Write::limit(placement, "cpu", "cpu.cfs_burst_us", burst)?;
        out.write(burst_write(write, burst).retry_after("cpu.cfs_quota_us", quota_set));
    }
    if let Some(quota) = set(cpu.quota()) {
        // Every negative quota means "no limit", which the file shows as -1.
        out.write(Write::limit(placement, "cpu", "cpu.cfs_quota_us", quota.max(-1))?);
    }
    Ok(())
}

fn v2(cpu: &LinuxCpu, placement: &Placement, out: &mut Plan) -> Result<()> {
    if cpu.realtime_runtime().is_some_and(|v| v != 0) || set(cpu.realtime_period()).is_some() {
        out.warn("realtime runtime and period have no files on cgroup v2; not applied");
    }
    if let Some(idle) = cpu.idle() {
        out.write(Write::limit(placement, "cpu", "cpu.idle", idle)?);
    }
    if let Some(shares) = set(cpu.shares()) {
        if weight_has_effect(cpu, "cpu.weight", out) {
            out.write(Write::limit(placement, "cpu", "cpu.weight", weight_from_shares(shares))?);
        }
    }
    let (quota, period) = (set(cpu.quota()), set(cpu.period()));
    if let Some(burst) = cpu.burst() {
        let write = Write::limit(placement, "cpu", "cpu.max.burst", burst)?;
        out.write(burst_write(write, burst).retry_after("cpu.max", quota.is_some()));
    }
    if quota.is_some() || period.is_some() {
        let period = period.unwrap_or(DEFAULT_PERIOD);
        let value = match quota {
            Some(quota) if quota > 0 => format!("{quota} {period}"),
            _ => format!("max {period}"),
        };
        out.write(Write::limit(placement, "cpu", "cpu.max", value)?);
    }
    Ok(())
}

/// Returns the resources with the shares moved into the kernel's range, and a warning. None when
/// the shares are in the range, and on v2, where a weight is computed from the shares.
pub fn clamp_shares(r: &LinuxResources, placement: &Placement) -> Option<(LinuxResources, String)> {
    let shares = set(r.cpu().as_ref()?.shares())?;
    let taken = shares.clamp(MIN_SHARES, MAX_SHARES);
    let is_v1 = placement.site("cpu").is_some() && !placement.is_v2("cpu", "cpu");
    if taken == shares || !is_v1 {
        return None;
    }
    let mut out = r.clone();
    out.cpu_mut().as_mut()?.set_shares(Some(taken));
    let text =
        format!("cpu shares {shares} are outside {MIN_SHARES} to {MAX_SHARES}; {taken} is set");
    Some((out, text))
}

/// Adds the properties of the CPU section.
pub(super) fn properties(r: &LinuxResources, out: &mut PropertyBuilder<'_>) {
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
            // The kernel refuses a weight for an idle cgroup; systemd would end idle to set one.
            (None, Some(_)) if is_idle(out.context.known) => {}
            (_, Some(shares)) => out.number("CPUWeight", weight_from_shares(shares)),
            (Some(0), None) => busy(out),
            _ => {}
        },
    }
    if let Some(bandwidth) = Bandwidth::of(cpu, out.context.known) {
        bandwidth.properties(out);
    }
}

/// Adds `CPUWeight=0`, which is systemd's value for idle (since 252).
pub(super) fn idle(out: &mut PropertyBuilder<'_>) {
    if out.since(252, "CPUWeight=idle", "cpu.idle") {
        out.number("CPUWeight", 0);
    }
}

/// Unsets `CPUWeight` when the cgroup is idle, which ends idle in systemd.
pub(super) fn busy(out: &mut PropertyBuilder<'_>) {
    if is_idle(out.context.known) && out.context.version >= 252 {
        out.number("CPUWeight", INFINITY);
    }
}

/// Rounds quota and period as systemd does; see [`super::rounded`].
pub(super) fn round(r: &mut LinuxResources, placement: &Placement, context: PropertyContext<'_>) {
    let v1 = !placement.is_v2("cpu", "cpu");
    let Some(cpu) = r.cpu_mut() else { return };
    let Some(bandwidth) = Bandwidth::of(cpu, context.known) else { return };
    let limited = bandwidth.rounded() > 0;
    // systemd before 242 writes the default period and a quota for it, so both are written again.
    let both = v1
        && context.version < attribute::since("CPUQuotaPeriodUSec")
        && bandwidth.period() != DEFAULT_PERIOD;
    if both {
        cpu.set_period(Some(bandwidth.period()));
    }
    if limited && (both || cpu.quota().is_some_and(|v| v > 0)) {
        cpu.set_quota(Some(bandwidth.rounded()));
    }
}

/// Tolerates the missing file when the burst is 0: kernels before 5.14 have no burst.
fn burst_write(write: Write, burst: u64) -> Write {
    if burst == 0 {
        write.or_skip()
    } else {
        write
    }
}

/// Adds the writes of realtime bandwidth, which only v1 has.
///
/// The kernel checks period and runtime against each other, and the runtime against the parent's.
/// So the period is written first, and once more after the runtime if the kernel refused it.
pub(super) fn plan_realtime(
    r: &LinuxResources,
    placement: &Placement,
    out: &mut Plan,
) -> Result<()> {
    let Some(cpu) = r.cpu().as_ref().filter(|_| !placement.is_v2("cpu", "cpu")) else {
        return Ok(());
    };
    let runtime = set(cpu.realtime_runtime());
    if let Some(period) = set(cpu.realtime_period()) {
        let write = Write::limit(placement, "cpu", "cpu.rt_period_us", period)?;
        out.write(write.retry_after("cpu.rt_runtime_us", runtime.is_some()));
    }
    if let Some(runtime) = runtime {
        out.write(Write::limit(placement, "cpu", "cpu.rt_runtime_us", runtime)?);
    }
    Ok(())
}

/// Converts `cpu.shares` to `cpu.weight`; 0 (unset) stays 0.
///
/// This is the curve that runc, crun and youki agreed on in 2025 (opencontainers/cgroups#20). It
/// passes through (2, 1), (1024, 100) and (262144, 10000). The linear conversion before it gave the
/// default of 1024 shares a weight of 39 instead of the kernel's default of 100.
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
