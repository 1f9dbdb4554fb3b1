// SPDX-License-Identifier: Apache-2.0

//! Converts the parsed text to a value, in two passes.
//!
//! The first pass collects what the text states about types. The second makes the values of
//! these types. GLib: gvariant-parser.c, ast_get_pattern() and ast_get_value().

use zvariant::{ObjectPath, Signature};

use super::super::value::Value;
use super::limits::MAX_SIGNATURE;
use super::number;
use super::syntax_error::fail_at;
use super::types::Type;
use crate::error::Result;

/// A value as it is written, and the offset of its first byte.
pub(super) struct Node<'a> {
    pub(super) offset: usize,
    pub(super) kind: Kind<'a>,
}

/// What is written. Numbers are not converted, because their type is not known yet.
pub(super) enum Kind<'a> {
    Bool(bool),
    Number(&'a str),
    Text(String),
    Array(Vec<Node<'a>>),
    Tuple(Vec<Node<'a>>),
    Variant(Box<Node<'a>>),
    /// A value with its type in front: `uint32 5` or `@u 5`.
    Typed(Type, Box<Node<'a>>),
}

impl Node<'_> {
    /// Converts the node to a value of the type that the text states or implies.
    pub(super) fn to_value(&self) -> Result<Value> {
        let Some(known) = self.pattern()?.definite() else {
            return fail_at(self.offset, "an empty array needs a type, as in @as []");
        };
        // D-Bus has this limit. It also bounds the memory that empty arrays take, as each of
        // them holds a copy of its type.
        let signature = known.to_string();
        if signature.len() > MAX_SIGNATURE || Signature::try_from(signature.as_str()).is_err() {
            return fail_at(self.offset, "the value's type is too long or too deep for D-Bus");
        }
        self.value(&known)
    }

    /// Returns what the text states about the type. A variant's content has a type of its own.
    fn pattern(&self) -> Result<Type> {
        Ok(match &self.kind {
            Kind::Bool(_) => Type::Basic('b'),
            Kind::Number(token) if number::is_double(token) => Type::Basic('d'),
            Kind::Number(_) => Type::Number,
            Kind::Text(_) => Type::Text,
            Kind::Variant(_) => Type::Variant,
            Kind::Typed(known, _) => known.clone(),
            Kind::Tuple(fields) if fields.is_empty() => {
                return fail_at(self.offset, "D-Bus has no empty tuple");
            }
            Kind::Tuple(fields) => {
                Type::Tuple(fields.iter().map(Node::pattern).collect::<Result<_>>()?)
            }
            Kind::Array(items) => {
                let element = items.iter().try_fold(Type::Any, |sum, item| {
                    match sum.unify(item.pattern()?) {
                        Some(sum) => Ok(sum),
                        None => fail_at(
                            item.offset,
                            "this element's type differs from the elements before it",
                        ),
                    }
                });
                Type::Array(Box::new(element?))
            }
        })
    }

    /// Converts the node to a value of this type.
    fn value(&self, wanted: &Type) -> Result<Value> {
        Ok(match (&self.kind, wanted) {
            (Kind::Bool(v), Type::Basic('b')) => Value::Bool(*v),
            (Kind::Number(token), Type::Basic(letter)) => match number::read(token, *letter) {
                Ok(value) => value,
                Err(text) => return fail_at(self.offset, text),
            },
            (Kind::Text(text), Type::Basic(letter @ ('s' | 'o' | 'g'))) => {
                self.text(text, *letter)?
            }
            (Kind::Array(items), Type::Array(element)) => {
                let items = items.iter().map(|item| item.value(element)).collect::<Result<_>>()?;
                Value::Array(element.to_string(), items)
            }
            (Kind::Tuple(fields), Type::Tuple(types)) if fields.len() == types.len() => {
                let fields = fields.iter().zip(types).map(|(field, known)| field.value(known));
                Value::Struct(fields.collect::<Result<_>>()?)
            }
            (Kind::Variant(inner), Type::Variant) => Value::Variant(Box::new(inner.to_value()?)),
            (Kind::Typed(known, inner), wanted) if known == wanted => inner.value(known)?,
            _ => {
                let what = match &self.kind {
                    Kind::Bool(_) => "a boolean".to_owned(),
                    Kind::Number(_) => "a number".to_owned(),
                    Kind::Text(_) => "a string".to_owned(),
                    Kind::Array(_) => "an array".to_owned(),
                    Kind::Tuple(fields) => format!("a tuple of length {}", fields.len()),
                    Kind::Variant(_) => "a variant".to_owned(),
                    Kind::Typed(known, _) => format!("a value of type {known}"),
                };
                return fail_at(self.offset, format_args!("expected type {wanted}, found {what}"));
            }
        })
    }

    fn text(&self, text: &str, letter: char) -> Result<Value> {
        match letter {
            'o' if ObjectPath::try_from(text).is_err() => {
                fail_at(self.offset, format_args!("{text:?} is not an object path"))
            }
            'g' if text.len() > MAX_SIGNATURE || Signature::try_from(text).is_err() => {
                fail_at(self.offset, format_args!("{text:?} is not a signature"))
            }
            'o' => Ok(Value::Path(text.to_owned())),
            'g' => Ok(Value::Signature(text.to_owned())),
            _ => Ok(Value::str(text)),
        }
    }
}
