// SPDX-License-Identifier: Apache-2.0

//! Text for messages: bytes that need not be UTF-8, misspelt words, long lists and long paths.

use std::borrow::Cow;
use std::fmt;

/// Shows bytes as Go's `%q` does: in quotes, with everything that is not printable escaped.
pub struct Lossless<'a>(pub &'a [u8]);

impl fmt::Display for Lossless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' => f.write_str("\\\"")?,
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\t' => f.write_str("\\t")?,
                    c if u32::from(c) < 0x80 && c.is_control() => {
                        write!(f, "\\x{:02x}", u32::from(c))?;
                    }
                    c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                    c => fmt::Write::write_char(f, c)?,
                }
            }
            for b in chunk.invalid() {
                write!(f, "\\x{b:02x}")?;
            }
        }
        f.write_str("\"")
    }
}

/// Returns text that stays on one line: control bytes as `\n`, `\t` or `\x1b`, all others as they
/// are.
pub(crate) fn one_line(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(u8::is_ascii_control) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + 8);
    for &byte in text {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte if byte.is_ascii_control() => {
                out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
            }
            byte => out.push(byte),
        }
    }
    Cow::Owned(out)
}

/// Returns the candidate that a misspelt word was probably meant to be: the one with the fewest
/// letters to add, drop, change or swap, if these are few.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let most = if word.len() < 6 { 1 } else { 2 };
    let near = candidates.iter().map(|candidate| (letters_changed(word, candidate), *candidate));
    near.filter(|(changed, _)| *changed <= most).min_by_key(|(changed, _)| *changed).map(|n| n.1)
}

/// Counts the letters to add, drop, change or swap with their neighbour (optimal string alignment).
pub(crate) fn letters_changed(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    // Too far apart to be near. The work below grows with both lengths, and the caller chooses one.
    if a.len().abs_diff(b.len()) > 2 {
        return a.len().max(b.len());
    }
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(a.len() + b.len());
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let change = at(&last, j) + usize::from(x != y);
            let mut fewest = change.min(at(&last, j + 1) + 1).min(at(&next, j) + 1);
            if i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x) {
                fewest = fewest.min(at(&before, j - 1) + 1);
            }
            next.push(fewest);
        }
        before = std::mem::replace(&mut last, next);
    }
    at(&last, b.len())
}

/// Joins the first items with spaces, in about `room` bytes, and says how many more there are.
/// Items are whole or left out; the first item is always there.
pub fn list_some(items: impl Iterator<Item = impl fmt::Display>, room: usize) -> String {
    let mut out = String::new();
    let mut more = 0;
    for item in items.map(|item| item.to_string()) {
        match out.is_empty() {
            true => out = item,
            false if more == 0 && out.len() + 1 + item.len() <= room => {
                out.push(' ');
                out.push_str(&item);
            }
            false => more += 1,
        }
    }
    match more {
        0 => out,
        more => format!("{out} … and {more} more"),
    }
}

/// Leaves out the middle of a path that is too long for a list in a message. C callers have room
/// for 495 bytes in all.
pub fn shorten(path: &[u8]) -> Cow<'_, [u8]> {
    const HALF: usize = 80;
    let end = path.len().checked_sub(HALF).filter(|&end| end > HALF);
    match (path.get(..HALF), end.and_then(|end| path.get(end..))) {
        (Some(start), Some(end)) => Cow::Owned([start, "…".as_bytes(), end].concat()),
        _ => Cow::Borrowed(path),
    }
}

/// Returns at most `limit` bytes of the text, in whole characters. A text that was cut ends in `…`.
pub fn cut(text: &str, limit: usize) -> String {
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    match text.get(..end) {
        Some(start) if text.len() > limit => format!("{start}…"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_a_misspelt_word() {
        let files = ["memory.max", "memory.low", "memory.high", "pids.max", "cpu.weight"];
        for (word, meant) in [
            ("memory.maxx", Some("memory.max")),
            ("memory.mx", Some("memory.max")),
            ("memory.amx", Some("memory.max")),
            ("memroy.mxa", Some("memory.max")),
            ("cpu.wieght", Some("cpu.weight")),
            ("pid.max", Some("pids.max")),
            ("memory.swap", None),
            ("max", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &files), meant, "{word}");
        }
        assert_eq!(nearest("cup", &["cpu", "io"]), Some("cpu"));
        assert_eq!(nearest("oi", &["x", "io"]), Some("io"));
    }

    #[test]
    fn long_path_loses_its_middle() {
        assert_eq!(&*shorten(&[b'a'; 160]), [b'a'; 160]);
        assert_eq!(shorten(&[b'a'; 200]).len(), 163);
    }

    #[test]
    fn list_some_says_how_many_items_it_leaves_out() {
        assert_eq!(list_some([10, 20].iter(), 5), "10 20");
        assert_eq!(list_some([10, 20, 30, 4].iter(), 5), "10 20 … and 2 more");
        assert_eq!(list_some(["longer than that", "a"].iter(), 5), "longer than that … and 1 more");
    }

    #[test]
    fn cut_keeps_whole_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "abc…");
        assert_eq!(cut("aé", 2), "a…");
        assert_eq!(cut("", 0), "");
        assert_eq!(cut("é", 0), "…");
    }
}
