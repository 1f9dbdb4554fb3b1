// SPDX-License-Identifier: Apache-2.0

//! Types, and patterns for a type that the text does not fully state.
//!
//! D-Bus specification, "Type System"; GLib: gvariant-parser.c, pattern_coalesce().

use std::fmt;

use super::limits::MAX_DEPTH;

/// A type, or a pattern of types.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    /// Any type: that of an empty array's elements.
    Any,
    /// Any numeric type: that of a number without a point.
    Number,
    /// `s`, `o` or `g`: the type of a quoted string.
    Text,
    /// A basic type, by its letter.
    Basic(char),
    Variant,
    Array(Box<Type>),
    Tuple(Vec<Type>),
}

const NUMBERS: &str = "ynqiuxtd";
const TEXTS: &str = "sog";

impl Type {
    /// Reads a signature that is one complete type.
    pub(super) fn parse(signature: &str) -> Result<Type, &'static str> {
        let mut letters = signature.chars();
        let out = complete(&mut letters, MAX_DEPTH)?;
        match letters.as_str() {
            "" => Ok(out),
            _ => Err("more than one type; put a tuple's types in parentheses"),
        }
    }

    /// Returns the type of a keyword such as `uint32`.
    pub(super) fn keyword(word: &str) -> Option<Type> {
        KEYWORDS
            .iter()
            .find(|(_, keyword)| *keyword == word)
            .map(|(letter, _)| Type::Basic(*letter))
    }

    /// Returns the narrower pattern that fits both, or None when there is none.
    pub(super) fn unify(self, other: Type) -> Option<Type> {
        Some(match (self, other) {
            (Type::Any, known) | (known, Type::Any) => known,
            (a, b) if a == b => a,
            (Type::Number, Type::Basic(c)) | (Type::Basic(c), Type::Number)
                if NUMBERS.contains(c) =>
            {
                Type::Basic(c)
            }
            (Type::Text, Type::Basic(c)) | (Type::Basic(c), Type::Text) if TEXTS.contains(c) => {
                Type::Basic(c)
            }
            (Type::Array(a), Type::Array(b)) => Type::Array(Box::new(a.unify(*b)?)),
            (Type::Tuple(a), Type::Tuple(b)) if a.len() == b.len() => {
                Type::Tuple(a.into_iter().zip(b).map(|(a, b)| a.unify(b)).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// Returns the type that the pattern stands for by default: `int32` for a number, a string for
    /// quoted text. None when the pattern contains an empty array.
    pub(super) fn definite(self) -> Option<Type> {
        Some(match self {
            Type::Any => return None,
            Type::Number => Type::Basic('i'),
            Type::Text => Type::Basic('s'),
            Type::Array(element) => Type::Array(Box::new(element.definite()?)),
            Type::Tuple(fields) => {
                Type::Tuple(fields.into_iter().map(Type::definite).collect::<Option<_>>()?)
            }
            known @ (Type::Basic(_) | Type::Variant) => known,
        })
    }
}

/// Writes a signature, with words for patterns.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Any => f.write_str("*"),
            Type::Number => f.write_str("number"),
            Type::Text => f.write_str("string"),
            Type::Basic(letter) => write!(f, "{letter}"),
            Type::Variant => f.write_str("v"),
            Type::Array(element) => write!(f, "a{element}"),
            Type::Tuple(fields) => {
                f.write_str("(")?;
                fields.iter().try_for_each(|field| write!(f, "{field}"))?;
                f.write_str(")")
            }
        }
    }
}

const KEYWORDS: [(char, &str); 12] = [
    ('b', "boolean"),
    ('y', "byte"),
    ('n', "int16"),
    ('q', "uint16"),
    ('i', "int32"),
    ('u', "uint32"),
    ('x', "int64"),
    ('t', "uint64"),
    ('d', "double"),
    ('s', "string"),
    ('o', "objectpath"),
    ('g', "signature"),
];

/// Returns the keyword of a type letter.
pub(super) fn keyword_of(letter: char) -> &'static str {
    KEYWORDS.iter().find(|(l, _)| *l == letter).map_or("unknown", |(_, keyword)| keyword)
}

/// Reads one complete type from the front of a signature.
fn complete(letters: &mut std::str::Chars<'_>, depth: usize) -> Result<Type, &'static str> {
    let depth = depth.checked_sub(1).ok_or("nested too deeply")?;
    match letters.next() {
        Some('v') => Ok(Type::Variant),
        Some('a') => Ok(Type::Array(Box::new(complete(letters, depth)?))),
        Some('(') => {
            let mut fields = Vec::new();
            while !letters.as_str().starts_with(')') {
                fields.push(complete(letters, depth)?);
            }
            letters.next();
            match fields.is_empty() {
                true => Err("D-Bus has no empty tuple"),
                false => Ok(Type::Tuple(fields)),
            }
        }
        Some(c) if KEYWORDS.iter().any(|(letter, _)| *letter == c) => Ok(Type::Basic(c)),
        Some('h') => Err("handles (file descriptors) cannot be written as text"),
        Some('{' | '}') => Err("dictionaries are not supported; no unit property takes one"),
        Some('m') => Err("D-Bus has no maybe type"),
        Some(_) => Err("unknown type letter"),
        None => Err("incomplete type"),
    }
}
