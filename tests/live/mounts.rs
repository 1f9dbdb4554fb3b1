// SPDX-License-Identifier: Apache-2.0

//! Cgroups behind mounts, in mount namespaces of the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use katacg::host::{HostInfo, Sources};
use katacg::{Host, Manager, NOBODY};
use rustix::io::Errno;
use rustix::mount::{mount_bind, mount_change, mount_remount, MountFlags, MountPropagationFlags};
use rustix::thread::{unshare_unsafe, UnshareFlags};

use crate::fixture::*;

/// Runs a function on a thread with mounts of its own.
pub fn with_own_mounts<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        // SAFETY: this thread ends here, and shares nothing that depends on its mounts.
        unsafe { unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::FS).unwrap() };
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).unwrap();
        body()
    });
    thread.join().unwrap()
}

/// Reads the mounts of this thread: /proc/self has those of the whole process.
fn host_here() -> Arc<Host> {
    let read = |file: &str| fs::read(format!("/proc/thread-self/{file}")).unwrap();
    let (mountinfo, cgroup) = (read("mountinfo"), read("cgroup"));
    let sources = Sources { mountinfo: &mountinfo, cgroup: &cgroup, ..Sources::default() };
    Arc::new(Host::new(HostInfo::parse(sources).unwrap()))
}

pub fn manager_here(path: &str) -> Manager {
    Manager::new(host_here(), config(path, "{}")).unwrap()
}

pub fn make_read_only(mountpoint: &Path) {
    mount_remount(mountpoint, MountFlags::BIND | MountFlags::RDONLY, c"").unwrap();
}

/// Returns the mountpoint of the hierarchy of pids.
fn mountpoint() -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let host = HostInfo::read().unwrap();
    std::ffi::OsString::from_vec(host.hierarchy_of("pids").unwrap().mountpoint.clone()).into()
}

/// LXC shows the whole hierarchy read-only, and the container's cgroup writable at its place.
#[test]
fn cgroup_in_a_writable_part_of_a_read_only_mount_lives_as_any_other() {
    let mut s = Sandbox::planned("/box", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    let part = dir(&s.manager, "pids");
    let name = s.name.clone();
    let pid = s.child();
    with_own_mounts(move || {
        mount_bind(&part, &part).unwrap();
        make_read_only(&mountpoint());
        let leaf = manager_here(&format!("{name}/box/leaf"));
        leaf.apply(pid, false).unwrap();
        assert_eq!(leaf.pids().unwrap(), [pid]);
        assert_eq!(leaf.all_pids().unwrap(), [pid]);
        let set = katacg::parse::resources(br#"{"pids":{"limit":77}}"#).unwrap();
        leaf.set(&set).unwrap();
        assert_eq!(fs::read_to_string(part.join("leaf/pids.max")).unwrap().trim(), "77");
        // Elsewhere the mount is read-only.
        let outside = manager_here(&format!("{name}/outside"));
        let error = outside.apply(NOBODY, false).unwrap_err();
        assert_eq!(error.sys_errno(), Some(Errno::ROFS), "{error}");
        let part_itself = manager_here(&format!("{name}/box"));
        if unified() {
            // The part has controllers for its children, so it takes no process.
            leaf.kill(rustix::process::Signal::KILL).unwrap();
        } else {
            leaf.move_to(&part_itself).unwrap();
            assert_eq!(part_itself.pids().unwrap(), [pid]);
        }
        leaf.destroy().unwrap();
        assert!(!part.join("leaf").exists());
    });
}

/// A sandbox sees the hierarchy read-only, and its own cgroup writable at another place.
#[test]
fn writable_mount_elsewhere_is_used_for_the_cgroups_that_it_shows() {
    let mut s = Sandbox::planned("/box", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    let part = dir(&s.manager, "pids");
    let name = s.name.clone();
    let pid = s.child();
    with_own_mounts(move || {
        let elsewhere = std::env::temp_dir().join(name.trim_start_matches('/'));
        fs::create_dir(&elsewhere).unwrap();
        mount_bind(&part, &elsewhere).unwrap();
        make_read_only(&mountpoint());
        let leaf = manager_here(&format!("{name}/box/leaf"));
        assert_eq!(dir(&leaf, "pids"), elsewhere.join("leaf"));
        leaf.apply(pid, false).unwrap();
        assert_eq!(leaf.pids().unwrap(), [pid]);
        let set = katacg::parse::resources(br#"{"pids":{"limit":77}}"#).unwrap();
        leaf.set(&set).unwrap();
        assert_eq!(fs::read_to_string(part.join("leaf/pids.max")).unwrap().trim(), "77");
        let other = manager_here(&format!("{name}/box/other"));
        other.apply(NOBODY, false).unwrap();
        leaf.move_to(&other).unwrap();
        assert_eq!(other.pids().unwrap(), [pid]);
        // From the read-only mount, into a cgroup below that only the other mount can write.
        let above = manager_here(&format!("{name}/box"));
        assert_eq!(dir(&above, "pids"), part, "a mountpoint is no cgroup of a manager");
        above.move_to(&leaf).unwrap();
        assert_eq!(leaf.pids().unwrap(), [pid]);
        // A failed apply puts the process back where it was, in either mount.
        let refused = katacg::parse::resources(br#"{"pids":{"limit":1},"unified":{"x.y":"1"}}"#);
        let third = Manager::new(
            host_here(),
            katacg::Config {
                resources: refused.unwrap(),
                ..config(&format!("{name}/box/3"), "{}")
            },
        );
        third.unwrap().apply(pid, true).unwrap_err();
        assert_eq!(leaf.pids().unwrap(), [pid]);
        leaf.kill(rustix::process::Signal::KILL).unwrap();
        leaf.destroy().unwrap();
        other.destroy().unwrap();
        assert!(!part.join("leaf").exists());
        rustix::mount::unmount(&elsewhere, rustix::mount::UnmountFlags::DETACH).unwrap();
        fs::remove_dir(&elsewhere).unwrap();
    });
}

#[test]
fn bind_mount_of_another_cgroup_is_not_entered() {
    let s = Sandbox::planned("/box", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    let other = manager(&format!("{}/other", s.name), "{}");
    other.apply(NOBODY, false).unwrap();
    let (part, source) = (dir(&s.manager, "pids"), dir(&other, "pids"));
    let name = s.name.clone();
    with_own_mounts(move || {
        mount_bind(&source, &part).unwrap();
        let leaf = manager_here(&format!("{name}/box/leaf"));
        let error = leaf.apply(NOBODY, false).unwrap_err();
        assert_eq!(error.sys_errno(), Some(Errno::XDEV), "{error}");
        assert!(!source.join("leaf").exists());
    });
}

/// Another mount covers the part after the host was read.
#[test]
fn mount_that_came_later_is_not_entered() {
    let s = Sandbox::planned("/box", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    let part = dir(&s.manager, "pids");
    let name = s.name.clone();
    with_own_mounts(move || {
        mount_bind(&part, &part).unwrap();
        let leaf = manager_here(&format!("{name}/box/leaf"));
        mount_bind(&part, &part).unwrap();
        let error = leaf.apply(NOBODY, false).unwrap_err();
        assert_eq!(error.sys_errno(), Some(Errno::XDEV), "{error}");
    });
}

/// A kind node mounts its own part of the hierarchy on the mountpoint, and again at its host path.
#[test]
fn part_of_a_kind_node_is_entered_at_its_host_path_but_not_from_above() {
    need!(!unified(), "a kind node on cgroup v2 has a cgroup namespace");
    let mut s = Sandbox::planned("/node", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    let node = dir(&s.manager, "pids");
    let name = s.name.clone();
    let pid = s.child();
    with_own_mounts(move || {
        let root = mountpoint();
        let twin = root.join(format!("{}/node", name.trim_start_matches('/')));
        mount_bind(&node, &root).unwrap();
        fs::create_dir_all(&twin).unwrap();
        mount_bind(&root, &twin).unwrap();
        let pids = |path: &str| {
            let subsystems = vec!["pids".to_owned()];
            let config = katacg::Config { subsystems, ..config(path, "{}") };
            Manager::new(host_here(), config).unwrap()
        };
        let leaf = pids(&format!("{name}/node/leaf"));
        leaf.apply(pid, false).unwrap();
        assert_eq!(leaf.pids().unwrap(), [pid]);
        assert!(root.join("leaf").exists(), "the same cgroup, at its own place");
        // From above, the part would be the node itself.
        let above = pids(&name);
        assert_eq!(above.all_pids().unwrap(), [] as [i32; 0]);
        above.destroy().unwrap_err();
        assert_eq!(leaf.pids().unwrap(), [pid]);
        let up = pids("/up");
        up.apply(NOBODY, false).unwrap();
        leaf.move_to(&up).unwrap();
        leaf.destroy().unwrap();
        assert!(!root.join("leaf").exists());
    });
}

/// The manager has a list of subsystems, and one of its hierarchies is unmounted later.
#[test]
fn hierarchy_that_is_unmounted_under_a_listed_manager_is_left_out_with_a_warning() {
    need!(!unified() && has("cpu", ""), "only v1 has several hierarchies");
    let mut s = Sandbox::planned("/box", "{}");
    let (name, pid) = (s.name.clone(), s.child());
    with_own_mounts(move || {
        let listed = |strict: bool| {
            let subsystems = vec!["cpu".to_owned(), "pids".to_owned()];
            let resources = r#"{"cpu":{"shares":512},"pids":{"limit":5}}"#;
            let mut config = config(&format!("{name}/box"), resources);
            config.flags.strict = strict;
            Manager::new(host_here(), katacg::Config { subsystems, ..config }).unwrap()
        };
        let (gone, strict) = (listed(false), listed(true));
        let plain = manager_here(&format!("{name}/box"));
        let saved = gone.state().unwrap();
        rustix::mount::unmount(mountpoint(), rustix::mount::UnmountFlags::DETACH).unwrap();

        for refused in [&strict, &plain] {
            let error = refused.apply(NOBODY, true).unwrap_err();
            assert_eq!(error.code(), katacg::Code::NotMounted, "{error}");
        }
        let warnings = gone.apply(pid, true).unwrap();
        assert_eq!(warnings.dropped, 0);
        let text = warnings.warnings.join("\n");
        assert!(text.contains("continuing without pids"), "{text}");
        assert!(text.contains("cannot set pids limit"), "{text}");
        let shares = dir(&gone, "cpu").join("cpu.shares");
        assert_eq!(fs::read_to_string(&shares).unwrap().trim(), "512");
        assert_eq!(gone.pids().unwrap(), [pid]);

        let json = br#"{"cpu":{"shares":256},"pids":{"limit":7}}"#;
        let set = katacg::parse::resources(json).unwrap();
        let warnings = gone.set(&set).unwrap().join("\n");
        assert!(warnings.contains("cannot set pids limit"), "{warnings}");
        assert_eq!(fs::read_to_string(&shares).unwrap().trim(), "256");
        strict.set(&set).unwrap_err();
        // Another process that loads the state sees the same.
        let loaded = Manager::load(host_here(), saved.as_bytes()).unwrap();
        let warnings = loaded.set(&set).unwrap().join("\n");
        assert!(warnings.contains("cannot set pids limit"), "{warnings}");
        gone.kill(rustix::process::Signal::KILL).unwrap();
        gone.destroy().unwrap();
        assert!(!shares.exists());
    });
}
