//! GVariant's text format, as far as D-Bus values go: what [`Value`]'s `Display` writes, and
//! what people write into annotations.
//!
//! Numbers without a type are `int32`, or `double` with a point or an exponent; inside an array
//! they take the type that an element says. The format is at
//! <https://docs.gtk.org/glib/gvariant-text-format.html>, and GLib's own parser is at some places
//! looser: here types that are said twice must agree, a sign alone is no number, and a `double`
//! is not hexadecimal. Dictionaries, maybes, handles and bytestrings are not in it here, because
//! no property that can be set is one.

mod lexer;
mod node;
mod number;
mod parser;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod tests;
mod types;

use std::fmt;
use std::str::FromStr;

use super::Value;
use crate::error::{fail, Code, Error, Result};

/// Values within values, and types within types.
const DEPTH: usize = 64;
/// Bytes of text; annotations are short.
const LENGTH: usize = 64 * 1024;
/// Bytes of a signature, as D-Bus has it.
const SIGNATURE: usize = 255;

impl FromStr for Value {
    type Err = Error;

    /// Reads GVariant's text format.
    ///
    /// # Errors
    /// [`Code::Value`], with the position in bytes from 1: text that is no value, or not one
    /// alone; a number out of its type's range; elements of different types; an empty array
    /// without a type; more than 64 levels or 64 KiB.
    fn from_str(text: &str) -> Result<Value> {
        if text.len() > LENGTH {
            return wrong(LENGTH, format_args!("the text is longer than {LENGTH} bytes"));
        }
        parser::parse(text)?.settle()
    }
}

/// An error at an offset.
fn wrong<T>(at: usize, text: impl fmt::Display) -> Result<T> {
    fail(Code::Value, format!("at byte {}: {text}", at + 1))
}
