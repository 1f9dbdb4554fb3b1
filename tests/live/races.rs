// SPDX-License-Identifier: Apache-2.0

//! Races with other processes that remove, create, set, freeze and lock the same cgroup.
//!
//! A race has a bounded number of rounds; each test counts the rounds that went wrong.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use katacg::cgroupfs::Hierarchies;
use katacg::events::Registry;
use katacg::placement::{Place, Placement};
use katacg::plan::{Step, TaskKind};
use katacg::transaction::{LastProgram, Options, Scope, Transaction};
use katacg::{Code, Config, Error, Manager, NOBODY};

use crate::fixture::*;

/// Returns a manager that joins only these hierarchies on v1.
fn joined(name: &str, json: &str, subsystems: &[&str]) -> Manager {
    let mut config = config(name, json);
    if !unified() {
        config.subsystems = subsystems.iter().map(|name| (*name).to_owned()).collect();
    }
    Manager::new(shared(), Config { ..config }).unwrap()
}

/// Ends the other threads of a race, even when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `other` again and again in a thread while `main` runs.
fn beside<T>(other: impl Fn() + Sync, main: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stop = Stop(&over);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                other();
            }
        });
        let result = main();
        drop(stop);
        result
    })
}

fn count(errors: &[Error], wrong: impl Fn(&Error) -> bool) -> usize {
    errors.iter().filter(|error| wrong(error)).count()
}

/// Puts a new directory in the cgroup's place.
fn replace(dir: &std::path::Path) {
    let _ = fs::remove_dir(dir);
    let _ = fs::create_dir(dir);
}

#[test]
fn competing_applies_succeed_or_report_deleted() {
    let s = Sandbox::planned("", "{}");
    let apply = || {
        let manager = joined(&s.name, r#"{"pids":{"limit":9}}"#, &["cpu", "pids"]);
        let mut errors = Vec::new();
        for _ in 0..rounds(2000) {
            errors.extend(manager.apply(NOBODY, true).err());
            errors.extend(manager.destroy().err());
        }
        errors
    };
    let errors: Vec<Error> = std::thread::scope(|scope| {
        let other = scope.spawn(apply);
        let mut errors = apply();
        errors.extend(other.join().unwrap());
        errors
    });
    let wrong = count(&errors, |e| e.code() != Code::Deleted);
    println!("applies: {wrong} with another error, {} deleted", errors.len() - wrong);
    assert_eq!(wrong, 0, "{:?}", errors.first());
}

/// The other thread replaces the directory as soon as it has the limit. The first move after a
/// quiet moment takes some milliseconds.
#[test]
fn process_never_enters_a_new_directory_without_its_limits() {
    let all = rounds(60);
    let mut s = Sandbox::planned("", "{}");
    let pid = s.child();
    let manager = joined(&s.name, r#"{"pids":{"limit":9}}"#, &["cpu", "pids"]);
    let dirs = ["cpu", "pids"].map(|name| dir(&manager, name));
    let limit = dirs[1].join("pids.max");
    let replace_filled = || {
        if fs::read(&limit).is_ok_and(|text| text == b"9\n") {
            replace(&dirs[1]);
        }
    };
    let (mut without, mut entered, mut errors) = (0, 0, Vec::new());
    beside(replace_filled, || {
        for _ in 0..all {
            std::thread::sleep(Duration::from_millis(8));
            match manager.apply(pid, true) {
                Ok(_) => {
                    entered += 1;
                    without += usize::from(fs::read(&limit).unwrap() != b"9\n");
                }
                Err(e) => errors.push(e),
            }
            for dir in &dirs {
                fs::write(dir.parent().unwrap().join("cgroup.procs"), pid.to_string()).unwrap();
                let _ = fs::remove_dir(dir);
            }
        }
    });
    let wrong = count(&errors, |e| e.code() != Code::Deleted);
    println!(
        "entered {entered} of {all}: {without} without limits; {wrong} other errors, {} deleted",
        errors.len() - wrong
    );
    assert_eq!((without, wrong), (0, 0), "{:?}", errors.first());
}

/// The test replaces the directory between the limits and the move.
#[test]
fn move_into_a_replaced_directory_reports_deleted() {
    let mut s = Sandbox::planned("", "{}");
    let pid = s.child();
    let hierarchies = Hierarchies::read().unwrap();
    let subsystems = if unified() { Vec::new() } else { vec!["pids".to_owned()] };
    let place = Place::Path(s.name.clone().into_bytes());
    let info = hierarchies.info().clone();
    let placement = Placement::new(info, &place, &subsystems, false).unwrap();
    let hierarchy = placement.live().next().unwrap().id;
    let scope = Scope {
        hierarchies: &hierarchies,
        placement: &placement,
        unit: None,
        wants_frozen: &AtomicBool::new(false),
        events: &Registry::default(),
        last_program: &LastProgram::default(),
        log: None,
    };
    let (kind, ids, subcgroup) = (TaskKind::Process, vec![pid], Vec::new());
    let enter = [Step::Attach { hierarchy, kind, ids, subcgroup }];
    let mut transaction = Transaction::new(scope, Options::default());
    transaction.carry_out(&[Step::Create { hierarchy }]).unwrap();
    transaction.hold(&enter).unwrap();
    replace(&s.dir("pids"));
    let error = transaction.carry_out(&enter).unwrap_err();
    assert_eq!(error.code(), Code::Deleted, "{error}");
    assert!(!Sandbox::cgroup_of(pid, if unified() { "" } else { "pids" }).contains(&s.name));
}

#[test]
fn set_of_a_cgroup_that_is_created_again_reports_deleted() {
    let all = rounds(3000);
    let s = Sandbox::planned("", "{}");
    let manager = joined(&s.name, "{}", &["pids"]);
    manager.apply(NOBODY, false).unwrap();
    let dir = dir(&manager, "pids");
    let pids = katacg::resources::parse::resources(br#"{"pids":{"limit":5}}"#).unwrap();
    let mut errors = Vec::new();
    beside(
        || replace(&dir),
        || {
            for _ in 0..all {
                errors.extend(manager.set(&pids).err());
                errors.extend(manager.read("pids", "pids.max").err());
            }
        },
    );
    let wrong = count(&errors, |e| e.code() != Code::Deleted);
    println!("sets: {wrong} of {all} with another error, {} deleted", errors.len() - wrong);
    assert_eq!(wrong, 0, "{:?}", errors.iter().find(|e| e.code() != Code::Deleted));
}

#[test]
fn freezes_and_thaws_of_many_threads_succeed() {
    need!(unified() || has("freezer", ""), "no freezer");
    let s = Sandbox::new("{}");
    let freeze = || {
        let manager = manager(&s.name, "{}");
        let freezes = (0..rounds(100)).map(|_| manager.freeze(Duration::from_secs(20)));
        freezes.filter_map(Result::err).collect::<Vec<Error>>()
    };
    let other = manager(&s.name, "{}");
    let thaw = || other.thaw().unwrap();
    let errors: Vec<Error> = beside(thaw, || {
        beside(thaw, || {
            std::thread::scope(|scope| {
                let threads = [(); 4].map(|()| scope.spawn(freeze));
                threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
            })
        })
    });
    println!("{} freezes failed", errors.len());
    assert!(errors.is_empty(), "{:?}", errors.first());
    s.manager.thaw().unwrap();
}

#[test]
fn set_beside_a_write_reports_no_clamped_value() {
    need!(!on_v2("cpu", "cpu") && has("cpu", ""), "v2 weights are not read back");
    let all = rounds(6000);
    let s = Sandbox::empty("{}");
    let writer = manager(&s.name, "{}");
    let shares = katacg::resources::parse::resources(br#"{"cpu":{"shares":512}}"#).unwrap();
    let setter = joined(&s.name, "{}", &["cpu"]);
    let mut errors = Vec::new();
    beside(
        || writer.write("cpu", "cpu.shares", b"1000").unwrap(),
        || errors.extend((0..all).filter_map(|_| setter.set(&shares).err())),
    );
    println!("{} of {all} sets failed", errors.len());
    assert!(errors.is_empty(), "{:?}", errors.first());
    let error = s.set(r#"{"cpu":{"shares":300000}}"#).unwrap_err();
    assert_eq!(error.code(), Code::Clamped, "{error}");
}

/// If the library locked a file that every user can open, every user could delay each set.
#[test]
fn lock_of_another_user_delays_no_set() {
    let s = Sandbox::empty("{}");
    let mut paths: Vec<_> = s.manager.paths().map(|(key, _)| s.dir(key)).collect();
    paths.sort();
    paths.dedup();
    let files = |dir: &std::path::PathBuf| {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    paths.extend(paths.clone().iter().flat_map(files));
    let mut hostile = Command::new(std::env::current_exe().unwrap());
    hostile.args(["--exact", "races::holds_locks", "--nocapture", "--test-threads=1"]);
    hostile.env("KATACG_TEST_LOCKS", std::env::join_paths(paths).unwrap());
    let hostile = hostile.uid(65534).gid(65534).stdin(std::process::Stdio::piped());
    let mut hostile = hostile.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let output = std::io::BufReader::new(hostile.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(output).map_while(Result::ok);
    let locked = lines.find_map(|line| line.split_once("locked ")?.1.parse::<usize>().ok());
    let start = Instant::now();
    let result = s.set(r#"{"pids":{"limit":5}}"#);
    let took = start.elapsed();
    drop(hostile.stdin.take());
    lines.for_each(drop);
    hostile.wait().unwrap();
    assert!(locked.is_some_and(|locked| locked > 10), "{locked:?}");
    result.unwrap();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// Locks every file it can open until its input ends; does nothing in a normal run.
#[test]
fn holds_locks() {
    let Some(paths) = std::env::var_os("KATACG_TEST_LOCKS") else { return };
    let open = std::env::split_paths(&paths).filter_map(|path| fs::File::open(path).ok());
    let lock = |file: &fs::File| {
        rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
    };
    let locked: Vec<fs::File> = open.filter(lock).collect();
    println!("locked {}", locked.len());
    let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
}

/// One manager joins all hierarchies, the other two of them.
#[test]
fn sets_of_managers_with_different_hierarchies_never_mix() {
    need!(!unified(), "one hierarchy for all");
    need!(has("cpu", "") && has("pids", ""), "no cpu or pids on v1");
    let all = rounds(150);
    let s = Sandbox::empty("{}");
    let values = || (s.file("cpu.shares"), s.file("cpu.cfs_period_us"), s.file("pids.max"));
    let settings = [
        r#"{"cpu":{"shares":1000,"period":20000},"pids":{"limit":1000}}"#,
        r#"{"cpu":{"shares":2000,"period":40000},"pids":{"limit":2000}}"#,
    ];
    let results = settings.map(|json| {
        s.set(json).unwrap();
        values()
    });
    let managers = [manager(&s.name, "{}"), joined(&s.name, "{}", &["cpu", "pids"])];
    let turn = std::sync::Barrier::new(3);
    let mut mixed = 0;
    std::thread::scope(|scope| {
        for (manager, json) in managers.iter().zip(settings) {
            let resources = katacg::resources::parse::resources(json.as_bytes()).unwrap();
            let turn = &turn;
            scope.spawn(move || {
                for _ in 0..all {
                    turn.wait();
                    let done = manager.set(&resources);
                    turn.wait();
                    done.unwrap();
                }
            });
        }
        for _ in 0..all {
            turn.wait();
            turn.wait();
            mixed += usize::from(!results.contains(&values()));
        }
    });
    println!("{mixed} of {all} mixed");
    assert_eq!(mixed, 0);
}

/// The kernel takes the number of a zombie without an error, and moves nothing.
#[test]
fn apply_of_a_zombie_creates_no_cgroup() {
    let mut s = Sandbox::planned("", "{}");
    let pid = s.spawn(&mut Command::new("true"));
    eventually("ended", || is_dead(pid));
    for set in [false, true] {
        let error = s.manager.apply(pid, set).unwrap_err();
        assert_eq!(error.sys_errno(), Some(rustix::io::Errno::SRCH), "{error}");
        assert!(!s.manager.exists().unwrap());
    }
}

/// Each open of a move fails once with ENOENT, although the cgroup exists. Then the move must fail,
/// or must have moved the process in every hierarchy. The first opens look for the parent.
#[test]
fn move_counts_no_hierarchy_whose_tasks_it_could_not_read() {
    need!(Command::new("strace").arg("-V").output().is_ok(), "no strace");
    need!(!unified(), "one hierarchy");
    let exe = std::env::current_exe().unwrap();
    let mut s = Sandbox::empty("{}");
    let pid = s.child();
    let (mut refused, mut wrong) = (0, Vec::new());
    let parents = shared().info().hierarchies.len();
    let step = if rounds(1000) < 1000 { 4 } else { 1 };
    for call in (parents + 1..parents + 36).step_by(step) {
        s.manager.apply(pid, false).unwrap();
        let output = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-e", "trace=openat2", "-e"])
            .arg(format!("inject=openat2:error=ENOENT:when={call}"))
            .arg(&exe)
            .args(["--exact", "races::moves_out", "--nocapture", "--test-threads=1"])
            .env("KATACG_TEST_MOVE", &s.name)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        need!(text.contains("moves: "), "strace cannot trace here");
        refused += usize::from(text.contains("moves: Err"));
        let left = ["cpu", "pids", "devices", "freezer"].map(|c| Sandbox::cgroup_of(pid, c));
        if text.contains("moves: Ok") && left.iter().any(|path| path.contains(&s.name)) {
            wrong.push(call);
        }
    }
    println!("{refused} refused; a count without a move at {wrong:?}");
    assert!(wrong.is_empty() && refused > 0);
}

/// Moves all tasks of a cgroup to its parent; does nothing in a normal run.
#[test]
fn moves_out() {
    let Ok(name) = std::env::var("KATACG_TEST_MOVE") else { return };
    let from = manager(&name, "{}");
    let moved = from.parent().and_then(|parent| from.move_to(&parent));
    println!("moves: {moved:?}");
}
