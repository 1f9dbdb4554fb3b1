// SPDX-License-Identifier: Apache-2.0

//! Rust text as tokens, as far as imports need it: without comments, and with every literal as
//! `""`.

use std::iter::Peekable;
use std::str::Chars;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

/// Splits a file into names, numbers, `::`, literals and single other characters.
pub fn lex(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text.chars().peekable(), line: 1 };
    let mut out = Vec::new();
    while let Some(token) = lexer.token() {
        out.extend(token);
    }
    out
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.rest.peek() == Some(&wanted);
        if found {
            self.next();
        }
        found
    }

    /// Returns None at the end of the file, and Some(None) after a comment or a space.
    fn token(&mut self) -> Option<Option<Token>> {
        let line = self.line;
        let text = match self.next()? {
            c if c.is_whitespace() => return Some(None),
            '/' if self.take('/') => {
                while self.next().is_some_and(|c| c != '\n') {}
                return Some(None);
            }
            '/' if self.take('*') => {
                self.block_comment();
                return Some(None);
            }
            '"' => self.string(),
            '\'' => self.quote(),
            ':' if self.take(':') => "::".to_owned(),
            c if c == '_' || c.is_alphanumeric() => self.word(c),
            c => c.to_string(),
        };
        Some(Some(Token { text, line }))
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            match self.next() {
                Some('*') if self.take('/') => depth -= 1,
                Some('/') if self.take('*') => depth += 1,
                Some(_) => {}
                None => return,
            }
        }
    }

    fn string(&mut self) -> String {
        loop {
            match self.next() {
                Some('\\') => drop(self.next()),
                Some('"') | None => return "\"\"".to_owned(),
                Some(_) => {}
            }
        }
    }

    /// A character, or a lifetime, which is no name.
    fn quote(&mut self) -> String {
        let first = self.next();
        if first == Some('\\') {
            self.next();
            while self.next().is_some_and(|c| c != '\'') {}
        } else if !self.take('\'') {
            while self.rest.peek().is_some_and(|&c| c == '_' || c.is_alphanumeric()) {
                self.next();
            }
        }
        "\"\"".to_owned()
    }

    /// A name or a number; `r#name` is `name`, and what starts with r, b or c can be a literal.
    fn word(&mut self, first: char) -> String {
        let mut out = first.to_string();
        while let Some(&c) = self.rest.peek().filter(|&&c| c == '_' || c.is_alphanumeric()) {
            out.push(c);
            self.next();
        }
        match (out.as_str(), self.rest.peek()) {
            ("b" | "c", Some('"')) => {
                self.next();
                self.string()
            }
            ("b", Some('\'')) => {
                self.next();
                self.quote()
            }
            ("r" | "br" | "cr", Some('"' | '#')) => self.raw(),
            _ => out,
        }
    }

    fn raw(&mut self) -> String {
        let mut hashes = 0;
        while self.take('#') {
            hashes += 1;
        }
        if !self.take('"') {
            let first = self.next().unwrap_or('_');
            return self.word(first);
        }
        let mut seen = None;
        while let Some(c) = self.next() {
            seen = match (c, seen) {
                ('"', _) => Some(0),
                ('#', Some(n)) => Some(n + 1),
                _ => None,
            };
            if seen == Some(hashes) {
                break;
            }
        }
        "\"\"".to_owned()
    }
}
