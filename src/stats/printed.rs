// SPDX-License-Identifier: Apache-2.0

//! Prints the tables of statistics for docs/kernel-features.md.

use super::fields::{Field, FIELDS};
use super::list_table::LISTS;
use super::table::{Source, SOURCES};
use crate::host::Version::{self, V1, V2};

/// Keys, or fields, that are newer than their file: the first kernel that has them.
const KEYS_SINCE: &[(Version, &str, &str)] = &[
    (V2, "nice_usec", "6.13"),
    (V2, "nr_bursts", "5.15"),
    (V2, "burst_usec", "5.15"),
    (V1, "nr_bursts", "5.15"),
    (V1, "burst_time", "5.15"),
    (V2, "kernel", "5.18"),
    (V2, "kernel_stack", "4.6"),
    (V2, "slab_reclaimable", "4.6"),
    (V2, "slab_unreclaimable", "4.6"),
    (V2, "shmem", "4.12"),
    (V2, "pagetables", "5.11"),
    (V2, "percpu", "5.9"),
    (V2, "oom_kill", "4.13"),
    (V1, "oom_kill", "4.13"),
    (V2, "oom_group_kill", "5.17"),
    (V2, "sock_throttled", "6.19"),
    (V2, "cpu_full", "5.13"),
    (V2, "frozen", "5.2"),
    (V2, "dbytes", "4.19"),
    (V2, "dios", "4.19"),
    (V1, "Discard", "4.19"),
];

/// Keys of the lists that are newer than their file.
const LIST_KEYS_SINCE: &[(&str, &str)] = &[
    ("dbytes", "4.19"),
    ("dios", "4.19"),
    ("Discard", "4.19"),
    ("cost.usage", "5.10"),
    ("cost.wait", "5.10"),
    ("cost.indebt", "5.10"),
    ("cost.indelay", "5.10"),
    ("pagetables", "5.11"),
];

/// Returns the table of the lists as Markdown: a row for each field of a file.
pub fn list_table() -> String {
    let head = "| struct | field | layout | file | key | since |\n|---|---|---|---|---|---|\n";
    let mut out = head.to_owned();
    for list in LISTS {
        for source in list.sources {
            for (column, key) in source.fields() {
                let field = list.columns.get(column).map_or("", |column| column.0);
                let (layout, since) = (layout(source.version), source.since);
                let since = LIST_KEYS_SINCE.iter().find(|k| k.0 == key).map_or(since, |k| k.1);
                let file = source.file;
                let row =
                    format!("| {} | {field} | {layout} | {file} | {key} | {since} |\n", list.name);
                out.push_str(&row);
            }
        }
    }
    out
}

/// Returns the text of the column "layout".
fn layout(version: Version) -> &'static str {
    if version == V1 {
        "v1"
    } else {
        "v2"
    }
}

/// Returns the table of the statistics as Markdown: a row for each field of a file.
pub fn table() -> String {
    let head = "| field | layout | file | key | since |\n|---|---|---|---|---|\n";
    let rows = SOURCES.iter().flat_map(|source| {
        source.fields().into_iter().map(|(field, key)| shown(source, field, key))
    });
    std::iter::once(head.to_owned()).chain(rows).collect()
}

/// Returns a kernel version as numbers that can be compared.
fn number(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Returns the row of one field of a file.
fn shown(source: &Source, field: Field, key: &str) -> String {
    let layout = if source.needs_cgroup2() { "hybrid" } else { layout(source.version) };
    let name = FIELDS.get(field as usize).map_or("", |f| f.0);
    let name = name.strip_suffix(".avg10").unwrap_or(name);
    let later = |k: &&(Version, &str, &str)| k.0 == source.version && (k.1 == key || k.1 == name);
    let since = KEYS_SINCE.iter().find(later).map_or(source.since, |k| k.2);
    let since = if number(since) < number(source.since) { source.since } else { since };
    format!("| {name} | {layout} | {} | {key} | {since} |\n", source.file)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// `KATACG_BLESS=1` writes the tables into the document.
    #[test]
    fn the_document_has_the_tables() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kernel-features.md");
        for (name, wanted) in [("statistics", table()), ("lists", list_table())] {
            let text = std::fs::read_to_string(&path).unwrap();
            let (start, end) =
                (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
            let (before, rest) = text.split_once(&start).unwrap();
            let (found, after) = rest.split_once(&end).unwrap();
            if std::env::var_os("KATACG_BLESS").is_some() {
                std::fs::write(&path, format!("{before}{start}{wanted}{end}{after}")).unwrap();
                continue;
            }
            assert!(
                found == wanted,
                "kernel-features.md: run KATACG_BLESS=1 cargo test --lib stats"
            );
        }
    }
}
