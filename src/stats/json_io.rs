// SPDX-License-Identifier: Apache-2.0

//! Block I/O in runc's JSON: for each kind of count, a list of device, operation and number.

use serde_json::{json, Map, Value};

use super::scan::{device, lines, number, split};
use crate::host::Version::{self, V1, V2};

/// A function that returns the text of a subsystem's file on v1 or v2. None if the cgroup does not
/// have the file.
pub type Files<'a> = &'a dyn Fn(&str, Version, &str) -> Option<Vec<u8>>;

/// The kinds of count: runc's name, and a part of the file's name on v1.
const KINDS: [(&str, &str); 8] = [
    ("ioServiceBytesRecursive", "io_service_bytes"),
    ("ioServicedRecursive", "io_serviced"),
    ("ioQueueRecursive", "io_queued"),
    ("ioServiceTimeRecursive", "io_service_time"),
    ("ioWaitTimeRecursive", "io_wait_time"),
    ("ioMergedRecursive", "io_merged"),
    ("ioTimeRecursive", "time"),
    ("sectorsRecursive", "sectors"),
];

/// Where v1 may have the counts, in the order in which to look: beginning and end of the names.
const PLACES: [(&str, &str); 4] = [
    ("blkio.bfq.", "_recursive"),
    ("blkio.", "_recursive"),
    ("blkio.throttle.", "_recursive"),
    ("blkio.throttle.", ""),
];

/// Keys of io.stat, with the kind and the operation that runc's JSON has for each.
const KEYS: [(&[u8], &str, &str); 8] = [
    (b"rbytes", "ioServiceBytesRecursive", "Read"),
    (b"wbytes", "ioServiceBytesRecursive", "Write"),
    (b"rios", "ioServicedRecursive", "Read"),
    (b"wios", "ioServicedRecursive", "Write"),
    (b"cost.usage", "ioCostUsage", "Count"),
    (b"cost.wait", "ioCostWait", "Count"),
    (b"cost.indebt", "ioCostIndebt", "Count"),
    (b"cost.indelay", "ioCostIndelay", "Count"),
];

/// Returns runc's `blkio`: on v2 from io.stat, on v1 from the first of `PLACES` that names a
/// device.
pub fn blkio(files: Files<'_>, pressure: Option<Value>) -> Value {
    let mut out = match files("io", V2, "io.stat") {
        Some(text) => v2(&text),
        None => v1(files),
    };
    if let Some(pressure) = pressure {
        out.insert("psi".to_owned(), pressure);
    }
    Value::Object(out)
}

fn v1(files: Files<'_>) -> Map<String, Value> {
    for (start, end) in PLACES {
        let mut found = Map::new();
        for (name, file) in KINDS {
            let text = files("blkio", V1, &format!("{start}{file}{end}")).unwrap_or_default();
            let entries: Vec<Value> = lines(&text).filter_map(entry).collect();
            if !entries.is_empty() {
                found.insert(name.to_owned(), Value::Array(entries));
            } else if file == "io_service_bytes" {
                // If this file names no device, the other files of the place name none either.
                break;
            }
        }
        if !found.is_empty() {
            return found;
        }
    }
    Map::new()
}

/// Returns the entry of a line such as `8:0 Read 4096` or `8:0 4096`.
fn entry(line: &[u8]) -> Option<Value> {
    let (of, rest) = split(line, b' ')?;
    let (major, minor) = device(of)?;
    let (op, value) = split(rest, b' ').unwrap_or((b"", rest));
    let value = number(value)?;
    let op = String::from_utf8_lossy(op);
    Some(json!({ "major": major, "minor": minor, "op": op, "value": value }))
}

fn v2(text: &[u8]) -> Map<String, Value> {
    let mut out = Map::new();
    for line in lines(text) {
        let mut words = line.split(|&b| b == b' ');
        let Some((major, minor)) = words.next().and_then(device) else { continue };
        for (key, value) in words.filter_map(|word| split(word, b'=')) {
            let known = KEYS.iter().find(|(name, _, _)| *name == key);
            let (Some((_, kind, op)), Some(value)) = (known, number(value)) else { continue };
            let entry = json!({ "major": major, "minor": minor, "op": op, "value": value });
            let list = out.entry(*kind).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(entry);
            }
        }
    }
    out
}
