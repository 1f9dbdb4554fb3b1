// SPDX-License-Identifier: Apache-2.0

//! Statistics as JSON in the shape of `runc events --stats`, with some members that runc does not
//! have.
//!
//! A number that could not be read is left out. runc writes 0 there; a program that decodes the
//! JSON into runc's Go type gets 0 for both.

use serde_json::{json, Map, Value};

use super::fields::Field as F;
use super::hugepages;
use super::json_io::{self, Files};
use super::scan::{lines, number, split};
use super::table::{CPU, HUGETLB, IO, MEMORY, MISC, PIDS, RDMA};
use super::values::Stats;
use crate::host::Version::{V1, V2};

/// Returns the members of runc's `data` for the controllers whose bits are set.
pub fn json(stats: &Stats, files: Files<'_>, controllers: u64) -> Value {
    let mut out = Map::new();
    let mut add = |bit: u64, name: &str, value: &dyn Fn() -> Value| {
        if controllers & bit != 0 {
            out.insert(name.to_owned(), value());
        }
    };
    add(CPU, "cpu", &|| cpu(stats, files));
    add(CPU, "cpuset", &|| cpuset(files));
    add(MEMORY, "memory", &|| memory(stats, files));
    add(PIDS, "pids", &|| pids(stats));
    add(IO, "blkio", &|| json_io::blkio(files, pressure(stats, F::IoSomeAvg10, F::IoFullAvg10)));
    add(IO, "io", &|| nested(files("io", V2, "io.stat")));
    add(HUGETLB, "hugetlb", &|| hugetlb(files));
    for (bit, name) in [(RDMA, "rdma"), (MISC, "misc")] {
        add(bit, name, &|| {
            let of = |kind: &str| {
                let file = format!("{name}.{kind}");
                files(name, V2, &file).or_else(|| files(name, V1, &file))
            };
            let read = if bit == RDMA { nested } else { flat };
            json!({ "current": read(of("current")), "max": read(of("max")) })
        });
    }
    Value::Object(out)
}

/// Adds a member, if its value is known.
fn put(out: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let (Value::Object(out), Some(value)) = (out, value) {
        out.insert(name.to_owned(), value.into());
    }
}

fn cpu(stats: &Stats, files: Files<'_>) -> Value {
    let mut usage = json!({});
    put(&mut usage, "total", stats.get(F::CpuUsage));
    put(&mut usage, "kernel", stats.get(F::CpuSystem));
    put(&mut usage, "user", stats.get(F::CpuUser));
    let percpu = files("cpuacct", V1, "cpuacct.usage_percpu");
    put(&mut usage, "percpu", percpu.and_then(|text| words(&text)));
    let modes = files("cpuacct", V1, "cpuacct.usage_all").unwrap_or_default();
    // The header line `cpu user system` has no numbers, so it is left out.
    let column = |place: usize| -> Vec<u64> {
        let value = |line| words(line).and_then(|numbers: Vec<u64>| numbers.get(place).copied());
        lines(&modes).filter_map(value).collect()
    };
    for (name, place) in [("percpu_user", 1), ("percpu_kernel", 2)] {
        put(&mut usage, name, Some(column(place)).filter(|numbers| !numbers.is_empty()));
    }
    let mut throttling = json!({});
    put(&mut throttling, "periods", stats.get(F::CpuPeriods));
    put(&mut throttling, "throttledPeriods", stats.get(F::CpuThrottledPeriods));
    put(&mut throttling, "throttledTime", stats.get(F::CpuThrottled));
    let mut burst = json!({});
    put(&mut burst, "burstsPeriods", stats.get(F::CpuBursts));
    put(&mut burst, "burstTime", stats.get(F::CpuBurst));
    let mut out = json!({ "usage": usage, "throttling": throttling, "burst": burst });
    put(&mut out, "psi", pressure(stats, F::CpuSomeAvg10, F::CpuFullAvg10));
    out
}

/// Returns the numbers of a text, which white space separates; None if any word is no number.
fn words(text: &[u8]) -> Option<Vec<u64>> {
    let fields = text.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    fields.map(number).collect()
}

/// Returns a pressure in runc's units: percent and microseconds. None if neither line was read.
fn pressure(stats: &Stats, some: F, full: F) -> Option<Value> {
    let mut out = json!({});
    for (name, first) in [("some", some), ("full", full)] {
        let first = first as usize;
        // Hundredths of a percent are far below 2^53, so no precision is lost.
        #[allow(clippy::cast_precision_loss)]
        let average =
            |place| stats.get_at(first + place).map(|hundredths| hundredths as f64 / 100.0);
        let total = stats.get_at(first + 3).map(|ns| ns / 1000);
        if let (Some(a), Some(b), Some(c), Some(total)) =
            (average(0), average(1), average(2), total)
        {
            let line = json!({ "avg10": a, "avg60": b, "avg300": c, "total": total });
            put(&mut out, name, Some(line));
        }
    }
    Some(out).filter(|out| out.as_object().is_some_and(|lines| !lines.is_empty()))
}

fn cpuset(files: Files<'_>) -> Value {
    let mut out = json!({});
    let read = |name: &str| {
        let text = files("cpuset", V1, &format!("cpuset.{name}"));
        let text = text.or_else(|| files("cpuset", V2, &format!("cpuset.{name}")))?;
        let line = lines(&text).next()?;
        Some(String::from_utf8_lossy(line).into_owned())
    };
    for name in ["cpus", "mems"] {
        put(&mut out, name, read(name).and_then(|list| ranges(&list)));
    }
    for name in [
        "cpu_exclusive",
        "mem_hardwall",
        "mem_exclusive",
        "memory_migrate",
        "memory_spread_page",
        "memory_spread_slab",
        "memory_pressure",
        "sched_load_balance",
        "sched_relax_domain_level",
    ] {
        put(&mut out, name, read(name).and_then(|text| text.parse::<i64>().ok()));
    }
    out
}

/// Returns the numbers of a list such as `0-2,5`; None for an empty list. runc's type has 16 bits.
fn ranges(list: &str) -> Option<Vec<u16>> {
    let mut out = Vec::new();
    for part in list.split(',').filter(|part| !part.is_empty()) {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        out.extend(low.parse::<u16>().ok()?..=high.parse::<u16>().ok()?);
    }
    Some(out).filter(|out| !out.is_empty())
}

fn memory(stats: &Stats, files: Files<'_>) -> Value {
    let v2 = files("memory", V2, "memory.stat");
    let is_v2 = v2.is_some();
    let raw = flat(v2.or_else(|| files("memory", V1, "memory.stat")));
    let mut out = json!({});
    put(&mut out, "cache", raw.get(if is_v2 { "file" } else { "cache" }).cloned());
    // On v1 "no limit" is a great number, which runc passes on. So the limit is read again here.
    let v1_limit =
        |file: &str| files("memory", V1, file).and_then(|text| number(lines(&text).next()?));
    let limit = |field, file| v1_limit(file).or_else(|| stats.get(field));
    let entry = |usage, peak, failcnt, limit: Option<u64>| {
        let mut entry = json!({});
        put(&mut entry, "usage", stats.get(usage));
        put(&mut entry, "max", stats.get(peak));
        put(&mut entry, "failcnt", stats.get(failcnt));
        put(&mut entry, "limit", limit);
        entry
    };
    let own = limit(F::MemoryLimit, "memory.limit_in_bytes");
    put(&mut out, "usage", Some(entry(F::MemoryUsage, F::MemoryPeak, F::MemoryFailcnt, own)));
    if is_v2 {
        put(&mut out, "swap", Some(swap_v2(stats)));
    } else {
        let memsw = limit(F::MemswLimit, "memory.memsw.limit_in_bytes");
        let kernel = limit(F::KernelLimit, "memory.kmem.limit_in_bytes");
        let tcp = limit(F::KernelTcpLimit, "memory.kmem.tcp.limit_in_bytes");
        let memsw = entry(F::MemswUsage, F::MemswPeak, F::MemswFailcnt, memsw);
        let kernel = entry(F::Kernel, F::KernelPeak, F::KernelFailcnt, kernel);
        let tcp = entry(F::KernelTcp, F::KernelTcpPeak, F::KernelTcpFailcnt, tcp);
        put(&mut out, "swap", Some(memsw));
        put(&mut out, "kernel", Some(kernel));
        put(&mut out, "kernelTCP", Some(tcp));
    }
    put(&mut out, "oomKills", stats.get(F::EventsOomKill));
    put(&mut out, "psi", pressure(stats, F::MemorySomeAvg10, F::MemoryFullAvg10));
    put(&mut out, "raw", Some(raw));
    out
}

/// Returns runc's `swap` for v2: memory and swap together, as v1 counts them.
fn swap_v2(stats: &Stats) -> Value {
    let mut out = json!({});
    let both = |swap, memory| {
        let (swap, memory) = (stats.get(swap)?, stats.get(memory)?);
        Some(swap.saturating_add(memory))
    };
    put(&mut out, "usage", both(F::SwapUsage, F::MemoryUsage));
    put(&mut out, "limit", both(F::SwapLimit, F::MemoryLimit));
    out
}

/// Returns runc's `pids`. Like runc, leaves out a limit that is not set.
fn pids(stats: &Stats) -> Value {
    let mut out = json!({});
    put(&mut out, "current", stats.get(F::PidsCurrent));
    let limit = stats.get(F::PidsLimit);
    put(&mut out, "limit", limit.filter(|&limit| limit != super::fields::MAX_VALUE));
    out
}

fn hugetlb(files: Files<'_>) -> Value {
    let mut out = json!({});
    for size in hugepages::sizes() {
        let value = |version, file: &str| {
            let text = files("hugetlb", version, &format!("hugetlb.{size}.{file}"))?;
            let line = lines(&text).next()?;
            number(line)
        };
        let mut entry = json!({});
        // Like runc, takes the numbers of reservations where the kernel has them.
        let v1 = |file: &str| value(V1, &format!("rsvd.{file}")).or_else(|| value(V1, file));
        let usage = v1("usage_in_bytes").or_else(|| value(V2, "rsvd.current"));
        put(&mut entry, "usage", usage.or_else(|| value(V2, "current")));
        put(&mut entry, "max", v1("max_usage_in_bytes"));
        let events = flat(files("hugetlb", V2, &format!("hugetlb.{size}.events")));
        let failed = v1("failcnt").map(Value::from).or_else(|| events.get("max").cloned());
        put(&mut entry, "failcnt", failed);
        if entry.get("usage").is_some() {
            put(&mut out, &size, Some(entry));
        }
    }
    out
}

/// Returns lines of a key and a value as an object.
fn flat(text: Option<Vec<u8>>) -> Value {
    let text = text.unwrap_or_default();
    let line = |line: &[u8]| {
        let (key, value) = split(line, b' ')?;
        Some((String::from_utf8_lossy(key).into_owned(), worth(value)))
    };
    Value::Object(lines(&text).filter_map(line).collect())
}

/// Returns lines of a name and `key=value` as an object of objects, with all keys.
fn nested(text: Option<Vec<u8>>) -> Value {
    let text = text.unwrap_or_default();
    let line = |line: &[u8]| {
        let mut words = line.split(|&b| b == b' ');
        let name = words.next().filter(|name| !name.is_empty())?;
        let member = |word| {
            let (key, value) = split(word, b'=')?;
            Some((String::from_utf8_lossy(key).into_owned(), worth(value)))
        };
        let members: Map<String, Value> = words.filter_map(member).collect();
        Some((String::from_utf8_lossy(name).into_owned(), Value::Object(members)))
    };
    Value::Object(lines(&text).filter_map(line).collect())
}

/// Returns a value as a number, or as text if it is no number.
fn worth(text: &[u8]) -> Value {
    number(text).map_or_else(|| Value::from(String::from_utf8_lossy(text)), Value::from)
}
