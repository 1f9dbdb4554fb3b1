// SPDX-License-Identifier: Apache-2.0

//! Removing cgroups and killing their processes.

use std::fs;
use std::time::Instant;

use katacg::Code;
use katacg::{Add, NOBODY};
use rustix::process::Signal;

use crate::fixture::*;

#[test]
fn destroy_of_a_missing_cgroup_succeeds() {
    let s = Sandbox::planned("", "{}");
    s.manager.destroy().unwrap();
    s.manager.apply(NOBODY, false).unwrap();
    s.manager.destroy().unwrap();
    s.manager.destroy().unwrap();
    assert!(!s.manager.exists().unwrap());
}

/// Another program may remove the directories of some hierarchies.
#[test]
fn partly_removed_cgroup_still_exists() {
    let s = Sandbox::empty("{}");
    let mut dirs: Vec<_> = s.manager.paths().map(|(key, _)| s.dir(key)).collect();
    dirs.sort();
    dirs.dedup();
    while let Some(dir) = dirs.pop() {
        assert!(s.manager.exists().unwrap(), "before {}", dir.display());
        fs::remove_dir(dir).unwrap();
    }
    assert!(!s.manager.exists().unwrap());
}

#[test]
fn destroy_removes_child_cgroups() {
    let s = Sandbox::empty("{}");
    manager(&format!("{}/a/b/c", s.name), "{}").apply(NOBODY, false).unwrap();
    manager(&format!("{}/a/d", s.name), "{}").apply(NOBODY, false).unwrap();
    s.manager.destroy().unwrap();
    assert!(!s.manager.exists().unwrap());
}

#[test]
fn destroy_names_the_process_inside_and_does_not_hang() {
    let s = Sandbox::new("{}");
    let pid = s.manager.pids().unwrap()[0];
    let start = Instant::now();
    let error = s.manager.destroy().unwrap_err();
    assert_eq!(error.code(), Code::Busy, "{error}");
    assert!(error.to_string().contains(&pid.to_string()), "{error}");
    // The whole call waits one second, for all hierarchies together. A slow machine takes longer.
    assert!(start.elapsed().as_secs() < 7, "{:?}", start.elapsed());
}

#[test]
fn destroy_waits_for_a_dying_process() {
    let mut s = Sandbox::new("{}");
    s.manager.kill(Signal::KILL).unwrap();
    // The test reaps the process later, while destroy waits.
    let manager = manager(&s.name, "{}");
    let waiting = std::thread::spawn(move || manager.destroy());
    std::thread::sleep(std::time::Duration::from_millis(50));
    s.end_children();
    waiting.join().unwrap().unwrap();
    assert!(!s.manager.exists().unwrap());
}

#[test]
fn kill_reaches_child_cgroups_and_frozen_processes() {
    let mut s = Sandbox::new("{}");
    let pid = s.child();
    s.manager.add(&[pid], Add { subcgroup: b"sub/deep", create: true, ..Add::default() }).unwrap();
    assert_eq!(s.manager.all_pids().unwrap().len(), 2);
    // A paused container in a killed pod: thawing the pod does not thaw the container.
    manager(&format!("{}/sub", s.name), "{}").freeze(std::time::Duration::from_secs(10)).unwrap();
    s.manager.freeze(std::time::Duration::from_secs(10)).unwrap();
    s.manager.kill(Signal::KILL).unwrap();
    eventually("dead", || is_dead(pid));
    s.end_children();
    eventually("empty", || s.manager.all_pids().unwrap().is_empty());
    s.manager.destroy().unwrap();
}

#[test]
fn kill_sends_sigterm() {
    let mut s = Sandbox::new("{}");
    s.manager.kill(Signal::TERM).unwrap();
    eventually("ended", || {
        s.end_children();
        s.manager.pids().unwrap().is_empty()
    });
}

/// The caller may not signal one of the two processes.
#[test]
fn kill_names_a_process_of_another_user_and_signals_the_others() {
    use std::os::unix::process::CommandExt;
    let mut s = Sandbox::new("{}");
    let first = s.manager.pids().unwrap()[0];
    let mut command = std::process::Command::new("sleep");
    let second = s.spawn(command.arg("600").uid(65534).gid(65534));
    s.manager.add(&[second], Add::default()).unwrap();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "fixture::helper", "--nocapture", "--test-threads=1"]);
    command.env("KATACG_TEST_HELPER", "terminates").env("KATACG_TEST_PATH", &s.name);
    let output = command.uid(65534).gid(65534).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(&format!("signal process {first}: ")), "{text}");
    eventually("dead", || is_dead(second));
    assert!(!is_dead(first));
}

#[test]
fn destroy_of_a_missing_cgroup_on_a_read_only_mount_succeeds() {
    // The mounts are read-only in a mount namespace of this test (runc#4518).
    let name = name();
    let thread = std::thread::spawn(move || {
        use rustix::mount::{
            mount_bind, mount_change, mount_remount, MountFlags, MountPropagationFlags,
        };
        use rustix::thread::{unshare_unsafe, UnshareFlags};
        // SAFETY: this thread ends here, and shares nothing that depends on its mounts.
        unsafe { unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::FS).unwrap() };
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).unwrap();
        for hierarchy in &katacg::host::HostInfo::read().unwrap().hierarchies {
            mount_bind(&hierarchy.mountpoint[..], &hierarchy.mountpoint[..]).unwrap();
            let flags = MountFlags::BIND | MountFlags::RDONLY;
            mount_remount(&hierarchy.mountpoint[..], flags, c"").unwrap();
        }
        let manager = manager(&name, "{}");
        assert!(manager.apply(NOBODY, false).is_err());
        manager.destroy()
    });
    thread.join().unwrap().unwrap();
}

#[test]
fn calls_on_a_removed_cgroup_report_deleted() {
    let mut s = Sandbox::empty("{}");
    let child = s.child();
    s.manager.destroy().unwrap();
    let codes = [
        s.manager.pids().unwrap_err().code(),
        s.manager.all_pids().unwrap_err().code(),
        s.manager.threads().unwrap_err().code(),
        s.manager.freezer_state().unwrap_err().code(),
        s.set(r#"{"pids":{"limit":5}}"#).unwrap_err().code(),
        s.manager.read("pids", "pids.max").unwrap_err().code(),
        s.manager.add(&[child], Add::default()).unwrap_err().code(),
        s.manager.add(&[child], Add { threads: true, ..Add::default() }).unwrap_err().code(),
    ];
    assert_eq!(codes, [Code::Deleted; 8]);
    assert!(fs::metadata(s.dir("pids")).is_err());
}

/// One child cgroup is in use, its siblings are empty.
#[test]
fn busy_destroy_removes_empty_child_cgroups() {
    let mut s = Sandbox::empty("{}");
    let pid = s.child();
    let child = |name: &str| manager(&format!("{}/{name}", s.name), "{}");
    let all = ["a", "b", "c"].map(child);
    all.iter().for_each(|child| drop(child.apply(NOBODY, false).unwrap()));
    all[1].add(&[pid], Add::default()).unwrap();
    let error = s.manager.destroy().unwrap_err();
    assert_eq!(error.code(), Code::Busy, "{error}");
    let left: Vec<bool> = all.iter().map(|child| child.exists().unwrap()).collect();
    assert_eq!(left, [false, true, false]);
}

/// A container's processes are in the root of its cgroup namespace, where only controllers that
/// threads can share can be enabled. They make it the root of a threaded subtree.
#[test]
fn destroy_disables_controllers_of_a_parent_with_processes() {
    need!(unified(), "pids is a v1 hierarchy");
    let s = Sandbox::new("{}");
    let parent = s.dir("pids");
    let file = |file: &str| fs::read_to_string(parent.join(file)).unwrap();
    let (enabled, kind) = (file("cgroup.subtree_control"), file("cgroup.type"));
    let child = manager(&format!("{}/child", s.name), r#"{"pids":{"limit":5}}"#);
    child.apply(NOBODY, true).unwrap();
    assert_eq!(file("cgroup.subtree_control").trim(), "pids");
    child.destroy().unwrap();
    assert_eq!((file("cgroup.subtree_control"), file("cgroup.type")), (enabled, kind));
}

/// A shim may be in the cgroup itself.
#[test]
fn release_leaves_processes_and_removes_empty_directories() {
    let mut s = Sandbox::new("{}");
    let pids = s.manager.pids().unwrap();
    manager(&format!("{}/a/b", s.name), "{}").apply(NOBODY, false).unwrap();
    assert!(s.manager.release().unwrap());
    assert_eq!(s.manager.pids().unwrap(), pids);
    assert_eq!(s.manager.all_pids().unwrap(), pids);
    assert!(!manager(&format!("{}/a", s.name), "{}").exists().unwrap());
    s.end_children();
    // The kernel needs a moment to remove an ended process.
    let end = Instant::now() + std::time::Duration::from_secs(5);
    while s.manager.release().unwrap() {
        assert!(Instant::now() < end);
    }
    assert!(!s.manager.exists().unwrap());
    assert!(!s.manager.release().unwrap());
}
