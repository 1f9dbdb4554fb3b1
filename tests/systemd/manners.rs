// SPDX-License-Identifier: Apache-2.0

//! Checks that the driver leaves its caller's process unchanged.

use std::collections::BTreeSet;
use std::panic::{catch_unwind, AssertUnwindSafe};

use rustix::process::{waitpid, Pid, WaitOptions};

use crate::fixture::*;

/// Returns the number of threads, the signal dispositions and the signal masks.
fn status() -> Vec<String> {
    let wanted = ["Threads:", "SigBlk:", "SigIgn:", "SigCgt:", "ShdPnd:"];
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let lines = status.lines().filter(|line| wanted.iter().any(|w| line.starts_with(w)));
    lines.map(str::to_owned).collect()
}

fn descriptors() -> BTreeSet<String> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let link = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        let link = std::fs::read_link(entry.path()).ok()?;
        Some(format!("{} {}", entry.file_name().to_string_lossy(), link.display()))
    };
    entries.filter_map(link).collect()
}

fn in_one_thread() {
    let (before, open) = (status(), descriptors());
    assert!(before.contains(&"Threads:\t1".to_owned()), "{before:?}");
    let mut s = Sandbox::new(r#"{"pids":{"limit":20},"cpu":{"shares":2000}}"#);
    s.set(r#"{"pids":{"limit":30}}"#).unwrap();
    assert_eq!(status(), before);
    s.end_children();
    s.manager.destroy().unwrap();
    drop(s);
    assert_eq!(status(), before);
    assert_eq!(descriptors(), open);
    // The kernel refuses this call to a process that has more than one thread.
    // SAFETY: the call affects only this process, which ends afterwards.
    #[allow(unsafe_code)]
    let done = unsafe { libc::unshare(libc::CLONE_NEWUSER) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

/// Runs the check in a fork, which has one thread. The test runner has several.
pub fn alone() {
    // SAFETY: the runner's other thread waits, and holds no lock that the child needs.
    #[allow(unsafe_code)]
    let child = unsafe { libc::fork() };
    if child == 0 {
        let fine = catch_unwind(AssertUnwindSafe(in_one_thread)).is_ok();
        // SAFETY: ends the process.
        #[allow(unsafe_code)]
        unsafe {
            libc::_exit(i32::from(!fine))
        }
    }
    let (_, status) = waitpid(Pid::from_raw(child), WaitOptions::empty()).unwrap().unwrap();
    assert_eq!(status.exit_status(), Some(0));
}

#[test]
fn driver_leaves_threads_signals_and_descriptors_unchanged() {
    need_systemd!();
    crate::helper::run(crate::helper::command("manners"));
}
