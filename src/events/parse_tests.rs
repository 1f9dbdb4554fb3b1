// SPDX-License-Identifier: Apache-2.0

//! The parsers of events, with any bytes.

use proptest::prelude::*;

use super::kind::{Event, Kind, KINDS, MEMORY_EVENTS, ORDER};
use super::parse::{counts, note, pids, total, Counts, Garbled, Role};
use super::tally::Tally;

const PIDS_EVENTS: Role = Role::Counts(&[("max", Kind::PidsMax)]);
const OOM_CONTROL: Role = Role::Counts(&[("oom_kill", Kind::OomKill)]);
const ROLES: [Role; 8] = [
    Role::State,
    Role::Populated,
    Role::Counts(MEMORY_EVENTS),
    PIDS_EVENTS,
    OOM_CONTROL,
    Role::FreezerState,
    Role::Usage(Some(4096)),
    Role::Usage(None),
];

fn told(tally: &mut Tally) -> Vec<Event> {
    std::iter::from_fn(|| tally.take(u64::MAX)).collect()
}

fn last(tally: &Tally) -> [Option<u64>; KINDS] {
    ORDER.map(|kind| tally.last(kind))
}

/// A whole text of each role, in which every count is `n`.
fn whole(role: Role, n: u64) -> Vec<u8> {
    let text = match role {
        Role::State | Role::Populated => format!("populated {}\nfrozen 0\n", n % 2),
        Role::Counts(keys) => {
            let lines: Vec<String> = keys.iter().map(|(key, _)| format!("{key} {n}\n")).collect();
            lines.concat()
        }
        Role::FreezerState => "THAWED\n".to_owned(),
        Role::Usage(_) => format!("{n}\n"),
        Role::Signal => String::new(),
    };
    text.into_bytes()
}

#[test]
fn texts_that_are_not_the_kernels_are_garbled() {
    for (role, texts) in [
        (Role::State, &["", "populated", "populated 1", "populated \n", "populated 2\n"][..]),
        (Role::State, &["frozen 1\n", "populated 1\nfrozen x\n", "populated  1\n"]),
        (PIDS_EVENTS, &["", "max", "max 1", "max 1 \n", "max +1\n", "max -1\n", "max\n"]),
        (PIDS_EVENTS, &["max 18446744073709551616\n", "max 0x1\n", "max 1\nnew"]),
        (Role::FreezerState, &["", "FROZEN", "FROZ\n", "THAWED \n", "frozen\n"]),
        (Role::Usage(None), &["", "12", "max\n", "+5\n", " 5\n", "5\n\n", "-1\n"]),
    ] {
        for text in texts {
            let mut tally = Tally::default();
            assert_eq!(note(role, text.as_bytes(), &mut tally), Err(Garbled), "{text:?}");
            assert_eq!(last(&tally), [None; KINDS], "{text:?}");
        }
    }
    assert_eq!(counts(b""), Err(Garbled));
    assert_eq!(counts(b"oom 1\noom_kill x\n"), Err(Garbled));
}

#[test]
fn key_that_the_kernel_does_not_have_is_no_count() {
    // Linux before 4.13 and before 5.17.
    for text in ["oom_kill_disable 0\nunder_oom 0\n", "oom 3\nmax 4\n"] {
        let mut tally = Tally::default();
        assert_eq!(note(OOM_CONTROL, text.as_bytes(), &mut tally), Ok(()));
        assert_eq!(tally.last(Kind::OomKill), None);
    }
    assert_eq!(
        counts(b"oom_kill 2\noom 1\n"),
        Ok::<Counts, _>([Some(1), Some(2), None, None, None])
    );
}

#[test]
fn total_is_that_of_the_line_of_the_trigger() {
    let text = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=17\nfull avg10=0.00 total=5\n";
    assert_eq!((total(text, "some"), total(text, "full")), (Some(17), Some(5)));
    for cut in
        [&b"some total=1"[..], b"some total=\n", b"some avg10=0.00\n", b"something total=1\n"]
    {
        assert_eq!(total(cut, "some"), None, "{cut:?}");
    }
}

#[test]
fn pids_of_other_namespaces_and_cut_lines_are_left_out() {
    let found: Vec<i32> =
        pids(b"0\n12\n-5\n99999999999\nx\n7\n34").map(|pid| pid.as_raw_nonzero().get()).collect();
    assert_eq!(found, [12, 7]);
}

/// Whether a text has a line, with its newline.
fn has_line(text: &[u8], line: &str) -> bool {
    let line = format!("{line}\n");
    text.starts_with(line.as_bytes())
        || memchr::memmem::find(text, format!("\n{line}").as_bytes()).is_some()
}

/// Text that looks like the kernel's.
fn alike() -> impl Strategy<Value = Vec<u8>> {
    let word = "(populated|frozen|oom|oom_kill|oom_group_kill|high|max|some|full|FROZEN|THAWED|\
                total=|avg10=|[0-9]{1,20}|[+-]?[0-9]|\\x00|é)?";
    let line = format!("{word}( |=|\n| {word}\n|)");
    let text = proptest::string::string_regex(&format!("({line}){{0,8}}")).unwrap();
    prop_oneof![text.prop_map(String::into_bytes), any::<Vec<u8>>()]
}

proptest! {
    /// And a number, 0 most of all, is told only if it is there.
    #[test]
    fn no_bytes_panic_or_make_a_number(bytes in alike()) {
        for role in ROLES {
            let mut tally = Tally::default();
            let _ = note(role, &bytes, &mut tally);
            // The first reading tells nothing.
            prop_assert_eq!(told(&mut tally), []);
            let Role::Counts(keys) = role else { continue };
            for (key, kind) in keys {
                let Some(count) = tally.last(*kind) else { continue };
                let zeros = (0..20).any(|n| {
                    has_line(&bytes, &format!("{key} {}{count}", "0".repeat(n)))
                });
                prop_assert!(zeros, "{key} {count} in {bytes:?}");
            }
        }
        for number in counts(&bytes).into_iter().flatten().flatten() {
            let digits = number.to_string();
            prop_assert!(memchr::memmem::find(&bytes, digits.as_bytes()).is_some());
        }
        for word in ["some", "full"] {
            let Some(number) = total(&bytes, word) else { continue };
            let digits = number.to_string();
            prop_assert!(memchr::memmem::find(&bytes, digits.as_bytes()).is_some());
        }
        prop_assert!(pids(&bytes).count() <= bytes.len());
    }

    /// Whatever other keys stand between, and in whatever order.
    #[test]
    fn any_counts_come_back(
        numbers: [u64; MEMORY_EVENTS.len()],
        other: u64,
        order in Just([0, 1, 2, 3, 4]).prop_shuffle(),
    ) {
        let lines = order.map(|place| {
            format!("{} {}\noom_new {other}\n", MEMORY_EVENTS[place].0, numbers[place])
        });
        let text = lines.concat();
        prop_assert_eq!(counts(text.as_bytes()), Ok(numbers.map(Some)));
        let mut tally = Tally::default();
        prop_assert_eq!(note(Role::Counts(MEMORY_EVENTS), text.as_bytes(), &mut tally), Ok(()));
        for ((_, kind), number) in MEMORY_EVENTS.iter().zip(numbers) {
            prop_assert_eq!(tally.last(*kind), Some(number));
        }
    }

    /// A reading that was cut short anywhere, between two whole ones, changes nothing that is told.
    #[test]
    fn a_cut_reading_tells_nothing(before in 0u64.., more in 0u64..1000, at: usize) {
        for role in ROLES {
            let after = before.saturating_add(more);
            let (first, second) = (whole(role, before), whole(role, after));
            let cut = &second[..at % second.len()];
            let mut told_of = [&b""[..], cut].map(|between| {
                let mut tally = Tally::default();
                note(role, &first, &mut tally).unwrap();
                let _ = note(role, between, &mut tally);
                note(role, &second, &mut tally).unwrap();
                (told(&mut tally), last(&tally))
            });
            let (with, without) = told_of.split_at_mut(1);
            prop_assert_eq!(&with[0], &without[0], "{:?}", role);
        }
    }

    /// What is told in all is how far the counts have grown, in whatever steps they were read.
    #[test]
    fn counts_add_up(numbers in proptest::collection::vec(0u64.., 1..9)) {
        let mut tally = Tally::default();
        let mut sum = 0u64;
        for number in &numbers {
            note(PIDS_EVENTS, format!("max {number}\n").as_bytes(), &mut tally).unwrap();
            sum += told(&mut tally).iter().map(|event| event.count).sum::<u64>();
        }
        let most = numbers.iter().max().unwrap();
        prop_assert_eq!(sum, most - numbers[0]);
    }
}
