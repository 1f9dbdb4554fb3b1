// SPDX-License-Identifier: Apache-2.0

//! D-Bus values, and unit properties, which have a name and a value.
//!
//! D-Bus specification, "Type System"; properties: org.freedesktop.systemd1(5).

use std::borrow::Cow;
use std::fmt;

/// A D-Bus value. Has the types that unit properties use; file descriptors are left out.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `b`
    Bool(bool),
    /// `y`
    Byte(u8),
    /// `n`
    I16(i16),
    /// `q`
    U16(u16),
    /// `i`
    I32(i32),
    /// `u`
    U32(u32),
    /// `x`
    I64(i64),
    /// `t`
    U64(u64),
    /// `d`
    Double(f64),
    /// `s`
    Str(String),
    /// `o`
    Path(String),
    /// `g`
    Signature(String),
    /// `a`. The string is the elements' signature, which an empty array needs too.
    Array(String, Vec<Value>),
    /// `(`…`)`
    Struct(Vec<Value>),
    /// `v`
    Variant(Box<Value>),
}

impl Value {
    /// Returns a string, `s`.
    pub fn str(text: impl Into<String>) -> Value {
        Value::Str(text.into())
    }

    /// Returns an array of strings, `as`.
    pub fn strs(texts: impl IntoIterator<Item = impl Into<String>>) -> Value {
        Value::Array("s".to_owned(), texts.into_iter().map(Value::str).collect())
    }

    /// Returns an array of numbers, `au`.
    pub fn u32s(numbers: impl IntoIterator<Item = u32>) -> Value {
        Value::Array("u".to_owned(), numbers.into_iter().map(Value::U32).collect())
    }

    /// Returns an array of bytes, `ay`.
    pub fn bytes(bytes: &[u8]) -> Value {
        Value::Array("y".to_owned(), bytes.iter().copied().map(Value::Byte).collect())
    }

    /// Returns an array of string pairs, `a(ss)`.
    pub fn pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Value {
        let pair = |(a, b)| Value::Struct(vec![Value::Str(a), Value::Str(b)]);
        Value::Array("(ss)".to_owned(), pairs.into_iter().map(pair).collect())
    }

    /// Returns the value's D-Bus signature.
    pub fn signature(&self) -> String {
        match self {
            Value::Bool(_) => "b".to_owned(),
            Value::Byte(_) => "y".to_owned(),
            Value::I16(_) => "n".to_owned(),
            Value::U16(_) => "q".to_owned(),
            Value::I32(_) => "i".to_owned(),
            Value::U32(_) => "u".to_owned(),
            Value::I64(_) => "x".to_owned(),
            Value::U64(_) => "t".to_owned(),
            Value::Double(_) => "d".to_owned(),
            Value::Str(_) => "s".to_owned(),
            Value::Path(_) => "o".to_owned(),
            Value::Signature(_) => "g".to_owned(),
            Value::Array(element, _) => format!("a{element}"),
            Value::Struct(fields) => {
                let fields: String = fields.iter().map(Value::signature).collect();
                format!("({fields})")
            }
            Value::Variant(_) => "v".to_owned(),
        }
    }
}

/// Writes GVariant's text format, which shows the type: `uint64 5`, `['a', 'b']`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(v) => write!(f, "{v}"),
            Value::Byte(v) => write!(f, "byte {v:#04x}"),
            Value::I16(v) => write!(f, "int16 {v}"),
            Value::U16(v) => write!(f, "uint16 {v}"),
            Value::I32(v) => write!(f, "{v}"),
            Value::U32(v) => write!(f, "uint32 {v}"),
            Value::I64(v) => write!(f, "int64 {v}"),
            Value::U64(v) => write!(f, "uint64 {v}"),
            Value::Double(v) if v.is_nan() => f.write_str("nan"),
            Value::Double(v) => write!(f, "{v:?}"),
            Value::Str(v) => quote(f, v),
            Value::Path(v) => f.write_str("objectpath ").and_then(|()| quote(f, v)),
            Value::Signature(v) => f.write_str("signature ").and_then(|()| quote(f, v)),
            Value::Array(element, items) if items.is_empty() => write!(f, "@a{element} []"),
            Value::Array(_, items) => list(f, items, ['[', ']']),
            // Without the comma, the parser would refuse a tuple with one field.
            Value::Struct(fields) if fields.len() == 1 => {
                list(f, fields, ['(', ','])?;
                f.write_str(")")
            }
            Value::Struct(fields) => list(f, fields, ['(', ')']),
            Value::Variant(v) => write!(f, "<{v}>"),
        }
    }
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
}

fn list(f: &mut fmt::Formatter<'_>, items: &[Value], [open, close]: [char; 2]) -> fmt::Result {
    write!(f, "{open}")?;
    for (i, item) in items.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        write!(f, "{comma}{item}")?;
    }
    write!(f, "{close}")
}

/// A property of a unit: a name and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// The name on the bus, as in org.freedesktop.systemd1(5).
    pub name: Cow<'static, str>,
    /// The value.
    pub value: Value,
}

impl Property {
    /// Returns a property with this name and value.
    pub fn new(name: impl Into<Cow<'static, str>>, value: Value) -> Property {
        Property { name: name.into(), value }
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}
