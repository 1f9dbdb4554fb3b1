// SPDX-License-Identifier: Apache-2.0

//! Kata's own rules: path names, subsystem sets, CPU resources.
//!
//! ```
//! use katacg::kata::path::validate;
//! use katacg::kata::rules::Rules;
//!
//! assert_eq!(validate(b"/pods/box", Rules::default()).unwrap(), b"/pods/kata_box");
//! ```
//!
//! Pure, except for one `lstat` per subsystem in [`subsystems`].
//! Source: kata-containers/runtime, virtcontainers/cgroups.go and its successors.

pub mod cpu;
pub mod path;
pub mod rules;
pub mod strict;
pub mod subsystems;
