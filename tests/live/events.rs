// SPDX-License-Identifier: Apache-2.0

//! Events of live cgroups.

use std::time::Duration;

use katacg::events::{Event, Events, Kind, EXACT};
use katacg::Code;
use rustix::event::{poll, PollFd, PollFlags, Timespec};

use crate::fixture::{eventually, has, manager, name, Sandbox};

/// Waits for the descriptor and reads, until an event of a kind came. Returns all events.
fn until(events: &mut Events, kind: Kind) -> Vec<Event> {
    let mut all = Vec::new();
    eventually(&format!("{kind:?}"), || {
        {
            let fd = events.fd();
            let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
            let wait = Timespec { tv_sec: 5, tv_nsec: 0 };
            poll(&mut fds, Some(&wait)).unwrap();
        }
        let mut room = [None; 16];
        events.read(&mut room).unwrap();
        all.extend(room.into_iter().flatten());
        all.iter().any(|event: &Event| event.kind == kind)
    });
    all
}

fn count(all: &[Event], kind: Kind) -> u64 {
    all.iter().filter(|event| event.kind == kind).map(|event| event.count).sum()
}

fn has_cgroup2(s: &Sandbox) -> bool {
    s.manager.path("").is_ok()
}

#[test]
fn oom_kill_is_told_and_the_removal_is_the_last_event() {
    if !has("memory", "memory") {
        return;
    }
    let mut s = Sandbox::empty(r#"{"memory":{"limit":8388608,"swap":8388608}}"#);
    let mut events = s.manager.events(0).unwrap();
    let pid = s.helper("memory");
    s.manager.add(&[pid], katacg::Add::default()).unwrap();
    let mut all = until(&mut events, Kind::OomKill);
    let empty = has_cgroup2(&s);
    if empty && count(&all, Kind::Empty) == 0 {
        all.extend(until(&mut events, Kind::Empty));
    }
    assert_eq!(count(&all, Kind::OomKill), 1, "{all:?}");
    assert!(count(&all, Kind::Oom) >= 1, "{all:?}");
    s.end_children();
    s.manager.destroy().unwrap();
    let last = until(&mut events, Kind::Removed);
    let removed = last.last().unwrap();
    assert_eq!(removed.kind, Kind::Removed);
    assert_eq!(count(&last, Kind::OomKill), 0, "{last:?}");
    if empty {
        assert_eq!(removed.value, EXACT);
    }
    let mut room = [None; 4];
    assert_eq!(events.read(&mut room).unwrap(), 0);
}

/// A kill may be missed only where the removal says "at least".
#[test]
fn no_kill_is_missed_before_an_exact_removal() {
    if !has("memory", "memory") {
        return;
    }
    let (mut told, mut doubtful) = (0, 0);
    const ROUNDS: u64 = 12;
    for round in 0..ROUNDS {
        let mut s = Sandbox::empty(r#"{"memory":{"limit":8388608,"swap":8388608}}"#);
        // The first process stays, so that the watch begins with a cgroup in use.
        let first = s.child();
        s.manager.add(&[first], katacg::Add::default()).unwrap();
        let mut events = s.manager.events(0).unwrap();
        let pid = s.helper("memory");
        s.manager.add(&[pid], katacg::Add::default()).unwrap();
        eventually("killed", || crate::fixture::is_dead(pid));
        s.end_children();
        // Every second cgroup is removed before anything was read.
        let mut all = Vec::new();
        if round % 2 == 0 && has_cgroup2(&s) {
            all = until(&mut events, Kind::Empty);
        }
        s.manager.destroy().unwrap();
        all.extend(until(&mut events, Kind::Removed));
        let kills = count(&all, Kind::OomKill);
        let exact = all.last().unwrap().value == EXACT;
        assert!(kills == 1 || kills == 0 && !exact, "{all:?}");
        assert!(exact || round % 2 == 1 || !has_cgroup2(&s), "{all:?}");
        told += kills;
        doubtful += u64::from(!exact);
    }
    println!("{ROUNDS} kills: {told} told, {doubtful} removals say that counts may be missing");
}

#[test]
fn freezing_thawing_and_emptying_are_told() {
    let mut s = Sandbox::new("{}");
    let mut events = s.manager.events(0).unwrap();
    s.manager.freeze(Duration::from_secs(20)).unwrap();
    until(&mut events, Kind::Frozen);
    s.manager.thaw().unwrap();
    until(&mut events, Kind::Thawed);
    s.end_children();
    if has_cgroup2(&s) {
        until(&mut events, Kind::Empty);
    }
}

#[test]
fn refused_forks_are_counted() {
    let mut s = Sandbox::empty(r#"{"pids":{"limit":1}}"#);
    let bits = Kind::PidsMax.bit();
    let mut events = s.manager.events(bits).unwrap();
    let tasks = s.dir("pids").join("cgroup.procs");
    let script = format!("echo $$ > {}; for i in 1 2 3; do (:) & done; sleep 1", tasks.display());
    s.spawn(std::process::Command::new("sh").args(["-c", &script]));
    let all = until(&mut events, Kind::PidsMax);
    assert!(all.iter().all(|event| event.kind == Kind::PidsMax), "{all:?}");
}

/// Which a narrow array must not lose.
#[test]
fn events_that_do_not_fit_are_told_by_the_next_reading() {
    let mut s = Sandbox::new("{}");
    let mut events = s.manager.events(0).unwrap();
    s.manager.freeze(Duration::from_secs(20)).unwrap();
    let mut room = [None; 1];
    let mut kinds = Vec::new();
    s.manager.thaw().unwrap();
    s.end_children();
    s.manager.destroy().unwrap();
    eventually("removed", || {
        events.read(&mut room).unwrap();
        kinds.extend(room.iter_mut().filter_map(Option::take).map(|event: Event| event.kind));
        kinds.last() == Some(&Kind::Removed)
    });
}

#[test]
fn kinds_that_nothing_tells_are_refused() {
    let s = Sandbox::empty("{}");
    let error = s.manager.events(1 << 12).unwrap_err();
    assert_eq!(error.code(), Code::Argument, "{error}");
    let error = s.manager.events(Kind::Pressure.bit()).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    let nowhere = manager(&name(), "{}");
    assert_eq!(nowhere.events(0).unwrap_err().code(), Code::Deleted);
}

#[test]
fn a_thousand_watches_leave_no_descriptor() {
    let s = Sandbox::empty("{}");
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    // Opens the host's hierarchies.
    drop(s.manager.events(0).unwrap());
    let before = open();
    let first = s.manager.events(0).unwrap();
    let each = open() - before;
    drop(first);
    assert!((1..=12).contains(&each), "{each} descriptors");
    for _ in 0..1000 {
        drop(s.manager.events(0).unwrap());
    }
    // Other tests of this process open files as well.
    assert!(open() < before + 500, "{} descriptors, before {before}", open());
}
