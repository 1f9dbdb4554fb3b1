// SPDX-License-Identifier: Apache-2.0

//! Takes any bytes as the text of every file that the JSON is made of. Checks that nothing panics,
//! and that the result is a JSON object.

#![no_main]

use katacg::host::Version;
use katacg::stats::{json, parse, ALL, SOURCES};
use katacg::Stats;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for version in [Version::V1, Version::V2] {
        let mut stats = Stats::default();
        for source in SOURCES.iter().filter(|source| source.version == version) {
            parse(source.format, data, &mut stats);
        }
        let files = |_: &str, of: Version, _: &str| (of == version).then(|| data.to_vec());
        assert!(json(&stats, &files, ALL).is_object());
    }
});
