// SPDX-License-Identifier: Apache-2.0

//! Any interface file as triples of name, key and value, whatever its keys are.
//!
//! cgroup-v2.rst, "Interface Files", has the formats of v2: one value, flat keyed and nested keyed.
//! v1 adds lines of device, operation and number (blkio), columns of numbers (cpuacct), and
//! `total=5 N0=5` (memory.numa_stat).

use super::scan::{lines, number, split};

/// Receives name, key and value.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8], &[u8]);

/// Calls `visit` for each value of a file. What a file does not have is empty: one value has no
/// name and no key, and a flat key has no name. A line without a newline was cut short and is left
/// out.
pub fn keyed(text: &[u8], visit: Visit<'_>) {
    let mut header: &[u8] = b"";
    for line in lines(text) {
        let first = words(line).next().unwrap_or_default();
        let count = words(line).count();
        if line.contains(&b'=') {
            nested(line, first, visit);
        } else if count > 1 && words(line).all(|word| number(word).is_some()) {
            columns(line, header, visit);
        } else if count > 2 && words(line).all(|word| number(word).is_none()) {
            header = line;
        } else {
            let mut rest = words(line).skip(1);
            match (count, rest.next(), rest.next()) {
                (1, ..) => visit(b"", b"", first),
                (2, Some(value), _) => visit(b"", first, value),
                (3, Some(key), Some(value)) => visit(first, key, value),
                _ => {}
            }
        }
    }
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&b| b == b' ').filter(|word| !word.is_empty())
}

/// `8:0 rbytes=1 wbytes=2`, or `total=5 N0=5`, whose first word has a value of its own.
fn nested(line: &[u8], first: &[u8], visit: Visit<'_>) {
    let name = match split(first, b'=') {
        Some((name, total)) => {
            visit(name, b"", total);
            name
        }
        None => first,
    };
    for (key, value) in words(line).skip(1).filter_map(|word| split(word, b'=')) {
        visit(name, key, value);
    }
}

/// `0 60000000 200000000` below `cpu user system`; without a header the places are the keys.
fn columns(line: &[u8], header: &[u8], visit: Visit<'_>) {
    if header.is_empty() {
        for (place, value) in words(line).enumerate() {
            visit(b"", place.to_string().as_bytes(), value);
        }
        return;
    }
    let name = words(line).next().unwrap_or_default();
    for (key, value) in words(header).zip(words(line)).skip(1) {
        visit(name, key, value);
    }
}
