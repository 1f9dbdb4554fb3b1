//! Nodes to values: first what the text says of the types, then the values of those types.

use zbus::zvariant::{ObjectPath, Signature};

use super::number;
use super::types::Type;
use super::{wrong, SIGNATURE};
use crate::error::Result;
use crate::systemd::Value;

/// A value as it is written, and the offset of its first byte.
pub(super) struct Node<'a> {
    pub(super) at: usize,
    pub(super) kind: Kind<'a>,
}

pub(super) enum Kind<'a> {
    Bool(bool),
    Number(&'a str),
    Text(String),
    Array(Vec<Node<'a>>),
    Tuple(Vec<Node<'a>>),
    Variant(Box<Node<'a>>),
    Typed(Type, Box<Node<'a>>),
}

impl Node<'_> {
    /// The value, of the type that it is found to have.
    pub(super) fn settle(&self) -> Result<Value> {
        let Some(known) = self.pattern()?.definite() else {
            return wrong(self.at, "an empty array needs a type, as in @as []");
        };
        // As D-Bus has it; it also bounds what the empty arrays in one value repeat.
        let signature = known.to_string();
        if signature.len() > SIGNATURE || Signature::try_from(signature.as_str()).is_err() {
            return wrong(self.at, "the value's type is too long or too deep for D-Bus");
        }
        self.value(&known)
    }

    /// What the text says of the type. A variant's inside is settled by itself.
    fn pattern(&self) -> Result<Type> {
        Ok(match &self.kind {
            Kind::Bool(_) => Type::Basic('b'),
            Kind::Number(token) if number::is_double(token) => Type::Basic('d'),
            Kind::Number(_) => Type::Number,
            Kind::Text(_) => Type::Text,
            Kind::Variant(_) => Type::Variant,
            Kind::Typed(known, _) => known.clone(),
            Kind::Tuple(fields) if fields.is_empty() => {
                return wrong(self.at, "an empty tuple, which D-Bus does not have");
            }
            Kind::Tuple(fields) => {
                Type::Tuple(fields.iter().map(Node::pattern).collect::<Result<_>>()?)
            }
            Kind::Array(items) => {
                let element = items.iter().try_fold(Type::Any, |sum, item| {
                    match sum.unify(item.pattern()?) {
                        Some(sum) => Ok(sum),
                        None => wrong(item.at, "an element of another type than those before it"),
                    }
                });
                Type::Array(Box::new(element?))
            }
        })
    }

    fn value(&self, wanted: &Type) -> Result<Value> {
        Ok(match (&self.kind, wanted) {
            (Kind::Bool(v), Type::Basic('b')) => Value::Bool(*v),
            (Kind::Number(token), Type::Basic(letter)) => match number::read(token, *letter) {
                Ok(value) => value,
                Err(text) => return wrong(self.at, text),
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
            (Kind::Variant(inner), Type::Variant) => Value::Variant(Box::new(inner.settle()?)),
            (Kind::Typed(known, inner), wanted) if known == wanted => inner.value(known)?,
            _ => {
                let what = match &self.kind {
                    Kind::Bool(_) => "a boolean".to_owned(),
                    Kind::Number(_) => "a number".to_owned(),
                    Kind::Text(_) => "a string".to_owned(),
                    Kind::Array(_) => "an array".to_owned(),
                    Kind::Tuple(fields) => format!("a tuple of {}", fields.len()),
                    Kind::Variant(_) => "a variant".to_owned(),
                    Kind::Typed(known, _) => format!("a value of type {known}"),
                };
                return wrong(self.at, format_args!("{what} where type {wanted} is wanted"));
            }
        })
    }

    fn text(&self, text: &str, letter: char) -> Result<Value> {
        match letter {
            'o' if ObjectPath::try_from(text).is_err() => {
                wrong(self.at, format_args!("{text:?} is no object path"))
            }
            'g' if text.len() > SIGNATURE || Signature::try_from(text).is_err() => {
                wrong(self.at, format_args!("{text:?} is no signature"))
            }
            'o' => Ok(Value::Path(text.to_owned())),
            'g' => Ok(Value::Signature(text.to_owned())),
            _ => Ok(Value::str(text)),
        }
    }
}
