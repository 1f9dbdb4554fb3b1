// SPDX-License-Identifier: Apache-2.0

//! Memory limits.
//!
//! Kernel: mm/memcontrol-v1.c, `mem_cgroup_resize_max`.

use super::refused::Refused;
use crate::error::Error;

pub(super) const V1_FILES: &[&str] = &["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"];

/// v1: the memory limit would be above the memory+swap limit.
pub(super) fn order(refused: &Refused<'_>) -> Option<String> {
    let unlimited = |number: i64| if number < 0 { i64::MAX } else { number };
    let wanted = unlimited(refused.number()?);
    let [limit, swap] = V1_FILES else { return None };
    if refused.is(limit) {
        let now = refused.number_in(swap)?;
        return (wanted > now).then(|| {
            format!("memory may not exceed memory+swap (swap), which is {now}; raise swap as well")
        });
    }
    let now = refused.number_in(limit)?;
    (wanted < now)
        .then(|| format!("memory+swap (swap) may not be below the memory limit, which is {now}"))
}

/// Puts runc's message for a limit below the usage in front of the error.
pub(super) fn usage(refused: &Refused<'_>, error: Error) -> Error {
    let number = |file| super::refused::text_of(refused.cgroup, file).unwrap_or_default();
    let usage = number("memory.usage_in_bytes");
    let peak = number("memory.max_usage_in_bytes");
    error.context(format!(
        "unable to set memory limit to {} (current usage: {usage}, peak usage: {peak})",
        refused.value
    ))
}
