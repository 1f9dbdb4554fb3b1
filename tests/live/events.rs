// SPDX-License-Identifier: Apache-2.0

//! Events of live cgroups.

use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use katacg::events::{Event, Events, Kind, AT_LEAST, EXACT, UNKNOWN};
use katacg::{Code, EventOptions, Resource};
use rustix::event::{poll, PollFd, PollFlags, Timespec};

use crate::fixture::{eventually, has, manager, name, Sandbox};

/// Waits for the descriptor and reads, until there is an event of the kind. Returns all events.
pub fn until(events: &mut Events, kind: Kind) -> Vec<Event> {
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

pub fn count(all: &[Event], kind: Kind) -> u64 {
    all.iter().filter(|event| event.kind == kind).map(|event| event.count).sum()
}

fn has_cgroup2(s: &Sandbox) -> bool {
    s.manager.path("").is_ok()
}

#[test]
fn reports_an_oom_kill_and_the_removal_as_the_last_event() {
    need!(has("memory", "memory"), "no memory controller");
    let mut s = Sandbox::empty(r#"{"memory":{"limit":8388608,"swap":8388608}}"#);
    let mut events = s.manager.events(0).unwrap();
    let pid = s.helper("memory");
    s.manager.add(&[pid], katacg::Add::default()).unwrap();
    let mut all = until(&mut events, Kind::OomKill);
    if count(&all, Kind::Empty) == 0 {
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
    assert_eq!(removed.value, EXACT);
    let mut room = [None; 4];
    assert_eq!(events.read(&mut room).unwrap(), 0);
}

/// Removes the cgroup as another program does.
pub fn remove_as_another(s: &Sandbox) {
    let paths: Vec<_> = s.manager.paths().map(|(_, path)| path).collect();
    eventually("removed by another program", || {
        let gone = |path: &Vec<u8>| {
            let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path));
            let _ = std::fs::remove_dir(path);
            !path.exists()
        };
        paths.iter().all(gone)
    });
}

/// Lets one process run out of memory, without reading an event.
pub fn kill_one(s: &mut Sandbox) {
    let pid = s.helper("memory");
    s.manager.add(&[pid], katacg::Add::default()).unwrap();
    eventually("killed", || crate::fixture::is_dead(pid));
    s.end_children();
}

pub const SMALL: &str = r#"{"memory":{"limit":8388608,"swap":8388608}}"#;

/// The watch is opened for an empty cgroup, and no event is read before the removal.
#[test]
fn reports_every_oom_kill_when_this_process_removes_the_cgroup() {
    need!(has("memory", "memory"), "no memory controller");
    for _ in 0..4 {
        let mut s = Sandbox::empty(SMALL);
        let mut events = s.manager.events(0).unwrap();
        kill_one(&mut s);
        s.manager.destroy().unwrap();
        let all = until(&mut events, Kind::Removed);
        assert_eq!(all.last().unwrap().value, EXACT, "{all:?}");
        assert_eq!(count(&all, Kind::OomKill), 1, "{all:?}");
    }
}

/// On v2 the parent's memory.events still has the kill. On v1, and for children of the root, no
/// file has it.
#[test]
fn reports_an_oom_kill_or_doubt_when_another_program_removes_the_cgroup() {
    need!(has("memory", "memory"), "no memory controller");
    for read in [true, false] {
        let mut s = Sandbox::planned("/child", SMALL);
        s.manager.apply(katacg::NOBODY, true).unwrap();
        let mut events = s.manager.events(0).unwrap();
        kill_one(&mut s);
        let mut all = if read { until(&mut events, Kind::OomKill) } else { Vec::new() };
        remove_as_another(&s);
        all.extend(until(&mut events, Kind::Removed));
        let value = all.last().unwrap().value;
        let kills = count(&all, Kind::OomKill);
        assert!(kills == 1 || kills == 0 && value != EXACT, "{all:?}");
        if crate::fixture::on_v2("memory", "memory") {
            assert_eq!((kills, value), (1, EXACT), "{all:?}");
        }
    }
}

/// The parent's memory.events does not say which child had the kill.
#[test]
fn counts_are_at_least_after_an_oom_kill_in_a_sibling() {
    need!(crate::fixture::on_v2("memory", "memory"), "v1 has no counts of a parent");
    let mut s = Sandbox::planned("/child", SMALL);
    s.manager.apply(katacg::NOBODY, true).unwrap();
    let mut events = s.manager.events(0).unwrap();
    let sibling = manager(&format!("{}/sibling", s.name), SMALL);
    sibling.apply(katacg::NOBODY, true).unwrap();
    let pid = s.helper("memory");
    sibling.add(&[pid], katacg::Add::default()).unwrap();
    eventually("killed", || crate::fixture::is_dead(pid));
    remove_as_another(&s);
    let all = until(&mut events, Kind::Removed);
    assert_eq!(all.last().unwrap().value, AT_LEAST, "{all:?}");
    assert_eq!(count(&all, Kind::OomKill), 0, "{all:?}");
}

#[test]
fn counts_are_unknown_when_another_program_removes_a_cgroup_without_memory_counts() {
    let s = Sandbox::empty(r#"{"pids":{"limit":64}}"#);
    let mut events = s.manager.events(Kind::PidsMax.bit() | Kind::Removed.bit()).unwrap();
    remove_as_another(&s);
    let all = until(&mut events, Kind::Removed);
    assert_eq!(all.last().unwrap().value, UNKNOWN, "{all:?}");
}

/// The kinds have no signal of an OOM on v1, so the counts are exact only because this process
/// removes the cgroup.
#[test]
fn counts_are_exact_when_this_process_removes_the_cgroup_from_all_hierarchies() {
    let s = Sandbox::empty(r#"{"pids":{"limit":64}}"#);
    let mut events = s.manager.events(Kind::PidsMax.bit() | Kind::Removed.bit()).unwrap();
    s.manager.destroy().unwrap();
    let all = until(&mut events, Kind::Removed);
    assert_eq!(all.last().unwrap().value, EXACT, "{all:?}");
}

/// The parent's memory.events counts the kills of the old and of the new cgroup.
#[test]
fn counts_leave_out_a_new_cgroup_of_the_same_name() {
    need!(crate::fixture::on_v2("memory", "memory"), "v1 has no counts of a parent");
    let mut s = Sandbox::planned("/child", SMALL);
    s.manager.apply(katacg::NOBODY, true).unwrap();
    let mut events = s.manager.events(0).unwrap();
    remove_as_another(&s);
    let again = manager(&format!("{}/child", s.name), SMALL);
    again.apply(katacg::NOBODY, true).unwrap();
    let pid = s.helper("memory");
    again.add(&[pid], katacg::Add::default()).unwrap();
    eventually("killed", || crate::fixture::is_dead(pid));
    let all = until(&mut events, Kind::Removed);
    assert_eq!(count(&all, Kind::OomKill), 0, "{all:?}");
    assert_eq!(all.last().unwrap().value, AT_LEAST, "{all:?}");
}

fn inotify_descriptors() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let is_inotify = |path: std::path::PathBuf| path.to_string_lossy().contains("inotify");
    links.filter(|link| std::fs::read_link(link.path()).is_ok_and(is_inotify)).count()
}

/// The watch that is read first does not take the event of the other watch.
#[test]
fn watches_of_one_host_share_an_inotify_instance() {
    let host = crate::fixture::shared();
    let make = || {
        let config = crate::fixture::config(&name(), "{}");
        let manager = katacg::Manager::new(std::sync::Arc::clone(&host), config).unwrap();
        manager.apply(katacg::NOBODY, true).unwrap();
        manager
    };
    let (one, two) = (make(), make());
    let before = inotify_descriptors();
    let kinds = Kind::Removed.bit();
    let (mut first, mut second) = (one.events(kinds).unwrap(), two.events(kinds).unwrap());
    let both = inotify_descriptors();
    one.destroy().unwrap();
    two.destroy().unwrap();
    until(&mut first, Kind::Removed);
    {
        let fd = second.fd();
        let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
        let wait = Timespec { tv_sec: 5, tv_nsec: 0 };
        assert_eq!(poll(&mut fds, Some(&wait)).unwrap(), 1);
    }
    until(&mut second, Kind::Removed);
    drop((first, second));
    // Other tests of this process have watches too, each with a host of its own.
    println!("inotify descriptors: {before} before, {both} with both");
}

/// A forked child has the same open files. The files of a removed cgroup would wake the parent
/// process for ever.
#[test]
fn a_removed_cgroup_wakes_nobody_while_a_forked_child_has_the_descriptors() {
    let s = Sandbox::empty("{}");
    let mut events = s.manager.events(0).unwrap();
    // SAFETY: the child only sleeps.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: as above.
        unsafe {
            libc::sleep(60);
            libc::_exit(0);
        }
    }
    remove_as_another(&s);
    until(&mut events, Kind::Removed);
    let fd = events.fd();
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    let wait = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };
    let woken = poll(&mut fds, Some(&wait)).unwrap();
    // SAFETY: the child is this test's own.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
    assert_eq!(woken, 0, "it wakes after the last event");
}

#[test]
fn reports_memory_use_that_crosses_a_threshold_up_and_down() {
    need!(has("memory", "memory"), "no memory controller");
    let mut s = Sandbox::empty("{}");
    let options = EventOptions {
        kinds: Kind::Threshold.bit(),
        threshold: 16 << 20,
        interval: Duration::from_millis(50),
        ..EventOptions::default()
    };
    let mut events = s.manager.events_with(&options).unwrap();
    let pid = s.helper("memory");
    s.manager.add(&[pid], katacg::Add::default()).unwrap();
    let up = until(&mut events, Kind::Threshold);
    s.end_children();
    if count(&up, Kind::Threshold) == 1 {
        let down = until(&mut events, Kind::Threshold);
        assert!(down.last().unwrap().value < 16 << 20, "{down:?}");
    }
    let without = EventOptions { interval: Duration::ZERO, ..options };
    if crate::fixture::on_v2("memory", "memory") {
        let error = s.manager.events_with(&without).unwrap_err();
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        assert!(error.to_string().contains("threshold_interval_ms"), "{error}");
    } else {
        s.manager.events_with(&without).unwrap();
    }
}

#[test]
fn reports_pressure_again_and_again() {
    let mut s = Sandbox::empty("{}");
    need!(has_cgroup2(&s), "no cgroup2");
    let options = EventOptions {
        kinds: Kind::Pressure.bit(),
        resource: Resource::Cpu,
        stall: 1000,
        ..EventOptions::default()
    };
    let mut events = match s.manager.events_with(&options) {
        // A machine that was booted with psi=0 or cgroup_disable=pressure.
        Err(e) if e.code() == Code::Unsupported => {
            assert!(e.to_string().contains("psi=1"), "{e}");
            skip!("{e}");
        }
        other => other.unwrap(),
    };
    let loops: Vec<i32> = (0..3)
        .map(|_| s.spawn(std::process::Command::new("sh").args(["-c", "while :; do :; done"])))
        .collect();
    s.manager.add(&loops, katacg::Add::default()).unwrap();
    let mut told = 0;
    eventually("pressure, twice", || {
        // The descriptor stays readable, however often it is polled before the reading.
        for _ in 0..3 {
            let wait = Timespec { tv_sec: 5, tv_nsec: 0 };
            let mut fds = [PollFd::from_borrowed_fd(events.fd(), PollFlags::IN)];
            assert_eq!(poll(&mut fds, Some(&wait)).unwrap(), 1, "no pressure");
        }
        let mut room = [None; 4];
        events.read(&mut room).unwrap();
        for event in room.into_iter().flatten() {
            assert_eq!((event.kind, event.count), (Kind::Pressure, 1));
            assert!(event.value >= 1000, "{event:?}");
            told += 1;
        }
        told >= 2
    });
    for (stall, window) in [(0, 1), (3_000_000, 2_000_000), (1000, 11_000_000)] {
        let bad = EventOptions { stall, window, ..options };
        let error = s.manager.events_with(&bad).unwrap_err();
        assert_eq!(error.sys_errno(), Some(rustix::io::Errno::INVAL), "{error}");
        assert!(error.to_string().contains("CAP_SYS_RESOURCE"), "{error}");
    }
}

/// With v1 hierarchies alone, pressure of CPU and I/O is refused.
#[test]
fn pressure_on_v1_takes_levels_of_memory_only() {
    let s = Sandbox::empty("{}");
    need!(!has_cgroup2(&s), "cgroup2 is mounted");
    let pressure = |resource, level| {
        let kinds = Kind::Pressure.bit();
        s.manager.events_with(&EventOptions { kinds, resource, level, ..EventOptions::default() })
    };
    let error = pressure(Resource::Cpu, "").unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    for level in ["low", "medium", "critical,local", "low,hierarchy"] {
        match pressure(Resource::Memory, level) {
            Ok(_) => assert!(has("memory", "memory")),
            Err(e) => assert!(!has("memory", "memory") && e.code() == Code::Unsupported, "{e}"),
        }
    }
}

#[test]
fn reports_frozen_thawed_and_empty() {
    let mut s = Sandbox::new("{}");
    let mut events = s.manager.events(0).unwrap();
    s.manager.freeze(Duration::from_secs(20)).unwrap();
    until(&mut events, Kind::Frozen);
    s.manager.thaw().unwrap();
    until(&mut events, Kind::Thawed);
    s.end_children();
    until(&mut events, Kind::Empty);
}

#[test]
fn reports_forks_that_the_pids_limit_refused() {
    let mut s = Sandbox::empty(r#"{"pids":{"limit":1}}"#);
    let bits = Kind::PidsMax.bit();
    let mut events = s.manager.events(bits).unwrap();
    let tasks = s.dir("pids").join("cgroup.procs");
    let script = format!("echo $$ > {}; for i in 1 2 3; do (:) & done; sleep 1", tasks.display());
    s.spawn(std::process::Command::new("sh").args(["-c", &script]));
    let all = until(&mut events, Kind::PidsMax);
    assert!(all.iter().all(|event| event.kind == Kind::PidsMax), "{all:?}");
}

/// An array that is too small loses no event.
#[test]
fn returns_events_that_do_not_fit_in_the_next_reading() {
    let mut s = Sandbox::new("{}");
    let mut events = s.manager.events(0).unwrap();
    let mut room = [None; 1];
    let mut kinds = Vec::new();
    s.end_children();
    s.manager.destroy().unwrap();
    eventually("removed", || {
        events.read(&mut room).unwrap();
        kinds.extend(room.iter_mut().filter_map(Option::take).map(|event: Event| event.kind));
        kinds.last() == Some(&Kind::Removed)
    });
    assert_eq!(kinds, [Kind::Empty, Kind::Removed]);
}

#[test]
fn refuses_unknown_kinds_missing_options_and_a_missing_cgroup() {
    let s = Sandbox::empty("{}");
    let error = s.manager.events(1 << 12).unwrap_err();
    assert_eq!(error.code(), Code::Argument, "{error}");
    let error = s.manager.events(Kind::Threshold.bit()).unwrap_err();
    assert_eq!(error.code(), Code::Argument, "{error}");
    let nowhere = manager(&name(), "{}");
    assert_eq!(nowhere.events(0).unwrap_err().code(), Code::Deleted);
}
