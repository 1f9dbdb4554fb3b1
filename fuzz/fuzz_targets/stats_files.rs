// SPDX-License-Identifier: Apache-2.0

//! Parses any bytes as each statistics file of the table. Checks that no parser panics, that a text
//! without a whole line feeds no field, and that a field that was not read is 0.

#![no_main]

use katacg::stats::{parse, SOURCES};
use katacg::Stats;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for source in SOURCES {
        let mut out = Stats::default();
        parse(source.format, data, &mut out);
        let is_whole = data.contains(&b'\n') || data.is_empty();
        for (place, value) in out.values().iter().enumerate() {
            assert!(is_whole || out.get_at(place).is_none());
            assert!(*value == 0 || out.get_at(place) == Some(*value));
        }
    }
});
