//! Kata's own rules: path names, subsystem sets, CPU sanity.
//!
//! Pure, except for one `lstat` per subsystem in [`subsystems`].
//! Source: kata-containers/runtime, virtcontainers/cgroups.go and its successors.

pub mod cpu;
pub mod path;
pub mod rules;
pub mod strict;
pub mod subsystems;
