// SPDX-License-Identifier: Apache-2.0

//! Compares `filepath.Clean` with an independent model, and checks laws that relate the path
//! functions. The model applies the rewriting rules of Go's documentation until none matches.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic)]

use katacg::kata::{path, rules};
use katacg::path::lexical;
use proptest::prelude::*;

/// Applies the documentation's rules, one replacement at a time.
fn model_clean(path: &[u8]) -> Vec<u8> {
    let mut text = path.to_vec();
    let replace = |text: &mut Vec<u8>, at: usize, len: usize, with: &[u8]| {
        text.splice(at..at + len, with.iter().copied());
    };
    loop {
        let find = |needle: &[u8]| text.windows(needle.len()).position(|w| w == needle);
        // 1. Multiple slashes become one.
        if let Some(at) = find(b"//") {
            replace(&mut text, at, 2, b"/");
            continue;
        }
        // A trailing slash goes, unless it is the root.
        if text.len() > 1 && text.ends_with(b"/") {
            text.pop();
            continue;
        }
        // 2. Each "." element goes.
        if let Some(at) = find(b"/./") {
            replace(&mut text, at, 3, b"/");
            continue;
        }
        if text.ends_with(b"/.") {
            let end = text.len() - 1;
            text.truncate(end);
            continue;
        }
        if text.starts_with(b"./") {
            text.drain(..2);
            continue;
        }
        // 4. "/.." at the beginning of a rooted path is "/".
        if text == b"/.." || text.starts_with(b"/../") {
            text.drain(1..3.min(text.len()));
            continue;
        }
        // 3. Each inner ".." goes with the element before it.
        let parts: Vec<Vec<u8>> = text.split(|&b| b == b'/').map(<[u8]>::to_vec).collect();
        let inner = (1..parts.len())
            .find(|&i| parts[i] == b".." && parts[i - 1] != b".." && !parts[i - 1].is_empty());
        let Some(i) = inner else { break };
        let mut left = parts.clone();
        left.drain(i - 1..=i);
        let rooted = text.starts_with(b"/");
        text = left.join(&b'/');
        if rooted && !text.starts_with(b"/") {
            text.insert(0, b'/');
        }
    }
    if text.is_empty() {
        text.push(b'.');
    }
    text
}

/// Generates paths with many slashes and dots, short names and arbitrary bytes.
fn paths() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => Just(b"/".to_vec()),
        3 => Just(b"..".to_vec()),
        3 => Just(b".".to_vec()),
        2 => Just(b"a".to_vec()),
        1 => Just(b"...".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn clean_follows_the_rules_of_go_documentation(path in paths()) {
        prop_assert_eq!(lexical::clean(&path), model_clean(&path));
    }

    #[test]
    fn clean_is_idempotent(path in paths()) {
        let once = lexical::clean(&path);
        prop_assert_eq!(lexical::clean(&once), once);
    }

    #[test]
    fn validated_path_is_absolute_without_dot_dot(path in paths()) {
        if let Ok(valid) = path::validate(&path, rules::Rules::default()) {
            if !rules::is_systemd(&path) {
                prop_assert_eq!(valid.first(), Some(&b'/'));
                prop_assert!(!valid.split(|&b| b == b'/').any(|part| part == b".."));
            }
        }
    }

    #[test]
    fn strict_mode_refuses_paths_that_clean_to_the_root(path in paths()) {
        let rules = rules::Rules { strict: true, ..rules::Rules::default() };
        if path::validate(&path, rules).is_ok() {
            // A path that means the root would name a cgroup with all processes of the machine.
            let rooted = lexical::clean(&[b"/", &path[..]].concat());
            prop_assert_ne!(rooted, b"/".to_vec());
        }
    }

    #[test]
    fn join_of_dir_and_base_gives_the_clean_path(path in paths()) {
        let clean = lexical::clean(&path);
        let joined = lexical::join(&[&lexical::dir(&clean), lexical::base(&clean)]);
        prop_assert_eq!(joined, clean);
    }
}

/// The original searches for this pattern and compares the match with the whole path.
#[test]
fn is_systemd_agrees_with_the_original_pattern() {
    let original =
        regex::bytes::Regex::new(r"(?-u)([[:alnum:]]|\.)+:([[:alnum:]]|\.)+:([[:alnum:]]|\.)+")
            .unwrap();
    let alphabet = b"a0.:-\n/";
    // Tries every string of up to six bytes of the alphabet.
    let mut all: Vec<Vec<u8>> = vec![Vec::new()];
    let mut matched = 0;
    for _ in 0..6 {
        all = all
            .iter()
            .flat_map(|s| alphabet.iter().map(move |b| [&s[..], &[*b]].concat()))
            .collect();
        for s in &all {
            let wanted = original.find(s).is_some_and(|m| m.as_bytes() == s);
            assert_eq!(rules::is_systemd(s), wanted, "{s:?}");
            matched += usize::from(wanted);
        }
    }
    // Strings of five bytes: 3³ = 27. Strings of six bytes: 3 * 3⁴ = 243.
    assert_eq!(matched, 27 + 243);
}

#[test]
fn one_mebibyte_paths_take_linear_time() {
    // Quadratic time would be minutes.
    let long = |part: &[u8]| part.repeat((1 << 20) / part.len());
    assert_eq!(lexical::clean(&long(b"/")), b"/");
    assert_eq!(lexical::clean(&long(b"a/../")), b".");
    assert_eq!(lexical::clean(&long(b"../")).len(), (1 << 20) / 3 * 3 - 1);
    assert_eq!(lexical::clean(&long(b"ab/")).len(), (1 << 20) / 3 * 3 - 1);
    assert!(katacg::path::slice::expand(&[&long(b"a-")[..], b"b.slice"].concat()).is_err());
}
