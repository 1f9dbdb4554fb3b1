// SPDX-License-Identifier: Apache-2.0

//! Generates include/katacg.h from src/capi and compares it with the committed file.
//! `KATACG_BLESS=1 cargo test --test header` writes the file.
//!
//! cbindgen runs once per source file. In a single run it would emit all constants, then all
//! structs, then all functions; the header shows a constant next to the function that takes it.
//!
//! Two kinds of comment in src/capi are for this generator:
//!
//! - Module documentation, which starts with `Header section "Title".`, becomes the comment that
//!   opens a section.
//! - A line that starts with `// header: ` is copied after the file's items.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic)]

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

/// The files of src/capi in the order of the header.
const FILES: [&str; 23] = [
    "version",
    "error",
    "host",
    "manager_opts",
    "manager",
    "resources",
    "manager_info",
    "files",
    "processes",
    "lifecycle",
    "devices",
    "stats_bits",
    "stats",
    "stats_reader",
    "stats_entries",
    "stats_lists",
    "events",
    "attach",
    "cgroup",
    "paths",
    "units",
    "mounts",
    "cpu",
];
/// Every struct of the header. In a file that only mentions a struct, cbindgen does not see the
/// definition and would leave out the word `struct`. In the file that defines it, cbindgen would
/// leave out a struct that no function there takes.
const STRUCTS: [&str; 17] = [
    "katacg_error",
    "katacg_host",
    "katacg_manager_opts",
    "katacg_manager",
    "katacg_attach",
    "katacg_pressure",
    "katacg_stats",
    "katacg_stats_reader",
    "katacg_io_stats",
    "katacg_hugetlb_stats",
    "katacg_resource_stats",
    "katacg_cpu_stats",
    "katacg_numa_stats",
    "katacg_keyed_value",
    "katacg_events_opts",
    "katacg_event",
    "katacg_events",
];

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Returns the part of examples/minimal.c that the header shows, as lines of a comment.
fn example() -> String {
    let text = read("examples/minimal.c");
    let start = text.find("#include <katacg.h>").unwrap();
    let end = text.find("/* The header's example ends here. */").unwrap();
    let shown = text[start..end].trim_end();
    assert!(!shown.contains("*/"), "the example has a comment, which would end the header's");
    assert!(shown.lines().count() <= 30, "the example is too long for the header");
    let lines = shown.lines().map(|line| format!(" *   {line}").trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the comment that opens the section of a file.
fn section(source: &str) -> String {
    let docs: Vec<&str> = source
        .lines()
        .skip_while(|line| !line.starts_with("//!"))
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let (first, rest) = docs.split_first().unwrap();
    let title = first.strip_prefix("Header section \"").unwrap().strip_suffix("\".").unwrap();
    let mut out = format!("/* {:=<96}\n * {title}\n", "");
    for line in rest {
        out += format!(" * {line}").trim_end();
        out.push('\n');
    }
    out + " */"
}

/// Returns what cbindgen makes of one file.
fn items(file: &str, source: &str, config: &cbindgen::Config) -> String {
    let mut config = config.clone();
    (config.header, config.trailer) = (None, None);
    for name in STRUCTS {
        if Regex::new(&format!(r"pub struct {name}\b")).unwrap().is_match(source) {
            config.export.include.push(name.to_owned());
        } else {
            config.export.rename.insert(name.to_owned(), format!("struct {name}"));
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/capi/{file}.rs"));
    let builder = cbindgen::Builder::new().with_config(config).with_src(path);
    let mut out = Vec::new();
    builder.generate().unwrap().write(&mut out);
    String::from_utf8(out).unwrap().trim().to_owned()
}

fn generated() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let opening = config.header.clone().unwrap();
    assert!(opening.contains(" * @example\n"), "cbindgen.toml has no place for the example");
    let mut parts = vec![opening.replace(" * @example", &example()).trim().to_owned()];
    for file in FILES {
        let source = read(&format!("src/capi/{file}.rs"));
        parts.push(section(&source));
        parts.push(items(file, &source, &config));
        let copied: Vec<&str> =
            source.lines().filter_map(|line| line.strip_prefix("// header: ")).collect();
        if !copied.is_empty() {
            parts.push(copied.join("\n"));
        }
    }
    parts.push(config.trailer.unwrap().trim().to_owned());
    parts.join("\n\n") + "\n"
}

#[test]
fn the_header_is_what_the_sources_generate() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/katacg.h");
    let wanted = generated();
    if std::env::var_os("KATACG_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "include/katacg.h differs from src/capi: run `make header`");
}

#[test]
fn every_source_file_with_a_function_is_in_the_header() {
    let listed: BTreeSet<String> = FILES.iter().map(|file| format!("{file}.rs")).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/capi");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if read(&format!("src/capi/{name}")).contains("#[no_mangle]") {
            assert!(listed.contains(&name), "FILES does not have {name}");
        }
    }
}

#[test]
fn no_line_of_the_header_is_longer_than_100_columns() {
    for (number, line) in generated().lines().enumerate() {
        assert!(line.chars().count() <= 100, "line {}: {line}", number + 1);
    }
}

#[test]
fn every_function_documents_what_the_template_asks_for() {
    let header = generated();
    let declaration = Regex::new(
        r"(?x) /\*\*((?:[^*]|\*[^/])*)\*/ \s*
          (?:KATACG_MUST_USE\s+)? ([a-z0-9_\ ]+[\ *]+) (katacg_\w+) \(([^)]*)\);",
    )
    .unwrap();
    let name = Regex::new(r"(\w+)(?:,|$)").unwrap();
    let mut seen = 0;
    for found in declaration.captures_iter(&header) {
        let (comment, result, function, arguments) = (&found[1], &found[2], &found[3], &found[4]);
        seen += 1;
        for part in ["\n * Errors:", "\n * Threads: ", "Fork: "] {
            assert!(comment.contains(part), "{function} has no {part:?}");
        }
        let returns = comment.contains("\n * Return: ");
        assert_eq!(returns, result.trim() != "void", "{function}: Return");
        let first = comment.trim_start_matches(['\n', ' ', '*']).split(' ').next().unwrap();
        assert!(first.ends_with('s'), "{function} does not start with a verb: {first}");
        for argument in name.captures_iter(arguments).filter(|_| arguments != "void") {
            let param = format!("\n * @param {} ", &argument[1]);
            assert!(comment.contains(&param), "{function} has no{param:?}");
        }
        let params = comment.matches("\n * @param ").count();
        let count = if arguments == "void" { 0 } else { arguments.matches(',').count() + 1 };
        assert_eq!(params, count, "{function}: number of parameters");
    }
    assert_eq!(seen, read("katacg.map").matches("\tkatacg_").count(), "functions of katacg.map");
}
