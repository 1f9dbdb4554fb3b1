//! Text to words.

use std::str::Chars;

use super::wrong;
use crate::error::Result;

/// A word of the format.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// The end of the text.
    End,
    /// Anything that stands for itself: brackets and commas, and what does not belong here.
    Mark(char),
    /// `true`, `uint32`, and what looks like them.
    Word(&'a str),
    /// What begins as a number does, not yet read.
    Number(&'a str),
    /// What follows an `@`.
    Type(&'a str),
    /// A string, unescaped.
    Text(String),
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Lexer { text, at: 0 }
    }

    /// The next word and its offset.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'a>)> {
        self.take_while(|c| c.is_ascii_whitespace());
        let at = self.at;
        let token = match self.rest().chars().next() {
            None => Token::End,
            Some(quote @ ('\'' | '"')) => Token::Text(self.string(quote)?),
            Some('@') => {
                self.at += 1;
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
                self.at += c.len_utf8();
                Token::Mark(c)
            }
        };
        Ok((at, token))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    fn string(&mut self, quote: char) -> Result<String> {
        let (start, rest) = (self.at, self.rest());
        let mut chars = rest.chars();
        chars.next();
        let mut out = String::new();
        loop {
            let at = start + rest.len() - chars.as_str().len();
            match chars.next() {
                None => return wrong(start, format_args!("a string lacks its closing {quote}")),
                Some(c) if c == quote => break,
                Some('\\') => match escape(&mut chars) {
                    Ok(c) => out.extend(c),
                    Err(text) => return wrong(at, text),
                },
                Some('\0') => return wrong(at, "D-Bus strings cannot have a NUL"),
                Some(c) => out.push(c),
            }
        }
        self.at += rest.len() - chars.as_str().len();
        Ok(out)
    }
}

/// Numbers and keywords; a point and signs are part of them, as in GLib.
fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')
}

/// What a backslash and the following characters stand for; a line's end is nothing, and so is
/// the text's.
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
        '\0' => return Err("D-Bus strings cannot have a NUL"),
        c => Some(c),
    })
}

fn unicode(chars: &mut Chars<'_>, digits: usize) -> std::result::Result<char, &'static str> {
    let number = (0..digits).try_fold(0, |sum: u32, _| {
        let digit = chars.next().and_then(|c| c.to_digit(16));
        digit.map(|digit| sum << 4 | digit)
    });
    let number = number.ok_or("a Unicode escape is \\u and 4 or \\U and 8 hexadecimal digits")?;
    match char::from_u32(number) {
        Some('\0') => Err("D-Bus strings cannot have a NUL"),
        Some(c) => Ok(c),
        None => Err("a Unicode escape is for no character"),
    }
}
