//! CPU and memory node lists as the masks that systemd takes.

use crate::error::{Code, Error, Result};

/// No kernel has this many CPUs or memory nodes; beyond it a list is a mistake.
const LAST: u16 = u16::MAX;

/// A cpuset list (`0-3,5`) as the `ay` of `AllowedCPUs` and `AllowedMemoryNodes`: byte 0 is
/// CPUs 0 to 7, bit 0 of it is CPU 0, and no byte at the end is 0. (Several libraries have it
/// in reverse, which goes unnoticed up to 8 CPUs.)
///
/// Spaces around elements, and empty elements, are let through, as in the kernel's own lists.
///
/// # Errors
/// [`Code::Value`]: a list without any number, a number above 65535, a reversed range, or
/// anything else that is neither `N` nor `N-M`.
pub fn bits(list: &str) -> Result<Vec<u8>> {
    let wrong = |what: String| Error::new(Code::Value, format!("CPU or node list {what}"));
    let mut mask: Vec<u8> = Vec::new();
    for element in list.split(',').map(str::trim).filter(|element| !element.is_empty()) {
        let (from, to) = element.split_once('-').unwrap_or((element, element));
        let (from, to) = number(from).zip(number(to)).ok_or_else(|| {
            wrong(format!("{list:?} has {element:?}, which is no number or range in 0 to {LAST}"))
        })?;
        if from > to {
            return Err(wrong(format!("{list:?} has a reversed range {element:?}")));
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
        return Err(wrong(format!("{list:?} has no number")));
    }
    Ok(mask)
}

/// Digits alone: the standard parser also takes a `+`.
fn number(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn byte_0_is_the_first_eight() {
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
            // The order and repetition have no meaning.
            ("9,3-5,1,4", vec![0x3a, 0x02]),
        ] {
            assert_eq!(bits(list).unwrap(), mask, "{list}");
        }
    }

    #[test]
    fn spaces_and_empty_elements() {
        for list in ["1,2", " 1 , 2 ", ",1,,2,", "1,2\n", "\t1,2", "1-2,"] {
            assert_eq!(bits(list).unwrap(), [0x06], "{list:?}");
        }
    }

    #[test]
    fn no_numbers() {
        for list in ["", ",", " , ,", "\n"] {
            let e = bits(list).unwrap_err();
            assert_eq!(e.code(), Code::Value);
            assert!(e.to_string().contains("has no number"), "{e}");
        }
    }

    #[test]
    fn neither_number_nor_range() {
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
            let e = bits(list).unwrap_err();
            assert_eq!(e.code(), Code::Value);
            assert!(e.to_string().contains("no number or range"), "{e}");
        }
        assert!(bits("3-1").unwrap_err().to_string().contains("reversed range \"3-1\""));
    }

    #[test]
    fn bounds() {
        assert_eq!(bits("65535").unwrap().len(), 8192);
        assert_eq!(bits("0-65535").unwrap(), vec![0xff; 8192]);
        for list in ["65536", "0-65536", "65536-65537", "4294967295", "0-4294967295"] {
            assert_eq!(bits(list).unwrap_err().code(), Code::Value, "{list}");
        }
    }

    fn lists() -> impl Strategy<Value = Vec<(u16, u16)>> {
        let edge = prop_oneof![0..20_u16, 0..=LAST];
        let range = (edge, prop_oneof![Just(0), 0..100_u16]);
        proptest::collection::vec(range.prop_map(|(a, n)| (a, a.saturating_add(n))), 1..8)
    }

    proptest! {
        #[test]
        fn as_a_set(ranges in lists()) {
            let element = |&(a, b): &(u16, u16)| if a == b { a.to_string() } else { format!("{a}-{b}") };
            let list = ranges.iter().map(element).collect::<Vec<_>>().join(",");
            let set: BTreeSet<u16> = ranges.iter().flat_map(|&(a, b)| a..=b).collect();

            let mask = bits(&list).unwrap();
            prop_assert_ne!(mask.last(), Some(&0));
            let in_mask = (0..=LAST).filter(|n| {
                mask.get(usize::from(n / 8)).is_some_and(|byte| byte >> (n % 8) & 1 == 1)
            });
            prop_assert_eq!(in_mask.collect::<BTreeSet<_>>(), set);
            prop_assert!(mask.len() <= 8192);
        }

        #[test]
        fn never_panics(list in "[0-9,\\- a+]{0,20}") {
            let _ = bits(&list);
        }
    }
}
