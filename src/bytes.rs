//! Bytes that need not be UTF-8, shown without loss.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_path_loses_its_middle() {
        assert_eq!(&*shorten(&[b'a'; 160]), [b'a'; 160]);
        assert_eq!(shorten(&[b'a'; 200]).len(), 163);
    }

    #[test]
    fn long_list_ends_with_the_number_of_those_left_out() {
        assert_eq!(list_some([10, 20].iter(), 5), "10 20");
        assert_eq!(list_some([10, 20, 30, 4].iter(), 5), "10 20 … and 2 more");
        assert_eq!(list_some(["longer than that", "a"].iter(), 5), "longer than that … and 1 more");
    }
}
