// SPDX-License-Identifier: Apache-2.0

//! One reading: the values of the fields, and which of them were read.

use super::fields::{Field, Group, FIELDS};

const COUNT: usize = FIELDS.len();

/// The fields of each group.
const MEMBERS: [FieldSet; 64] = {
    let mut out = [FieldSet([0; 2]); 64];
    let mut i = 0;
    while i < COUNT {
        // Constant evaluation, in which an index out of bounds does not compile.
        #[allow(clippy::indexing_slicing)]
        {
            out[FIELDS[i].1 as usize].0[i / 64] |= 1 << (i % 64);
        }
        i += 1;
    }
    out
};

/// A set of places in `FIELDS`. Two words, because shifts of 128 bits take long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FieldSet([u64; 2]);

impl FieldSet {
    fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }

    fn insert(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    fn remove(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word &= !(1 << (place % 64));
        }
    }

    /// Calls `visit` for each place.
    fn each(self, mut visit: impl FnMut(usize)) {
        let FieldSet([low, high]) = self;
        for (first, mut word) in [(0, low), (64, high)] {
            while word != 0 {
                visit(first + word.trailing_zeros() as usize);
                word &= word.wrapping_sub(1);
            }
        }
    }

    fn first(self) -> Option<usize> {
        let FieldSet([low, high]) = self;
        let (word, first) = if low != 0 { (low, 0) } else { (high, 64) };
        (word != 0).then(|| first + word.trailing_zeros() as usize)
    }

    fn has_all(&self, other: FieldSet) -> bool {
        other.without(*self).0 == [0; 2]
    }

    fn without(self, other: FieldSet) -> FieldSet {
        let (FieldSet([a, b]), FieldSet([x, y])) = (self, other);
        FieldSet([a & !x, b & !y])
    }
}

/// One reading of a cgroup's statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// 0 for a field that has not been read.
    values: [u64; COUNT],
    /// Fields that have been read.
    seen: FieldSet,
    /// Fields a part of which could not be read.
    spoiled: FieldSet,
    /// Controllers that were asked for and of which no file could be read.
    pub missing: u64,
}

impl Default for Stats {
    fn default() -> Stats {
        Stats {
            values: [0; COUNT],
            seen: FieldSet::default(),
            spoiled: FieldSet::default(),
            missing: 0,
        }
    }
}

impl Stats {
    /// Notes a field's value.
    pub fn put(&mut self, field: Field, value: u64) {
        self.put_at(field as usize, value);
    }

    /// Notes the value of the field at a place in `FIELDS`.
    pub fn put_at(&mut self, index: usize, value: u64) {
        match self.values.get_mut(index) {
            Some(place) if !self.spoiled.has(index) => {
                *place = value;
                self.seen.insert(index);
            }
            _ => {}
        }
    }

    /// Adds to a field that is a sum over devices or page sizes. A sum that does not fit stays at
    /// the greatest value.
    pub fn add(&mut self, field: Field, value: u64) {
        self.put(field, self.get(field).unwrap_or(0).saturating_add(value));
    }

    /// Makes a field not valid, whatever else is read: a part of its sum could not be read.
    pub fn spoil(&mut self, field: Field) {
        self.seen.remove(field as usize);
        self.spoiled.insert(field as usize);
        if let Some(place) = self.values.get_mut(field as usize) {
            *place = 0;
        }
    }

    /// Returns a field's value; None when it could not be read.
    pub fn get(&self, field: Field) -> Option<u64> {
        self.get_at(field as usize)
    }

    /// Returns the value of the field at a place in `FIELDS`.
    pub fn get_at(&self, index: usize) -> Option<u64> {
        let value = self.values.get(index).copied();
        value.filter(|_| self.seen.has(index))
    }

    /// Calls `visit` for each value that was read, with its place in `FIELDS`.
    pub fn each(&self, mut visit: impl FnMut(usize, u64)) {
        self.seen.each(|place| {
            if let Some(value) = self.values.get(place) {
                visit(place, *value);
            }
        });
    }

    /// Returns the values in the order of `FIELDS`: 0 for a field that was not read.
    #[cfg(any(test, feature = "internals"))]
    pub fn values(&self) -> &[u64] {
        &self.values
    }

    /// Returns a bit for each `Group` all of whose fields were read.
    pub fn valid(&self) -> u64 {
        let (mut out, mut left) = (0, self.seen);
        // A brief reading has few fields, so the groups are found from the fields.
        while let Some(&(_, group)) = left.first().and_then(|place| FIELDS.get(place)) {
            let members = MEMBERS.get(group as usize).copied().unwrap_or_default();
            if self.seen.has_all(members) {
                out |= 1 << group as u64;
            }
            left = left.without(members);
        }
        out
    }

    /// Returns the bits of the groups whose fields all lie before the place `end` in `FIELDS`.
    pub fn valid_before(&self, end: usize) -> u64 {
        let cut = |out, &(_, group): &(&str, Group)| out & !(1 << group as u32);
        FIELDS.iter().skip(end).fold(self.valid(), cut)
    }

    /// Computes the working set from other fields, as the kubelet does.
    pub fn complete(&mut self) {
        if let (Some(usage), Some(inactive)) =
            (self.get(Field::MemoryUsage), self.get(Field::InactiveFile))
        {
            self.put(Field::MemoryWorkingSet, usage.saturating_sub(inactive));
        }
    }

    /// Forgets everything, for the next reading. Only the values that were read are overwritten: a
    /// brief reading has few.
    pub fn reset(&mut self) {
        self.seen.each(|place| {
            if let Some(value) = self.values.get_mut(place) {
                *value = 0;
            }
        });
        self.seen = FieldSet::default();
        self.spoiled = FieldSet::default();
        self.missing = 0;
    }
}
