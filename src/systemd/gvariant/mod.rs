// SPDX-License-Identifier: Apache-2.0

//! Reads GVariant's text format as far as D-Bus values go: what [`Value`]'s `Display` writes, and
//! what people write into annotations.
//!
//! A number without a type is `int32`, or `double` when it has a point or an exponent. Inside an
//! array it takes the type that another element states.
//!
//! Dictionaries, maybes, handles and bytestrings are refused: no unit property that can be set
//! has these types. Three rules are stricter than GLib's parser: types that are stated twice must
//! agree, a sign alone is not a number, and a `double` cannot be hexadecimal.
//! Format: <https://docs.gtk.org/glib/gvariant-text-format.html>.

mod lexer;
mod limits;
mod node;
mod number;
mod parser;
#[cfg(test)]
mod round_trip;
mod syntax_error;
#[cfg(test)]
mod tests;
mod types;

use std::str::FromStr;

use self::limits::MAX_TEXT;
use self::syntax_error::fail_at;
use super::value::Value;
use crate::error::{Error, Result};

impl FromStr for Value {
    type Err = Error;

    /// Reads one value in GVariant's text format.
    ///
    /// # Errors
    /// [`Code::Value`](crate::Code::Value), with the position in bytes from 1: the text is not
    /// exactly one value; a number is out of its type's range; elements have different types; an
    /// empty array has no type; more than 64 levels or 64 KiB.
    fn from_str(text: &str) -> Result<Value> {
        if text.len() > MAX_TEXT {
            return fail_at(MAX_TEXT, format_args!("the text is longer than {MAX_TEXT} bytes"));
        }
        parser::parse(text)?.to_value()
    }
}
