// SPDX-License-Identifier: Apache-2.0

//! The runtime's default device rules on cgroup v2: how long compiling takes, and how many
//! instructions an open(2) executes, in this library's program and in the forms of runc and crun.
//!
//! Prints Markdown. The instructions are counted by the interpreter that the library has for other
//! programs' code; the unit tests compare it with rbpf.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, clippy::pedantic)]

use std::hint::black_box;
use std::time::Instant;

use katacg::devices::foreign::run;
use katacg::devices::{compile, runtime_defaults, Access, Insn, Kind, State};

#[path = "../tests/common/device_programs.rs"]
mod peer;

const ROUNDS: usize = 2_001;
const BATCH: usize = 10;

/// Kind, numbers, what it is.
const DEVICES: [(Kind, u32, u32, &str); 13] = [
    (Kind::Char, 1, 3, "null"),
    (Kind::Char, 1, 5, "zero"),
    (Kind::Char, 1, 7, "full"),
    (Kind::Char, 1, 8, "random"),
    (Kind::Char, 1, 9, "urandom"),
    (Kind::Char, 5, 0, "tty"),
    (Kind::Char, 5, 2, "ptmx"),
    (Kind::Char, 136, 4, "pts/4"),
    (Kind::Char, 10, 200, "net/tun"),
    (Kind::Char, 10, 229, "fuse, denied"),
    (Kind::Char, 1, 11, "kmsg, denied"),
    (Kind::Char, 226, 0, "dri/card0, denied"),
    (Kind::Block, 8, 0, "sda, denied"),
];

/// Returns the middle and the shortest of the times of one call, in microseconds.
fn time(mut call: impl FnMut()) -> (f64, f64) {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..BATCH).for_each(|_| call());
            start.elapsed().as_secs_f64() * 1e6 / BATCH as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[ROUNDS / 2], times[0])
}

fn main() {
    let rules = runtime_defaults();
    let state = State::from_rules(&rules, &mut Vec::new()).unwrap();
    let code_of =
        |program: Vec<peer::Bytes>| program.into_iter().map(Insn::from_bytes).collect::<Vec<_>>();
    let sorted: Vec<String> =
        state.exceptions().map(|(devices, access)| format!("allow {devices} {access}")).collect();
    let sorted: Vec<&str> = sorted.iter().map(String::as_str).collect();
    let programs = [
        compile(&state),
        code_of(peer::runc(false, &peer::list(&sorted))),
        code_of(peer::crun(&peer::list(&peer::RUNC), &peer::list(&["deny a *:* rwm"]))),
    ];

    println!("| the default list of {} rules | median, µs | shortest, µs |", rules.len());
    println!("|---|---:|---:|");
    let (middle, least) = time(|| drop(black_box(compile(black_box(&state)))));
    println!("| result of the rules to a program | {middle:.2} | {least:.2} |");
    let (middle, least) = time(|| {
        let state = State::from_rules(black_box(&rules), &mut Vec::new()).unwrap();
        black_box(compile(&state));
    });
    println!("| OCI rules to a program | {middle:.2} | {least:.2} |\n");

    println!(
        "| instructions executed by an open for reading | katacg | runc's form | crun's form |"
    );
    println!("|---|---:|---:|---:|");
    let mut sums = [0; 3];
    for (kind, major, minor, what) in DEVICES {
        let answer = |code: &Vec<Insn>| run(code, kind, major, minor, Access::READ).unwrap();
        let [own, runc, crun] = [0, 1, 2].map(|n| answer(&programs[n]));
        assert!(own.0 == runc.0 && own.0 == crun.0, "{what}");
        println!("| {what} | {} | {} | {} |", own.1, runc.1, crun.1);
        for (sum, (_, steps)) in sums.iter_mut().zip([own, runc, crun]) {
            *sum += steps;
        }
    }
    println!("| together | {} | {} | {} |", sums[0], sums[1], sums[2]);
    let [own, runc, crun] = [0, 1, 2].map(|n| programs[n].len());
    println!("| length of the program | {own} | {runc} | {crun} |");
}
