// SPDX-License-Identifier: Apache-2.0

//! The client leaves its process as it was: no threads, signal changes or open descriptors. And
//! what happens after a fork.

use std::collections::BTreeSet;
use std::time::Duration;

use katacg::systemd::{Bus, Systemd};
use katacg::Code;

use super::peer::{Peer, Then};
use super::{client, weight, UNIT};

const ADDRESS: &str = "KATACG_TEST_PEER";

/// Returns the number of threads, the signal dispositions and the masks of this process.
fn status() -> Vec<String> {
    let wanted = ["Threads:", "SigBlk:", "SigIgn:", "SigCgt:"];
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let lines = status.lines().filter(|line| wanted.iter().any(|w| line.starts_with(w)));
    lines.map(str::to_owned).collect()
}

/// Returns the targets of all open file descriptors.
fn descriptors() -> BTreeSet<String> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let link =
        |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_link(entry.unwrap().path());
    entries.filter_map(|entry| link(entry).ok()).map(|l| l.display().to_string()).collect()
}

/// The half of the next test that runs in a process of its own.
#[test]
#[ignore = "started by the_client_leaves_its_process_unchanged"]
fn client_in_its_own_process() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    // Rust programs start with SIGPIPE ignored, C programs do not.
    // SAFETY: restores the default action; no handler is set.
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
    // The peer stops reading after this call, so what the client sends next fails with EPIPE.
    systemd.stop(UNIT).unwrap();
    assert_eq!(systemd.attach(UNIT, "", &[1]).unwrap_err().code(), Code::System);
    systemd.set(UNIT, &weight(), None).unwrap();
    drop(systemd);
    assert_eq!(descriptors(), open);
    assert_eq!(status(), before);
}

#[test]
fn the_client_leaves_its_process_unchanged() {
    let peer = Peer::new(|call, out| {
        if call.is("AttachProcessesToUnit") {
            return Then::HangUp;
        }
        if call.is("StopUnit") {
            out.refuse_input();
        }
        Then::Usual
    });
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::client_in_its_own_process", "--ignored", "--nocapture"])
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

/// The child must open its own connection, and the parent's must stay usable.
#[test]
fn a_forked_child_opens_its_own_connection() {
    let peer = Peer::healthy();
    let systemd = client(&peer);
    systemd.set(UNIT, &weight(), None).unwrap();
    // SAFETY: the child only uses the client and ends with _exit.
    #[allow(unsafe_code)]
    let child = unsafe { libc::fork() };
    if child == 0 {
        let succeeded = systemd.set(UNIT, &weight(), None).is_ok()
            && systemd.set(UNIT, &weight(), None).is_ok();
        // SAFETY: ends the process at once.
        #[allow(unsafe_code)]
        unsafe {
            libc::_exit(i32::from(!succeeded))
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
