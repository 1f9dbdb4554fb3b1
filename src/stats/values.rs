// SPDX-License-Identifier: Apache-2.0

//! One reading: the values of the fields, and which of them were read.

use super::fields::{Field, Group, FIELDS};

const COUNT: usize = FIELDS.len();
// `seen` has a bit for each.
const _: () = assert!(COUNT <= 128);

/// The fields of each group, as bits of `seen`.
const MEMBERS: [u128; 64] = {
    let mut out = [0; 64];
    let mut i = 0;
    while i < COUNT {
        // Constant evaluation, in which an index out of bounds does not compile.
        #[allow(clippy::indexing_slicing)]
        {
            out[FIELDS[i].1 as usize] |= 1u128 << i;
        }
        i += 1;
    }
    out
};

/// One reading of a cgroup's statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    values: [u64; COUNT],
    /// Bit by bit, whether a field has been read.
    seen: u128,
    /// Fields a part of which could not be read.
    spoiled: u128,
    /// Controllers that were asked for and that the cgroup does not have.
    pub missing: u64,
}

impl Default for Stats {
    fn default() -> Stats {
        Stats { values: [0; COUNT], seen: 0, spoiled: 0, missing: 0 }
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
            Some(place) if self.spoiled & (1 << index) == 0 => {
                *place = value;
                self.seen |= 1 << index;
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
        self.seen &= !(1 << (field as usize));
        self.spoiled |= 1 << (field as usize);
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
        value.filter(|_| self.seen & (1 << index) != 0)
    }

    /// The values, in the order of `FIELDS`; 0 where nothing was read.
    pub fn values(&self) -> &[u64] {
        &self.values
    }

    /// Returns a bit for each `Group` all of whose fields were read.
    pub fn valid(&self) -> u64 {
        let (mut out, mut left) = (0, self.seen);
        // A brief reading has few fields, so the groups are found from the fields.
        while left != 0 {
            let field = left.trailing_zeros() as usize;
            let Some(&(_, group)) = FIELDS.get(field) else { break };
            let members = MEMBERS.get(group as usize).copied().unwrap_or_default();
            if self.seen & members == members {
                out |= 1 << group as u64;
            }
            left &= !(members | 1 << field);
        }
        out
    }

    /// Returns the bits of the groups whose fields all lie before the place `end` in `FIELDS`.
    pub fn valid_before(&self, end: usize) -> u64 {
        let cut = |out, &(_, group): &(&str, Group)| out & !(1 << group as u32);
        FIELDS.iter().skip(end).fold(self.valid(), cut)
    }

    /// Fills in what is computed from other fields: the working set, as the kubelet computes it.
    pub fn complete(&mut self) {
        if let (Some(usage), Some(inactive)) =
            (self.get(Field::MemoryUsage), self.get(Field::InactiveFile))
        {
            self.put(Field::MemoryWorkingSet, usage.saturating_sub(inactive));
        }
    }

    /// Forgets everything, for the next reading.
    pub fn reset(&mut self) {
        *self = Stats::default();
    }
}
