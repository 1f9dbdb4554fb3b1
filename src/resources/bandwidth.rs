//! CPU bandwidth as systemd counts it: CPU time a second, in whole percent.

use oci_spec::runtime::{LinuxCpu, LinuxResources};

use super::cpu::{set, unified, DEFAULT_PERIOD};
use super::properties::{Draft, INFINITY};

/// What systemd keeps 1 % as, in microseconds a second.
const PERCENT: u64 = 10_000;
const SECOND: u64 = 1_000_000;

/// Quota and period as they will be in force; microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bandwidth {
    /// Below 1 is no limit.
    quota: i64,
    period: u64,
}

impl Bandwidth {
    pub(super) fn new(quota: i64, period: u64) -> Bandwidth {
        Bandwidth { quota, period: period.max(1) }
    }

    /// Of a call; what it leaves out keeps what was known.
    pub(super) fn of(cpu: &LinuxCpu, known: &LinuxResources) -> Option<Bandwidth> {
        let (quota, period) = (set(cpu.quota()), set(cpu.period()));
        if quota.is_none() && period.is_none() {
            return None;
        }
        let known = Bandwidth::known(known).unwrap_or(Bandwidth::new(-1, DEFAULT_PERIOD));
        Some(Bandwidth::new(quota.unwrap_or(known.quota), period.unwrap_or(known.period)))
    }

    /// As it was set before, by the map or by the fields; none when it was not.
    pub(super) fn known(known: &LinuxResources) -> Option<Bandwidth> {
        if let Some(text) = unified(known, "cpu.max") {
            return Bandwidth::parse(text, DEFAULT_PERIOD);
        }
        let cpu = known.cpu().as_ref()?;
        let (quota, period) = (set(cpu.quota()), set(cpu.period()));
        (quota.is_some() || period.is_some())
            .then(|| Bandwidth::new(quota.unwrap_or(-1), period.unwrap_or(DEFAULT_PERIOD)))
    }

    /// `QUOTA|max [PERIOD]`, the text of `cpu.max`.
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

    /// Microseconds in each period; below 1 is no limit.
    pub(super) fn quota(self) -> i64 {
        self.quota
    }

    pub(super) fn period(self) -> u64 {
        self.period
    }

    /// CPU time a second, rounded up to whole percent; none without a limit.
    pub(super) fn per_second(self) -> Option<u64> {
        let quota = u64::try_from(self.quota).ok().filter(|&q| q > 0)?;
        let exact = u128::from(quota) * u128::from(SECOND) / u128::from(self.period);
        // Beyond what systemd can count is no limit.
        let exact = u64::try_from(exact).ok().filter(|&v| v < INFINITY - PERCENT)?;
        Some(exact.div_ceil(PERCENT) * PERCENT)
    }

    /// The quota that systemd writes for that.
    pub(super) fn rounded(self) -> i64 {
        let Some(per_second) = self.per_second() else { return self.quota };
        // Never below what was asked for: the kernel takes no less than a millisecond.
        let quota = (u128::from(per_second) * u128::from(self.period)).div_ceil(u128::from(SECOND));
        i64::try_from(quota).unwrap_or(self.quota)
    }

    /// As `cpu.max` has it.
    pub(super) fn text(self) -> String {
        match self.rounded() {
            quota if quota > 0 => format!("{quota} {}", self.period),
            _ => format!("max {}", self.period),
        }
    }

    /// systemd before 242 always counts in the kernel's default period.
    pub(super) fn properties(self, out: &mut Draft<'_>) {
        let default = self.period == DEFAULT_PERIOD;
        let has = out.facts.version >= 242;
        if has || !default && out.since(242, "CPUQuotaPeriodUSec", "the CPU period") {
            out.number("CPUQuotaPeriodUSec", self.period);
        }
        out.number("CPUQuotaPerSecUSec", self.per_second().unwrap_or(INFINITY));
    }
}
