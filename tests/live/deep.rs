// SPDX-License-Identifier: Apache-2.0

//! Cgroups that are nested so deeply that the kernel does not take their path.

use std::fs;
use std::time::{Duration, Instant};

use katacg::{Config, Manager};
use rustix::fd::OwnedFd;
use rustix::fs::{mkdirat, open, openat, Mode, OFlags};
use rustix::process::Signal;

use crate::fixture::*;

/// Nests cgroups below a directory, until their path is longer than the kernel's 4096 bytes.
/// Returns the directory of the deepest one.
fn nest(top: &std::path::Path) -> OwnedFd {
    let depth = rounds(2200);
    let name = "a".repeat(4400 / depth - 1);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = open(top, flags, Mode::empty()).unwrap();
    for _ in 0..depth {
        mkdirat(&at, &name, Mode::from_raw_mode(0o755)).unwrap();
        at = openat(&at, &name, flags, Mode::empty()).unwrap();
    }
    at
}

/// A sandbox in the freezer's hierarchy alone, with a child in the deepest cgroup.
fn deep() -> (Sandbox, i32) {
    let mut s = Sandbox::planned("", "{}");
    if !unified() {
        let config = Config { subsystems: vec!["freezer".to_owned()], ..config(&s.name, "{}") };
        s.manager = Manager::new(shared(), config).unwrap();
    }
    s.manager.apply(katacg::NOBODY, false).unwrap();
    let deepest = nest(&s.dir("freezer"));
    let pid = s.child();
    let procs = openat(&deepest, "cgroup.procs", OFlags::WRONLY, Mode::empty()).unwrap();
    rustix::io::write(&procs, pid.to_string().as_bytes()).unwrap();
    (s, pid)
}

#[test]
fn cgroups_beyond_the_longest_path_are_listed_frozen_killed_and_removed() {
    need!(unified() || has("freezer", ""), "no freezer");
    let (mut s, pid) = deep();
    let start = Instant::now();
    assert_eq!(s.manager.all_pids().unwrap(), [pid]);
    s.manager.freeze(Duration::from_secs(10)).unwrap();
    s.manager.thaw().unwrap();
    let busy = s.manager.destroy().unwrap_err();
    assert_eq!(busy.code(), katacg::Code::Busy, "{busy}");
    assert!(busy.to_string().ends_with(&format!("still inside: {pid}")), "{busy}");
    s.manager.kill(Signal::KILL).unwrap();
    s.end_children();
    s.manager.destroy().unwrap();
    assert!(!s.manager.exists().unwrap());
    // On real hardware this takes less than two seconds. One of them is the wait for the process.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn tasks_beyond_the_longest_path_are_moved_out() {
    need!(!unified(), "a move on v2 walks in the same way");
    need!(has("freezer", ""), "no freezer");
    let (mut s, pid) = deep();
    let target = Sandbox::empty("{}");
    assert!(s.manager.move_to(&target.manager).unwrap() > 0);
    assert_eq!(target.manager.pids().unwrap(), [pid]);
    s.manager.destroy().unwrap();
    s.end_children();
}

/// The tree has more levels than a walk keeps directories open, and several children on each level.
#[test]
fn walk_of_a_deep_and_wide_tree_visits_and_removes_every_cgroup() {
    let mut s = Sandbox::empty("{}");
    let main = if unified() { "" } else { "devices" };
    let mut at = s.dir(main);
    let mut pids = Vec::new();
    for level in 0..40 {
        for name in ["a", "b", "c"] {
            fs::create_dir(at.join(name)).unwrap();
        }
        if level % 13 == 0 {
            let pid = s.child();
            fs::write(at.join("c/cgroup.procs"), pid.to_string()).unwrap();
            pids.push(pid);
        }
        at.push("b");
    }
    pids.sort_unstable();
    assert_eq!(s.manager.all_pids().unwrap(), pids);
    s.manager.kill(Signal::KILL).unwrap();
    s.end_children();
    s.manager.destroy().unwrap();
    assert!(!s.manager.exists().unwrap());
}

/// Every process is named, or the message says how many more there are.
#[test]
fn busy_destroy_counts_the_processes_that_it_does_not_name() {
    let mut s = Sandbox::empty("{}");
    let pids: Vec<i32> = (0..25).map(|_| s.child()).collect();
    s.manager.add(&pids, katacg::Add::default()).unwrap();
    let text = s.manager.destroy().unwrap_err().to_string();
    let (_, list) = text.split_once("processes are still inside: ").unwrap();
    let list = list.split("; left: ").next().unwrap();
    let (named, more) = list.split_once(" … and ").unwrap();
    let more: usize = more.strip_suffix(" more").unwrap().parse().unwrap();
    assert_eq!(named.split(' ').count() + more, pids.len(), "{text}");
}

/// C callers have room for 495 bytes.
#[test]
fn busy_destroy_of_a_long_path_fits_into_a_c_message() {
    let long = "x".repeat(200);
    let mut s = Sandbox::planned(&format!("/{long}/{long}"), "{}");
    s.manager.apply(katacg::NOBODY, false).unwrap();
    let pids: Vec<i32> = (0..10).map(|_| s.child()).collect();
    s.manager.add(&pids, katacg::Add::default()).unwrap();
    let text = s.manager.destroy().unwrap_err().to_string();
    assert!(text.len() <= 495, "{text}");
    // On v1, there is no room for the directories of all hierarchies.
    assert!(text.ends_with(" more") || unified(), "{text}");
}
