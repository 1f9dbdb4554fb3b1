//! What a property of a unit stands at, by the file that it stands for: so that a failed change is
//! undone to what was in force, whoever set it.

use super::bandwidth::Bandwidth;
use super::cpu::DEFAULT_PERIOD;
use super::io::{device_property, io_weight_from_bfq};
use super::properties::INFINITY;
use crate::systemd::{bitmask, Value};

/// "No limit" of v1's memory files, whatever the page size.
const V1_UNLIMITED: u64 = 1 << 62;

/// The value; none for a property that has no file, or whose file cannot be read.
pub fn before(property: &str, read: &dyn Fn(&'static str) -> Option<String>) -> Option<Value> {
    let number = |file: &'static str| match read(file)?.as_str() {
        "max" => Some(INFINITY),
        text => text.parse().ok(),
    };
    // Of several lines the first, of which the last word: "default 100".
    let weight =
        |file: &'static str| read(file)?.lines().next()?.split(' ').next_back()?.parse().ok();
    let mask = |file: &'static str| match read(file)?.as_str() {
        "" => Some(Value::bytes(&[])),
        list => bitmask(list).ok().map(|mask| Value::bytes(&mask)),
    };
    let found = match property {
        // An idle cgroup's reads as 0, since Linux 6.12 as 1. systemd's word for idle is 0.
        "CPUWeight" => match number("cpu.weight")? {
            0 | 1 if read("cpu.idle").as_deref() == Some("1") => 0,
            weight => weight.max(1),
        },
        "CPUShares" => number("cpu.shares")?,
        "CPUQuotaPeriodUSec" => bandwidth(read)?.period(),
        "CPUQuotaPerSecUSec" => bandwidth(read)?.per_second().unwrap_or(INFINITY),
        "IOWeight" => {
            let bfq = weight("io.bfq.weight").map(io_weight_from_bfq);
            bfq.or_else(|| weight("io.weight"))?
        }
        "BlockIOWeight" => weight("blkio.weight").or_else(|| weight("blkio.bfq.weight"))?,
        "MemoryMin" => number("memory.min")?,
        "MemoryLow" => number("memory.low")?,
        "MemoryHigh" => number("memory.high")?,
        "MemoryMax" => number("memory.max")?,
        "MemorySwapMax" => number("memory.swap.max")?,
        "MemoryZSwapMax" => number("memory.zswap.max")?,
        "MemoryLimit" => match number("memory.limit_in_bytes")? {
            V1_UNLIMITED.. => INFINITY,
            limit => limit,
        },
        "TasksMax" => number("pids.max")?.max(1),
        "IODeviceWeight" => {
            let bfq = devices("io.bfq.weight", read, io_weight_from_bfq);
            return bfq.or_else(|| devices("io.weight", read, |weight| weight));
        }
        "BlockIODeviceWeight" => {
            let plain = devices("blkio.weight_device", read, |weight| weight);
            return plain.or_else(|| devices("blkio.bfq.weight_device", read, |weight| weight));
        }
        "AllowedCPUs" => return mask("cpuset.cpus"),
        "AllowedMemoryNodes" => return mask("cpuset.mems"),
        _ => return None,
    };
    Some(Value::U64(found))
}

/// Lines `MAJOR:MINOR WEIGHT`; with none of them, the empty list that clears systemd's.
fn devices(
    file: &'static str,
    read: &dyn Fn(&'static str) -> Option<String>,
    scale: impl Fn(u64) -> u64,
) -> Option<Value> {
    let text = read(file)?;
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let numbers = lines.filter(|(device, _)| device.contains(':'));
    let entries = numbers.filter_map(|(device, weight)| {
        Some(device_property(device, scale(weight.trim().parse().ok()?)))
    });
    Some(Value::Array("(st)".to_owned(), entries.collect()))
}

fn bandwidth(read: &dyn Fn(&'static str) -> Option<String>) -> Option<Bandwidth> {
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
    fn from_files() {
        let check = |property: &str, files: &[(&str, &str)], wanted: Option<Value>| {
            let read = |name: &str| {
                files.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned())
            };
            assert_eq!(before(property, &read), wanted, "{property} {files:?}");
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
