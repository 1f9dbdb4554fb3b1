//! What was set before, for a change that says half of something.

use std::borrow::Cow;

use oci_spec::runtime::LinuxResources;

use super::Manager;
use crate::resources;

impl Manager {
    /// What is known, and of CPU bandwidth what the files say where a call needs the half that it
    /// leaves out: who else has set it does not matter then.
    pub(super) fn known_now<'k>(
        &self,
        r: &LinuxResources,
        known: &'k LinuxResources,
    ) -> Cow<'k, LinuxResources> {
        let known = self.idle_now(r, known);
        let half = r.cpu().as_ref().is_some_and(resources::is_half);
        let limit = r.unified().as_ref().and_then(|map| map.get("cpu.max"));
        let no_period = limit.is_some_and(|v| v.split_ascii_whitespace().count() == 1);
        // Without systemd the kernel itself keeps the other half, but for a v2 field's.
        let needed = half && self.has_v2_bandwidth() || self.unit.is_some() && (half || no_period);
        let now = (needed && self.shared.is_live()).then(|| self.bandwidth_now()).flatten();
        let Some((quota, period)) = now else { return known };
        let mut known = known.into_owned();
        let mut cpu = known.cpu().clone().unwrap_or_default();
        cpu.set_quota(Some(quota)).set_period(Some(period));
        known.set_cpu(Some(cpu));
        if let Some(map) = known.unified_mut() {
            map.remove("cpu.max");
        }
        Cow::Owned(known)
    }

    /// Whether it is idle decides what systemd is told of a change of that.
    fn idle_now<'k>(
        &self,
        r: &LinuxResources,
        known: &'k LinuxResources,
    ) -> Cow<'k, LinuxResources> {
        let field = r.cpu().as_ref().is_some_and(|cpu| cpu.idle().is_some());
        let map = r.unified().as_ref();
        let map =
            map.is_some_and(|map| map.contains_key("cpu.idle") || map.contains_key("cpu.weight"));
        if self.unit.is_none() || !self.shared.is_live() || !(field || map) {
            return Cow::Borrowed(known);
        }
        let Ok(text) = self.read("cpu", "cpu.idle") else { return Cow::Borrowed(known) };
        let mut known = known.clone();
        let mut cpu = known.cpu().clone().unwrap_or_default();
        cpu.set_idle(String::from_utf8_lossy(&text).trim().parse().ok());
        known.set_cpu(Some(cpu));
        if let Some(map) = known.unified_mut() {
            map.remove("cpu.idle");
        }
        Cow::Owned(known)
    }

    fn has_v2_bandwidth(&self) -> bool {
        self.target().v2("cpu", "cpu")
    }

    /// Quota (-1: no limit) and period in microseconds.
    fn bandwidth_now(&self) -> Option<(i64, u64)> {
        let text = |file: &str| {
            let text = self.read("cpu", file).ok()?;
            Some(String::from_utf8_lossy(&text).trim().to_owned())
        };
        if self.has_v2_bandwidth() {
            let text = text("cpu.max")?;
            let (quota, period) = text.split_once(' ')?;
            return Some((quota.parse().unwrap_or(-1), period.parse().ok()?));
        }
        let period = text("cpu.cfs_period_us")?.parse().ok()?;
        Some((text("cpu.cfs_quota_us")?.parse().ok()?, period))
    }

    /// The resources with all that is to be in force after them; see [`resources::fill_omitted`].
    pub(super) fn completed<'r>(
        &self,
        r: &'r LinuxResources,
        known: &LinuxResources,
    ) -> Cow<'r, LinuxResources> {
        resources::fill_omitted(r, known, self.target())
    }
}
