// SPDX-License-Identifier: Apache-2.0

//! CPU bandwidth: a quota of microseconds in each period.
//!
//! systemd counts CPU time per second (`CPUQuotaPerSecUSec`) and rounds it up to whole percent.
//! Kernel: scheduler/sched-bwc.rst, admin-guide/cgroup-v2.rst "cpu.max".
//! systemd: systemd.resource-control(5) "CPUQuota=", "CPUQuotaPeriodSec=".

use oci_spec::runtime::{LinuxCpu, LinuxResources};

use super::attribute;
use super::oci::{set, unified};
use super::property_builder::{PropertyBuilder, INFINITY};

/// The kernel's default period in microseconds.
pub(super) const DEFAULT_PERIOD: u64 = 100_000;
/// One percent, in microseconds per second: the unit in which systemd counts.
const PERCENT: u64 = 10_000;
const SECOND: u64 = 1_000_000;
/// The kernel's smallest quota, in microseconds.
const SMALLEST_QUOTA: i64 = 1_000;

/// A quota and its period, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bandwidth {
    /// Values below 1 mean "no limit".
    quota: i64,
    period: u64,
}

impl Bandwidth {
    /// Returns a bandwidth; a period of 0 becomes 1.
    pub(super) fn new(quota: i64, period: u64) -> Bandwidth {
        Bandwidth { quota, period: period.max(1) }
    }

    /// Returns the bandwidth that a call asks for, or None when the call has neither field. The
    /// field that the call omits is taken from `known`.
    pub(super) fn of(cpu: &LinuxCpu, known: &LinuxResources) -> Option<Bandwidth> {
        let (quota, period) = (set(cpu.quota()), set(cpu.period()));
        if quota.is_none() && period.is_none() {
            return None;
        }
        let known = Bandwidth::known(known).unwrap_or(Bandwidth::new(-1, DEFAULT_PERIOD));
        Some(Bandwidth::new(quota.unwrap_or(known.quota), period.unwrap_or(known.period)))
    }

    /// Returns the bandwidth that `known` sets, by the `unified` map or by the fields.
    pub(super) fn known(known: &LinuxResources) -> Option<Bandwidth> {
        if let Some(text) = unified(known, "cpu.max") {
            return Bandwidth::parse(text, DEFAULT_PERIOD);
        }
        let cpu = known.cpu().as_ref()?;
        let (quota, period) = (set(cpu.quota()), set(cpu.period()));
        (quota.is_some() || period.is_some())
            .then(|| Bandwidth::new(quota.unwrap_or(-1), period.unwrap_or(DEFAULT_PERIOD)))
    }

    /// Parses `QUOTA|max [PERIOD]`, the text of `cpu.max`; `period` is used when the text has none.
    pub(super) fn parse(text: &str, period: u64) -> Option<Bandwidth> {
        let mut words = text.split_ascii_whitespace();
        let quota = match words.next()? {
            "max" => -1,
            number => number.parse().ok().filter(|&quota| quota > 0)?,
        };
        let period = words.next().map_or(Some(period), |p| p.parse().ok())?;
        let whole = words.next().is_none() && period > 0;
        whole.then_some(Bandwidth::new(quota, period))
    }

    /// Returns the microseconds in each period; values below 1 mean "no limit".
    pub(super) fn quota(self) -> i64 {
        self.quota
    }

    /// Returns the period in microseconds.
    pub(super) fn period(self) -> u64 {
        self.period
    }

    /// Returns the CPU time per second, rounded up to whole percent; None means "no limit".
    pub(super) fn per_second(self) -> Option<u64> {
        let quota = u64::try_from(self.quota).ok().filter(|&q| q > 0)?;
        let exact = u128::from(quota) * u128::from(SECOND) / u128::from(self.period);
        // systemd reads u64::MAX as "no limit".
        let exact = u64::try_from(exact).ok().filter(|&v| v < INFINITY - PERCENT)?;
        Some(exact.div_ceil(PERCENT) * PERCENT)
    }

    /// Returns the quota that systemd writes for the rounded percentage. systemd's division rounds
    /// down, and systemd never writes less than the kernel's smallest quota.
    pub(super) fn rounded(self) -> i64 {
        let Some(per_second) = self.per_second() else { return self.quota };
        let quota = u128::from(per_second) * u128::from(self.period) / u128::from(SECOND);
        // A quota below the smallest stays as it is, so that the caller gets the kernel's error.
        let smallest = self.quota.min(SMALLEST_QUOTA);
        i64::try_from(quota).map_or(self.quota, |quota| quota.max(smallest))
    }

    /// Returns the bandwidth that `known` sets when it has no quota, and a period other than the
    /// default.
    ///
    /// systemd has no period without a quota: it writes the default period then, whatever
    /// CPUQuotaPeriodUSec says (cgroup_cpu_adjust_period in its source).
    pub(super) fn period_alone(known: &LinuxResources) -> Option<Bandwidth> {
        Bandwidth::known(known).filter(|b| b.quota < 1 && b.period != DEFAULT_PERIOD)
    }

    /// Returns the rounded bandwidth as text for `cpu.max`.
    pub(super) fn text(self) -> String {
        match self.rounded() {
            quota if quota > 0 => format!("{quota} {}", self.period),
            _ => format!("max {}", self.period),
        }
    }

    /// Adds the properties. systemd before 242 has no `CPUQuotaPeriodUSec` and always writes the
    /// kernel's default period.
    pub(super) fn properties(self, out: &mut PropertyBuilder<'_>) {
        let default = self.period == DEFAULT_PERIOD;
        let since = attribute::since("CPUQuotaPeriodUSec");
        let has = out.context.version >= since;
        if has || !default && out.since(since, "CPUQuotaPeriodUSec", "the CPU period") {
            out.number("CPUQuotaPeriodUSec", self.period);
        }
        out.number("CPUQuotaPerSecUSec", self.per_second().unwrap_or(INFINITY));
    }
}
