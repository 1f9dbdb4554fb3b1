// SPDX-License-Identifier: Apache-2.0

//! Measures the runtime's default device rules on cgroup v2: how long it takes to compile them, and
//! how many instructions an open(2) executes, in this library's program and in programs as runc and
//! crun make them.
//!
//! Prints Markdown. The library's interpreter for other owners' programs counts the instructions.
//! The unit tests compare the interpreter with rbpf.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, clippy::pedantic)]

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use katacg::devices::foreign::run;
use katacg::devices::{compile, runtime_defaults, Access, Insn, Kind, State};

#[path = "../tests/common/device_programs.rs"]
mod peer;

const ROUNDS: usize = 2_001;
const BATCH: usize = 10;

/// Kind, major and minor number, and the name that the table shows.
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

/// Returns the median and the shortest time of one call, in microseconds, for each of the calls.
/// The calls take turns.
fn time<const N: usize>(mut calls: [&mut dyn FnMut(); N]) -> [(f64, f64); N] {
    let mut times = [(); N].map(|()| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for (call, times) in calls.iter_mut().zip(&mut times) {
            let start = Instant::now();
            (0..BATCH).for_each(|_| call());
            times.push(start.elapsed().as_secs_f64() * 1e6 / BATCH as f64);
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        (times[ROUNDS / 2], times[0])
    })
}

/// Returns what a program prints, without its end of line.
fn output(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
}

fn heading() {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    println!("# Device programs\n");
    println!("Made by `cargo bench --features internals --bench devices`. runc's form and crun's");
    println!("form are programs that the benchmark makes of the same rules, as runc and crun do.");
    println!();
    println!("- date: {}", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]));
    println!("- kernel: {}", output("uname", &["-r"]));
    println!("- processor: {}", model.trim_start_matches(['\t', ':', ' ']));
    println!("- compiler: {}", output("rustc", &["--version"]));
    println!("- load average before: {}\n", load.split(' ').next().unwrap());
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

    heading();
    println!("| the default list of {} rules | median, µs | shortest, µs |", rules.len());
    println!("|---|---:|---:|");
    let times = time([&mut || drop(black_box(compile(black_box(&state)))), &mut || {
        let state = State::from_rules(black_box(&rules), &mut Vec::new()).unwrap();
        black_box(compile(&state));
    }]);
    for (what, (middle, least)) in
        ["compile the rules' result", "read OCI rules and compile"].into_iter().zip(times)
    {
        println!("| {what} | {middle:.2} | {least:.2} |");
    }
    println!();

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
    println!("| sum | {} | {} | {} |", sums[0], sums[1], sums[2]);
    let [own, runc, crun] = [0, 1, 2].map(|n| programs[n].len());
    println!("| instructions of the whole program | {own} | {runc} | {crun} |");
}
