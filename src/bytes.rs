//! Bytes that need not be UTF-8, shown without loss.

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

/// Returns the text, cut after `limit` bytes at the end of a character.
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
    fn cut_keeps_whole_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "abc…");
        assert_eq!(cut("aé", 2), "a…");
        assert_eq!(cut("", 0), "");
        assert_eq!(cut("é", 0), "…");
    }
}
