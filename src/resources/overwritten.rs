//! What systemd overwrites and cannot be told. At any change of any property of a unit it writes all
//! attributes that it knows of, as it has them; these it has no property for, so after each change they
//! are written once more.

use std::collections::HashMap;

use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxResources};

use super::cpu::{self, DEFAULT_PERIOD};
use super::{Facts, Target};

/// Files of the `unified` map: systemd has their attribute under another name, in part, or not in
/// every version and not for every kind of unit.
const FILES: &[&str] = &[
    "cpu.weight.nice",
    "io.bfq.weight",
    "io.weight",
    "memory.oom.group",
    "memory.zswap.writeback",
];

/// Of what was set before, what a change of the unit undoes and `r` does not set itself.
pub fn overwritten(
    known: &LinuxResources,
    r: &LinuxResources,
    target: Target<'_>,
    facts: Facts<'_>,
) -> LinuxResources {
    let mut out = LinuxResources::default();
    let mut map: HashMap<String, String> = HashMap::new();
    for &file in FILES.iter().filter(|file| cpu::unified(r, file).is_none()) {
        if let Some(value) = cpu::unified(known, file) {
            map.insert(file.to_owned(), value.to_owned());
        }
    }
    let weighs =
        |r: &LinuxResources| r.cpu().as_ref().is_some_and(|cpu| cpu::set(cpu.shares()).is_some());
    if weighs(r) || cpu::unified(r, "cpu.weight").is_some() {
        map.remove("cpu.weight.nice");
    }
    if !map.is_empty() && target.host.is_unified() {
        out.set_unified(Some(map));
    }
    // Before 242 it counts in the default period alone.
    let bandwidth =
        |cpu: &LinuxCpu| cpu::set(cpu.quota()).is_some() || cpu::set(cpu.period()).is_some();
    let untouched =
        !r.cpu().as_ref().is_some_and(bandwidth) && cpu::unified(r, "cpu.max").is_none();
    if let Some(cpu) = known.cpu().as_ref().filter(|_| untouched && facts.version < 242) {
        let period = cpu::set(cpu.period()).filter(|&period| period != DEFAULT_PERIOD);
        if let Some(period) = period.filter(|_| facts.version != 0) {
            let mut again = LinuxCpu::default();
            again.set_period(Some(period)).set_quota(cpu.quota());
            out.set_cpu(Some(again));
        }
    }
    // v1: it scales BFQ's weights once more, and has none for devices.
    if let Some(io) = known.block_io().as_ref().filter(|_| facts.bfq && !target.host.is_unified()) {
        let mut again = LinuxBlockIo::default();
        let new = r.block_io().as_ref();
        again.set_weight(io.weight().filter(|_| new.is_none_or(|new| new.weight().is_none())));
        again.set_weight_device(io.weight_device().clone());
        out.set_block_io(Some(again));
    }
    out
}
