// SPDX-License-Identifier: Apache-2.0

//! CPU bandwidth, the weight of idle cgroups, and realtime.
//!
//! Kernel: kernel/sched/core.c, `tg_set_cfs_bandwidth`, `tg_cfs_schedulable_down`;
//! kernel/sched/rt.c, `tg_rt_schedulable`.

use super::refused::{number_in, shown, Refused};
use crate::cgroupfs::cgroup::Cgroup;

pub(super) const V1_FILES: &[&str] = &["cpu.cfs_quota_us", "cpu.cfs_period_us"];
pub(super) const FILES: &[&str] =
    &["cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.cfs_burst_us", "cpu.max", "cpu.max.burst"];
pub(super) const WEIGHTS: &[&str] = &["cpu.shares", "cpu.weight", "cpu.weight.nice"];
pub(super) const RUNTIME: &[&str] = &["cpu.rt_runtime_us", "cpu.rt_period_us"];

/// 1 ms, the kernel's least quota and period.
const LEAST: i64 = 1000;
/// 1 s, the kernel's greatest period.
const GREATEST_PERIOD: i64 = 1_000_000;

/// A quota of microseconds in each period; -1 is no limit.
#[derive(Clone, Copy)]
struct Bandwidth {
    quota: i64,
    period: i64,
}

impl Bandwidth {
    fn of(cgroup: Cgroup<'_>) -> Option<Bandwidth> {
        let number = |file| number_in(cgroup, file);
        Some(Bandwidth { quota: number("cpu.cfs_quota_us")?, period: number("cpu.cfs_period_us")? })
    }

    /// The v1 bandwidth that the write would have set.
    fn wanted(refused: &Refused<'_>) -> Option<Bandwidth> {
        let now = Bandwidth::of(refused.cgroup)?;
        let number = refused.number()?;
        Some(match refused.is("cpu.cfs_quota_us") {
            true => Bandwidth { quota: number, ..now },
            false => Bandwidth { period: number, ..now },
        })
    }

    fn is_more_than(self, other: Bandwidth) -> bool {
        let product = |a: i64, b: i64| i128::from(a) * i128::from(b);
        product(self.quota, other.period) > product(other.quota, self.period)
    }
}

/// Returns the quota and the period of the write; None for the one that the file does not hold.
fn parts(refused: &Refused<'_>) -> (Option<i64>, Option<i64>) {
    if refused.is("cpu.cfs_quota_us") {
        return (refused.number(), None);
    }
    if refused.is("cpu.cfs_period_us") {
        return (None, refused.number());
    }
    if !refused.is("cpu.max") {
        return (None, None);
    }
    let mut words = refused.value.split_whitespace().map(|word| word.parse().ok());
    (words.next().flatten(), words.next().flatten())
}

/// The quota or the period is outside the kernel's range.
pub(super) fn range(refused: &Refused<'_>) -> Option<String> {
    let (quota, period) = parts(refused);
    if quota.is_some_and(|quota| (0..LEAST).contains(&quota)) {
        return Some(format!("the kernel's minimum quota is {LEAST} µs"));
    }
    let outside = |period| !(LEAST..=GREATEST_PERIOD).contains(&period);
    period
        .is_some_and(outside)
        .then(|| format!("the kernel's period is {LEAST} to {GREATEST_PERIOD} µs"))
}

/// The burst would be above the quota.
pub(super) fn burst(refused: &Refused<'_>) -> Option<String> {
    let v2 = refused.is("cpu.max*");
    let (quota_file, burst_file) = match v2 {
        true => ("cpu.max", "cpu.max.burst"),
        false => ("cpu.cfs_quota_us", "cpu.cfs_burst_us"),
    };
    if refused.is(burst_file) {
        let quota = match v2 {
            true => refused.cgroup.words(quota_file).ok()?.first()?.parse().ok()?,
            false => refused.number_in(quota_file)?,
        };
        let above = quota >= 0 && refused.number()? > quota;
        return above.then(|| format!("the burst may not exceed the quota, which is {quota} µs"));
    }
    let (quota, burst) = (parts(refused).0?, refused.number_in(burst_file)?);
    let below = quota >= 0 && quota < burst;
    below.then(|| format!("the quota may not be below the burst, which is {burst} µs"))
}

/// v1: the share of CPU time would exceed that of the nearest ancestor with a quota.
pub(super) fn parent(refused: &Refused<'_>) -> Option<String> {
    let wanted = Bandwidth::wanted(refused).filter(|wanted| wanted.quota > 0)?;
    let mut at = refused.cgroup;
    while let Some(parent) = at.parent() {
        if let Some(limit) = Bandwidth::of(parent).filter(|limit| limit.quota > 0) {
            let Bandwidth { quota, period } = limit;
            return wanted.is_more_than(limit).then(|| {
                format!(
                    "the share may not exceed that of an ancestor: {} has {quota} µs in each \
                     {period} µs",
                    shown(parent)
                )
            });
        }
        at = parent;
    }
    None
}

/// v1: a child has a greater share of CPU time.
pub(super) fn child(refused: &Refused<'_>) -> Option<String> {
    let wanted = Bandwidth::wanted(refused).filter(|wanted| wanted.quota > 0)?;
    refused.each_child(|child| {
        let has = Bandwidth::of(child).filter(|has| has.quota > 0 && has.is_more_than(wanted))?;
        let Bandwidth { quota, period } = has;
        Some(format!(
            "the child cgroup {} has more: {quota} µs in each {period} µs; lower it first",
            shown(child)
        ))
    })
}

/// An idle cgroup takes no weight.
pub(super) fn idle(refused: &Refused<'_>) -> Option<String> {
    let idle = refused.number_in("cpu.idle") == Some(1);
    idle.then(|| {
        "an idle cgroup (cpu.idle 1) takes no weight; set cpu.idle to 0 as well".to_owned()
    })
}

/// v1: the realtime runtime is above the period, or above what the parent has for its children.
pub(super) fn realtime(refused: &Refused<'_>) -> Option<String> {
    let number = refused.number()?;
    let (runtime, period) = match refused.is("cpu.rt_runtime_us") {
        true => (number, refused.number_in("cpu.rt_period_us")?),
        false => (refused.number_in("cpu.rt_runtime_us")?, number),
    };
    if runtime > period {
        return Some(format!("the runtime {runtime} µs may not exceed the period {period} µs"));
    }
    let parent = refused.cgroup.parent()?;
    let (runtime, period) =
        (number_in(parent, "cpu.rt_runtime_us")?, number_in(parent, "cpu.rt_period_us")?);
    Some(format!(
        "the children of {} share its realtime runtime, {runtime} µs in each {period} µs",
        shown(parent)
    ))
}
