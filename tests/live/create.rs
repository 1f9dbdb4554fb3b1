// SPDX-License-Identifier: Apache-2.0

//! Creating cgroups: in every hierarchy, at any path, and without leftovers after a failure.

use std::fs;

use katacg::Code;
use katacg::{Flags, Manager, NOBODY};

use crate::fixture::*;

#[test]
fn apply_moves_the_process_in_every_hierarchy() {
    let mut s = Sandbox::planned("/leaf", "{}");
    let pid = s.child();
    s.manager.apply(pid, false).unwrap();
    let paths: Vec<(String, Vec<u8>)> =
        s.manager.paths().map(|(key, path)| (key.to_owned(), path)).collect();
    assert!(!paths.is_empty());
    for (subsystem, path) in paths {
        let path = String::from_utf8(path).unwrap();
        let cgroup = Sandbox::cgroup_of(pid, &subsystem);
        assert!(
            cgroup.ends_with("/leaf") && path.ends_with(&cgroup),
            "{subsystem}: {path} {cgroup}"
        );
    }
    assert_eq!(s.manager.pids().unwrap(), [pid]);
}

#[test]
fn apply_with_pid_minus_one_moves_no_process() {
    let s = Sandbox::planned("", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    assert!(s.manager.exists().unwrap());
    assert_eq!(s.manager.pids().unwrap(), [] as [i32; 0]);
    for bad in [0, -2] {
        assert_eq!(s.manager.apply(bad, false).unwrap_err().code(), Code::Argument);
    }
}

#[test]
fn apply_of_a_dead_process_creates_no_cgroup() {
    let mut s = Sandbox::planned("", "{}");
    let pid = s.child();
    s.end_children();
    let error = s.manager.apply(pid, false).unwrap_err();
    assert_eq!(error.sys_errno(), Some(rustix::io::Errno::SRCH), "{error}");
    assert!(!s.manager.exists().unwrap());
}

#[test]
fn failed_apply_removes_new_directories_and_returns_the_process() {
    let json = r#"{"cpu":{"shares":512},"unified":{}}"#;
    let mut s = Sandbox::planned("/deep/leaf", json);
    let pid = s.child();
    let before = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    // The kernel refuses such a small quota, after other writes have succeeded.
    let failing = manager(&format!("{}/deep/leaf", s.name), r#"{"cpu":{"shares":512,"quota":1}}"#);
    let error = failing.apply(pid, true).unwrap_err();
    assert!(error.to_string().contains("cpu."), "{error}");
    assert_eq!(fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap(), before);
    for (_, path) in failing.paths() {
        let top = String::from_utf8(path).unwrap().replace("/deep/leaf", "");
        assert!(!std::path::Path::new(&top).exists(), "{top} was left");
    }
    // A directory that existed before stays.
    let kept = manager(&format!("{}/deep", s.name), "{}");
    kept.apply(NOBODY, false).unwrap();
    failing.apply(pid, true).unwrap_err();
    assert!(kept.exists().unwrap() && !failing.exists().unwrap());
}

#[test]
fn relative_path_starts_at_the_cgroup_of_the_caller() {
    let name = name();
    let relative = manager(name.trim_start_matches('/'), "{}");
    let host = katacg::host::HostInfo::read().unwrap();
    for (subsystem, path) in relative.paths() {
        let hierarchy = host.hierarchy_of(subsystem).unwrap();
        let own = String::from_utf8(hierarchy.own.clone().unwrap()).unwrap();
        let base = match host.is_unified() {
            true => own.rsplit_once('/').unwrap().0.to_owned(),
            false => own.trim_end_matches('/').to_owned(),
        };
        let mount = String::from_utf8(hierarchy.mountpoint.clone()).unwrap();
        assert_eq!(String::from_utf8(path).unwrap(), format!("{mount}{base}{name}"), "{subsystem}");
    }
    relative.apply(NOBODY, false).unwrap();
    assert!(relative.exists().unwrap());
    relative.destroy().unwrap();
}

#[test]
fn dot_dot_never_leaves_the_hierarchy() {
    let s = Sandbox::planned("", "{}");
    let climbing = manager(&format!("../../../..{}", s.name), "{}");
    for (_, path) in climbing.paths() {
        assert!(!String::from_utf8(path).unwrap().contains(".."));
    }
    for bad in ["", "/", ".", "..", "/..", "../.."] {
        let error = Manager::new(shared(), config(bad, "{}")).unwrap_err();
        assert_eq!(error.code(), Code::Path, "{bad:?}: {error}");
    }
}

#[test]
fn existing_flag_needs_an_existing_cgroup() {
    let s = Sandbox::planned("", "{}");
    let load = || {
        let mut config = config(&s.name, "{}");
        config.flags = Flags { existing: true, ..config.flags };
        Manager::new(shared(), config)
    };
    assert_eq!(load().unwrap_err().code(), Code::Deleted);
    s.manager.apply(NOBODY, false).unwrap();
    assert_eq!(load().unwrap().paths().count(), s.manager.paths().count());
}

#[test]
fn subsystems_option_selects_v1_hierarchies() {
    need!(!unified(), "cgroup v2 has one hierarchy");
    let name = name();
    let with = |list: &[&str]| {
        let subsystems = list.iter().map(|s| (*s).to_owned()).collect();
        Manager::new(shared(), katacg::Config { subsystems, ..config(&name, "{}") })
    };
    let cpu = with(&["cpu", "cpuacct"]).unwrap();
    assert_eq!(cpu.paths().map(|(key, _)| key.to_owned()).collect::<Vec<_>>(), ["cpu", "cpuacct"]);
    cpu.apply(NOBODY, false).unwrap();
    assert!(!dir(&manager(&name, "{}"), "pids").exists());
    cpu.destroy().unwrap();
    assert_eq!(with(&["nonsense"]).unwrap_err().code(), Code::Argument);
    assert_eq!(with(&["net_cls", "cpu"]).is_ok(), has("net_cls", ""));
}

#[test]
fn apply_enables_controllers_in_every_ancestor() {
    need!(unified(), "cgroup v1 has no subtree_control");
    let s = Sandbox::planned("/a/b", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    let root = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap();
    let leaf = fs::read_to_string(s.dir("").join("cgroup.controllers")).unwrap();
    for controller in ["cpu", "memory", "pids", "io", "cpuset"] {
        assert!(root.contains(controller) && leaf.contains(controller), "{root} {leaf}");
    }
    assert_eq!(fs::read_to_string(s.dir("").join("cgroup.subtree_control")).unwrap().trim(), "");
}

#[test]
fn error_names_a_controller_that_an_ancestor_cannot_enable() {
    need!(unified(), "cgroup v1 has no subtree_control");
    // The kernel enables no domain controller in a cgroup that has a process.
    let mut s = Sandbox::planned("", "{}");
    let pid = s.child();
    s.manager.apply(pid, false).unwrap();
    let below = manager(&format!("{}/below", s.name), r#"{"memory":{"limit":67108864}}"#);
    let error = below.apply(NOBODY, true).unwrap_err();
    assert_eq!(error.code(), Code::Controller, "{error}");
    assert!(error.to_string().contains("controller memory is not available here"), "{error}");
    assert!(!below.exists().unwrap());
    let read = |file| fs::read_to_string(s.dir("").join(file)).unwrap();
    assert_eq!(read("cgroup.subtree_control").trim(), "");
    assert_eq!(read("cgroup.type").trim(), "domain");
    // The threaded controller pids can be enabled; the failed apply disables it again.
    let both = r#"{"memory":{"limit":67108864},"pids":{"limit":9}}"#;
    let below = manager(&format!("{}/below", s.name), both);
    let error = below.apply(NOBODY, true).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    let text = error.to_string();
    assert!(text.contains("memory limit") && text.contains("domain invalid"), "{text}");
    assert_eq!(read("cgroup.subtree_control").trim(), "");
    assert_eq!(read("cgroup.type").trim(), "domain");
}

/// In a "domain threaded" parent, no domain controller could be enabled any more.
#[test]
fn parent_with_processes_stays_a_domain() {
    need!(unified(), "cgroup v1 has no subtree_control");
    let mut s = Sandbox::planned("", "{}");
    let pid = s.child();
    s.manager.apply(pid, false).unwrap();
    let below = manager(&format!("{}/below", s.name), "{}");
    below.apply(NOBODY, false).unwrap();
    let read = |file| fs::read_to_string(s.dir("").join(file)).unwrap();
    assert_eq!(read("cgroup.type").trim(), "domain");
    assert_eq!(read("cgroup.subtree_control").trim(), "");
    below.destroy().unwrap();
}

#[test]
fn cgroup_below_a_threaded_parent_becomes_threaded() {
    need!(unified(), "cgroup v1 has no threaded cgroups");
    let s = Sandbox::planned("", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    let threaded = s.dir("").join("threaded");
    fs::create_dir(&threaded).unwrap();
    fs::write(threaded.join("cgroup.type"), "threaded").unwrap();
    // A new cgroup below a threaded one is "domain invalid" at first.
    let leaf = manager(&format!("{}/threaded/leaf", s.name), "{}");
    leaf.apply(NOBODY, false).unwrap();
    assert_eq!(fs::read_to_string(dir(&leaf, "").join("cgroup.type")).unwrap().trim(), "threaded");
    let misc = has("", "misc").then_some(r#"{"unified":{"misc.max":"sev 1"}}"#);
    for json in [r#"{"memory":{"limit":67108864}}"#].into_iter().chain(misc) {
        let domain = manager(&format!("{}/threaded/other", s.name), json);
        let error = domain.apply(NOBODY, true).unwrap_err();
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        assert!(!domain.exists().unwrap());
    }
}

#[test]
fn delegated_cgroup_belongs_to_its_owner() {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    need!(unified(), "v1 cannot delegate safely");
    let name = name();
    let owned = katacg::Config { owner: Some((1000, 1000)), ..config(&name, "{}") };
    let delegated = Manager::new(shared(), owned).unwrap();
    delegated.apply(NOBODY, false).unwrap();
    let owner = |file: &str| fs::metadata(dir(&delegated, "").join(file)).unwrap().uid();
    assert_eq!([owner(""), owner("cgroup.procs"), owner("cgroup.subtree_control")], [1000; 3]);
    assert_eq!(owner("pids.max"), 0, "the owner must not set limits");
    // The owner's error names the owner's cgroup, because nothing is tried in the ancestors first.
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "fixture::helper", "--nocapture", "--test-threads=1"]);
    command.env("KATACG_TEST_HELPER", "not-its-cpus").env("KATACG_TEST_PATH", &name);
    let output = command.uid(1000).gid(1000).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(&format!("{name}/cpuset.cpus")), "{text}");
    // A failed apply changes no owner.
    let mut s = Sandbox::planned("/leaf", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    let owned = katacg::Config { owner: Some((1000, 1000)), ..config(&s.name, "{}") };
    let pid = s.child();
    let error = Manager::new(shared(), owned).unwrap().apply(pid, false).unwrap_err();
    assert_eq!(error.sys_errno(), Some(rustix::io::Errno::BUSY), "{error}");
    assert_eq!(fs::metadata(s.dir("").parent().unwrap()).unwrap().uid(), 0);
    delegated.destroy().unwrap();
}

#[test]
fn mount_over_a_cgroup_is_not_entered() {
    // A bind mount covers the cgroup, in a mount namespace of this test.
    let s = Sandbox::planned("/over/leaf", "{}");
    let over = manager(&format!("{}/over", s.name), "{}");
    over.apply(NOBODY, false).unwrap();
    let outside = std::env::temp_dir().join(s.name.trim_start_matches('/'));
    fs::create_dir_all(&outside).unwrap();
    let thread = std::thread::spawn({
        let place = dir(&over, "pids");
        let (name, outside) = (s.name.clone(), outside.clone());
        move || {
            use rustix::mount::{mount_bind, mount_change, MountPropagationFlags};
            use rustix::thread::{unshare_unsafe, UnshareFlags};
            // SAFETY: this thread ends here, and shares nothing that depends on its mounts.
            unsafe { unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::FS).unwrap() };
            let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
            mount_change("/", private).unwrap();
            mount_bind(&outside, &place).unwrap();
            let leaf = manager(&format!("{name}/over/leaf"), "{}");
            let applied = leaf.apply(NOBODY, false).unwrap_err();
            assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "apply left a file outside");
            fs::create_dir(outside.join("leaf")).unwrap();
            [applied, leaf.destroy().unwrap_err()]
        }
    });
    for error in thread.join().unwrap() {
        assert_eq!(error.sys_errno(), Some(rustix::io::Errno::XDEV), "{error}");
    }
    // destroy must not remove this directory, which is no cgroup.
    fs::remove_dir(outside.join("leaf")).unwrap();
    fs::remove_dir(&outside).unwrap();
}

#[test]
fn rootless_caller_goes_without_a_cgroup_or_gets_an_error() {
    use std::os::unix::process::CommandExt;
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fixture::helper", "--nocapture", "--test-threads=1"])
        .env("KATACG_TEST_HELPER", "rootless")
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("as it should be"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// Another program may use a directory at any time. Here the sibling existed before, and is empty.
#[test]
fn failed_apply_keeps_a_sibling_cgroup() {
    let s = Sandbox::planned("", "{}");
    let sibling = manager(&format!("{}/sibling", s.name), "{}");
    sibling.apply(NOBODY, false).unwrap();
    let failing = manager(&format!("{}/mine", s.name), r#"{"cpu":{"quota":1}}"#);
    failing.apply(NOBODY, true).unwrap_err();
    assert!(sibling.exists().unwrap() && !failing.exists().unwrap());
}

#[test]
fn apply_at_the_path_of_a_file_fails() {
    let file = if unified() { "cgroup.procs" } else { "tasks" };
    let s = Sandbox::planned("", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    let error = manager(&format!("{}/{file}", s.name), "{}").apply(NOBODY, false).unwrap_err();
    assert_eq!(error.sys_errno(), Some(rustix::io::Errno::NOTDIR), "{error}");
}

#[test]
fn cgroup_two_levels_below_a_threaded_one_becomes_threaded() {
    need!(unified(), "cgroup v1 has no threaded cgroups");
    let s = Sandbox::planned("", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    let threaded = s.dir("").join("threaded");
    fs::create_dir(&threaded).unwrap();
    fs::write(threaded.join("cgroup.type"), "threaded").unwrap();
    // Another program made this directory, and left it "domain invalid".
    fs::create_dir(threaded.join("c")).unwrap();
    for below in ["a/b", "c/d"] {
        let leaf = manager(&format!("{}/threaded/{below}", s.name), "{}");
        leaf.apply(NOBODY, false).unwrap();
        let kind = fs::read_to_string(dir(&leaf, "").join("cgroup.type")).unwrap();
        assert_eq!(kind.trim(), "threaded", "{below}");
    }
}

/// vCPU threads in a threaded child make the sandbox's cgroup "domain threaded".
#[test]
fn second_process_can_join_beside_threaded_vcpus() {
    need!(unified(), "cgroup v1 has no threaded cgroups");
    let mut s = Sandbox::empty(r#"{"memory":{"limit":268435456}}"#);
    let pid = s.helper("threads");
    eventually("threads", || tids(pid).len() == 5);
    s.manager.apply(pid, true).unwrap();
    let how = katacg::Add { threads: true, subcgroup: b"vcpu", create: true };
    s.manager.add(&tids(pid)[3..], how).unwrap();
    let second = s.child();
    s.manager.apply(second, true).unwrap();
    assert_eq!(Sandbox::cgroup_of(second, ""), s.name);
}

#[test]
fn exclusive_apply_fails_where_the_cgroup_exists() {
    let s = Sandbox::empty("{}");
    let error = s.manager.apply_exclusively(NOBODY, true).unwrap_err();
    assert_eq!(error.errno(), rustix::io::Errno::EXIST, "{error}");
    assert!(error.to_string().contains(&s.name), "{error}");
    assert!(s.manager.exists().unwrap());
    s.manager.destroy().unwrap();
    s.manager.apply_exclusively(NOBODY, true).unwrap();
    // Without the flag, apply joins the existing cgroup.
    s.manager.apply(NOBODY, true).unwrap();
    s.manager.destroy().unwrap();
}
