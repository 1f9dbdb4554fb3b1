// SPDX-License-Identifier: Apache-2.0

//! Paths as text: Go's `path/filepath` and systemd's slice names. Nothing here touches a file.

pub mod lexical;
pub mod slice;
