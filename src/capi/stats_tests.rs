// SPDX-License-Identifier: Apache-2.0

//! Tests of the statistics' struct: its fields, and structs of older programs.

use super::stats::{write, HEAD, WORD};
use super::stats_bits::*;
use crate::stats::{Field, Stats, FIELDS};

/// The fields of the struct, as read from this file, are in the order of the table [`FIELDS`].
#[test]
fn the_struct_has_the_fields_of_the_table_in_order() {
    let source = include_str!("stats.rs");
    let (_, rest) = source.split_once("pub struct katacg_stats {").unwrap();
    let (body, _) = rest.split_once("\n}").unwrap();
    let mut names = Vec::new();
    for line in body.lines().filter_map(|line| line.trim().strip_prefix("pub ")) {
        let (name, kind) = line.trim_end_matches(',').split_once(": ").unwrap();
        match kind {
            "u64" => names.push(name.to_owned()),
            _ => names.extend(
                ["avg10", "avg60", "avg300", "total_ns"].map(|part| format!("{name}.{part}")),
            ),
        }
    }
    let known: Vec<&str> = FIELDS.iter().map(|field| field.0).collect();
    assert_eq!(names[HEAD..], known);
}

#[test]
fn a_short_struct_gets_what_fits_and_only_the_bits_of_that() {
    let mut stats = Stats::default();
    stats.put(Field::CpuUsage, 5);
    stats.put(Field::CpuUser, 3);
    stats.put(Field::CpuSystem, 2);
    let mut place = [9u64; 6];
    let out = place.as_mut_ptr().cast();
    // SAFETY: four words of the place.
    unsafe { write(&stats, out, 4 * WORD) };
    // cpu_system_ns does not fit, so neither CPU_TIMES.
    assert_eq!(place, [KATACG_STATS_HAS_CPU_USAGE, 0, 5, 3, 9, 9]);
}
