// SPDX-License-Identifier: Apache-2.0

//! Which of several mounts of one hierarchy a manager works through.

use katacg::host::HostInfo;
use katacg::{Config, Flags, Host, Manager};

use super::{directory, host};

/// A mount of the hierarchy of memory.
fn line(id: u32, parent: u32, root: &str, at: &str, options: &str) -> String {
    format!("{id} {parent} 0:33 {root} {at} {options} - cgroup cgroup rw,memory\n")
}

fn memory(mountinfo: &str, own: &str) -> HostInfo {
    host(mountinfo, &format!("1:memory:{own}\n"))
}

const USUAL: &str = "/sys/fs/cgroup/memory";

#[test]
fn each_manager_takes_a_mount_that_is_writable_at_its_own_cgroup() {
    let text = [
        line(10, 1, "/", USUAL, "ro"),
        line(11, 10, "/lxc/box", "/sys/fs/cgroup/memory/lxc/box", "rw"),
        line(12, 1, "/", "/mnt/all", "rw"),
    ];
    for text in [text.concat(), [&text[2][..], &text[0], &text[1]].concat()] {
        let at = |path| directory(memory(&text, "/lxc/box"), path, "memory");
        assert_eq!(at("/lxc/box/x"), "/sys/fs/cgroup/memory/lxc/box/x");
        assert_eq!(at("x"), "/sys/fs/cgroup/memory/lxc/box/x");
        assert_eq!(at("/lxc/boxer"), "/mnt/all/lxc/boxer");
        assert_eq!(at("/other/x"), "/mnt/all/other/x");
    }
}

#[test]
fn mount_of_a_part_elsewhere_is_used_for_the_cgroups_that_it_shows() {
    let text = [line(10, 1, "/", USUAL, "ro"), line(11, 1, "/lxc/box", "/mnt/box", "rw")].concat();
    for own in ["/lxc/box", "/lxc/box/inner", "/elsewhere"] {
        let at = |path| directory(memory(&text, own), path, "memory");
        assert_eq!(at("/lxc/box/x"), "/mnt/box/x", "own cgroup {own}");
        // The same names mean other cgroups, which only the read-only mount shows.
        assert_eq!(at("/x"), "/sys/fs/cgroup/memory/x", "own cgroup {own}");
        assert_eq!(at("/lxc/boxer/x"), "/sys/fs/cgroup/memory/lxc/boxer/x");
    }
    let relative = directory(memory(&text, "/lxc/box/inner"), "x", "memory");
    assert_eq!(relative, "/mnt/box/inner/x");
    assert_eq!(directory(memory(&text, "/y"), "x", "memory"), "/sys/fs/cgroup/memory/y/x");
}

#[test]
fn writable_mount_of_a_part_on_cgroup2_is_used_too() {
    let text = "10 1 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n\
                11 1 0:26 /pods /run/pods rw - cgroup2 cgroup2 rw\n";
    let at = |path| directory(host(text, "0::/pods/agent/main\n"), path, "");
    assert_eq!(at("/pods/x"), "/run/pods/x");
    assert_eq!(at("x"), "/run/pods/agent/x");
    assert_eq!(at("/x"), "/sys/fs/cgroup/x");
}

#[test]
fn writable_mount_is_not_left_for_another_writable_one() {
    let text = [line(10, 1, "/", "/mnt/all", "rw"), line(11, 1, "/", USUAL, "rw")].concat();
    let at = |path| directory(memory(&text, "/"), path, "memory");
    assert_eq!(at("/x"), "/sys/fs/cgroup/memory/x");
    let read_only = text.replace(" rw -", " ro -");
    let at = |path| directory(memory(&read_only, "/"), path, "memory");
    assert_eq!(at("/x"), "/sys/fs/cgroup/memory/x");
}

/// A container that is shown the host's tree as well. `/x` stays the container's own `/x`.
#[test]
fn path_keeps_its_meaning_beside_the_hosts_whole_tree() {
    for options in ["ro", "rw"] {
        let text = [
            line(10, 1, "/docker/abc", USUAL, options),
            line(11, 1, "/", "/host/sys/fs/cgroup/memory", "rw"),
        ];
        let at = |path| directory(memory(&text.concat(), "/docker/abc"), path, "memory");
        let wanted = match options {
            "rw" => "/sys/fs/cgroup/memory/x",
            _ => "/host/sys/fs/cgroup/memory/docker/abc/x",
        };
        assert_eq!([at("/x"), at("x")], [wanted, wanted]);
    }
}

#[test]
fn cgroup_that_something_is_mounted_over_is_reached_through_another_mount() {
    let whole = [line(10, 1, "/", USUAL, "rw"), line(11, 1, "/", "/mnt/all", "rw")].concat();
    let over = [
        "20 10 0:70 / /sys/fs/cgroup/memory/a rw - tmpfs tmpfs rw\n".to_owned(),
        line(20, 10, "/b", "/sys/fs/cgroup/memory/a", "rw"),
        "20 10 0:70 / /sys/fs/cgroup/memory/a rw - overlay overlay rw\n".to_owned(),
    ];
    for over in over {
        let at = |path| directory(memory(&format!("{whole}{over}"), "/"), path, "memory");
        assert_eq!(at("/a/x"), "/mnt/all/a/x", "{over}");
        assert_eq!(at("/ab"), "/sys/fs/cgroup/memory/ab", "{over}");
    }
}

#[test]
fn read_only_part_of_a_writable_mount_is_avoided() {
    let text = [
        line(10, 1, "/", USUAL, "rw"),
        line(11, 10, "/a", "/sys/fs/cgroup/memory/a", "ro"),
        line(12, 1, "/a", "/mnt/a", "rw"),
    ];
    let at = |path| directory(memory(&text.concat(), "/"), path, "memory");
    assert_eq!(at("/a/x"), "/mnt/a/x");
    assert_eq!(at("/b/x"), "/sys/fs/cgroup/memory/b/x");
}

/// The kernel writes the root of a mount outside the reader's cgroup namespace with `/..`. The
/// namespace's own `/a` is not what the mount shows at `a`.
#[test]
fn mount_from_outside_the_cgroup_namespace_has_no_parts_by_chance() {
    let text = [
        line(10, 1, "/..", "/host/memory", "rw"),
        line(11, 10, "/a", "/host/memory/a", "rw"),
        line(12, 1, "/", USUAL, "ro"),
    ];
    let info = memory(&text.concat(), "/");
    assert_eq!(info.hierarchies[0].mountpoint, USUAL.as_bytes());
    assert!(info.hierarchies[0].others.iter().all(|other| other.parts.is_empty()));
    assert_eq!(directory(info, "/a/x", "memory"), "/host/memory/a/x");
    let info = memory(&text.concat(), "/");
    assert_eq!(directory(info, "/b/x", "memory"), "/sys/fs/cgroup/memory/b/x");
}

#[test]
fn kind_nodes_read_only_mountpoint_leaves_the_part_at_the_host_path() {
    let text = [
        line(10, 1, "/docker/abc", USUAL, "ro"),
        line(11, 10, "/docker/abc", "/sys/fs/cgroup/memory/docker/abc", "rw"),
    ];
    let at = |path| directory(memory(&text.concat(), "/docker/abc"), path, "memory");
    assert_eq!(at("/docker/abc/x"), "/sys/fs/cgroup/memory/docker/abc/x");
    assert_eq!(at("/x"), "/sys/fs/cgroup/memory/docker/abc/x");
}

#[test]
fn saved_paths_of_another_mount_are_loaded() {
    let text = [line(10, 1, "/", USUAL, "ro"), line(11, 1, "/lxc/box", "/mnt/box", "rw")].concat();
    let shared = || std::sync::Arc::new(Host::new(memory(&text, "/lxc/box")));
    let flags = Flags { skip_devices: true, ..Flags::default() };
    let config = Config { path: b"/lxc/box/x".to_vec(), flags, ..Config::default() };
    let manager = Manager::new(shared(), config).unwrap();
    let state = manager.state().unwrap();
    assert!(state.contains("\"/mnt/box/x\""), "{state}");
    let loaded = Manager::load(shared(), state.as_bytes()).unwrap();
    assert_eq!(loaded.path("memory").unwrap(), b"/mnt/box/x");
    assert_eq!(loaded.state().unwrap(), state);
}

/// A list of mounts can be long. Only some are kept.
#[test]
fn thousands_of_mounts_of_one_hierarchy_are_read() {
    let one = |i: u32| line(100 + i, 1, &format!("/c{i}"), &format!("/m/{i}"), "rw");
    let text: String = (0..20_000).map(one).collect();
    let info = memory(&text, "/");
    assert!(info.hierarchies[0].others.len() < 100);
}
