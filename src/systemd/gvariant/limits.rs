// SPDX-License-Identifier: Apache-2.0

//! Limits of the text and of its types.

/// Greatest depth of nested values, and of nested types.
pub(super) const MAX_DEPTH: usize = 64;
/// Greatest length of the text, in bytes. Annotations are far shorter.
pub(super) const MAX_TEXT: usize = 64 * 1024;
/// Greatest length of a signature, in bytes (D-Bus specification, "Valid Signatures").
pub(super) const MAX_SIGNATURE: usize = 255;
