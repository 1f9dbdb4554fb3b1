// SPDX-License-Identifier: Apache-2.0

//! The table as docs/kernel-features.md shows it.

use super::fields::{Field, FIELDS};
use super::table::{Source, SOURCES};
use crate::host::Version::{self, V1, V2};

/// Kernels that are later than the file for one of its keys.
const KEYS_SINCE: &[(Version, &str, &str)] = &[
    (V2, "nice_usec", "6.11"),
    (V2, "nr_bursts", "5.15"),
    (V2, "burst_usec", "5.15"),
    (V1, "nr_bursts", "5.15"),
    (V1, "burst_time", "5.15"),
    (V2, "kernel", "5.18"),
    (V2, "pagetables", "5.15"),
    (V2, "percpu", "5.9"),
    (V2, "oom_kill", "4.13"),
    (V1, "oom_kill", "4.13"),
    (V2, "oom_group_kill", "5.17"),
    (V2, "sock_throttled", "6.19"),
    (V2, "frozen", "5.2"),
];

/// Returns the table as Markdown: a row for each file and field.
pub fn table() -> String {
    let head = "| field | layout | file | key | since |\n|---|---|---|---|---|\n";
    let rows = SOURCES.iter().flat_map(|source| {
        source.fields().into_iter().map(|(field, key)| shown(source, field, key))
    });
    std::iter::once(head.to_owned()).chain(rows).collect()
}

fn shown(source: &Source, field: Field, key: &str) -> String {
    let layout = if source.version == V1 { "v1" } else { "v2" };
    let later = |k: &&(Version, &str, &str)| k.0 == source.version && k.1 == key;
    let since = KEYS_SINCE.iter().find(later).map_or(source.since, |k| k.2);
    let name = FIELDS.get(field as usize).map_or("", |f| f.0);
    let name = name.strip_suffix(".avg10").unwrap_or(name);
    format!("| {name} | {layout} | {} | {key} | {since} |\n", source.file)
}
