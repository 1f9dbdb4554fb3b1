// SPDX-License-Identifier: Apache-2.0

//! The house's rules: a file imports downwards, no files import each other in a circle, and files,
//! functions and lines are short enough to be read.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic)]

mod house;
mod lex;
mod module;
mod reads;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use house::{Arrows, House};

/// The rooms from top to bottom: the files and folders of `src/`. What is on one floor may import
/// from each other.
const FLOORS: &[&[&str]] = &[
    &["lib"],
    &["capi", "compat"],
    &["manager"],
    &["driver"],
    &["config", "host_handle"],
    &["transaction"],
    &["stats", "events"],
    &["cgroupfs"],
    &["resources"],
    &["plan"],
    &["placement"],
    &["systemd"],
    &["host"],
    &["kata", "devices"],
    &["path"],
    &["error", "sys", "bytes", "log", "sort"],
];

/// Imports that are not looked at: file and file. It only shrinks.
const EXCEPTIONS: &[(&str, &str)] = &[];

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;
const COLUMNS: usize = 100;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder, by their names in it.
fn texts(folder: &Path, below: &str, out: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = Path::new(below).join(entry.file_name()).to_str().unwrap().to_owned();
        if entry.file_type().unwrap().is_dir() {
            texts(folder, &name, out);
        } else if name.ends_with(".rs") || name.ends_with(".h") {
            out.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

fn sources() -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    texts(&root().join("src"), "", &mut out);
    out
}

fn built() -> (House, Arrows) {
    let house = House::new(&sources());
    let mut arrows = house.arrows.clone();
    for (from, to) in EXCEPTIONS {
        let known = arrows.remove(&((*from).to_owned(), (*to).to_owned())).is_some();
        assert!(known, "{from} no longer imports from {to}: take the exception away");
    }
    assert!(house.unknown.is_empty(), "these paths lead nowhere:\n{}", house.unknown.join("\n"));
    (house, arrows)
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// Imports from a lower floor to a higher one, and rooms that have no floor.
fn upward(house: &House, arrows: &Arrows) -> Vec<String> {
    let floor = |file: &str| FLOORS.iter().position(|rooms| rooms.contains(&room(file)));
    let homeless = house.files.keys().filter(|file| floor(file).is_none());
    let homeless = homeless.map(|file| format!("{file}: its room has no floor; add it to FLOORS"));
    let wrong = arrows.iter().filter(|((from, to), _)| floor(from) > floor(to));
    let wrong = wrong.map(|((from, to), at)| {
        format!("{from}:{}: {} is in {to}, which is above it", at.line, at.name)
    });
    homeless.chain(wrong).collect()
}

fn circles(house: &House, arrows: &Arrows) -> Vec<String> {
    let step = |pair: &[String]| {
        let at = &arrows[&(pair[0].clone(), pair[1].clone())];
        format!("\n    {}:{} -> {} ({})", pair[0], at.line, pair[1], at.name)
    };
    let told = house.circles(arrows).into_iter().map(|way| {
        let steps: String = way.windows(2).map(step).collect();
        format!("{} files:{steps}", way.len() - 1)
    });
    told.collect()
}

/// Fails with what was found, a line each.
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{} {what}:\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_file_imports_upwards() {
    let (house, arrows) = built();
    none("imports go up the column", &upward(&house, &arrows));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let (house, arrows) = built();
    none("circles", &circles(&house, &arrows));
}

#[test]
fn files_and_functions_are_short() {
    let texts = sources();
    let house = House::new(&texts);
    let mut long = Vec::new();
    for (name, file) in &house.files {
        let lines = texts[name].lines().count() - file.test_lines;
        if lines > FILE_LINES {
            long.push(format!("src/{name}: {lines} lines, {FILE_LINES} at most"));
        }
        for function in file.functions.iter().filter(|f| f.lines > FUNCTION_LINES) {
            long.push(format!(
                "src/{name}:{}: fn {} has {} lines, {FUNCTION_LINES} at most",
                function.line, function.name, function.lines
            ));
        }
    }
    none("files or functions are too long", &long);
}

#[test]
fn lines_are_short() {
    let mut long = Vec::new();
    for folder in ["src", "include"] {
        let mut all = BTreeMap::new();
        texts(&root().join(folder), "", &mut all);
        for (name, text) in all {
            for (i, line) in text.lines().enumerate() {
                let columns = line.chars().count();
                if columns > COLUMNS {
                    long.push(format!("{folder}/{name}:{}: {columns} columns", i + 1));
                }
            }
        }
    }
    none("lines are too long", &long);
}

/// A test program that no target runs says nothing for long.
#[test]
fn every_test_program_is_run() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let runners = [read("Makefile"), read("tests/live-native")].concat();
    let words: Vec<&str> = runners.split_whitespace().collect();
    let mut run: Vec<&str> =
        words.windows(2).filter(|pair| pair[0] == "--test").map(|pair| pair[1]).collect();
    let suite = read("tests/lab/suite");
    let in_machines = suite.lines().find_map(|line| line.strip_prefix("for name in ")).unwrap();
    run.extend(in_machines.trim_end_matches("; do").split(' '));
    let mut never = Vec::new();
    for entry in std::fs::read_dir(root().join("tests")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_program =
            path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").exists();
        if is_program && !run.contains(&&name[..]) {
            never.push(name);
        }
    }
    none("test programs are never run", &never);
}
