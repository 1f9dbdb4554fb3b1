// SPDX-License-Identifier: Apache-2.0

//! Lines, words and numbers of a statistics file.
//!
//! The kernel ends every line with a newline. A line without one was cut short, and its number may
//! lack digits, so no such line is returned.

/// A byte in each of eight places.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Returns the place of the first such byte. Lines and words are short: a vector search would take
/// longer to begin than eight bytes at a time take to the end.
fn find(byte: u8, text: &[u8]) -> Option<usize> {
    let (mut place, mut rest) = (0, text);
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let others = u64::from_le_bytes(*chunk) ^ eight(byte);
        // Has the high bit of each byte that was equal, and perhaps of bytes after the first such.
        let equal = others.wrapping_sub(eight(1)) & !others & eight(0x80);
        if equal != 0 {
            return Some(place + equal.trailing_zeros() as usize / 8);
        }
        place += 8;
        rest = after;
    }
    Some(place + rest.iter().position(|&b| b == byte)?)
}

/// Splits at the first byte `at`, which is in neither part.
#[inline]
pub fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let (left, right) = text.split_at_checked(find(at, text)?)?;
    Some((left, right.get(1..)?))
}

/// Returns the whole lines, without their newlines.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (line, after) = split(rest, b'\n')?;
        rest = after;
        Some(line)
    })
}

/// Returns the words of a line, between single spaces.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let (word, after) = match split(text, b' ') {
            Some((word, after)) => (word, Some(after)),
            None => (text, None),
        };
        rest = after;
        Some(word)
    })
}

/// Returns the number if the text is only decimal digits and the number fits.
pub fn number(text: &[u8]) -> Option<u64> {
    let mut out = 0u64;
    for byte in text {
        out = out.checked_mul(10)?.checked_add(digit(*byte)?)?;
    }
    (!text.is_empty()).then_some(out)
}

/// Returns the number that is the first line, and the text after that line. None for more than 19
/// digits, because 20 may not fit.
pub fn number_line(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut out = 0;
    for (place, byte) in text.iter().enumerate().take(20) {
        match digit(*byte) {
            Some(digit) if place < 19 => out = out * 10 + digit,
            None if place > 0 && *byte == b'\n' => return Some((out, text.get(place + 1..)?)),
            _ => return None,
        }
    }
    None
}

fn digit(byte: u8) -> Option<u64> {
    let digit = byte.wrapping_sub(b'0');
    (digit <= 9).then_some(u64::from(digit))
}

/// Splits `MAJOR:MINOR`.
pub fn device(text: &[u8]) -> Option<(u64, u64)> {
    let (major, minor) = split(text, b':')?;
    Some((number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As the standard library splits and parses.
        #[test]
        fn any_text_is_split_as_by_the_standard_library(
            text in prop::collection::vec(
                prop_oneof![Just(b'\n'), Just(b' '), Just(0x8a), Just(0x0b), any::<u8>()],
                0..60,
            ),
        ) {
            let place = text.iter().position(|&b| b == b'\n');
            prop_assert_eq!(find(b'\n', &text), place);
            let mut whole: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
            whole.pop();
            prop_assert!(lines(&text).eq(whole));
            prop_assert!(words(&text).eq(text.split(|&b| b == b' ')));
        }

        #[test]
        fn numbers_are_those_that_the_standard_library_reads(
            text in prop_oneof![
                "[0-9]{0,25}",
                "[0-9 +:a-]{0,5}",
                any::<u64>().prop_map(|n| n.to_string()),
            ],
        ) {
            // The standard library also takes a sign.
            let wanted = text.parse().ok().filter(|_| !text.starts_with('+'));
            prop_assert_eq!(number(text.as_bytes()), wanted);
        }
    }
}
