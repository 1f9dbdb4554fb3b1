// SPDX-License-Identifier: Apache-2.0

//! Parses any bytes as each file of the lists, and as a file whose values are listed by name.
//! Checks that nothing panics, and that a text without a whole line makes no entry.

#![no_main]

use katacg::stats::{fill, values, Text, LISTS};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for list in LISTS {
        for source in list.sources {
            let mut out = Vec::new();
            let text = Text { bytes: data, size: "2MB", page: 4096 };
            let named = fill(list, source, text, &mut out);
            assert_eq!(named, !out.is_empty());
            assert!(data.contains(&b'\n') || out.is_empty());
        }
    }
    assert!(data.contains(&b'\n') || values(data).is_empty());
});
