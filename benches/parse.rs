// SPDX-License-Identifier: Apache-2.0

//! Measures how long the parser takes for the memory.stat of a busy cgroup. Prints Markdown.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::pedantic)]

use std::hint::black_box;
use std::time::Instant;

use katacg::host::Version;
use katacg::stats::{parse, SOURCES};
use katacg::Stats;

const ROUNDS: usize = 2_001;
const BATCH: usize = 10;

fn main() {
    let text = include_bytes!("../tests/fixtures/stats/6.12-v2/memory.stat");
    let is_it = |file: &str, version| file == "memory.stat" && version == Version::V2;
    let source = SOURCES.iter().find(|s| is_it(s.file, s.version)).expect("the table has it");
    let mut out = Stats::default();
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..BATCH {
                out.reset();
                parse(source.format, black_box(text), &mut out);
                black_box(&out);
            }
            start.elapsed().as_secs_f64() * 1e6 / BATCH as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "\n## Parsing\n\nThe memory.stat of a busy cgroup of Linux 6.12, {} bytes: {:.2} µs (median \
         of {ROUNDS}; the shortest {:.2}).",
        text.len(),
        times[ROUNDS / 2],
        times[0]
    );
}
