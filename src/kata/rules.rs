// SPDX-License-Identifier: Apache-2.0

//! Kata's generations, and how each tells a systemd path from a directory path.

use crate::path::slice::split_triple;

/// Which generation of Kata's rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// virtcontainers/cgroups.go of January 2020.
    #[default]
    K0,
    /// Kata 1.x's last virtcontainers/pkg/cgroups.
    K1,
    /// Kata 3.x's pkg/resourcecontrol.
    K3 {
        /// The host is unified (K3 makes a systemd triple absolute there).
        unified: bool,
    },
}

/// How [`validate`](super::path::validate) treats a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The generation to follow.
    pub generation: Generation,
    /// The runtime was told to use systemd: a path that is no systemd triple is an error.
    pub systemd: bool,
    /// Refuse paths that the generation accepts although they cannot be meant.
    pub strict: bool,
}

/// K0's test: the whole path is `slice:prefix:name`, each part of letters, digits and dots.
///
/// It accepts no `-`, `_` or `@`, so every real kubelet slice fails it; that is K0's rule. The
/// original compiles a regular expression at every call. The tests compare this function with the
/// original pattern.
pub fn is_systemd(path: &[u8]) -> bool {
    let word = |part: &[u8]| {
        !part.is_empty() && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.')
    };
    split_triple(path).is_some_and(|parts| parts.into_iter().all(word))
}

/// K1's and K3's test: exactly three parts, the first ending in `.slice`.
pub fn is_systemd_slice(path: &[u8]) -> bool {
    split_triple(path).is_some_and(|[slice, _, _]| slice.ends_with(b".slice"))
}
