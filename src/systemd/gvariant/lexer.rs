// SPDX-License-Identifier: Apache-2.0

//! Splits the text into tokens.
//!
//! GLib: gvariant-parser.c, token_stream_prepare().

use std::str::Chars;

use super::syntax_error::fail_at;
use crate::error::Result;

/// A token of the format.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// The end of the text.
    End,
    /// A single character: a bracket, a comma, or a character that the format does not use.
    Mark(char),
    /// A keyword such as `true` or `uint32`, or another word of letters.
    Word(&'a str),
    /// Text that begins like a number; not converted yet.
    Number(&'a str),
    /// The text after an `@`, up to a space.
    Type(&'a str),
    /// A quoted string, with its escapes replaced.
    Text(String),
}

/// The text and the position in it.
pub(super) struct Lexer<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Lexer { text, offset: 0 }
    }

    /// Returns the next token and its offset.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'a>)> {
        self.take_while(|c| c.is_ascii_whitespace());
        let offset = self.offset;
        let token = match self.rest().chars().next() {
            None => Token::End,
            Some(quote @ ('\'' | '"')) => Token::Text(self.string(quote)?),
            Some('@') => {
                self.offset += 1;
                Token::Type(self.take_while(|c| !c.is_ascii_whitespace()))
            }
            Some(c) if in_word(c) => {
                let word = self.take_while(in_word);
                let number = !c.is_ascii_alphabetic() || matches!(word, "inf" | "nan");
                if number {
                    Token::Number(word)
                } else {
                    Token::Word(word)
                }
            }
            Some(c) => {
                self.offset += c.len_utf8();
                Token::Mark(c)
            }
        };
        Ok((offset, token))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.offset += len;
        rest.get(..len).unwrap_or_default()
    }

    fn string(&mut self, quote: char) -> Result<String> {
        let (start, rest) = (self.offset, self.rest());
        let mut chars = rest.chars();
        chars.next();
        let mut out = String::new();
        loop {
            let offset = start + rest.len() - chars.as_str().len();
            match chars.next() {
                None => return fail_at(start, format_args!("the string has no closing {quote}")),
                Some(c) if c == quote => break,
                Some('\\') => match escape(&mut chars) {
                    Ok(c) => out.extend(c),
                    Err(text) => return fail_at(offset, text),
                },
                Some('\0') => return fail_at(offset, "D-Bus strings cannot contain NUL"),
                Some(c) => out.push(c),
            }
        }
        self.offset += rest.len() - chars.as_str().len();
        Ok(out)
    }
}

/// Returns whether the character is part of a number or keyword. As in GLib, signs and the point
/// are.
fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')
}

/// Returns the character that a backslash and the characters after it stand for. A backslash at
/// the end of a line or of the text stands for nothing.
fn escape(chars: &mut Chars<'_>) -> std::result::Result<Option<char>, &'static str> {
    let Some(c) = chars.next() else { return Ok(None) };
    Ok(match c {
        'a' => Some('\x07'),
        'b' => Some('\x08'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        '\n' => None,
        'u' => Some(unicode(chars, 4)?),
        'U' => Some(unicode(chars, 8)?),
        '\0' => return Err("D-Bus strings cannot contain NUL"),
        c => Some(c),
    })
}

fn unicode(chars: &mut Chars<'_>, digits: usize) -> std::result::Result<char, &'static str> {
    let number = (0..digits).try_fold(0, |sum: u32, _| {
        let digit = chars.next().and_then(|c| c.to_digit(16));
        digit.map(|digit| sum << 4 | digit)
    });
    let number =
        number.ok_or("a Unicode escape needs 4 hexadecimal digits after \\u, or 8 after \\U")?;
    match char::from_u32(number) {
        Some('\0') => Err("D-Bus strings cannot contain NUL"),
        Some(c) => Ok(c),
        None => Err("the Unicode escape is not a valid character"),
    }
}
