// SPDX-License-Identifier: Apache-2.0

//! That the reader sees what it is there to see.

use std::collections::BTreeMap;

use crate::house::House;
use crate::{circles, upward};

fn house(files: &[(&str, &str)]) -> House {
    let files = [("lib.rs", "")].iter().chain(files);
    let texts: BTreeMap<String, String> =
        files.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    House::new(&texts)
}

/// `FROM -> TO` for each import.
fn arrows(files: &[(&str, &str)]) -> Vec<String> {
    house(files).arrows.keys().map(|(from, to)| format!("{from} -> {to}")).collect()
}

#[test]
fn follows_a_re_export_to_the_file_that_defines_the_name() {
    let found = arrows(&[
        ("lib.rs", "pub mod plan; pub mod host;"),
        ("host/mod.rs", "mod facts; mod more; pub use facts::Facts; pub use more::*;"),
        ("host/facts.rs", "pub struct Facts;"),
        ("host/more.rs", "pub fn more() {} pub use super::Facts as Same;"),
        ("plan/mod.rs", "use crate::host::{self, Facts, more}; fn f() { host::Same::new() }"),
    ]);
    let wanted = [
        "host/mod.rs -> host/facts.rs",
        "host/mod.rs -> host/more.rs",
        "host/more.rs -> host/facts.rs",
        "plan/mod.rs -> host/facts.rs",
        "plan/mod.rs -> host/more.rs",
    ];
    assert_eq!(found, wanted);
}

#[test]
fn sees_paths_in_expressions_and_child_modules() {
    let found = arrows(&[
        (
            "a/mod.rs",
            "mod b; fn f(x: crate::c::C) -> u8 { b::g::<u8>() + r#\"crate::d::D\"#.len() }",
        ),
        (
            "a/b.rs",
            "pub fn g() { let c = 'x'; let _: &'static str = super::super::d::D; } // crate::e::E",
        ),
        ("c.rs", "pub(in crate::e) struct C;"),
        ("d.rs", "pub const D: &str = \"\";"),
        ("e.rs", "pub struct E;"),
    ]);
    assert_eq!(found, ["a/b.rs -> d.rs", "a/mod.rs -> a/b.rs", "a/mod.rs -> c.rs"]);
}

#[test]
fn leaves_out_what_is_for_tests_alone() {
    let found = house(&[
        (
            "a.rs",
            "#[cfg(test)] use crate::b::{B}; #[cfg(test)] mod tests { use crate::b::B; } fn f() {}",
        ),
        (
            "b.rs",
            "pub struct B; #[cfg(test)] mod tests; #[cfg(all(test, x))] fn f() { crate::c::C }",
        ),
        ("b/tests.rs", "use crate::c::C;"),
        ("c.rs", "pub struct C;"),
    ]);
    assert!(found.arrows.is_empty(), "{:?}", found.arrows);
    assert!(!found.files.contains_key("b/tests.rs"));
}

#[test]
fn sees_an_import_upwards_but_none_beside_or_below() {
    let found = house(&[
        ("host/mod.rs", "use crate::manager::Manager; use crate::error::Error;"),
        ("manager/mod.rs", "pub struct Manager; use crate::host;"),
        ("error.rs", "pub struct Error; fn f() { crate::sys::call() }"),
        ("sys.rs", "pub fn call() {}"),
        ("attic.rs", ""),
    ]);
    let wanted = [
        "attic.rs: its room has no floor; add it to FLOORS",
        "host/mod.rs:1: crate::manager::Manager is in manager/mod.rs, which is above it",
    ];
    assert_eq!(upward(&found, &found.arrows), wanted);
}

#[test]
fn sees_circles_of_two_and_of_more() {
    let found = house(&[
        ("a/mod.rs", "mod child; pub struct A; pub use child::B;"),
        ("a/child.rs", "use super::A; pub struct B;"),
        ("b.rs", "use crate::c::C; pub struct B;"),
        ("c.rs", "use crate::d::D;\npub struct C;"),
        ("d.rs", "fn f() { crate::b::B }\npub struct D; use crate::a::A;"),
    ]);
    let told = circles(&found, &found.arrows);
    let wanted = [
        "2 files:\n    a/child.rs:1 -> a/mod.rs (super::A)\n    \
         a/mod.rs:1 -> a/child.rs (child::B)",
        "3 files:\n    b.rs:1 -> c.rs (crate::c::C)\n    c.rs:1 -> d.rs (crate::d::D)\n    \
         d.rs:1 -> b.rs (crate::b::B)",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn says_which_paths_it_does_not_understand() {
    let found = house(&[("a.rs", "use crate::b::Made;"), ("b.rs", "make!(Made);")]);
    assert_eq!(found.unknown, ["a.rs:1: crate::b::Made"]);
}

#[test]
fn measures_functions_and_what_is_for_tests() {
    let found = house(&[(
        "a.rs",
        "impl A {\n    fn f(x: [u8; 3]) {\n        {}\n    }\n}\n#[cfg(test)]\nmod tests {\n}\n",
    )]);
    let file = &found.files["a.rs"];
    assert_eq!((file.functions[0].line, file.functions[0].lines, file.test_lines), (2, 3, 3));
}
