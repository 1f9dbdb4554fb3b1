//! Words to nodes.

use super::lexer::{Lexer, Token};
use super::node::{Kind, Node};
use super::types::Type;
use super::{wrong, DEPTH, SIGNATURE};
use crate::error::Result;

/// One value and nothing after it.
pub(super) fn parse(text: &str) -> Result<Node<'_>> {
    let mut lexer = Lexer::new(text);
    let first = lexer.next()?;
    let node = value(&mut lexer, first, DEPTH)?;
    match lexer.next()? {
        (_, Token::End) => Ok(node),
        (at, token) => wrong(at, format_args!("{} after the value", describe(&token))),
    }
}

fn value<'a>(
    lexer: &mut Lexer<'a>,
    (at, token): (usize, Token<'a>),
    depth: usize,
) -> Result<Node<'a>> {
    let Some(depth) = depth.checked_sub(1) else {
        return wrong(at, format_args!("values are nested more than {DEPTH} deep"));
    };
    let kind = match token {
        Token::Text(text) => Kind::Text(text),
        Token::Number(number) => Kind::Number(number),
        Token::Word("true") => Kind::Bool(true),
        Token::Word("false") => Kind::Bool(false),
        Token::Word(word) => match Type::keyword(word) {
            Some(known) => typed(lexer, known, depth)?,
            None => return wrong(at, unknown(word)),
        },
        Token::Type(signature) => {
            if signature.len() > SIGNATURE {
                return wrong(at, format_args!("a type is longer than {SIGNATURE} letters"));
            }
            match Type::parse(signature) {
                Ok(known) => typed(lexer, known, depth)?,
                Err(reason) => return wrong(at, format_args!("@{signature} is {reason}")),
            }
        }
        Token::Mark('[') => Kind::Array(list(lexer, ']', depth)?),
        Token::Mark('(') => Kind::Tuple(list(lexer, ')', depth)?),
        Token::Mark('<') => {
            let first = lexer.next()?;
            let inner = value(lexer, first, depth)?;
            match lexer.next()? {
                (_, Token::Mark('>')) => Kind::Variant(Box::new(inner)),
                (at, token) => {
                    return wrong(at, format_args!("{} where > is wanted", describe(&token)));
                }
            }
        }
        Token::Mark('{') => return wrong(at, "a dictionary, which no property is"),
        Token::Mark(_) | Token::End => {
            return wrong(at, format_args!("{} where a value is wanted", describe(&token)));
        }
    };
    Ok(Node { at, kind })
}

fn typed<'a>(lexer: &mut Lexer<'a>, known: Type, depth: usize) -> Result<Kind<'a>> {
    let first = lexer.next()?;
    Ok(Kind::Typed(known, Box::new(value(lexer, first, depth)?)))
}

/// Up to the closing bracket. A tuple of one has a comma, as GLib writes and wants it.
fn list<'a>(lexer: &mut Lexer<'a>, close: char, depth: usize) -> Result<Vec<Node<'a>>> {
    let mut out = Vec::new();
    let mut next = lexer.next()?;
    if next.1 == Token::Mark(close) {
        return Ok(out);
    }
    loop {
        out.push(value(lexer, next, depth)?);
        let lone = close == ')' && out.len() == 1;
        match lexer.next()? {
            (at, Token::Mark(c)) if c == close => match lone {
                true => return wrong(at, "a tuple of one has a comma: (1,)"),
                false => return Ok(out),
            },
            (_, Token::Mark(',')) => next = lexer.next()?,
            (at, token) => {
                let found = describe(&token);
                return wrong(at, format_args!("{found} where a comma or {close} is wanted"));
            }
        }
        if lone && next.1 == Token::Mark(close) {
            return Ok(out);
        }
    }
}

fn unknown(word: &str) -> String {
    match word {
        "handle" => "a handle, which a text cannot give".to_owned(),
        "just" | "nothing" => "a maybe, which D-Bus does not have".to_owned(),
        "b" => "a bytestring; write bytes as [byte 0x01, 0x02]".to_owned(),
        _ => format!("unknown word {word:?}; a string is in quotes"),
    }
}

fn describe(token: &Token<'_>) -> String {
    match token {
        Token::End => "the end".to_owned(),
        Token::Mark(c) => format!("{c:?}"),
        Token::Word(word) | Token::Number(word) => format!("{word:?}"),
        Token::Type(signature) => format!("\"@{signature}\""),
        Token::Text(_) => "a string".to_owned(),
    }
}
