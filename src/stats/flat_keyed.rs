// SPDX-License-Identifier: Apache-2.0

//! Flat keyed files, such as cpu.stat and memory.stat: a key and a number on each line.

use super::fields::Field;
use super::scan::{number, number_line, split};
use super::values::Stats;

/// A key, the field that its number feeds, and what the number is multiplied by.
pub type Row = (&'static str, Field, u64);

/// The keys of a file that feed a field, in the kernel's order.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// One row for each key.
    pub rows: &'static [Row],
    /// Bits: `head` of each key. Most lines of a long file have no row, and this shows it at once.
    heads: u64,
}

impl Keys {
    /// Makes the table. Each key has at least three bytes: a shorter one does not compile.
    pub const fn new(rows: &'static [Row]) -> Keys {
        let (mut heads, mut i) = (0, 0);
        while i < rows.len() {
            // Constant evaluation, in which an index out of bounds does not compile.
            #[allow(clippy::indexing_slicing)]
            let key = rows[i].0.as_bytes();
            assert!(key.len() >= 3, "a line would have another head than its key");
            heads |= 1 << head(key);
            i += 1;
        }
        Keys { rows, heads }
    }

    /// Reads a file's text into the fields. A value that is no number leaves its field as it is.
    pub fn read(&self, text: &[u8], out: &mut Stats) {
        let (mut rest, mut next) = (text, self.rows);
        let mut put = |&(_, field, scale): &Row, number: u64| {
            if let Some(value) = number.checked_mul(scale) {
                out.put(field, value);
            }
        };
        loop {
            // The rows have the kernel's order, so the next line most often has the next key.
            if let Some((row, rows)) = next.split_first() {
                if let Some((number, after)) = after_key(rest, row.0).and_then(number_line) {
                    put(row, number);
                    (rest, next) = (after, rows);
                    continue;
                }
            }
            let Some((line, after)) = split(rest, b'\n') else { return };
            rest = after;
            let Some((row, rows)) = self.rows_from(line).and_then(<[Row]>::split_first) else {
                continue;
            };
            next = rows;
            if let Some(number) = after_key(line, row.0).and_then(number) {
                put(row, number);
            }
        }
    }

    /// Returns the row of a line, and the rows after it.
    fn rows_from(&self, line: &[u8]) -> Option<&'static [Row]> {
        if self.heads & (1 << head(line)) == 0 {
            return None;
        }
        let place = self.rows.iter().position(|(key, ..)| after_key(line, key).is_some())?;
        self.rows.get(place..)
    }
}

/// Returns a hash below 64 of the first three bytes. The factor was searched for memory.stat of v2:
/// of its lines without a row, only those that begin with the same three bytes as a key have the
/// hash of a key.
const fn head(line: &[u8]) -> u32 {
    match line {
        [a, b, c, ..] => u32::from_le_bytes([*a, *b, *c, 0]).wrapping_mul(0xa9b0_4545) >> 26,
        _ => 0,
    }
}

/// Returns the text after the key and a space, if it begins with them.
fn after_key<'a>(text: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let (mut key, mut rest) = (key.as_bytes(), text);
    while let Some((wanted, more)) = key.split_first_chunk::<8>() {
        let (chunk, after) = rest.split_first_chunk::<8>()?;
        if chunk != wanted {
            return None;
        }
        (key, rest) = (more, after);
    }
    for wanted in key {
        rest = rest.strip_prefix(&[*wanted])?;
    }
    rest.strip_prefix(b" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parse::parse;
    use super::super::table::{Format, SOURCES};
    use super::super::values::Stats;
    use super::*;

    fn memory_stat() -> Keys {
        let is_memory_stat = |file: &str| file == "memory.stat";
        let source = SOURCES.iter().find(|source| is_memory_stat(source.file)).unwrap();
        let Format::Keyed(keys) = source.format else { unreachable!() };
        keys
    }

    /// Lines in any order, some twice, with keys and values of all kinds.
    fn text() -> impl Strategy<Value = String> {
        let known: Vec<_> = memory_stat().rows.iter().map(|(key, ..)| (*key).to_owned()).collect();
        let key = prop_oneof![
            6 => prop::sample::select(known.clone()),
            1 => prop::sample::select(known).prop_map(|key| key[..key.len() - 1].to_owned()),
            1 => "file_thp|anon_thp|slab|workingset_nodereclaim|pgfaults|ab|",
        ];
        let value = prop_oneof![
            4 => any::<u64>().prop_map(|n| n.to_string()),
            2 => "[0-9]{0,3}",
            1 => "[0-9]{18,21}|max|-1| 5|5 |5 6|",
        ];
        let space = prop_oneof![9 => Just(" "), 1 => Just("")];
        let end = prop_oneof![9 => Just("\n"), 1 => Just("")];
        let line = (key, space, value, end);
        let line = line.prop_map(|(a, b, c, d)| [a, b.to_owned(), c, d.to_owned()].concat());
        prop::collection::vec(line, 0..40).prop_map(|lines| lines.concat())
    }

    proptest! {
        /// Line by line and word by word, without the shortcuts.
        #[test]
        fn keys_in_any_order_feed_their_fields(text in text()) {
            let keys = memory_stat();
            let mut wanted = Stats::default();
            let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
            for (key, value) in whole.split('\n').filter_map(|line| line.split_once(' ')) {
                let row = keys.rows.iter().find(|row| row.0 == key);
                if let (Some((_, field, 1)), Ok(value)) = (row, value.parse()) {
                    wanted.put(*field, value);
                }
            }
            let mut out = Stats::default();
            parse(Format::Keyed(keys), text.as_bytes(), &mut out);
            prop_assert_eq!(out, wanted);
        }
    }

    #[test]
    fn few_lines_without_a_field_are_looked_up() {
        let text = include_bytes!("../../tests/fixtures/stats/6.12-v2/memory.stat");
        let keys = memory_stat();
        let looked_up = |line: &&[u8]| keys.heads & (1 << head(line)) != 0;
        let lines = text.split(|&b| b == b'\n').filter(|line| keys.rows_from(line).is_none());
        assert_eq!(lines.filter(looked_up).count(), 4);
    }
}
