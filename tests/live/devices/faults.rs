// SPDX-License-Identifier: Apache-2.0

//! What the library does when calls of bpf(2) fail, and how many calls it makes.
//!
//! A seccomp filter on one thread lets each bpf(2) call of one command fail with an error of
//! choice.

use std::os::raw::c_ulong;

use katacg::cgroupfs::bpf;
use katacg::devices::compile;
use rustix::io::Errno;

use super::foreign::{directory, existing, unified_view};
use super::*;

/// Commands of bpf(2) that the library uses.
const COMMANDS: [(&str, u32); 6] = [
    ("BPF_PROG_LOAD", 5),
    ("BPF_PROG_ATTACH", 8),
    ("BPF_PROG_DETACH", 9),
    ("BPF_PROG_GET_FD_BY_ID", 13),
    ("BPF_OBJ_GET_INFO_BY_FD", 15),
    ("BPF_PROG_QUERY", 16),
];

/// The errors that calls fail with. A slow machine tries only some of them.
fn errors() -> Vec<Errno> {
    ERRORS.into_iter().step_by(if emulated() { 3 } else { 1 }).collect()
}

const ERRORS: [Errno; 11] = [
    Errno::PERM,
    Errno::NOSYS,
    Errno::ACCESS,
    Errno::INVAL,
    Errno::NOMEM,
    Errno::NOSPC,
    Errno::AGAIN,
    Errno::BUSY,
    Errno::TOOBIG,
    Errno::NOENT,
    Errno::STALE,
];

/// Lets each call of a command fail from now on, in this thread alone and for its lifetime.
fn refuse(command: u32, errno: Errno) {
    let statement =
        |code: u32, jt, jf, k| libc::sock_filter { code: u16::try_from(code).unwrap(), jt, jf, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let is = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let number = u32::try_from(libc::SYS_bpf).unwrap();
    let refused = libc::SECCOMP_RET_ERRNO | errno.raw_os_error().cast_unsigned();
    let mut filter = [
        statement(load, 0, 0, 0),
        statement(is, 0, 3, number),
        // The low half of the first argument.
        statement(load, 0, 0, if cfg!(target_endian = "little") { 16 } else { 20 }),
        statement(is, 0, 1, command),
        statement(libc::BPF_RET, 0, 0, refused),
        statement(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 6, filter: filter.as_mut_ptr() };
    let set = c_ulong::from(libc::SECCOMP_SET_MODE_FILTER);
    // SAFETY: the program is of that form, and lives until the call returns.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, set, 0, &raw const program) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

/// Runs a call in a thread of its own, in which a command fails.
fn failing<T: Send>(command: u32, errno: Errno, call: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(move || {
                refuse(command, errno);
                call()
            })
            .join()
            .unwrap()
    })
}

#[test]
fn failed_bpf_call_leaves_the_old_rules_in_force() {
    need_devices!();
    let host = unified_view();
    need!(host.is_some(), "no cgroup2 here");
    let host = host.unwrap();
    let old = deny_all(&[rule(true, 3, "rwm"), rule(true, 5, "r")]);
    let new = deny_all(&[rule(true, 3, "r"), rule(true, 7, "w")]);
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let (old_opens, new_opens) = (["rwbm", "r", "", "", ""], ["r", "", "w", "", ""]);
    let more_opens = ["rwbm", "r", "", "", "rwb"];
    let parsed = |json| katacg::parse::resources(json).unwrap();
    let b = Boxed::new(&host, std::str::from_utf8(old).unwrap());
    let (mut failed, mut succeeded) = (Vec::new(), Vec::new());
    for (name, command) in COMMANDS {
        for errno in errors() {
            // By the manager that attached the program, and by one that has to find it.
            for (how, found) in [("own", false), ("another's", true)] {
                let other = existing(&host, &b.name);
                let manager = if found { &other } else { &b.manager };
                let set = failing(command, errno, || manager.set(&parsed(new)).map(drop));
                check(&format!("set of {how}, {name}"), errno, set, &b, (&old_opens, &new_opens))
                    .map_or_else(|n| failed.push(n), |n| succeeded.push(n));
                b.manager.set(&parsed(old)).unwrap();
                let other = existing(&host, &b.name);
                let manager = if found { &other } else { &b.manager };
                let device = parse_devices("c 1:9").unwrap();
                let access = Access::parse("rw").unwrap();
                let change = || manager.change_device(true, device, access).map(drop);
                let allow = failing(command, errno, change);
                let opens = (&old_opens, &more_opens);
                check(&format!("allow of {how}, {name}"), errno, allow, &b, opens)
                    .map_or_else(|n| failed.push(n), |n| succeeded.push(n));
                b.manager.set(&parsed(old)).unwrap();
            }
        }
    }
    println!("{} calls failed, {} went without the command", failed.len(), succeeded.len());
    // A set by the program's own manager queries nothing, and nothing is ever detached here.
    assert!(!succeeded.iter().any(|what| what.contains("LOAD") || what.contains("ATTACH")));
    assert!(
        failed.iter().filter(|what| what.contains("another's")).count() == 2 * 5 * errors().len()
    );
}

/// Two programs of this library are attached, and the kernel detaches neither.
#[test]
fn failed_detach_is_an_error_and_opens_nothing() {
    const DETACH: u32 = 9;
    need_devices!();
    let host = unified_view();
    need!(host.is_some(), "no cgroup2 here");
    let host = host.unwrap();
    let list = |rules: &[String]| katacg::parse::resources(deny_all(rules).as_bytes()).unwrap();
    let b = Boxed::new(&host, &deny_all(&[rule(true, 3, "rwm"), rule(true, 5, "r")]));
    let second = State::from_rules(
        list(&[rule(true, 3, "r"), rule(true, 5, "r")]).devices().as_ref().unwrap(),
        &mut Vec::new(),
    );
    let second = bpf::load(bpf::NAME, &compile(&second.unwrap())).unwrap();
    bpf::attach(&directory(&b), &second, None).unwrap();
    assert_eq!(b.opens(), ["r", "r", "", "", ""]);
    let new = list(&[rule(true, 3, "rw"), rule(true, 5, "r"), rule(true, 7, "w")]);
    for errno in errors().into_iter().filter(|errno| *errno != Errno::NOENT) {
        let other = existing(&host, &b.name);
        let error = failing(DETACH, errno, || other.set(&new)).unwrap_err();
        assert_eq!(error.sys_errno(), Some(errno), "{error}");
        assert_eq!(b.opens(), ["r", "r", "", "", ""], "{error}");
    }
    existing(&host, &b.name).set(&new).unwrap();
    assert_eq!(b.opens(), ["rwb", "r", "w", "", ""]);
    assert_eq!(bpf::query(&directory(&b)).unwrap().len(), 1);
}

extern "C" fn ignore(_: libc::c_int) {}

/// The verifier gives up while a signal is pending, and profilers send signals all the time.
#[test]
fn long_list_is_loaded_while_signals_arrive() {
    need_devices!();
    let host = unified_view();
    need!(host.is_some(), "no cgroup2 here");
    let b = Boxed::new(&host.unwrap(), &deny_all(&[]));
    let majors = (100..10_100).map(|major| {
        format!(r#"{{"allow":true,"type":"c","major":{major},"minor":1,"access":"r"}}"#)
    });
    let list = deny_all(&majors.chain([rule(true, 3, "r")]).collect::<Vec<_>>());
    // SAFETY: the handler does nothing.
    let was = unsafe { libc::signal(libc::SIGUSR2, ignore as *const () as usize) };
    assert_ne!(was, libc::SIG_ERR);
    // SAFETY: they have no arguments.
    let (pid, thread) = unsafe { (libc::getpid(), libc::gettid()) };
    let ended = std::sync::atomic::AtomicBool::new(false);
    let done = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(std::sync::atomic::Ordering::SeqCst) {
                // SAFETY: it has numbers alone, and the thread waits for this one.
                unsafe { libc::syscall(libc::SYS_tgkill, pid, thread, libc::SIGUSR2) };
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let done = b.set(&list);
        ended.store(true, std::sync::atomic::Ordering::SeqCst);
        done
    });
    done.unwrap();
    assert_eq!(b.opens(), ["r", "", "", "", ""]);
}

/// Checks the error of a call, and what the process can open afterwards. Returns a text that names
/// the call, as an error if the call failed.
fn check(
    what: &str,
    errno: Errno,
    done: katacg::Result<()>,
    b: &Boxed,
    opens: (&[&str; 5], &[&str; 5]),
) -> std::result::Result<String, String> {
    let what = format!("{what}, {errno:?}");
    match done {
        Ok(()) => {
            assert_eq!(b.opens(), opens.1, "{what}");
            Ok(what)
        }
        Err(e) => {
            assert_eq!(b.opens(), opens.0, "{what}: {e}");
            if [Errno::PERM, Errno::NOSYS].contains(&errno) {
                assert_eq!(e.code(), Code::Unsupported, "{what}: {e}");
            }
            assert!(e.to_string().contains(&b.name[1..]), "{what}: {e}");
            assert_eq!(e.sys_errno(), Some(errno), "{what}: {e}");
            Err(what)
        }
    }
}

/// The commands of bpf(2) that each operation takes, as strace sees them.
#[test]
fn system_calls_of_a_change_are_few() {
    need_devices!();
    let host = unified_view();
    need!(host.is_some(), "no cgroup2 here");
    let strace = Command::new("strace").arg("-V").output();
    need!(strace.is_ok_and(|out| out.status.success()), "strace is not installed");
    let host = host.unwrap();
    let b = Boxed::new(&host, "{}");
    let trace = b.nodes.join("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=bpf,getppid", "-o"]).arg(&trace);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", "devices::faults::counted", "--nocapture", "--test-threads=1"]);
    let out = command.env("KATACG_TEST_COUNTED", &b.name).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    let text = fs::read_to_string(trace).unwrap();
    let mut parts: Vec<Vec<&str>> = Vec::new();
    for line in text.lines() {
        if line.contains("getppid(") {
            parts.push(Vec::new());
        } else if let (Some(part), Some((_, call))) = (parts.last_mut(), line.split_once("bpf(")) {
            let name = call.split(',').next().unwrap();
            part.push(name.trim_start_matches("BPF_").trim_start_matches("PROG_"));
        }
    }
    let parts: Vec<String> = parts.iter().map(|part| part.join(" ")).collect();
    let right = [
        // The first set looks for programs.
        "LOAD QUERY ATTACH",
        "LOAD ATTACH",
        // The rules in force are read before a device is allowed.
        "QUERY OBJ_GET_INFO_BY_FD LOAD ATTACH",
        // Another manager finds the program first.
        "LOAD QUERY GET_FD_BY_ID OBJ_GET_INFO_BY_FD ATTACH",
        "QUERY GET_FD_BY_ID OBJ_GET_INFO_BY_FD LOAD ATTACH",
        // The device is allowed already.
        "QUERY OBJ_GET_INFO_BY_FD",
        "",
    ];
    assert_eq!(parts.iter().map(|part| part.replace("BPF_", "")).collect::<Vec<_>>(), right);
}

/// The part of the test above that strace runs. In a normal run it does nothing.
#[test]
fn counted() {
    let Ok(name) = std::env::var("KATACG_TEST_COUNTED") else { return };
    let host = unified_view().unwrap();
    let mark = || {
        // SAFETY: it has no arguments.
        let _ = unsafe { libc::getppid() };
    };
    let set = |manager: &katacg::Manager, list: &[String]| {
        mark();
        manager.set(&katacg::parse::resources(deny_all(list).as_bytes()).unwrap()).unwrap();
    };
    let allow = |manager: &katacg::Manager, device| {
        mark();
        manager.change_device(true, parse_devices(device).unwrap(), Access::ALL).unwrap();
    };
    let (own, other) = (existing(&host, &name), existing(&host, &name));
    let third = existing(&host, &name);
    set(&own, &[rule(true, 3, "r")]);
    set(&own, &[rule(true, 3, "rw")]);
    allow(&own, "c 1:5");
    set(&other, &[rule(true, 5, "r")]);
    allow(&third, "c 1:7");
    allow(&third, "c 1:7");
    mark();
}
