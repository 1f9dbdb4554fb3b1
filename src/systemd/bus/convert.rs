// SPDX-License-Identifier: Apache-2.0

//! Converts [`Value`] to and from zvariant's type, which D-Bus messages are encoded from.

use zvariant::{Array, ObjectPath, Signature, StructureBuilder, Value as Wire};

use super::super::value::Value;
use crate::bytes::cut;
use crate::error::{fail, Code, Error, Result};

/// Greatest length of a value in an error message, in bytes.
const SHOWN: usize = 128;

/// Returns the value as zvariant encodes it.
pub(in crate::systemd) fn to_wire(value: &Value) -> Result<Wire<'_>> {
    let invalid = |e: zvariant::Error| {
        Error::new(Code::Argument, format!("value {}: {e}", cut(&value.to_string(), SHOWN)))
    };
    Ok(match value {
        Value::Bool(v) => Wire::Bool(*v),
        Value::Byte(v) => Wire::U8(*v),
        Value::I16(v) => Wire::I16(*v),
        Value::U16(v) => Wire::U16(*v),
        Value::I32(v) => Wire::I32(*v),
        Value::U32(v) => Wire::U32(*v),
        Value::I64(v) => Wire::I64(*v),
        Value::U64(v) => Wire::U64(*v),
        Value::Double(v) => Wire::F64(*v),
        Value::Str(v) => Wire::from(checked_str(v)?),
        Value::Path(v) => Wire::ObjectPath(ObjectPath::try_from(v.as_str()).map_err(invalid)?),
        Value::Signature(v) => {
            Wire::Signature(Signature::try_from(v.as_str()).map_err(|e| invalid(e.into()))?)
        }
        Value::Array(element, items) => {
            let element = Signature::try_from(element.as_str()).map_err(|e| invalid(e.into()))?;
            let mut array = Array::new(&element);
            for item in items {
                array.append(to_wire(item)?).map_err(invalid)?;
            }
            Wire::Array(array)
        }
        Value::Struct(fields) => {
            let mut fields_sent = StructureBuilder::new();
            for field in fields {
                fields_sent.push_value(to_wire(field)?);
            }
            Wire::Structure(fields_sent.build().map_err(invalid)?)
        }
        Value::Variant(v) => Wire::Value(Box::new(to_wire(v)?)),
    })
}

/// Returns the string unless it contains NUL: the bus disconnects a client that sends one.
pub(in crate::systemd) fn checked_str(text: &str) -> Result<&str> {
    if text.contains('\0') {
        let shown = cut(text, SHOWN);
        return fail(Code::Argument, format!("string {shown:?} contains a NUL byte"));
    }
    Ok(text)
}

/// Returns a received value. A dictionary becomes an array of key-value pairs whose element type
/// is the dictionary's, like `{sv}`.
pub(in crate::systemd) fn from_wire(value: &Wire<'_>) -> Result<Value> {
    Ok(match value {
        Wire::Bool(v) => Value::Bool(*v),
        Wire::U8(v) => Value::Byte(*v),
        Wire::I16(v) => Value::I16(*v),
        Wire::U16(v) => Value::U16(*v),
        Wire::I32(v) => Value::I32(*v),
        Wire::U32(v) => Value::U32(*v),
        Wire::I64(v) => Value::I64(*v),
        Wire::U64(v) => Value::U64(*v),
        Wire::F64(v) => Value::Double(*v),
        Wire::Str(v) => Value::str(v.as_str()),
        Wire::ObjectPath(v) => Value::Path(v.to_string()),
        Wire::Signature(v) => Value::Signature(v.to_string_no_parens()),
        Wire::Value(v) => Value::Variant(Box::new(from_wire(v)?)),
        Wire::Array(v) => Value::Array(v.element_signature().to_string(), all(v.inner())?),
        Wire::Structure(v) => Value::Struct(all(v.fields())?),
        Wire::Dict(v) => {
            let signature = v.signature().to_string();
            let pair = |(key, value)| Ok(Value::Struct(vec![from_wire(key)?, from_wire(value)?]));
            let pairs = v.iter().map(pair).collect::<Result<_>>()?;
            Value::Array(signature.trim_start_matches('a').to_owned(), pairs)
        }
        Wire::Fd(_) => {
            return fail(
                Code::Unsupported,
                "D-Bus value is a file descriptor, which is not supported",
            )
        }
    })
}

fn all(values: &[Wire<'_>]) -> Result<Vec<Value>> {
    values.iter().map(from_wire).collect()
}
