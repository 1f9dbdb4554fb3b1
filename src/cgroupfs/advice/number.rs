// SPDX-License-Identifier: Apache-2.0

//! Numbers outside the kernel's range, and numbers of devices that do not exist.

use super::refused::Refused;

/// A file, the least and the greatest number that it takes, and what the advice says besides.
const RANGES: &[(&str, i64, i64, &str)] = &[
    // kernel/cgroup/pids.c: PIDS_MAX is PID_MAX_LIMIT + 1.
    ("pids.max", 0, 4_194_304, "; no limit is -1 in the resources, max in the file"),
    ("cpu.weight", 1, 10_000, ""),
    ("cpu.weight.nice", -20, 19, ""),
    ("cpu.idle", 0, 1, ""),
    ("io.weight", 1, 10_000, ""),
    ("io.bfq.weight", 1, 1000, ""),
    ("blkio.bfq.weight", 1, 1000, ""),
    ("blkio.bfq.weight_device", 1, 1000, ""),
    ("blkio.weight", 10, 1000, ""),
    ("blkio.weight_device", 10, 1000, ""),
    ("memory.swappiness", 0, 100, "; newer kernels take up to 200"),
];

/// The number is outside the file's range.
pub(super) fn range(refused: &Refused<'_>) -> Option<String> {
    let (_, least, greatest, or) = RANGES.iter().find(|row| row.0 == refused.file)?;
    // "default 500" and "8:0 500" end in the number.
    let number: i128 = refused.value.split_whitespace().next_back()?.parse().ok()?;
    let outside = number < i128::from(*least) || number > i128::from(*greatest);
    outside.then(|| format!("the kernel takes {least} to {greatest} here{or}"))
}

/// A line is for a device that does not exist, or for a partition.
pub(super) fn device(refused: &Refused<'_>) -> Option<String> {
    let device = refused.value.split_whitespace().next().filter(|word| word.contains(':'))?;
    Some(format!(
        "no disk of this host has the number {device}; limits are for whole disks, \
         not for partitions"
    ))
}
