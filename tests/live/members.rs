// SPDX-License-Identifier: Apache-2.0

//! Adding, listing and moving processes and threads.

use std::sync::Arc;

use katacg::Code;
use katacg::{Add, Host, Manager, NOBODY};

use crate::fixture::*;

const THREADS: Add<'static> = Add { threads: true, subcgroup: b"", create: false };

#[test]
fn add_moves_several_processes() {
    let mut s = Sandbox::empty("{}");
    let mut pids: Vec<i32> = (0..5).map(|_| s.child()).collect();
    s.manager.add(&pids, Add::default()).unwrap();
    pids.sort_unstable();
    let mut found = s.manager.pids().unwrap();
    found.sort_unstable();
    assert_eq!(found, pids);
    for (subsystem, _) in s.manager.paths() {
        assert_eq!(Sandbox::cgroup_of(pids[4], subsystem), s.name, "{subsystem}");
    }
}

#[test]
fn add_with_a_dead_process_moves_no_process() {
    let mut s = Sandbox::empty("{}");
    let dead = s.child();
    s.end_children();
    let pids = [s.child(), dead, s.child()];
    let error = s.manager.add(&pids, Add::default()).unwrap_err();
    assert!(error.to_string().contains(&dead.to_string()), "{error}");
    assert_eq!(s.manager.pids().unwrap(), [] as [i32; 0]);
    let error = s.manager.add(&[0], Add::default()).unwrap_err();
    assert_eq!(error.code(), Code::Argument);
}

#[test]
fn v1_moves_single_threads_and_leaves_their_process() {
    need!(!unified(), "cgroup v2 moves threads within a threaded subtree");
    let mut s = Sandbox::empty("{}");
    let pid = s.helper("threads");
    eventually("threads", || tids(pid).len() == 5);
    let vcpus: Vec<i32> = tids(pid)[3..].to_vec();
    // Kata's subsystems for vCPUs. cgroup2 of a hybrid host moves no single threads.
    let subsystems =
        ["cpu", "cpuacct", "cpuset"].into_iter().filter(|c| shared().info().find(c).is_some());
    let config = katacg::Config {
        subsystems: subsystems.map(str::to_owned).collect(),
        ..config(&s.name, "{}")
    };
    let vcpu = katacg::Manager::new(shared(), config).unwrap();
    vcpu.add(&vcpus, THREADS).unwrap();
    assert_eq!(vcpu.threads().unwrap(), vcpus);
    let own = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(!own.contains(&s.name), "the process was moved: {own}");
    // kata#4886: the cgroup lists the process, although only two of its threads are inside.
    assert_eq!(vcpu.pids().unwrap(), [pid]);
    // A move of the process also moves these threads. When it fails, they move back, too.
    let failing = manager(&format!("{}-failing", s.name), "{}");
    failing.apply(NOBODY, false).unwrap();
    let (last, _) = failing.paths().last().unwrap();
    std::fs::remove_dir(dir(&failing, last)).unwrap();
    let error = failing.add(&[pid], Add::default()).unwrap_err();
    assert!(!error.to_string().contains("could not be undone"), "{error}");
    assert_eq!(vcpu.threads().unwrap(), vcpus);
    assert!(!Sandbox::cgroup_of(pid, "cpu").contains(&s.name));
    failing.destroy().unwrap();
    let other = manager(&format!("{}-other", s.name), "{}");
    other.apply(NOBODY, false).unwrap();
    let target = katacg::Manager::new(
        shared(),
        katacg::Config { path: format!("{}-other", s.name).into(), ..vcpu.config().clone() },
    );
    vcpu.move_to(&target.unwrap()).unwrap();
    let own = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(!own.contains(&s.name), "{own}");
    assert!(Sandbox::cgroup_of(vcpus[0], "cpu").ends_with("-other"));
    s.end_children();
    eventually("removed", || other.destroy().is_ok());
}

#[test]
fn v2_moves_single_threads_into_a_threaded_subcgroup() {
    need!(unified(), "cgroup v1 has no threaded cgroups");
    let mut s = Sandbox::empty("{}");
    let pid = s.helper("threads");
    eventually("threads", || tids(pid).len() == 5);
    let vcpus: Vec<i32> = tids(pid)[3..].to_vec();
    s.manager.apply(pid, false).unwrap();
    let add = Add { threads: true, subcgroup: b"vcpu", create: true };
    s.manager.add(&vcpus, add).unwrap();
    let sub = manager(&format!("{}/vcpu", s.name), "{}");
    assert_eq!(sub.threads().unwrap(), vcpus);
    // runc#4097: a threaded cgroup can be read.
    assert_eq!(sub.pids().unwrap(), vcpus);
    assert_eq!(Sandbox::cgroup_of(pid, ""), s.name, "the process was moved");
    assert_eq!(s.manager.threads().unwrap().len(), 3);
    // all_pids lists the threads' process once.
    assert_eq!(s.manager.all_pids().unwrap(), [pid]);
    assert_eq!(sub.all_pids().unwrap(), vcpus);
    // A threaded subcgroup can lie at any depth.
    let one = Add { threads: true, subcgroup: b"vcpus/one", create: true };
    s.manager.add(&vcpus[..1], one).unwrap();
    assert_eq!(Sandbox::cgroup_of(vcpus[0], ""), format!("{}/vcpus/one", s.name));
    assert_eq!(s.manager.all_pids().unwrap(), [pid]);
}

#[test]
fn add_to_a_subcgroup_refuses_paths_that_leave_the_cgroup() {
    let mut s = Sandbox::empty("{}");
    let pid = s.child();
    let add = |subcgroup, create| Add { threads: false, subcgroup, create };
    for bad in [&b".."[..], b"../x", b"a/../../x", b"/abs"] {
        let error = s.manager.add(&[pid], add(bad, true)).unwrap_err();
        assert_eq!(error.code(), Code::Path, "{error}");
    }
    let error = s.manager.add(&[pid], add(b"exec", false)).unwrap_err();
    assert_eq!(error.sys_errno(), Some(rustix::io::Errno::NOENT), "{error}");
    s.manager.add(&[pid], add(b"exec", true)).unwrap();
    let subsystem = if unified() { "" } else { "pids" };
    assert_eq!(Sandbox::cgroup_of(pid, subsystem), format!("{}/exec", s.name));
    assert_eq!(s.manager.pids().unwrap(), [] as [i32; 0]);
    assert_eq!(s.manager.all_pids().unwrap(), [pid]);
}

/// runc#2356: a cgroup that enables controllers for its children takes no process.
#[test]
fn add_to_a_cgroup_that_is_no_leaf_advises_using_a_leaf() {
    need!(unified(), "cgroup v1 allows processes in every cgroup");
    let mut s = Sandbox::empty("{}");
    manager(&format!("{}/leaf", s.name), "{}").apply(NOBODY, false).unwrap();
    let pid = s.child();
    let error = s.manager.add(&[pid], Add::default()).unwrap_err();
    assert_eq!(error.sys_errno(), Some(rustix::io::Errno::BUSY), "{error}");
    assert!(error.to_string().contains("use one of its leaves"), "{error}");
    s.manager.add(&[pid], Add { subcgroup: b"leaf", ..Add::default() }).unwrap();
}

#[test]
fn move_to_the_parent_takes_all_processes() {
    let mut s = Sandbox::planned("/sandbox", "{}");
    let (first, second) = (s.child(), s.child());
    s.manager.apply(first, false).unwrap();
    if unified() {
        // The parent must enable no controllers, because then it could hold no processes.
        std::fs::write(s.dir("").parent().unwrap().join("cgroup.subtree_control"), turn_off(&s))
            .unwrap();
    }
    s.manager.add(&[second], Add { subcgroup: b"below", create: true, ..Add::default() }).unwrap();
    let parent = s.manager.parent().unwrap();
    assert!(s.manager.move_to(&parent).unwrap() >= 2);
    assert_eq!(s.manager.all_pids().unwrap(), [] as [i32; 0]);
    let mut found = parent.pids().unwrap();
    found.sort_unstable();
    let mut wanted = [first, second];
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    s.manager.destroy().unwrap();
    assert_eq!(s.manager.move_to(&s.manager).unwrap_err().code(), Code::Argument);
}

/// A runtime makes this move before it enables controllers.
#[test]
fn move_to_a_subcgroup_takes_all_processes() {
    let mut s = Sandbox::new("{}");
    let pid = s.manager.pids().unwrap()[0];
    let leaf = manager(&format!("{}/leaf", s.name), "{}");
    if unified() {
        // apply would enable controllers, which a cgroup with processes cannot do.
        std::fs::create_dir(s.dir("").join("leaf")).unwrap();
    } else {
        leaf.apply(NOBODY, false).unwrap();
    }
    s.manager.move_to(&leaf).unwrap();
    assert_eq!(s.manager.pids().unwrap(), [] as [i32; 0]);
    assert_eq!(leaf.pids().unwrap(), [pid]);
    s.end_children();
}

/// In a hierarchy that only the target has joined, all processes of the source move, too.
#[test]
fn move_to_a_cgroup_in_more_hierarchies_moves_in_all_of_them() {
    let mut s = Sandbox::planned("", "{}");
    let some = katacg::Config { subsystems: vec!["pids".into()], ..config(&s.name, "{}") };
    let some = Manager::new(shared(), some).unwrap();
    some.apply(NOBODY, false).unwrap();
    let pid = s.child();
    some.add(&[pid], Add { subcgroup: b"sub", create: true, ..Add::default() }).unwrap();
    let target = Sandbox::empty("{}");
    some.move_to(&target.manager).unwrap();
    for (subsystem, _) in target.manager.paths() {
        assert_eq!(Sandbox::cgroup_of(pid, subsystem), target.name, "{subsystem}");
    }
    s.end_children();
}

/// The target must exist in each hierarchy.
#[test]
fn move_to_a_partly_removed_cgroup_fails() {
    let mut s = Sandbox::new("{}");
    let target = Sandbox::empty("{}");
    let (last, _) = target.manager.paths().last().unwrap();
    std::fs::remove_dir(target.dir(last)).unwrap();
    let error = s.manager.move_to(&target.manager).unwrap_err();
    assert_eq!(error.sys_errno(), Some(rustix::io::Errno::NOENT), "{error}");
    assert!(error.to_string().contains(&target.name), "{error}");
    s.end_children();
}

fn turn_off(s: &Sandbox) -> String {
    let file = s.dir("").parent().unwrap().join("cgroup.subtree_control");
    let on = std::fs::read_to_string(file).unwrap();
    on.split_whitespace().map(|c| format!("-{c}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn root_cgroup_is_refused_as_a_target_in_strict_mode() {
    let s = Sandbox::empty("{}");
    let strict = |strict| {
        let mut config = config(&s.name, "{}");
        config.flags.strict = strict;
        katacg::Manager::new(shared(), config).unwrap()
    };
    assert_eq!(strict(true).parent().unwrap_err().code(), Code::Path);
    let root = strict(false).parent().unwrap();
    assert_eq!(strict(true).move_to(&root).unwrap_err().code(), Code::Path);
    // These calls would reach every process of the machine, so the library refuses them.
    assert_eq!(root.destroy().unwrap_err().code(), Code::Path);
    assert_eq!(root.set(&root.resources()).unwrap_err().code(), Code::Path);
    assert_eq!(root.apply(-1, false).unwrap_err().code(), Code::Path);
    assert_eq!(root.move_to(&s.manager).unwrap_err().code(), Code::Path);
    // add creates nothing in the root cgroup, nor in the root of the file system.
    let mut s = s;
    let pid = s.child();
    let made = format!("{}-made", s.name);
    let below = made.trim_start_matches('/').as_bytes();
    for create in [true, false] {
        let error = root.add(&[pid], Add { subcgroup: below, create, threads: false }).unwrap_err();
        assert_eq!(error.code(), Code::Path, "{error}");
    }
    assert!(!manager(&made, "{}").exists().unwrap());
    assert!(!std::path::Path::new(&made).exists());
}

#[test]
fn move_between_managers_of_different_hosts_is_refused() {
    let s = Sandbox::new("{}");
    let host = katacg::host::HostInfo::parse(katacg::host::Sources {
        mountinfo: b"30 1 0:30 / /elsewhere rw - cgroup2 cgroup2 rw\n",
        cgroup: b"0::/\n",
        ..Default::default()
    });
    let other = Host::new(host.unwrap());
    let other = Manager::new(Arc::new(other), config("/other", "{}")).unwrap();
    assert_eq!(s.manager.move_to(&other).unwrap_err().code(), Code::Argument);
    assert_eq!(s.manager.pids().unwrap().len(), 1);
}
