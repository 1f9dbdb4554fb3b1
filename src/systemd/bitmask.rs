// SPDX-License-Identifier: Apache-2.0

//! CPU and memory node lists as the bit masks of systemd's `AllowedCPUs` and `AllowedMemoryNodes`.
//!
//! List format: cpuset(7), "List format". Properties: org.freedesktop.systemd1(5).

use crate::error::{Code, Error, Result};

/// Highest number of a CPU or memory node that is accepted. No kernel supports as many.
const MAX_NUMBER: u16 = u16::MAX;

/// Returns a cpuset list such as `0-3,5` as a bit mask.
///
/// Byte 0 holds CPUs 0 to 7, and its lowest bit is CPU 0. The last byte is never 0. Several
/// libraries reverse the bytes, which goes unnoticed on machines of at most 8 CPUs.
///
/// Like the kernel, accepts empty elements and spaces around elements.
///
/// # Errors
/// [`Code::Value`]: the list has no number, a number above 65535, a reversed range, or an element
/// that is neither `N` nor `N-M`.
pub fn bitmask(list: &str) -> Result<Vec<u8>> {
    let invalid = |what: String| Error::new(Code::Value, format!("CPU or node list {what}"));
    let mut mask: Vec<u8> = Vec::new();
    for element in list.split(',').map(str::trim).filter(|element| !element.is_empty()) {
        let (from, to) = element.split_once('-').unwrap_or((element, element));
        let (from, to) = number(from).zip(number(to)).ok_or_else(|| {
            invalid(format!(
                "{list:?} has {element:?}, which is not a number or range from 0 to {MAX_NUMBER}"
            ))
        })?;
        if from > to {
            return Err(invalid(format!("{list:?} has a reversed range {element:?}")));
        }
        let bytes = usize::from(to / 8) + 1;
        if mask.len() < bytes {
            mask.resize(bytes, 0);
        }
        for n in from..=to {
            if let Some(byte) = mask.get_mut(usize::from(n / 8)) {
                *byte |= 1 << (n % 8);
            }
        }
    }
    if mask.is_empty() {
        return Err(invalid(format!("{list:?} contains no number")));
    }
    Ok(mask)
}

/// Reads a number of ASCII digits only. The standard parser would accept a leading `+`.
fn number(digits: &str) -> Option<u16> {
    let only_digits = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| only_digits)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn byte_0_holds_the_first_eight_cpus() {
        for (list, mask) in [
            ("0", vec![0x01]),
            ("7", vec![0x80]),
            ("8", vec![0x00, 0x01]),
            ("0-3,5", vec![0x2f]),
            ("1,3-5,9", vec![0x3a, 0x02]),
            ("0-15", vec![0xff, 0xff]),
            ("4-7,12", vec![0xf0, 0x10]),
            ("31", vec![0, 0, 0, 0x80]),
            ("007", vec![0x80]),
            // Order and repetition do not matter.
            ("9,3-5,1,4", vec![0x3a, 0x02]),
        ] {
            assert_eq!(bitmask(list).unwrap(), mask, "{list}");
        }
    }

    #[test]
    fn spaces_and_empty_elements_are_accepted() {
        for list in ["1,2", " 1 , 2 ", ",1,,2,", "1,2\n", "\t1,2", "1-2,"] {
            assert_eq!(bitmask(list).unwrap(), [0x06], "{list:?}");
        }
    }

    #[test]
    fn a_list_without_a_number_is_refused() {
        for list in ["", ",", " , ,", "\n"] {
            let e = bitmask(list).unwrap_err();
            assert_eq!(e.code(), Code::Value);
            assert!(e.to_string().contains("contains no number"), "{e}");
        }
    }

    #[test]
    fn other_elements_and_reversed_ranges_are_refused() {
        for list in [
            "a",
            "1-",
            "-1",
            "-",
            "1-2-3",
            "1 2",
            "0 -3",
            "0- 3",
            "+1",
            "0-+3",
            "0x1",
            "1:2",
            "0-31:2/4",
            "1.0",
            "1;2",
            "٣",
            "1,b",
            "18446744073709551616",
        ] {
            let e = bitmask(list).unwrap_err();
            assert_eq!(e.code(), Code::Value);
            assert!(e.to_string().contains("not a number or range"), "{e}");
        }
        assert!(bitmask("3-1").unwrap_err().to_string().contains("reversed range \"3-1\""));
    }

    #[test]
    fn numbers_above_65535_are_refused() {
        assert_eq!(bitmask("65535").unwrap().len(), 8192);
        assert_eq!(bitmask("0-65535").unwrap(), vec![0xff; 8192]);
        for list in ["65536", "0-65536", "65536-65537", "4294967295", "0-4294967295"] {
            assert_eq!(bitmask(list).unwrap_err().code(), Code::Value, "{list}");
        }
    }

    fn lists() -> impl Strategy<Value = Vec<(u16, u16)>> {
        let edge = prop_oneof![0..20_u16, 0..=MAX_NUMBER];
        let range = (edge, prop_oneof![Just(0), 0..100_u16]);
        proptest::collection::vec(range.prop_map(|(a, n)| (a, a.saturating_add(n))), 1..8)
    }

    proptest! {
        #[test]
        fn the_mask_has_the_bits_of_the_list(ranges in lists()) {
            let element = |&(a, b): &(u16, u16)| match a == b {
                true => a.to_string(),
                false => format!("{a}-{b}"),
            };
            let list = ranges.iter().map(element).collect::<Vec<_>>().join(",");
            let set: BTreeSet<u16> = ranges.iter().flat_map(|&(a, b)| a..=b).collect();

            let mask = bitmask(&list).unwrap();
            prop_assert_ne!(mask.last(), Some(&0));
            let in_mask = (0..=MAX_NUMBER).filter(|n| {
                mask.get(usize::from(n / 8)).is_some_and(|byte| byte >> (n % 8) & 1 == 1)
            });
            prop_assert_eq!(in_mask.collect::<BTreeSet<_>>(), set);
            prop_assert!(mask.len() <= 8192);
        }

        #[test]
        fn random_text_never_panics(list in "[0-9,\\- a+]{0,20}") {
            let _ = bitmask(&list);
        }
    }
}
