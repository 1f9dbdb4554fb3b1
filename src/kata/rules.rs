// SPDX-License-Identifier: Apache-2.0

//! Kata's generations, and how each tells a systemd path from a directory path.

use crate::path::slice::split_triple;

/// A generation of Kata's rules.
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
    /// Refuse paths that the generation accepts although no caller can have meant them.
    pub strict: bool,
}

/// Whether K0 takes the path for a systemd path: `slice:prefix:name`, each part of letters, digits
/// and dots.
///
/// K0 accepts no `-`, `_` or `@`, so no slice that a real kubelet makes passes. The original
/// compiles a regular expression at every call. The tests compare this function with the original
/// pattern.
pub fn is_systemd(path: &[u8]) -> bool {
    let word = |part: &[u8]| {
        !part.is_empty() && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.')
    };
    split_triple(path).is_some_and(|parts| parts.into_iter().all(word))
}

/// Whether K1 and K3 take the path for a systemd path: exactly three parts, the first ending in
/// `.slice`.
pub fn is_systemd_slice(path: &[u8]) -> bool {
    split_triple(path).is_some_and(|[slice, _, _]| slice.ends_with(b".slice"))
}
