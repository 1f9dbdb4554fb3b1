// SPDX-License-Identifier: Apache-2.0

//! The advice, given directories of plain files that play the kernel. Each test starts from a write
//! that has failed; tests/live has real refusals of the kernel of a v1 host.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::io::Errno;

use super::task::{explain as explain_move, Numbers};
use super::*;
use crate::cgroupfs::cgroup::OpenHierarchy;
use crate::error::Code;
use crate::host::{HostInfo, Sources, Version};

/// A directory that plays a hierarchy.
struct Fake {
    root: PathBuf,
    open: OpenHierarchy,
}

impl Fake {
    fn new(version: Version, files: &[(&str, &str)]) -> Fake {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("katacg-advice-{}-{number}", std::process::id());
        let root = std::env::temp_dir().join(name);
        let (kind, options) = match version {
            Version::V1 => ("cgroup", "rw,cpu,cpuset,memory"),
            Version::V2 => ("cgroup2", "rw"),
        };
        let mountinfo = format!("30 20 0:30 / {} rw - {kind} none {options}\n", root.display());
        let sources = Sources { mountinfo: mountinfo.as_bytes(), ..Sources::default() };
        for (file, text) in files {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let info = HostInfo::parse(sources).unwrap();
        let open = OpenHierarchy::open_any(&info.hierarchies[0]).unwrap();
        Fake { root, open }
    }

    /// Returns what the advice adds to the error of a write to the cgroup /a/b.
    fn advice(&self, file: &'static str, value: &str, errno: Errno) -> String {
        self.error(file, value, errno).1
    }

    fn error(&self, file: &'static str, value: &str, errno: Errno) -> (Error, String) {
        let cgroup = self.open.cgroup(b"a/b");
        let bare = Error::write(&cgroup.absolute(file), value.as_bytes(), errno);
        let before = bare.to_string();
        let error = explain(cgroup, file, value, bare);
        let text = error.to_string().replace(&format!("{}/", self.root.display()), "/");
        let before = before.replace(&format!("{}/", self.root.display()), "/");
        let advice = text.replacen(&before, "", 1);
        (error, advice.strip_prefix("; ").unwrap_or(&advice).to_owned())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

const INVAL: Errno = Errno::INVAL;

fn v1(files: &[(&str, &str)]) -> Fake {
    Fake::new(Version::V1, files)
}

fn v2(files: &[(&str, &str)]) -> Fake {
    Fake::new(Version::V2, files)
}

#[test]
fn advice_names_the_range_of_quota_and_period() {
    let v1 = v1(&[("a/b/cpu.cfs_quota_us", "-1\n"), ("a/b/cpu.cfs_period_us", "100000\n")]);
    let quota = "the kernel's minimum quota is 1000 µs";
    let period = "the kernel's period is 1000 to 1000000 µs";
    assert_eq!(v1.advice("cpu.cfs_quota_us", "500", INVAL), quota);
    assert_eq!(v1.advice("cpu.cfs_quota_us", "50000", INVAL), "");
    assert_eq!(v1.advice("cpu.cfs_period_us", "999", INVAL), period);
    assert_eq!(v1.advice("cpu.cfs_period_us", "1000001", INVAL), period);
    let v2 = v2(&[("a/b/cpu.max", "max 100000\n")]);
    assert_eq!(v2.advice("cpu.max", "999 100000", INVAL), quota);
    assert_eq!(v2.advice("cpu.max", "0", INVAL), quota);
    assert_eq!(v2.advice("cpu.max", "max 999", INVAL), period);
    assert_eq!(v2.advice("cpu.max", "max 100000", INVAL), "");
}

#[test]
fn advice_names_the_quota_or_the_burst() {
    let v1 = v1(&[
        ("a/b/cpu.cfs_quota_us", "20000\n"),
        ("a/b/cpu.cfs_period_us", "100000\n"),
        ("a/b/cpu.cfs_burst_us", "15000\n"),
    ]);
    let burst = "the burst may not exceed the quota, which is 20000 µs";
    let quota = "the quota may not be below the burst, which is 15000 µs";
    assert_eq!(v1.advice("cpu.cfs_burst_us", "20001", INVAL), burst);
    assert_eq!(v1.advice("cpu.cfs_burst_us", "20000", INVAL), "");
    assert_eq!(v1.advice("cpu.cfs_quota_us", "14999", INVAL), quota);
    let v2 = v2(&[("a/b/cpu.max", "20000 100000\n"), ("a/b/cpu.max.burst", "15000\n")]);
    assert_eq!(v2.advice("cpu.max.burst", "20001", INVAL), burst);
    assert_eq!(v2.advice("cpu.max", "14999 100000", INVAL), quota);
}

#[test]
fn advice_names_the_ancestor_or_the_child_with_a_quota() {
    let fake = v1(&[
        ("cpu.cfs_quota_us", "50000\n"),
        ("cpu.cfs_period_us", "100000\n"),
        ("a/cpu.cfs_quota_us", "-1\n"),
        ("a/cpu.cfs_period_us", "100000\n"),
        ("a/b/cpu.cfs_quota_us", "40000\n"),
        ("a/b/cpu.cfs_period_us", "100000\n"),
        ("a/b/c/cpu.cfs_quota_us", "5000\n"),
        ("a/b/c/cpu.cfs_period_us", "25000\n"),
    ]);
    let root = fake.root.display();
    let above = format!(
        "the share may not exceed that of an ancestor: {root} has 50000 µs in each 100000 µs"
    );
    assert_eq!(fake.advice("cpu.cfs_quota_us", "50001", INVAL), above);
    assert_eq!(fake.advice("cpu.cfs_period_us", "50000", INVAL), above);
    let below = "the child cgroup /a/b/c has more: 5000 µs in each 25000 µs; lower it first";
    assert_eq!(fake.advice("cpu.cfs_quota_us", "19999", INVAL), below);
    assert_eq!(fake.advice("cpu.cfs_quota_us", "20000", INVAL), "");
}

#[test]
fn advice_names_the_range_of_a_number() {
    let fake = v2(&[("a/b/cgroup.controllers", "pids cpu io\n")]);
    for (file, value, range) in [
        (
            "pids.max",
            "4194305",
            "0 to 4194304 here; no limit is -1 in the resources, max in the file",
        ),
        ("cpu.weight", "10001", "1 to 10000 here"),
        ("cpu.weight.nice", "-21", "-20 to 19 here"),
        ("io.bfq.weight", "8:0 1001", "1 to 1000 here"),
        ("io.weight", "default 0", "1 to 10000 here"),
        ("blkio.bfq.weight", "1001", "1 to 1000 here"),
        (
            "pids.max",
            "99999999999999999999",
            "0 to 4194304 here; no limit is -1 in the resources, max in the file",
        ),
    ] {
        for errno in [Errno::INVAL, Errno::RANGE] {
            assert_eq!(fake.advice(file, value, errno), format!("the kernel takes {range}"));
        }
    }
    assert_eq!(fake.advice("pids.max", "7", INVAL), "");
    assert_eq!(fake.advice("pids.max", "max", INVAL), "");
}

#[test]
fn advice_says_that_an_idle_cgroup_takes_no_weight() {
    let fake = v2(&[("a/b/cpu.idle", "1\n")]);
    let idle = "an idle cgroup (cpu.idle 1) takes no weight; set cpu.idle to 0 as well";
    assert_eq!(fake.advice("cpu.weight", "100", INVAL), idle);
    assert_eq!(fake.advice("cpu.shares", "1024", INVAL), idle);
    assert_eq!(v2(&[("a/b/cpu.idle", "0\n")]).advice("cpu.weight", "100", INVAL), "");
}

#[test]
fn advice_names_the_period_or_the_realtime_of_the_parent() {
    let fake = v1(&[
        ("a/cpu.rt_runtime_us", "500\n"),
        ("a/cpu.rt_period_us", "1000000\n"),
        ("a/b/cpu.rt_runtime_us", "0\n"),
        ("a/b/cpu.rt_period_us", "1000\n"),
    ]);
    let own = "the runtime 1001 µs may not exceed the period 1000 µs";
    assert_eq!(fake.advice("cpu.rt_runtime_us", "1001", INVAL), own);
    let parent = "the children of /a share its realtime runtime, 500 µs in each 1000000 µs";
    assert_eq!(fake.advice("cpu.rt_runtime_us", "900", INVAL), parent);
}

#[test]
fn advice_names_the_other_memory_limit() {
    let fake = v1(&[
        ("a/b/memory.limit_in_bytes", "4096000\n"),
        ("a/b/memory.memsw.limit_in_bytes", "8192000\n"),
    ]);
    let above = "memory may not exceed memory+swap (swap), which is 8192000; raise swap as well";
    let below = "memory+swap (swap) may not be below the memory limit, which is 4096000";
    assert_eq!(fake.advice("memory.limit_in_bytes", "8196096", INVAL), above);
    assert_eq!(fake.advice("memory.limit_in_bytes", "-1", INVAL), above);
    assert_eq!(fake.advice("memory.memsw.limit_in_bytes", "4091904", INVAL), below);
    assert_eq!(fake.advice("memory.memsw.limit_in_bytes", "8192000", INVAL), "");
}

#[test]
fn advice_names_the_cpus_and_nodes_of_the_host() {
    let online = |what: &str| {
        let path = format!("/sys/devices/system/{what}/online");
        std::fs::read_to_string(path).map(|text| text.trim().to_owned())
    };
    let fake = v2(&[("a/b/cpuset.cpus", "\n")]);
    for errno in [Errno::INVAL, Errno::RANGE] {
        if let Ok(cpus) = online("cpu") {
            let has = format!("this host has the CPUs {cpus}");
            assert_eq!(fake.advice("cpuset.cpus", "60000", errno), has);
            assert_eq!(fake.advice("cpus", "0,60000-60001", errno), has);
        }
        if let Ok(nodes) = online("node") {
            let has = format!("this host has the memory nodes {nodes}");
            assert_eq!(fake.advice("cpuset.mems", "0-60000", errno), has);
        }
        let list = "CPUs are a list such as 0-2,5";
        assert_eq!(fake.advice("cpuset.cpus", "0x3", errno), list);
    }
}

#[test]
fn advice_names_the_cpus_of_the_parent_or_a_child() {
    let fake = v1(&[
        ("a/cpuset.cpus", "0\n"),
        ("a/cpuset.mems", "\n"),
        ("a/b/cpuset.cpus", "0-3\n"),
        ("a/b/c/cpuset.cpus", "2\n"),
    ]);
    let (access, busy) = (Errno::ACCESS, Errno::BUSY);
    let parent = "the parent cgroup /a has the CPUs 0";
    assert_eq!(fake.advice("cpuset.cpus", "0-1", access), parent);
    let parent = "the parent cgroup /a has no memory nodes";
    assert_eq!(fake.advice("cpuset.mems", "0", access), parent);
    assert_eq!(fake.advice("cpuset.cpus", "0", access), "");
    let child = "the child cgroup /a/b/c has the CPUs 2";
    assert_eq!(fake.advice("cpuset.cpus", "0-1", busy), child);
    let inside = "a cgroup with processes cannot be left without CPUs";
    assert_eq!(fake.advice("cpuset.cpus", "\n", Errno::NOSPC), inside);
}

#[test]
fn advice_names_an_exclusive_sibling() {
    let mut files = vec![
        ("a/b/cpuset.cpu_exclusive", "0\n"),
        ("a/b/cpuset.cpus", "0\n"),
        ("a/c/cpuset.cpu_exclusive", "1\n"),
        ("a/c/cpuset.cpus", "0\n"),
        ("a/d/cpuset.cpu_exclusive", "0\n"),
        ("a/d/cpuset.cpus", "0\n"),
    ];
    let sibling = "CPUs are exclusive (cpuset.cpu_exclusive): the sibling /a/c has 0";
    assert_eq!(v1(&files).advice("cpuset.cpus", "0", INVAL), sibling);
    files[0].1 = "1\n";
    files[2].1 = "0\n";
    assert_eq!(v1(&files).advice("cpuset.cpus", "0", INVAL), sibling);
    files[0].1 = "0\n";
    assert_eq!(v1(&files).advice("cpuset.cpus", "0", INVAL), "");
}

#[test]
fn advice_names_a_missing_disk() {
    let fake = v2(&[("a/b/io.max", "")]);
    let none = "no disk of this host has the number 259:77; limits are for whole disks, not for \
                partitions";
    assert_eq!(fake.advice("io.max", "259:77 rbps=1", Errno::NODEV), none);
    assert_eq!(fake.advice("blkio.throttle.read_bps_device", "259:77 1", Errno::NODEV), none);
}

#[test]
fn removed_cgroup_is_no_missing_disk() {
    let fake = v2(&[("a/io.max", "")]);
    let (error, _) = fake.error("io.max", "259:77 rbps=1", Errno::NODEV);
    assert_eq!(error.code(), Code::Deleted);
}

/// A v2 host; `/a` is the parent of the cgroup.
fn unified(parent: &[(&'static str, &'static str)]) -> Fake {
    let mut files = vec![
        ("cgroup.controllers", "cpu memory pids\n"),
        ("cgroup.subtree_control", "cpu memory pids\n"),
        ("cgroup.procs", "1\n"),
        ("a/cgroup.controllers", "cpu memory pids\n"),
        ("a/cgroup.subtree_control", "\n"),
        ("a/cgroup.type", "domain\n"),
        ("a/cgroup.procs", ""),
        ("a/b/cgroup.controllers", "\n"),
        ("a/b/cgroup.type", "domain\n"),
    ];
    for (file, text) in parent {
        files.retain(|(name, _)| name != file);
        files.push((file, text));
    }
    v2(&files)
}

#[test]
fn advice_says_that_processes_keep_a_controller_off() {
    for (file, errno) in [("memory.max", Errno::NOENT), ("memory.max", Errno::ACCESS)] {
        let fake = unified(&[("a/cgroup.procs", "17\n")]);
        let (error, advice) = fake.error(file, "1", errno);
        assert_eq!(error.code(), Code::Controller);
        assert_eq!(
            advice,
            "controller memory is not available here; /a has processes, so the kernel turns no \
             controller on for its children; move the processes to a leaf; available: none"
        );
    }
}

#[test]
fn advice_names_the_file_in_which_a_controller_is_off() {
    let fake = unified(&[("a/b/cgroup.controllers", "pids\n")]);
    assert_eq!(
        fake.advice("memory.max", "1", Errno::NOENT),
        "controller memory is not available here; it is not turned on in \
         /a/cgroup.subtree_control; available: pids"
    );
    // The root of all cgroups has processes and may turn controllers on.
    let fake = unified(&[("cgroup.subtree_control", ""), ("a/cgroup.controllers", "")]);
    let advice = fake.advice("memory.max", "1", Errno::NOENT);
    assert!(advice.contains("is not turned on in"), "{advice}");
    // A container's own root is no root to the kernel.
    let fake = unified(&[
        ("cgroup.subtree_control", ""),
        ("cgroup.type", "domain\n"),
        ("a/cgroup.controllers", ""),
    ]);
    let advice = fake.advice("memory.max", "1", Errno::NOENT);
    assert!(advice.contains("has processes"), "{advice}");
}

#[test]
fn advice_names_the_ancestor_that_lacks_a_controller() {
    let advice = unified(&[]).advice("hugetlb.2MB.max", "1", Errno::NOENT);
    assert!(advice.contains("does not have it; available: none"), "{advice}");
    let fake = unified(&[("a/cgroup.type", "domain threaded\n")]);
    let advice = fake.advice("memory.max", "1", Errno::NOENT);
    assert!(advice.contains("/a is domain threaded, so its children cannot have it"), "{advice}");
}

#[test]
fn advice_suggests_the_nearest_name() {
    let fake = unified(&[
        ("a/b/cgroup.controllers", "memory\n"),
        ("a/b/memory.max", "max\n"),
        ("a/b/memory.low", "0\n"),
    ]);
    let advice = fake.advice("memory.mxa", "1", Errno::NOENT);
    assert_eq!(advice, "this kernel does not have the file; did you mean memory.max?");
    let advice = fake.advice("memroy.max", "1", Errno::NOENT);
    assert!(advice.contains("memroy is not available here; did you mean memory?"), "{advice}");
    let advice = fake.advice("memory.limit_in_bytes", "1", Errno::NOENT);
    assert_eq!(advice, "it is a file of cgroup v1, and this is cgroup v2");
    let advice = fake.advice("memory.zswap.writeback", "1", Errno::NOENT);
    assert!(advice.starts_with("this kernel does not have the file; it needs Linux 6.8"));
    let v1 = v1(&[("a/b/cpu.shares", "1024\n")]);
    let advice = v1.advice("cpu.share", "1", Errno::NOENT);
    assert_eq!(advice, "this kernel does not have the file; did you mean cpu.shares?");
    let advice = v1.advice("cpu.weight", "1", Errno::NOENT);
    assert_eq!(advice, "it is a file of cgroup v2, and this is cgroup v1");
    let advice = v1.advice("cpu.cfs_burst_us", "1", Errno::NOENT);
    assert!(advice.starts_with("this kernel does not have the file; it needs Linux 5.14"));
}

#[test]
fn advice_explains_a_delegation_boundary() {
    let fake = v2(&[("a/b/cgroup.procs", "")]);
    let moved = |errno| {
        let cgroup = fake.open.cgroup(b"a/b");
        explain_move(cgroup, "77", Error::write(b"cgroup.procs", b"77", errno)).to_string()
    };
    let border = "77 is in a cgroup outside the caller's cgroup namespace";
    assert!(moved(Errno::NOENT).contains(border));
    assert!(moved(Errno::NOENT).ends_with("the namespace's root is a delegation boundary"));
    assert!(moved(Errno::ACCESS).contains("write access to cgroup.procs of the nearest cgroup"));
    assert!(fake.advice("cgroup.procs", "77", Errno::NOENT).contains(border));
    assert!(moved(Errno::SRCH).ends_with("No such process; it has ended"));
}

#[test]
fn kernel_threads_are_known_by_their_flags() {
    let stat = "2 (kth (x) y) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0 \
                18446744073709551615 0 0 0 0 0 0 0 2147483647 0 0 0 0 0 1 2 0 0 0 0";
    assert_eq!(Numbers::parse(stat), Some(Numbers { flags: 0x0020_8040, policy: 0 }));
    assert_eq!(Numbers::parse("1 (x) S 0"), None);
    let own = std::fs::read_to_string("/proc/self/stat").unwrap();
    assert_eq!(Numbers::parse(&own).unwrap().flags & 0x0020_0000, 0);
    // Where this PID namespace has kernel threads, process 2 is their parent.
    if std::fs::read_to_string("/proc/2/comm").is_ok_and(|name| name == "kthreadd\n") {
        let fake = v2(&[("a/b/cgroup.procs", "")]);
        let advice = "2 is a kernel thread that the kernel does not allow to be moved";
        assert_eq!(fake.advice("cgroup.procs", "2", INVAL), advice);
    }
}
