//! What may be done with a device.

use std::fmt;

/// A set of accesses. The bits are the kernel's `BPF_DEVCG_ACC_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Access(u8);

impl Access {
    /// None at all.
    pub const NONE: Access = Access(0);
    /// `m`: make a node.
    pub const MKNOD: Access = Access(1);
    /// `r`: open for reading.
    pub const READ: Access = Access(2);
    /// `w`: open for writing.
    pub const WRITE: Access = Access(4);
    /// `rwm`
    pub const ALL: Access = Access(7);

    /// In the order in which they are written.
    const LETTERS: [(char, Access); 3] =
        [('r', Access::READ), ('w', Access::WRITE), ('m', Access::MKNOD)];

    /// Reads letters, in any order; `Err` is the first that is not one of `rwm`.
    pub fn parse(letters: &str) -> Result<Access, char> {
        letters.chars().try_fold(Access::NONE, |sum, letter| {
            let known = Access::LETTERS.iter().find(|(l, _)| *l == letter);
            known.map(|(_, access)| sum.with(*access)).ok_or(letter)
        })
    }

    /// The kernel's bits.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Those in either.
    #[must_use]
    pub fn with(self, other: Access) -> Access {
        Access(self.0 | other.0)
    }

    /// Those that `other` does not have.
    #[must_use]
    pub fn without(self, other: Access) -> Access {
        Access(self.0 & !other.0)
    }

    /// Whether any is in both.
    pub fn overlaps(self, other: Access) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether all of `other` are in it.
    pub fn contains(self, other: Access) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// As letters, in the order `rwm`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let had = Access::LETTERS.iter().filter(|(_, access)| self.contains(*access));
        f.write_str(&had.map(|(letter, _)| *letter).collect::<String>())
    }
}
