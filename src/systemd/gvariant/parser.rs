// SPDX-License-Identifier: Apache-2.0

//! Parses tokens into a tree of nodes.
//!
//! GLib: gvariant-parser.c, parse().

use super::lexer::{Lexer, Token};
use super::limits::{MAX_DEPTH, MAX_SIGNATURE};
use super::node::{Kind, Node};
use super::syntax_error::fail_at;
use super::types::Type;
use crate::error::Result;

/// Parses one value and nothing after it.
pub(super) fn parse(text: &str) -> Result<Node<'_>> {
    let mut lexer = Lexer::new(text);
    let first = lexer.next()?;
    let node = value(&mut lexer, first, MAX_DEPTH)?;
    match lexer.next()? {
        (_, Token::End) => Ok(node),
        (offset, token) => {
            fail_at(offset, format_args!("unexpected {} after the value", describe(&token)))
        }
    }
}

fn value<'a>(
    lexer: &mut Lexer<'a>,
    (offset, token): (usize, Token<'a>),
    depth: usize,
) -> Result<Node<'a>> {
    let Some(depth) = depth.checked_sub(1) else {
        return fail_at(
            offset,
            format_args!("values are nested more than {MAX_DEPTH} levels deep"),
        );
    };
    let kind = match token {
        Token::Text(text) => Kind::Text(text),
        Token::Number(number) => Kind::Number(number),
        Token::Word("true") => Kind::Bool(true),
        Token::Word("false") => Kind::Bool(false),
        Token::Word(word) => match Type::keyword(word) {
            Some(known) => typed(lexer, known, depth)?,
            None => return fail_at(offset, unknown(word)),
        },
        Token::Type(signature) => {
            if signature.len() > MAX_SIGNATURE {
                return fail_at(
                    offset,
                    format_args!("the type is longer than {MAX_SIGNATURE} letters"),
                );
            }
            match Type::parse(signature) {
                Ok(known) => typed(lexer, known, depth)?,
                Err(reason) => return fail_at(offset, format_args!("type @{signature}: {reason}")),
            }
        }
        Token::Mark('[') => Kind::Array(list(lexer, ']', depth)?),
        Token::Mark('(') => Kind::Tuple(list(lexer, ')', depth)?),
        Token::Mark('<') => {
            let first = lexer.next()?;
            let inner = value(lexer, first, depth)?;
            match lexer.next()? {
                (_, Token::Mark('>')) => Kind::Variant(Box::new(inner)),
                (offset, token) => {
                    return fail_at(
                        offset,
                        format_args!("expected '>', found {}", describe(&token)),
                    );
                }
            }
        }
        Token::Mark('{') => {
            return fail_at(offset, "dictionaries are not supported; no unit property takes one")
        }
        Token::Mark(_) | Token::End => {
            return fail_at(offset, format_args!("expected a value, found {}", describe(&token)));
        }
    };
    Ok(Node { offset, kind })
}

fn typed<'a>(lexer: &mut Lexer<'a>, known: Type, depth: usize) -> Result<Kind<'a>> {
    let first = lexer.next()?;
    Ok(Kind::Typed(known, Box::new(value(lexer, first, depth)?)))
}

/// Parses elements up to the closing bracket. A tuple with one field needs a trailing comma, as in
/// GLib.
fn list<'a>(lexer: &mut Lexer<'a>, close: char, depth: usize) -> Result<Vec<Node<'a>>> {
    let mut out = Vec::new();
    let mut next = lexer.next()?;
    if next.1 == Token::Mark(close) {
        return Ok(out);
    }
    loop {
        out.push(value(lexer, next, depth)?);
        let single = close == ')' && out.len() == 1;
        match lexer.next()? {
            (offset, Token::Mark(c)) if c == close => match single {
                true => {
                    return fail_at(offset, "a tuple with one field needs a trailing comma: (1,)")
                }
                false => return Ok(out),
            },
            (_, Token::Mark(',')) => next = lexer.next()?,
            (offset, token) => {
                let found = describe(&token);
                return fail_at(offset, format_args!("expected ',' or '{close}', found {found}"));
            }
        }
        if single && next.1 == Token::Mark(close) {
            return Ok(out);
        }
    }
}

/// Returns what to say about a word that is not a keyword here.
fn unknown(word: &str) -> String {
    match word {
        "handle" => "handles (file descriptors) cannot be written as text".to_owned(),
        "just" | "nothing" => "D-Bus has no maybe type".to_owned(),
        "b" => "bytestrings are not supported; write [byte 0x01, 0x02]".to_owned(),
        _ => format!("unknown word {word:?}; put a string in quotes"),
    }
}

fn describe(token: &Token<'_>) -> String {
    match token {
        Token::End => "the end of the text".to_owned(),
        Token::Mark(c) => format!("{c:?}"),
        Token::Word(word) | Token::Number(word) => format!("{word:?}"),
        Token::Type(signature) => format!("\"@{signature}\""),
        Token::Text(_) => "a string".to_owned(),
    }
}
