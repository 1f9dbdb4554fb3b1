//! What systemd overwrites and cannot be told. At any change of any property of a unit it writes all
//! attributes that it knows of, as it has them; these it has no property for, so after each change they
//! are written once more.

use std::collections::HashMap;

use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxResources, LinuxWeightDevice};

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
        let new = r.block_io().clone().unwrap_or_default();
        let mut again = LinuxBlockIo::default();
        again.set_weight(io.weight().filter(|_| new.weight().is_none()));
        let mut devices = io.weight_device().clone().unwrap_or_default();
        let id = |d: &LinuxWeightDevice| (d.major(), d.minor());
        devices.retain(|d| !new.weight_device().iter().flatten().any(|new| id(new) == id(d)));
        again.set_weight_device(Some(devices));
        out.set_block_io(Some(again));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Host, Sources};
    use crate::resources::parse;

    #[test]
    fn weights_of_bfq_on_v1() {
        let mountinfo = b"30 20 0:30 / /sys/fs/cgroup/blkio rw - cgroup none rw,blkio\n";
        let host = Host::parse(Sources { mountinfo, cgroup: b"1:blkio:/\n", ..Sources::default() });
        let host = host.unwrap();
        let target = Target { host: &host, joined: &[0] };
        let read = |json: &str| parse::resources(json.as_bytes()).unwrap();
        let known = read(
            r#"{"blockIO":{"weight":200,"weightDevice":[{"major":7,"minor":0,"weight":300},
            {"major":7,"minor":1,"weight":400}]}}"#,
        );
        let facts = Facts { version: 252, known: &known, bfq: true };
        let new = read(r#"{"blockIO":{"weightDevice":[{"major":7,"minor":0,"weight":77}]}}"#);
        let wanted = read(
            r#"{"blockIO":{"weight":200,"weightDevice":[{"major":7,"minor":1,"weight":400}]}}"#,
        );
        assert_eq!(overwritten(&known, &new, target, facts), wanted);
        let facts = Facts { bfq: false, ..facts };
        assert_eq!(overwritten(&known, &new, target, facts), LinuxResources::default());
    }
}
