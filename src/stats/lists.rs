// SPDX-License-Identifier: Apache-2.0

//! Lists: an entry for each device, page size, processor, NUMA node, or value of a file.

use super::keyed::keyed;
use super::list_table::{List, ListSource, Pick, VALUES};
use super::parse::no_limit;
use super::scan::number;

/// The most columns that a list has.
const COLUMNS: usize = 16;

/// One entry of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The text members of the C struct, in its order.
    pub labels: [Vec<u8>; 3],
    /// The entry's name in the file.
    name: Vec<u8>,
    /// The numbers, in the order of the list's columns.
    numbers: [u64; COLUMNS],
    /// A bit for each number that was read.
    seen: u32,
}

impl Entry {
    /// Notes the number of a column.
    fn put(&mut self, column: usize, value: u64) {
        if let Some(place) = self.numbers.get_mut(column) {
            *place = value;
            self.seen |= 1 << column;
        }
    }

    /// Returns the numbers, in the order of the list's columns; 0 for a number that was not read.
    pub fn numbers(&self) -> &[u64; COLUMNS] {
        &self.numbers
    }

    /// Returns the bits of the C struct's `valid`. A bit is set if all of its numbers were read and
    /// lie before the column `end`.
    pub fn valid(&self, list: &List, end: usize) -> u64 {
        let (mut out, mut not) = (0, 0);
        for (place, (_, bit)) in list.columns.iter().enumerate() {
            if place < end && self.seen & (1 << place) != 0 {
                out |= bit;
            } else {
                not |= bit;
            }
        }
        out & !not
    }

    /// Returns a number by its name in C; None if it was not read.
    #[cfg(any(test, feature = "internals"))]
    pub fn get(&self, list: &List, name: &str) -> Option<u64> {
        let place = list.columns.iter().position(|column| column.0 == name)?;
        Some(*self.numbers.get(place)?).filter(|_| self.seen & (1 << place) != 0)
    }
}

/// A file's text, and what is needed to read it.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// The text.
    pub bytes: &'a [u8],
    /// The page size in the name of a file of huge pages, such as `2MB`. Empty for other files.
    pub size: &'a str,
    /// The size of a page in bytes: v1's memory.numa_stat counts pages.
    pub page: u64,
}

/// Reads one file's text into the entries. Returns whether the text names an entry.
pub fn fill(list: &List, source: &ListSource, text: Text<'_>, out: &mut Vec<Entry>) -> bool {
    let mut named = false;
    keyed(text.bytes, &mut |name, key, value| {
        let of = |keys: &[(&str, usize, u64)], wanted: &[u8]| {
            let found = keys.iter().find(|k| k.0.as_bytes() == wanted);
            found.map(|&(_, column, factor)| (column, if factor == 0 { text.page } else { factor }))
        };
        // A key without a column still makes an entry: the cgroup has used the device.
        let (label, key, column) = match source.pick {
            Pick::ByKey(keys) => (name, &b""[..], of(keys, key)),
            Pick::ByName(keys) => (key, &b""[..], of(keys, name)),
            Pick::Each(column, end) if name.is_empty() => {
                let Some(label) = key.strip_suffix(end.as_bytes()) else { return };
                // cpuacct.usage_percpu of a host with one processor is a single value, without a
                // key.
                let label = if label.is_empty() { b"0" } else { label };
                (label, &b""[..], Some((column, 1)))
            }
            Pick::Each(column, _) => (name, key, Some((column, 1))),
            Pick::Size(column, wanted) => {
                let column = Some((column, 1)).filter(|_| key == wanted.as_bytes());
                (text.size.as_bytes(), &b""[..], column)
            }
        };
        if let Some(entry) = entry(list, source, label, key, out) {
            named = true;
            if let Some((column, factor)) = column {
                put(list, entry, column, factor, value);
            }
        }
    });
    named
}

/// Returns the entry of a name and key, new if there is none yet. Returns None for a name that is
/// no entry, such as `Total`.
fn entry<'a>(
    list: &List,
    source: &ListSource,
    name: &[u8],
    key: &[u8],
    out: &'a mut Vec<Entry>,
) -> Option<&'a mut Entry> {
    let ids = (list.ids)(name)?;
    let same = |e: &Entry| {
        let [of, _, resource] = &e.labels;
        e.name == name
            && (list.id_count > 0 || of == source.subsystem.as_bytes() && resource == key)
    };
    let place = out.iter().position(same).unwrap_or_else(|| {
        let labels = match list.id_count {
            0 => [source.subsystem.into(), name.into(), key.into()],
            _ => [name.into(), Vec::new(), Vec::new()],
        };
        let mut new = Entry { labels, name: name.into(), ..Entry::default() };
        for (column, id) in ids.into_iter().take(list.id_count).enumerate() {
            new.put(column, id);
        }
        out.push(new);
        out.len() - 1
    });
    out.get_mut(place)
}

/// Notes a value in a column. A limit may be `max` or, on v1, a number of 2^62 or more; both mean
/// no limit. A value that is no number is left out.
fn put(list: &List, entry: &mut Entry, column: usize, factor: u64, value: &[u8]) {
    let is_limit = list.columns.get(column).is_some_and(|(name, _)| name.ends_with("limit"));
    let number = match value {
        b"max" if is_limit => Some(u64::MAX),
        _ => number(value).and_then(|number| number.checked_mul(factor)),
    };
    if let Some(number) = number {
        entry.put(column, if is_limit { no_limit(number) } else { number });
    }
}

/// Returns an entry for every value of a file, with the kernel's text. The number of `max` is
/// `u64::MAX`.
pub fn values(text: &[u8]) -> Vec<Entry> {
    let mut out = Vec::new();
    keyed(text, &mut |name, key, value| {
        let labels = [name.to_vec(), key.to_vec(), value.to_vec()];
        let mut entry = Entry { labels, ..Entry::default() };
        match value {
            b"max" => entry.put(0, u64::MAX),
            _ => put(&VALUES, &mut entry, 0, 1, value),
        }
        out.push(entry);
    });
    out
}
