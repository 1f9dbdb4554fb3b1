// SPDX-License-Identifier: Apache-2.0

//! A sandbox for one test: a cgroup and child processes, which are removed at the end.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::alone::beside_others;
use katacg::host::{Hierarchy, HostInfo, Version};
use katacg::resources::parse;
use katacg::{Code, Result};
use katacg::{Config, Flags, Host, Manager, NOBODY};

/// Ends the test with a printed reason; the runner counts the skipped tests.
macro_rules! skip {
    ($($reason:tt)*) => {{
        let name = std::thread::current().name().unwrap_or("?").to_owned();
        println!("SKIPPED {name}: {}", format_args!($($reason)*));
        return;
    }};
}

/// Skips the test unless the condition holds.
macro_rules! need {
    ($condition:expr, $($reason:tt)*) => {
        if !$condition {
            skip!($($reason)*);
        }
    };
}

pub fn shared() -> Arc<Host> {
    Arc::new(Host::read().unwrap())
}

/// Returns the number of rounds of a loop that has `full` rounds on real hardware.
/// `KATACG_LIVE_DIVIDE` shortens the loops in an emulated machine, where a system call takes thirty
/// times as long.
pub fn rounds(full: usize) -> usize {
    let divide = std::env::var("KATACG_LIVE_DIVIDE").ok().and_then(|text| text.parse().ok());
    (full / divide.unwrap_or(1)).max(full.min(20))
}

pub fn unified() -> bool {
    HostInfo::read().unwrap().is_unified()
}

/// Whether the library writes a resource to v2 files on this host.
pub fn on_v2(v1: &str, v2: &str) -> bool {
    let shared = shared();
    let host = shared.info();
    host.is_unified() || host.find(v1).is_none() && host.cgroup2_with(v2).is_some()
}

/// Whether the host has a controller, by its v1 or its v2 name.
pub fn has(v1: &str, v2: &str) -> bool {
    let shared = shared();
    let host = shared.info();
    host.find(v1).is_some() || host.cgroup2_with(v2).is_some()
}

/// Returns a name that no other test has, `/katacg-test-…`.
pub fn name() -> String {
    beside_others();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("/katacg-test-{}-{number}-{}", std::process::id(), clock.subsec_nanos())
}

pub fn config(path: &str, json: &str) -> Config {
    Config {
        path: path.into(),
        resources: parse::resources(json.as_bytes()).unwrap(),
        flags: Flags { skip_devices: true, ..Flags::default() },
        ..Config::default()
    }
}

pub fn manager(path: &str, json: &str) -> Manager {
    Manager::new(shared(), config(path, json)).unwrap()
}

/// A manager, the name of its top cgroup, and the test's children.
pub struct Sandbox {
    pub manager: Manager,
    pub name: String,
    children: Vec<Child>,
}

impl Sandbox {
    /// Creates the cgroup, without a process.
    pub fn empty(json: &str) -> Sandbox {
        let name = name();
        let sandbox = Sandbox { manager: manager(&name, json), name, children: Vec::new() };
        sandbox.manager.apply(NOBODY, true).unwrap();
        sandbox
    }

    /// Makes a manager whose cgroup does not exist yet.
    pub fn planned(path_below: &str, json: &str) -> Sandbox {
        let name = name();
        let manager = manager(&format!("{name}{path_below}"), json);
        Sandbox { manager, name, children: Vec::new() }
    }

    /// Creates the cgroup, with a sleeping child inside.
    pub fn new(json: &str) -> Sandbox {
        let mut sandbox = Sandbox::empty(json);
        let pid = sandbox.child();
        sandbox.manager.apply(pid, false).unwrap();
        sandbox
    }

    /// Starts a sleeping child outside the cgroup.
    pub fn child(&mut self) -> i32 {
        self.spawn(Command::new("sleep").arg("600"))
    }

    pub fn spawn(&mut self, command: &mut Command) -> i32 {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        self.children.push(child);
        pid
    }

    /// Whether a child has ended. A child that ended with a failure fails the test.
    pub fn ended(&mut self, pid: i32) -> bool {
        let child = self.children.iter_mut().find(|c| i32::try_from(c.id()) == Ok(pid)).unwrap();
        match child.try_wait().unwrap() {
            None => false,
            Some(status) => {
                assert!(status.success(), "{status}");
                true
            }
        }
    }

    /// Starts a child outside the cgroup that runs one of the helpers below.
    pub fn helper(&mut self, what: &str) -> i32 {
        let exe = std::env::current_exe().unwrap();
        let mut command = Command::new(exe);
        command.args(["--exact", "fixture::helper", "--nocapture", "--test-threads=1"]);
        self.spawn(command.env("KATACG_TEST_HELPER", what).stderr(Stdio::null()))
    }

    pub fn set(&self, json: &str) -> Result<Vec<String>> {
        self.manager.set(&parse::resources(json.as_bytes()).unwrap())
    }

    /// Returns the cgroup's directory of a subsystem.
    pub fn dir(&self, subsystem: &str) -> PathBuf {
        dir(&self.manager, subsystem)
    }

    /// Returns a file's contents. The first part of the file's name is the controller.
    pub fn file(&self, file: &str) -> String {
        let path = self.path(file);
        fs::read_to_string(&path)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
            .trim()
            .into()
    }

    pub fn has_file(&self, file: &str) -> bool {
        let controller = file.split('.').next().unwrap();
        let any = |name| self.manager.path(name).is_ok();
        (any(controller) || any("")) && self.path(file).exists()
    }

    fn path(&self, file: &str) -> PathBuf {
        let controller = file.split('.').next().unwrap();
        let known = |c: &str| self.manager.path(c).is_ok();
        let subsystem = if known(controller) { controller } else { "" };
        self.dir(subsystem).join(file)
    }

    /// Kills and reaps the children.
    pub fn end_children(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.children.clear();
    }

    /// Returns the cgroup of a task in one hierarchy (`""` for cgroup2).
    pub fn cgroup_of(pid: i32, controller: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        let line = |line: &str| {
            let mut fields = line.splitn(3, ':');
            let (_, names, path) = (fields.next()?, fields.next()?, fields.next()?);
            names.split(',').any(|n| n == controller).then(|| path.to_owned())
        };
        text.lines().find_map(line).unwrap_or_else(|| panic!("{controller} in {text}"))
    }
}

/// Thaws a cgroup and its descendants. A frozen process does not die on v1, and waiting for it
/// would hang.
fn thaw(at: &Path) {
    let _ = fs::write(at.join("freezer.state"), "THAWED");
    let _ = fs::write(at.join("cgroup.freeze"), "0");
    for below in fs::read_dir(at).into_iter().flatten().flatten() {
        if below.file_type().is_ok_and(|kind| kind.is_dir()) {
            thaw(&below.path());
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for (_, path) in manager(&self.name, "{}").paths() {
            thaw(Path::new(std::ffi::OsStr::from_bytes(&path)));
        }
        self.end_children();
        let left = manager(&self.name, "{}");
        if let Err(e) = left.destroy() {
            println!("left behind: {e}");
        }
    }
}

/// A new cgroup of one hierarchy, empty and with every controller enabled that the hierarchy has.
pub struct Fresh {
    pub version: Version,
    pub controllers: Vec<String>,
    /// The names and modes of its files.
    pub files: Vec<(String, u32)>,
    parent: PathBuf,
}

impl Fresh {
    /// Creates one in each hierarchy in which this user may create cgroups.
    pub fn in_all_hierarchies() -> Vec<Fresh> {
        let host = HostInfo::read().unwrap();
        // With noprefix the files of cpuset have other names.
        let hierarchies = host.hierarchies.iter().filter(|h| !h.noprefix);
        hierarchies.filter_map(|h| Fresh::create(&host, h)).collect()
    }

    fn create(host: &HostInfo, hierarchy: &Hierarchy) -> Option<Fresh> {
        let (version, controllers) = (hierarchy.version, &hierarchy.controllers);
        let top = Path::new(std::ffi::OsStr::from_bytes(&hierarchy.mountpoint));
        let parent = top.join(name().trim_start_matches('/'));
        fs::create_dir(&parent).ok()?;
        let (controllers, files) = (controllers.clone(), Vec::new());
        let mut fresh = Fresh { version, controllers, files, parent };
        if version == Version::V2 {
            for controller in &fresh.controllers {
                // A test enables nothing in the root of a hybrid host's cgroup2.
                let shared = host.is_unified().then_some(top);
                for at in shared.into_iter().chain([&*fresh.parent]) {
                    let _ = fs::write(at.join("cgroup.subtree_control"), format!("+{controller}"));
                }
            }
        }
        let child = fresh.parent.join("child");
        fs::create_dir(&child).unwrap();
        if version == Version::V2 {
            let enabled = fs::read_to_string(child.join("cgroup.controllers")).unwrap();
            fresh.controllers = enabled.split_whitespace().map(str::to_owned).collect();
        }
        for entry in fs::read_dir(child).unwrap().map(std::result::Result::unwrap) {
            let file = entry.metadata().unwrap();
            if file.is_file() {
                let mode = file.permissions().mode();
                fresh.files.push((entry.file_name().into_string().unwrap(), mode));
            }
        }
        Some(fresh)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = fs::remove_dir(self.parent.join("child"));
        if let Err(e) = fs::remove_dir(&self.parent) {
            println!("left behind: {}: {e}", self.parent.display());
        }
    }
}

pub fn dir(manager: &Manager, subsystem: &str) -> PathBuf {
    PathBuf::from(String::from_utf8(manager.path(subsystem).unwrap()).unwrap())
}

/// Waits until a condition holds, at most 20 seconds.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process has ended, reaped or not.
pub fn is_dead(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|state| state.is_empty() || state.starts_with(['Z', 'X']))
}

/// Returns the ids of a process's threads in ascending order.
pub fn tids(pid: i32) -> Vec<i32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let mut out: Vec<i32> =
        entries.map(|e| e.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
    out.sort_unstable();
    out
}

/// Runs a helper in a child process (see [`Sandbox::helper`]). Does nothing in a normal test run.
#[test]
fn helper() {
    match std::env::var("KATACG_TEST_HELPER").as_deref() {
        Ok("threads") => {
            for _ in 0..3 {
                std::thread::spawn(|| std::thread::sleep(Duration::from_secs(600)));
            }
            std::thread::sleep(Duration::from_secs(600));
        }
        Ok("memory") => {
            // Waits until the test has moved this process in the hierarchy of memory, which can be
            // the last one, then uses 32 MiB.
            let me = i32::try_from(std::process::id()).unwrap();
            let memory = if on_v2("memory", "memory") { "" } else { "memory" };
            eventually("moved", || Sandbox::cgroup_of(me, memory).contains("katacg-test-"));
            let block = vec![1u8; 32 << 20];
            std::thread::sleep(Duration::from_secs(600));
            drop(block);
        }
        Ok("rootless") => rootless(),
        Ok("terminates") => {
            let error = manager(&there(), "{}").kill(rustix::process::Signal::TERM).unwrap_err();
            assert_eq!(error.sys_errno(), Some(rustix::io::Errno::PERM), "{error}");
            println!("{error}");
        }
        Ok("not-its-cpus") => {
            let cpus = parse::resources(br#"{"cpu":{"cpus":"0"}}"#).unwrap();
            let error = manager(&there(), "{}").set(&cpus).unwrap_err();
            assert_eq!(error.sys_errno(), Some(rustix::io::Errno::ACCESS), "{error}");
            println!("{error}");
        }
        Ok("freezes-itself") => {
            let own = manager(&name(), "{}");
            own.apply(i32::try_from(std::process::id()).unwrap(), false).unwrap();
            let error = own.freeze(Duration::from_secs(5)).unwrap_err();
            let parent = own.parent().unwrap();
            own.move_to(&parent).unwrap();
            own.destroy().unwrap();
            assert_eq!(error.code(), Code::Argument, "{error}");
        }
        _ => {}
    }
}

/// Returns the path that the test has given to its helper.
fn there() -> String {
    std::env::var("KATACG_TEST_PATH").unwrap()
}

/// Checks that a caller without privilege goes without a cgroup, or gets a clear error for limits.
fn rootless() {
    let made = |path: &str, json: &str, implicit| {
        let config = Config { implicit, ..config(path, json) };
        Manager::new(shared(), config).unwrap()
    };
    assert!(shared().info().rootless);
    // runtime#2419: the caller set neither a path nor limits, so it goes without a cgroup.
    let without = made("sandbox", "{}", true);
    let applied = without.apply(NOBODY, true).unwrap();
    assert!(applied.dropped > 0, "{applied:?}");
    assert_eq!(without.pids().unwrap_err().code(), Code::Rootless);
    assert!(!without.exists().unwrap());
    let own = i32::try_from(std::process::id()).unwrap();
    let nowhere = without.add(&[own], katacg::Add::default()).unwrap_err();
    assert_eq!(nowhere.code(), Code::Rootless, "{nowhere}");
    without.destroy().unwrap();
    let limited = made("sandbox", r#"{"pids":{"limit":5}}"#, true);
    let error = limited.apply(NOBODY, true).unwrap_err();
    assert_eq!(error.code(), Code::Rootless, "{error}");
    assert!(error.to_string().contains("limits need a cgroup"), "{error}");
    let explicit = made("/sandbox", "{}", false).apply(NOBODY, true).unwrap_err();
    assert_eq!(explicit.sys_errno(), Some(rustix::io::Errno::ACCESS), "{explicit}");
    println!("as it should be");
}
