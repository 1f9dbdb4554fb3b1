// SPDX-License-Identifier: Apache-2.0

//! Limits of the text and of its types.

/// Most levels of values within values, and of types within types.
pub(super) const MAX_DEPTH: usize = 64;
/// Most bytes of text; annotations are far shorter.
pub(super) const MAX_TEXT: usize = 64 * 1024;
/// Most bytes of a signature (D-Bus specification, "Valid Signatures").
pub(super) const MAX_SIGNATURE: usize = 255;
