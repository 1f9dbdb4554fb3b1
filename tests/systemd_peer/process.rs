//! What a process that uses the client looks like afterwards: as before.

use std::collections::BTreeSet;
use std::time::Duration;

use katacg::systemd::{Bus, Systemd};
use katacg::Code;

use super::peer::{Peer, Then};
use super::{client, weight, UNIT};

const ADDRESS: &str = "KATACG_TEST_PEER";

/// Threads, signal dispositions and masks, of this process.
fn status() -> Vec<String> {
    let wanted = ["Threads:", "SigBlk:", "SigIgn:", "SigCgt:"];
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let lines = status.lines().filter(|line| wanted.iter().any(|w| line.starts_with(w)));
    lines.map(str::to_owned).collect()
}

fn descriptors() -> BTreeSet<String> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let link =
        |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_link(entry.unwrap().path());
    entries.filter_map(|entry| link(entry).ok()).map(|l| l.display().to_string()).collect()
}

/// The half of the next test that is in a process of its own.
#[test]
#[ignore = "started by nothing_is_left_behind"]
fn a_client_alone() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    // A test has it ignored from the start; a C program has not.
    // SAFETY: no handler is set.
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL)
    };
    let (before, open) = (status(), descriptors());
    let systemd = Systemd::new(Bus::System, Some(address))
        .with_timeouts(Duration::from_secs(5), Duration::from_secs(2));
    systemd.start(UNIT, &weight(), false).unwrap();
    systemd.set(UNIT, &weight(), None).unwrap();
    assert_eq!(status(), before);
    let more: Vec<_> = descriptors().difference(&open).cloned().collect();
    assert_eq!(more.len(), 1, "{more:?}");
    // What is sent behind it finds the connection closed.
    systemd.stop(UNIT).unwrap();
    assert_eq!(systemd.attach(UNIT, "", &[1]).unwrap_err().code(), Code::System);
    systemd.set(UNIT, &weight(), None).unwrap();
    drop(systemd);
    assert_eq!(descriptors(), open);
    assert_eq!(status(), before);
}

#[test]
fn nothing_is_left_behind() {
    let peer = Peer::new(|call, out| {
        if call.is("AttachProcessesToUnit") {
            return Then::HangUp;
        }
        if call.is("StopUnit") {
            out.hear_no_more();
        }
        Then::Usual
    });
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::a_client_alone", "--ignored", "--nocapture"])
        .env(ADDRESS, peer.address())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
    let want = [
        "AddMatch",
        "StartTransientUnit",
        "RemoveMatch!",
        "SetUnitProperties",
        "AddMatch",
        "StopUnit",
        "AttachProcessesToUnit",
        "AttachProcessesToUnit",
        "SetUnitProperties",
    ];
    assert_eq!(peer.members(9), want);
}

/// A child does not use what the parent connected, nor spoil it.
#[test]
fn a_fork() {
    let peer = Peer::usual();
    let systemd = client(&peer);
    systemd.set(UNIT, &weight(), None).unwrap();
    // SAFETY: the child does nothing but use the client, and leaves without unwinding.
    #[allow(unsafe_code)]
    let child = unsafe { libc::fork() };
    if child == 0 {
        let fine = systemd.set(UNIT, &weight(), None).is_ok()
            && systemd.set(UNIT, &weight(), None).is_ok();
        // SAFETY: ends the process.
        #[allow(unsafe_code)]
        unsafe {
            libc::_exit(i32::from(!fine))
        }
    }
    let child = rustix::process::Pid::from_raw(child).unwrap();
    let flags = rustix::process::WaitOptions::empty();
    let (_, status) = rustix::process::waitpid(Some(child), flags).unwrap().unwrap();
    assert_eq!(status.exit_status(), Some(0));
    assert_eq!(peer.connections(), 2);
    systemd.set(UNIT, &weight(), None).unwrap();
    assert_eq!(peer.connections(), 2);
}
