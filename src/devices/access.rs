// SPDX-License-Identifier: Apache-2.0

//! The kinds of access to a device: read, write, create a node.

use std::fmt;

/// A set of accesses. The bits are `BPF_DEVCG_ACC_*` of linux/bpf.h.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Access(u8);

impl Access {
    /// No access.
    pub const NONE: Access = Access(0);
    /// `m`: create a node.
    pub const MKNOD: Access = Access(1);
    /// `r`: open for reading.
    pub const READ: Access = Access(2);
    /// `w`: open for writing.
    pub const WRITE: Access = Access(4);
    /// `rwm`: every access.
    pub const ALL: Access = Access(7);

    /// The letters, in the order in which they are written.
    const LETTERS: [(char, Access); 3] =
        [('r', Access::READ), ('w', Access::WRITE), ('m', Access::MKNOD)];

    /// Parses letters in any order. `Err` is the first letter that is none of `rwm`.
    pub fn parse(letters: &str) -> Result<Access, char> {
        letters.chars().try_fold(Access::NONE, |sum, letter| {
            let known = Access::LETTERS.iter().find(|(l, _)| *l == letter);
            known.map(|(_, access)| sum.with(*access)).ok_or(letter)
        })
    }

    /// Returns the set that has these bits of the kernel. Unknown bits are dropped.
    pub fn from_bits(bits: u8) -> Access {
        Access(bits & Access::ALL.0)
    }

    /// Returns the kernel's bits.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Returns the accesses that are in either set.
    #[must_use]
    pub fn with(self, other: Access) -> Access {
        Access(self.0 | other.0)
    }

    /// Returns the accesses of this set that are not in `other`.
    #[must_use]
    pub fn without(self, other: Access) -> Access {
        Access(self.0 & !other.0)
    }

    /// Returns whether some access is in both sets.
    pub fn overlaps(self, other: Access) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns whether every access of `other` is in this set.
    pub fn contains(self, other: Access) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Writes the letters in the order `rwm`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let had = Access::LETTERS.iter().filter(|(_, access)| self.contains(*access));
        f.write_str(&had.map(|(letter, _)| *letter).collect::<String>())
    }
}
