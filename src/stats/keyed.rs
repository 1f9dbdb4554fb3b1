// SPDX-License-Identifier: Apache-2.0

//! Splits any interface file into triples of name, key and value, whatever its keys are.
//!
//! cgroup-v2.rst, "Interface Files", has the formats of v2: one value, flat keyed and nested keyed.
//! v1 adds lines of device, operation and number (blkio), columns of numbers (cpuacct), and
//! `total=5 N0=5` (memory.numa_stat).

use super::scan::{lines, number, split};

/// A function that receives name, key and value.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8], &[u8]);

/// Calls `visit` for each value of a file. In a file of one value, name and key are empty. In a
/// flat keyed file, the name is empty. A last line without a newline is left out, because its value
/// may be incomplete.
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

/// Returns the words between spaces.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&b| b == b' ').filter(|word| !word.is_empty())
}

/// Visits the values of a line such as `8:0 rbytes=1 wbytes=2` or `total=5 N0=5`. In the second
/// form, the first word has a value too.
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

/// Visits the values of a line of numbers. With a header (`cpu user system`), the first number is
/// the name and the header's words are the keys. Without one, the keys are 0, 1, 2, ….
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
