//! Types, and what is known of one that the text leaves open.

use std::fmt;

use super::DEPTH;

/// A type, or a pattern of types.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    /// An empty array's elements: any type.
    Any,
    /// A number without a point: any numeric type.
    Number,
    /// A string in quotes: `s`, `o` or `g`.
    Text,
    /// The letter of a type without parts, other than `v`.
    Basic(char),
    Variant,
    Array(Box<Type>),
    Tuple(Vec<Type>),
}

const NUMBERS: &str = "ynqiuxtd";
const TEXTS: &str = "sog";

impl Type {
    /// A signature that is one complete type.
    pub(super) fn parse(signature: &str) -> Result<Type, &'static str> {
        let mut letters = signature.chars();
        let out = complete(&mut letters, DEPTH)?;
        match letters.as_str() {
            "" => Ok(out),
            _ => Err("more than one type; a tuple is in parentheses"),
        }
    }

    /// A keyword's type.
    pub(super) fn keyword(word: &str) -> Option<Type> {
        KEYWORDS
            .iter()
            .find(|(_, keyword)| *keyword == word)
            .map(|(letter, _)| Type::Basic(*letter))
    }

    /// What fits both.
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

    /// The type that is meant where the text leaves a choice; `None` where it says nothing.
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

/// As a signature; words for what is open.
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

/// The keyword for a letter.
pub(super) fn name(letter: char) -> &'static str {
    KEYWORDS.iter().find(|(l, _)| *l == letter).map_or("unknown", |(_, keyword)| keyword)
}

fn complete(letters: &mut std::str::Chars<'_>, depth: usize) -> Result<Type, &'static str> {
    let depth = depth.checked_sub(1).ok_or("a type that is nested too deep")?;
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
                true => Err("an empty tuple, which D-Bus does not have"),
                false => Ok(Type::Tuple(fields)),
            }
        }
        Some(c) if KEYWORDS.iter().any(|(letter, _)| *letter == c) => Ok(Type::Basic(c)),
        Some('h') => Err("a handle, which a text cannot give"),
        Some('{' | '}') => Err("a dictionary, which no property is"),
        Some('m') => Err("a maybe, which D-Bus does not have"),
        Some(_) => Err("a letter that is no type"),
        None => Err("an incomplete type"),
    }
}
