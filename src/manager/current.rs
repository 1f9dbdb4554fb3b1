// SPDX-License-Identifier: Apache-2.0

//! The resources that are in force now, for a call that gives only one of two values.

use std::borrow::Cow;

use oci_spec::runtime::LinuxResources;

use super::core::Manager;
use crate::driver::Needs;

impl Manager {
    /// Returns the known resources, after reading from the cgroup's files the values that the
    /// driver needs to plan a set of `r`. Another process may have changed these values.
    pub(super) fn refresh<'k>(
        &self,
        r: &LinuxResources,
        known: &'k LinuxResources,
    ) -> Cow<'k, LinuxResources> {
        let mut known = Cow::Borrowed(known);
        if !self.host.is_live() {
            return known;
        }
        let Needs { bandwidth, idle } = self.driver.needs(&self.placement, r, &known);
        if idle {
            self.refresh_idle(&mut known);
        }
        if bandwidth {
            self.refresh_bandwidth(&mut known);
        }
        known
    }

    fn refresh_idle(&self, known: &mut Cow<'_, LinuxResources>) {
        let Ok(text) = self.read("cpu", "cpu.idle") else { return };
        let known = known.to_mut();
        let mut cpu = known.cpu().clone().unwrap_or_default();
        cpu.set_idle(String::from_utf8_lossy(&text).trim().parse().ok());
        known.set_cpu(Some(cpu));
        if let Some(map) = known.unified_mut() {
            map.remove("cpu.idle");
        }
    }

    fn refresh_bandwidth(&self, known: &mut Cow<'_, LinuxResources>) {
        let Some((quota, period)) = self.read_bandwidth() else { return };
        let known = known.to_mut();
        let mut cpu = known.cpu().clone().unwrap_or_default();
        cpu.set_quota(Some(quota)).set_period(Some(period));
        known.set_cpu(Some(cpu));
        if let Some(map) = known.unified_mut() {
            map.remove("cpu.max");
        }
    }

    /// Reads quota and period, in microseconds. A quota of -1 means no limit.
    fn read_bandwidth(&self) -> Option<(i64, u64)> {
        let text = |file: &str| {
            let text = self.read("cpu", file).ok()?;
            Some(String::from_utf8_lossy(&text).trim().to_owned())
        };
        if self.placement.is_v2("cpu", "cpu") {
            let text = text("cpu.max")?;
            let (quota, period) = text.split_once(' ')?;
            return Some((quota.parse().unwrap_or(-1), period.parse().ok()?));
        }
        let period = text("cpu.cfs_period_us")?.parse().ok()?;
        Some((text("cpu.cfs_quota_us")?.parse().ok()?, period))
    }
}
