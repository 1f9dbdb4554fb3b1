// SPDX-License-Identifier: Apache-2.0

//! Memory, swap, reservation, OOM killer, swappiness.
//!
//! OCI's `swap` is memory plus swap, as in v1's `memory.memsw.limit_in_bytes`. v2's
//! `memory.swap.max` is swap alone.
//! Kernel: admin-guide/cgroup-v1/memory.rst, admin-guide/cgroup-v2.rst "Memory".
//! systemd: systemd.resource-control(5) "Memory Accounting and Control".

use oci_spec::runtime::{LinuxMemory, LinuxResources};

use super::property_builder::{PropertyBuilder, INFINITY};
use crate::error::{fail, Code, Result};
use crate::host::Version;
use crate::placement::Placement;
use crate::plan::{Plan, Step, Write};

const MEMSW: &str = "memory.memsw.limit_in_bytes";

/// Adds the writes of the memory section.
pub(super) fn plan(r: &LinuxResources, placement: &Placement, out: &mut Plan) -> Result<()> {
    let Some(memory) = r.memory() else {
        return Ok(());
    };
    for (name, value) in
        [("limit", memory.limit()), ("reservation", memory.reservation()), ("swap", memory.swap())]
    {
        if value.is_some_and(|v| v < -1) {
            return fail(
                Code::Value,
                format!("memory {name} {} is below -1 (no limit)", value.unwrap_or_default()),
            );
        }
    }
    if kernel_limits(memory) {
        out.warn("kernel and kernelTCP memory limits no longer exist in the kernel; not applied");
    }
    if memory.use_hierarchy() == Some(false) {
        out.warn("memory without hierarchy no longer exists in the kernel; not applied");
    }
    if placement.is_v2("memory", "memory") {
        v2(memory, placement, out)
    } else {
        v1(memory, placement, out)
    }
}

#[allow(deprecated)]
fn kernel_limits(memory: &LinuxMemory) -> bool {
    [memory.kernel(), memory.kernel_tcp()].into_iter().flatten().any(|v| v != 0)
}

fn v1(memory: &LinuxMemory, placement: &Placement, out: &mut Plan) -> Result<()> {
    let limit = memory.limit().unwrap_or(0);
    let swap = memory.swap().unwrap_or(0);
    let limit_write =
        |value: i64| Write::limit(placement, "memory", "memory.limit_in_bytes", value);
    let swap_write = |value: i64| Write::limit(placement, "memory", MEMSW, value);
    // Without swap accounting the file is missing, and no swap limit is in force anyway.
    let no_swap_limit = || swap_write(-1).map(Write::or_skip);
    // The kernel refuses (EINVAL) any write that would make limit > memsw.
    match (limit, swap) {
        (0, 0) => {}
        // The kernel refuses to lift the memory limit while memory+swap has a limit.
        (-1, 0) => {
            out.write(no_swap_limit()?);
            out.write(limit_write(-1)?);
        }
        (limit, 0) => out.write(limit_write(limit)?),
        (0, -1) => out.write(no_swap_limit()?),
        (0, swap) => out.write(swap_write(swap)?),
        (limit, -1) => {
            out.write(no_swap_limit()?);
            out.write(limit_write(limit)?);
        }
        // To shrink, memory must be written first. If memory grows beyond the current memory+swap
        // limit, the kernel refuses that write (EINVAL), so memory is written again after swap.
        (limit, swap) => {
            out.write(limit_write(limit)?.retry_after(MEMSW, true));
            out.write(swap_write(swap)?);
        }
    }
    if let Some(low) = memory.reservation().filter(|&v| v != 0) {
        out.write(Write::limit(placement, "memory", "memory.soft_limit_in_bytes", low)?);
    }
    if let Some(disable) = memory.disable_oom_killer() {
        out.write(Write::limit(placement, "memory", "memory.oom_control", u8::from(disable))?);
    }
    match memory.swappiness() {
        // -1 converted to unsigned: some callers write it to mean "unset".
        None | Some(u64::MAX) => {}
        Some(v @ 0..=100) => out.write(Write::limit(placement, "memory", "memory.swappiness", v)?),
        Some(v) => {
            return fail(
                Code::Value,
                format!("invalid memory swappiness value: {v} (valid range is 0-100)"),
            )
        }
    }
    Ok(())
}

fn v2(memory: &LinuxMemory, placement: &Placement, out: &mut Plan) -> Result<()> {
    let limit = memory.limit().unwrap_or(0);
    let swap = memory.swap().unwrap_or(0);
    if memory.disable_oom_killer() == Some(true) {
        out.warn("disableOOMKiller has no file on cgroup v2; not applied");
    }
    if memory.swappiness().is_some_and(|v| v != u64::MAX) {
        out.warn("swappiness has no file on cgroup v2; not applied");
    }
    if memory.check_before_update() == Some(true) && (limit > 0 || swap > 0) {
        // v1 refuses a limit below the usage. v2 accepts it and kills processes.
        let bound = |v: i64| u64::try_from(v).ok().filter(|&v| v > 0);
        out.steps.push(Step::CheckMemory {
            hierarchy: placement.require("memory")?.id,
            limit: bound(limit),
            swap: bound(swap),
        });
    }
    if let Some(value) = swap_max(limit, swap)? {
        // A kernel without swap has no file; "max" and "0" then need no write.
        let tolerant = matches!(value.as_str(), "max" | "0");
        let write = Write::limit(placement, "memory", "memory.swap.max", value)?;
        out.write(if tolerant { write.or_skip() } else { write });
    }
    if let Some(value) = number(limit) {
        out.write(Write::limit(placement, "memory", "memory.max", value)?);
    }
    if let Some(value) = number(memory.reservation().unwrap_or(0)) {
        out.write(Write::limit(placement, "memory", "memory.low", value)?);
    }
    Ok(())
}

/// Returns the text for a v2 file: -1 becomes `max`, 0 (unset) becomes None.
fn number(value: i64) -> Option<String> {
    match value {
        0 => None,
        -1 => Some("max".to_owned()),
        value => Some(value.to_string()),
    }
}

/// Returns the value of `memory.swap.max` for OCI's memory and memory+swap limits (0 is unset, -1
/// is no limit), or None when nothing is to be written. A limit without `swap` never disables swap.
///
/// # Errors
/// [`Code::Value`]: `swap` without `limit`, or `swap` below `limit`.
pub fn swap_max(limit: i64, swap: i64) -> Result<Option<String>> {
    match (limit, swap) {
        (-1, 0) => Ok(number(-1)),
        (_, -1 | 0) => Ok(number(swap)),
        (-1, swap) => Ok(number(swap)),
        (0, _) => fail(Code::Value, "unable to set swap limit without memory limit"),
        (limit, _) if limit < 0 => fail(Code::Value, format!("invalid memory value: {limit}")),
        (limit, swap) if swap < limit => {
            fail(Code::Value, "memory+swap limit should be >= memory limit")
        }
        (limit, swap) => Ok(Some((swap - limit).to_string())),
    }
}

/// Adds the properties of the memory section. v1 has `MemoryLimit` alone.
pub(super) fn properties(r: &LinuxResources, out: &mut PropertyBuilder<'_>) -> Result<()> {
    let Some(memory) = r.memory() else { return Ok(()) };
    let limit = memory.limit().unwrap_or(0);
    // systemd's infinity stands for -1.
    let bytes = |v: i64| u64::try_from(v).unwrap_or(INFINITY);
    match out.side("memory") {
        Some(Version::V1) if limit != 0 => out.number("MemoryLimit", bytes(limit)),
        Some(Version::V2) => {
            if limit != 0 {
                out.number("MemoryMax", bytes(limit));
            }
            if let Some(low) = memory.reservation().filter(|&v| v != 0) {
                out.number("MemoryLow", bytes(low));
            }
            if let Some(swap) = swap_max(limit, memory.swap().unwrap_or(0))? {
                out.number("MemorySwapMax", swap.parse().unwrap_or(INFINITY));
            }
        }
        _ => {}
    }
    Ok(())
}
