// SPDX-License-Identifier: Apache-2.0

//! Unit properties read from interface files.
//!
//! Before a change the transaction reads each property's old value from the files that the property
//! stands for, so that a failed change restores what was in force, whoever set it.

use super::attribute::{self, Form};
use super::bandwidth::{Bandwidth, DEFAULT_PERIOD};
use super::io::{device_property, io_weight_from_bfq};
use super::property_builder::INFINITY;
use crate::systemd::{bitmask, Value};

/// The smallest v1 memory limit that means "no limit": the kernel's value depends on the page size.
const V1_UNLIMITED: u64 = 1 << 62;

type Read<'a> = &'a dyn Fn(&'static str) -> Option<String>;

/// Returns the value of a property, or None when it stands for no file or no file can be read.
pub fn property_from_file(property: &str, read: Read<'_>) -> Option<Value> {
    match property {
        "CPUWeight" => cpu_weight(read).map(Value::U64),
        "CPUQuotaPeriodUSec" => Some(Value::U64(bandwidth(read)?.period())),
        "CPUQuotaPerSecUSec" => Some(Value::U64(bandwidth(read)?.per_second().unwrap_or(INFINITY))),
        _ => attribute::sources(property).find_map(|(file, form)| parse(&read(file)?, form)),
    }
}

/// Whether the property must be set to this value if its file has the value.
///
/// The file of an unset property has a value, too: a default such as weight 100 shows nothing. A
/// cpuset shows something only when it is empty, on v2: on v1 every cpuset has CPUs, and on v2 a
/// process can have kept the kernel from emptying the cpuset again. A memory limit shows something
/// only when it is 0 or infinity: the kernel rounds other limits to pages.
pub fn file_shows_property(property: &str, value: &Value, unified: bool) -> bool {
    match (property, value) {
        ("AllowedCPUs" | "AllowedMemoryNodes", mask) => unified && *mask == Value::bytes(&[]),
        // systemd before 252 does not know 0, which is idle.
        ("CPUWeight" | "IOWeight", Value::U64(weight)) => !matches!(weight, 0 | 100),
        ("CPUShares", Value::U64(shares)) => *shares != 1024,
        // systemd scales the weight for BFQ's file and rounds: 500 becomes 136, 136 becomes 103.
        ("BlockIOWeight", _) => false,
        ("CPUQuotaPeriodUSec", Value::U64(period)) => *period != DEFAULT_PERIOD,
        (name, Value::U64(limit)) if name.starts_with("Memory") => matches!(*limit, 0 | INFINITY),
        _ => true,
    }
}

fn parse(text: &str, form: Form) -> Option<Value> {
    let value = match form {
        Form::Number | Form::Bytes => number(text)?,
        Form::AtLeastOne => number(text)?.max(1),
        Form::V1Bytes => match number(text)? {
            V1_UNLIMITED.. => INFINITY,
            limit => limit,
        },
        Form::Weight => weight(text)?,
        Form::BfqWeight => io_weight_from_bfq(weight(text)?),
        Form::DeviceWeights => return Some(devices(text, |weight| weight)),
        Form::BfqDeviceWeights => return Some(devices(text, io_weight_from_bfq)),
        Form::Mask if text.is_empty() => return Some(Value::bytes(&[])),
        Form::Mask => return bitmask(text).ok().map(|mask| Value::bytes(&mask)),
        // These need two files.
        Form::Bandwidth | Form::WeightUnlessIdle => return None,
    };
    Some(Value::U64(value))
}

fn number(text: &str) -> Option<u64> {
    match text {
        "max" => Some(INFINITY),
        text => text.parse().ok(),
    }
}

/// Parses the last word of the first line: "default 100" or "100".
fn weight(text: &str) -> Option<u64> {
    text.lines().next()?.split(' ').next_back()?.parse().ok()
}

/// Parses lines `MAJOR:MINOR WEIGHT`. Without such lines the result is the empty list, which clears
/// systemd's list.
fn devices(text: &str, scale: impl Fn(u64) -> u64) -> Value {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let numbers = lines.filter(|(device, _)| device.contains(':'));
    let entries = numbers.filter_map(|(device, weight)| {
        Some(device_property(device, scale(weight.trim().parse().ok()?)))
    });
    Value::Array("(st)".to_owned(), entries.collect())
}

/// Reads `CPUWeight`, in which systemd writes idle as 0. The weight of an idle cgroup reads as 0,
/// and since Linux 6.12 as 1.
fn cpu_weight(read: Read<'_>) -> Option<u64> {
    Some(match number(&read("cpu.weight")?)? {
        0 | 1 if read("cpu.idle").as_deref() == Some("1") => 0,
        weight => weight.max(1),
    })
}

/// Reads quota and period; v1 has one file for each.
fn bandwidth(read: Read<'_>) -> Option<Bandwidth> {
    if let Some(text) = read("cpu.max") {
        return Bandwidth::parse(&text, DEFAULT_PERIOD);
    }
    let period = read("cpu.cfs_period_us")?.parse().ok()?;
    Some(Bandwidth::new(read("cpu.cfs_quota_us")?.parse().ok()?, period))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_rounded_limits_do_not_show_the_property() {
        for (name, value, told) in [
            ("CPUWeight", 100, false),
            ("CPUWeight", 0, false),
            ("CPUWeight", 170, true),
            ("CPUShares", 1024, false),
            ("IOWeight", 100, false),
            ("BlockIOWeight", 136, false),
            ("BlockIOWeight", 300, false),
            ("CPUQuotaPeriodUSec", 100_000, false),
            ("CPUQuotaPeriodUSec", 50_000, true),
            ("MemoryMax", 99_999_744, false),
            ("MemoryMax", INFINITY, true),
            ("MemoryLow", 0, true),
            ("TasksMax", 20, true),
        ] {
            assert_eq!(file_shows_property(name, &Value::U64(value), true), told, "{name} {value}");
        }
        let mask = Value::bytes(&[3]);
        assert!(file_shows_property("AllowedCPUs", &Value::bytes(&[]), true));
        assert!(!file_shows_property("AllowedCPUs", &mask, true));
        assert!(!file_shows_property("AllowedCPUs", &mask, false));
    }

    #[test]
    fn reads_properties_from_their_files() {
        let check = |property: &str, files: &[(&str, &str)], wanted: Option<Value>| {
            let read = |name: &str| {
                files.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned())
            };
            assert_eq!(property_from_file(property, &read), wanted, "{property} {files:?}");
        };
        let number = |n: u64| Some(Value::U64(n));
        check("CPUWeight", &[("cpu.idle", "0"), ("cpu.weight", "170")], number(170));
        check("CPUWeight", &[("cpu.idle", "1"), ("cpu.weight", "0")], number(0));
        check("CPUWeight", &[("cpu.idle", "1"), ("cpu.weight", "1")], number(0));
        check("CPUWeight", &[("cpu.idle", "0"), ("cpu.weight", "1")], number(1));
        check("CPUQuotaPerSecUSec", &[("cpu.max", "max 100000")], number(INFINITY));
        check("CPUQuotaPerSecUSec", &[("cpu.max", "50001 100000")], number(510_000));
        check("CPUQuotaPeriodUSec", &[("cpu.max", "50001 20000")], number(20_000));
        let v1 = [("cpu.cfs_quota_us", "-1"), ("cpu.cfs_period_us", "50000")];
        check("CPUQuotaPerSecUSec", &v1, number(INFINITY));
        check("CPUQuotaPeriodUSec", &v1, number(50_000));
        check("IOWeight", &[("io.weight", "default 77\n8:0 5")], number(77));
        check(
            "IOWeight",
            &[("io.bfq.weight", "default 500"), ("io.weight", "default 1")],
            number(4500),
        );
        let devices =
            |weight| Some(Value::Array("(st)".into(), vec![device_property("7:0", weight)]));
        check("IODeviceWeight", &[("io.bfq.weight", "default 100\n7:0 300")], devices(2300));
        check("BlockIODeviceWeight", &[("blkio.bfq.weight_device", "7:0 300")], devices(300));
        let none = Some(Value::Array("(st)".into(), vec![]));
        check("IODeviceWeight", &[("io.weight", "default 100")], none);
        check("BlockIOWeight", &[("blkio.bfq.weight", "300")], number(300));
        check("MemoryMax", &[("memory.max", "max")], number(INFINITY));
        check("MemoryLimit", &[("memory.limit_in_bytes", "9223372036854771712")], number(INFINITY));
        check("MemoryLimit", &[("memory.limit_in_bytes", "4096")], number(4096));
        check("TasksMax", &[("pids.max", "0")], number(1));
        check("AllowedCPUs", &[("cpuset.cpus", "0,9")], Some(Value::bytes(&[1, 2])));
        check("AllowedCPUs", &[("cpuset.cpus", "")], Some(Value::bytes(&[])));
        check("MemoryMax", &[], None);
        check("DevicePolicy", &[], None);
    }
}
