// SPDX-License-Identifier: Apache-2.0

//! The parsers of statistics files. Pure: bytes in, fields out.
//!
//! A text that is not a number leaves its field not valid.

use super::fields::{Field, MAX_VALUE};
use super::scan::{device, lines, number, number_line, split, words};
use super::table::{Format, IO_STAT};
use super::values::Stats;

/// v1 limits from here on are no limits. The kernel prints its greatest number of pages in bytes.
const V1_NO_LIMIT: u64 = 1 << 62;

/// Whether a file had values. Files of block I/O are alternatives to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The file had values, or has no alternative.
    Values,
    /// The file names no device. An alternative may name one.
    NoDevice,
}

/// Reads one file's text into the fields that it feeds.
pub fn parse(format: Format, text: &[u8], out: &mut Stats) -> Found {
    match format {
        Format::Value(field) => put(out, field, value(text)),
        Format::Limit(field) => put(out, field, value(text).or_else(|| limit(text)).map(no_limit)),
        Format::Keyed(keys) => keys.read(text, out),
        Format::Pressure(kinds) => pressure(kinds, text, out),
        Format::IoStat => io_stat(text, out),
        Format::Blkio(fields) => return blkio(fields, text, out),
        Format::Sum(field) => sum(out, field, value(text)),
        Format::SumKeyed(key, field) => sum(out, field, flat_keyed(text, key.as_bytes())),
        Format::FreezerState(field) => freezer_state(text, field, out),
        Format::Presence => {}
    }
    Found::Values
}

fn put(out: &mut Stats, field: Field, value: Option<u64>) {
    if let Some(value) = value {
        out.put(field, value);
    }
}

/// Adds a value to a field. Without the value the sum would be too small, so the field is spoiled.
fn sum(out: &mut Stats, field: Field, value: Option<u64>) {
    match value {
        Some(value) => out.add(field, value),
        None => out.spoil(field),
    }
}

/// Returns a limit, or `MAX_VALUE` for one that v1 does not enforce.
pub fn no_limit(value: u64) -> u64 {
    if value >= V1_NO_LIMIT {
        MAX_VALUE
    } else {
        value
    }
}

fn value(text: &[u8]) -> Option<u64> {
    match number_line(text) {
        Some((number, _)) => Some(number),
        None => number(lines(text).next()?),
    }
}

fn limit(text: &[u8]) -> Option<u64> {
    (lines(text).next()? == b"max").then_some(MAX_VALUE)
}

fn flat_keyed(text: &[u8], key: &[u8]) -> Option<u64> {
    lines(text).find_map(|line| {
        let (name, value) = split(line, b' ')?;
        (name == key).then(|| number(value))?
    })
}

/// Reads freezer.state. A cgroup that v1's freezer has frozen is frozen, also if cgroup.events,
/// which is read before, says that it is not.
fn freezer_state(text: &[u8], field: Field, out: &mut Stats) {
    match lines(text).next() {
        Some(b"FROZEN") => out.put(field, 1),
        Some(b"THAWED" | b"FREEZING") => out.add(field, 0),
        _ => {}
    }
}

/// Reads lines such as `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
fn pressure(kinds: &[(&str, Field)], text: &[u8], out: &mut Stats) {
    for line in lines(text) {
        let mut words = words(line);
        let kind = words.next().unwrap_or_default();
        let Some(&(_, first)) = kinds.iter().find(|(name, _)| name.as_bytes() == kind) else {
            continue;
        };
        for word in words {
            let Some((key, value)) = split(word, b'=') else { continue };
            let (place, value) = match key {
                b"avg10" => (0, hundredths(value)),
                b"avg60" => (1, hundredths(value)),
                b"avg300" => (2, hundredths(value)),
                b"total" => (3, number(value).and_then(|us| us.checked_mul(1000))),
                _ => continue,
            };
            if let Some(value) = value {
                out.put_at(first as usize + place, value);
            }
        }
    }
}

/// Returns a number such as `30.78` in hundredths.
fn hundredths(text: &[u8]) -> Option<u64> {
    let (whole, part) = split(text, b'.')?;
    if part.len() != 2 {
        return None;
    }
    number(whole)?.checked_mul(100)?.checked_add(number(part)?)
}

/// Reads io.stat. An empty io.stat means that the cgroup has done no I/O. A line without a device's
/// number and unknown keys are passed over.
fn io_stat(text: &[u8], out: &mut Stats) {
    if !text.is_empty() && lines(text).next().is_none() {
        return;
    }
    for (_, field) in IO_STAT {
        out.put(field, 0);
    }
    for line in lines(text) {
        let mut words = words(line);
        if words.next().and_then(device).is_none() {
            continue;
        }
        for (key, value) in words.filter_map(|word| split(word, b'=')) {
            let known = IO_STAT.iter().find(|(name, _)| name.as_bytes() == key);
            if let Some((_, field)) = known {
                sum(out, *field, number(value));
            }
        }
    }
}

/// Reads lines such as `8:0 Read 4096`. The last line, `Total 4096`, is there without I/O as well.
fn blkio(fields: [Field; 3], text: &[u8], out: &mut Stats) -> Found {
    let [read, write, discard] = fields;
    let mut found = Found::NoDevice;
    for line in lines(text) {
        // Any line shows that the file counts. An empty file leaves the fields not valid.
        out.add(read, 0);
        out.add(write, 0);
        let mut words = words(line);
        let (Some(of), Some(what), Some(count)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if device(of).is_none() {
            continue;
        }
        found = Found::Values;
        match what {
            b"Read" => sum(out, read, number(count)),
            b"Write" => sum(out, write, number(count)),
            // Kernels before 4.19 have no Discard.
            b"Discard" => sum(out, discard, number(count)),
            _ => {}
        }
    }
    found
}
