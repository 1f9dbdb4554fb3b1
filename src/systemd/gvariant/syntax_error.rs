// SPDX-License-Identifier: Apache-2.0

//! Errors that name the position in the text.

use std::fmt;

use crate::error::{fail, Code, Result};

/// Returns an error at an offset into the text. The message counts bytes from 1.
pub(super) fn fail_at<T>(offset: usize, text: impl fmt::Display) -> Result<T> {
    fail(Code::Value, format!("at byte {}: {text}", offset + 1))
}
