// SPDX-License-Identifier: Apache-2.0

//! Unit properties from a container's annotations, `org.systemd.property.NAME`.
//!
//! runc's docs/systemd.md, "Auxiliary properties"; names and types: org.freedesktop.systemd1(5).

mod table;

use std::collections::BTreeMap;

use super::value::{Property, Value};
use crate::error::{fail, Code, Error, Result};

/// Prefix of an annotation that sets a property.
const PREFIX: &str = "org.systemd.property.";

/// Returns the properties that the annotations set, in order of name. Annotations without the
/// prefix are ignored.
///
/// The annotation's text is a value in GVariant's text format: `'inactive-or-failed'`,
/// `uint64 5`. As in runc, a name that ends in `Sec` after a lower-case letter takes a number of
/// seconds and becomes `…USec`, the property's name on the bus, in microseconds.
///
/// # Errors
/// [`Code::Value`], with the annotation's name: the property name is not 3 or more ASCII letters;
/// the property is not one that an annotation may set; the text is not a value; a `…Sec` is not a
/// number of seconds; two annotations set one property.
pub fn user_properties<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Property>> {
    let mut out: BTreeMap<String, (Value, &str)> = BTreeMap::new();
    for (key, text) in annotations {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        let (name, value) =
            property(name, text).map_err(|e| e.context(format_args!("annotation {key:?}")))?;
        if let Some((_, other)) = out.get(&name) {
            return fail(
                Code::Value,
                format!("annotations {other:?} and {key:?} both set {name}; remove one"),
            );
        }
        out.insert(name, (value, key));
    }
    Ok(out.into_iter().map(|(name, (value, _))| Property::new(name, value)).collect())
}

/// Returns the bus name and value of one property.
fn property(name: &str, text: &str) -> Result<(String, Value)> {
    if name.len() < 3 || !name.bytes().all(|b| b.is_ascii_alphabetic()) {
        return fail(Code::Value, "a property name must be 3 or more ASCII letters");
    }
    let (name, in_seconds) = bus_name(name);
    match table::find(&name) {
        Some(row) if row.allowed => {}
        Some(row) => {
            let text = format!("only the runtime may set {name}: {}", row.reason);
            return fail(Code::Value, text);
        }
        None => {
            let text = format!("{name} is not a property that an annotation can set");
            return Err(
                Error::new(Code::Value, text).advice("systemd.resource-control(5) lists them")
            );
        }
    }
    let value: Value = text.parse()?;
    match in_seconds {
        true => Ok((name, Value::U64(microseconds(&value)?))),
        false => Ok((name, value)),
    }
}

/// Returns a property's name on the bus, and whether the annotation's value is in seconds.
fn bus_name(name: &str) -> (String, bool) {
    match name.strip_suffix("Sec") {
        Some(stem) if stem.ends_with(|c: char| c.is_ascii_lowercase()) => {
            (format!("{stem}USec"), true)
        }
        _ => (name.to_owned(), false),
    }
}

/// Converts a number of seconds to microseconds.
fn microseconds(seconds: &Value) -> Result<u64> {
    let whole = match *seconds {
        Value::Byte(v) => i128::from(v),
        Value::I16(v) => i128::from(v),
        Value::U16(v) => i128::from(v),
        Value::I32(v) => i128::from(v),
        Value::U32(v) => i128::from(v),
        Value::I64(v) => i128::from(v),
        Value::U64(v) => i128::from(v),
        Value::Double(v) if v.is_finite() => {
            return rounded(v * 1e6).ok_or_else(|| out_of_range(seconds))
        }
        Value::Double(_) => {
            return Err(out_of_range(seconds).advice(
                "for no limit, use the name that ends in USec with uint64 18446744073709551615",
            ));
        }
        _ => return fail(Code::Value, format!("{seconds} is not a number of seconds")),
    };
    // An i128 holds every 64-bit number times a million.
    u64::try_from(whole * 1_000_000).map_err(|_| out_of_range(seconds))
}

fn out_of_range(seconds: &Value) -> Error {
    let text = format!("{seconds} seconds is negative or does not fit in 64 bits of microseconds");
    Error::new(Code::Value, text)
}

/// Returns the nearest integer, if it fits in a u64.
fn rounded(number: f64) -> Option<u64> {
    // The bound is 2^64. The largest double below it fits in a u64.
    let fits = (0.0..18_446_744_073_709_551_616.0).contains(&number.round());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fits.then(|| number.round() as u64)
}

#[cfg(test)]
mod tests;
