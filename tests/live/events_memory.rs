// SPDX-License-Identifier: Apache-2.0

//! Events of memory: those that only cgroup2 counts, the parent's, and many at once.

use std::os::fd::{AsRawFd, BorrowedFd};

use katacg::events::{Events, Kind, EXACT};
use rustix::event::{poll, PollFd, PollFlags, Timespec};

use crate::events::{count, kill_one, remove_as_another, until, SMALL};
use crate::fixture::{eventually, has, is_dead, manager, on_v2, Sandbox};

const LARGE: &str = r#"{"memory":{"limit":268435456}}"#;

/// The parent's memory.events also counts what happened at the parent's own limit.
#[test]
fn an_oom_at_the_limit_of_the_parent_is_not_told_of_the_only_child() {
    need!(on_v2("memory", "memory"), "v1 has no counts of a parent");
    let mut s = Sandbox::planned("/child", LARGE);
    let parent = manager(&s.name, SMALL);
    parent.apply(katacg::NOBODY, true).unwrap();
    s.manager.apply(katacg::NOBODY, true).unwrap();
    let mut events = s.manager.events(0).unwrap();
    kill_one(&mut s);
    remove_as_another(&s);
    let all = until(&mut events, Kind::Removed);
    assert_eq!(count(&all, Kind::OomKill), 1, "{all:?}");
    assert_eq!((count(&all, Kind::Oom), count(&all, Kind::MemoryMax)), (0, 0), "{all:?}");
    assert_eq!(all.last().unwrap().value, EXACT, "{all:?}");
}

/// The kernel wakes at most every 10 ms, so most kills share a wake.
#[test]
fn reports_every_kill_of_a_storm_in_a_live_cgroup() {
    need!(has("memory", "memory"), "no memory controller");
    const KILLS: u64 = 20;
    let mut s = Sandbox::empty(SMALL);
    let mut events = s.manager.events(0).unwrap();
    let pids: Vec<i32> = (0..KILLS).map(|_| s.helper("memory")).collect();
    s.manager.add(&pids, katacg::Add::default()).unwrap();
    let mut all = Vec::new();
    eventually("all are killed", || {
        let mut room = [None; 16];
        events.read(&mut room).unwrap();
        all.extend(room.into_iter().flatten());
        pids.iter().all(|pid| is_dead(*pid))
    });
    if count(&all, Kind::Empty) == 0 {
        all.extend(until(&mut events, Kind::Empty));
    }
    assert_eq!((count(&all, Kind::OomKill), s.manager.oom_kills().unwrap()), (KILLS, KILLS));
    s.end_children();
    s.manager.destroy().unwrap();
    let last = until(&mut events, Kind::Removed);
    assert_eq!((count(&last, Kind::OomKill), last.last().unwrap().value), (0, EXACT), "{last:?}");
}

#[test]
fn reports_the_limit_that_was_hit_and_the_kill_of_a_group() {
    need!(on_v2("memory", "memory"), "v1 does not count these");
    let json = SMALL.replacen('{', r#"{"unified":{"memory.oom.group":"1"},"#, 1);
    let mut s = Sandbox::empty(&json);
    let mut events = s.manager.events(0).unwrap();
    kill_one(&mut s);
    s.manager.destroy().unwrap();
    let all = until(&mut events, Kind::Removed);
    // The kernel counts the first process again as one of the group.
    assert!((1..=2).contains(&count(&all, Kind::OomKill)), "{all:?}");
    assert_eq!(count(&all, Kind::OomGroupKill), 1, "{all:?}");
    assert!(count(&all, Kind::MemoryMax) >= 1, "{all:?}");
    assert_eq!(count(&all, Kind::MemoryHigh), 0, "{all:?}");
}

#[test]
fn reports_that_memory_high_was_exceeded() {
    need!(on_v2("memory", "memory"), "v1 has no memory.high");
    let json = r#"{"unified":{"memory.high":"4194304"},"memory":{"limit":268435456}}"#;
    let mut s = Sandbox::empty(json);
    let mut events = s.manager.events(0).unwrap();
    let pid = s.helper("memory");
    s.manager.add(&[pid], katacg::Add::default()).unwrap();
    let all = until(&mut events, Kind::MemoryHigh);
    let high = all.iter().find(|event| event.kind == Kind::MemoryHigh).unwrap();
    assert!(high.value >= high.count && high.count >= 1, "{all:?}");
    assert_eq!(count(&all, Kind::OomKill), 0, "{all:?}");
}

/// v1 signals an OOM before it counts the kill, which can be a while later: the report of the OOM is
/// printed in between.
#[test]
fn v1_looks_for_the_kill_after_the_signal_of_an_oom() {
    need!(has("memory", "memory") && !on_v2("memory", "memory"), "v2 signals after the count");
    let mut s = Sandbox::empty(LARGE);
    let pid = s.child();
    s.manager.add(&[pid], katacg::Add::default()).unwrap();
    let mut events = s.manager.events(Kind::OomKill.bit()).unwrap();
    let is_awake = |events: &Events| {
        let mut fds = [PollFd::from_borrowed_fd(events.fd(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 1, tv_nsec: 0 })).unwrap() == 1
    };
    // The signal, without the kill.
    let watch = events.fd().as_raw_fd();
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{watch}")).unwrap();
    for line in info.lines().filter_map(|line| line.strip_prefix("tfd:")) {
        let path = format!("/proc/self/fd/{}", line.split_whitespace().next().unwrap());
        if std::fs::read_link(&path).unwrap().to_string_lossy().contains("[eventfd]") {
            let fd = path.rsplit('/').next().unwrap().parse().unwrap();
            // SAFETY: the watch keeps the descriptor open.
            rustix::io::write(unsafe { BorrowedFd::borrow_raw(fd) }, &1u64.to_ne_bytes()).unwrap();
        }
    }
    let mut room = [None; 4];
    for _ in 0..5 {
        assert!(is_awake(&events));
        assert_eq!(events.read(&mut room).unwrap(), 0, "{room:?}");
    }
}
