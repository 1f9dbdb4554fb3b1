// SPDX-License-Identifier: Apache-2.0

//! A unit for one test, which is removed at the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use katacg::devices::{Access, Devices};
use katacg::host::HostInfo;
use katacg::resources::parse;
use katacg::Result;
use katacg::{Config, Flags, Host, Manager};
use rustix::process::{kill_process, waitpid, Pid, Signal, WaitOptions};

pub use crate::look::*;

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

/// Skips the test where no systemd runs, or none that manages cgroups for this user. With `alone`,
/// no other test runs at the same time.
macro_rules! need_systemd {
    (@ $lock:ident) => {
        need!(crate::fixture::running(), "no systemd runs here");
        need!(
            crate::fixture::root() || crate::fixture::unified(),
            "a user's systemd manages no cgroups on v1"
        );
        let _world = crate::fixture::WORLD.$lock();
    };
    () => {
        need_systemd!(@ read);
    };
    (alone) => {
        need_systemd!(@ write);
    };
}

/// Held for writing by a test that restarts systemd or its bus.
pub static WORLD: RwLock<()> = RwLock::new(());

pub fn running() -> bool {
    fs::symlink_metadata("/run/systemd/system").is_ok()
}

/// Whether the tests use the system's systemd.
pub fn root() -> bool {
    // In a user namespace, a user is root by name, so the test says which bus to use.
    match std::env::var("KATACG_TEST_BUS") {
        Ok(bus) => bus == "system",
        Err(_) => !HostInfo::read().unwrap().rootless,
    }
}

pub fn unified() -> bool {
    HostInfo::read().unwrap().is_unified()
}

/// Whether the host has a controller, by its v1 or its v2 name, and this user may use it.
pub fn has(v1: &str, v2: &str) -> bool {
    // HostInfo::read does not read the controllers of a hybrid host's cgroup2 mount.
    let shared = Host::read().unwrap();
    let host = shared.info();
    if !host.is_unified() {
        return host.find(v1).is_some() || host.cgroup2_with(v2).is_some();
    }
    let at = if root() { String::new() } else { users_cgroup() };
    let path = format!("/sys/fs/cgroup{at}/cgroup.controllers");
    fs::read_to_string(path).unwrap().split_whitespace().any(|c| c == v2)
}

/// Returns the cgroup below which the user's systemd has its units.
pub fn users_cgroup() -> String {
    systemctl(&["show", "-p", "ControlGroup", "--value"]).trim().to_owned()
}

/// Whether a controller is on cgroup2.
pub fn on_v2(v1: &str) -> bool {
    unified() || HostInfo::read().unwrap().find(v1).is_none()
}

/// Returns systemd's version.
pub fn version() -> u32 {
    let text = command("systemctl", &["--version"]);
    text.split_whitespace().nth(1).unwrap().parse().unwrap()
}

pub fn output(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).stdin(Stdio::null()).output().unwrap()
}

/// Starts a sleeping process without a [`Sandbox`]. It does not keep the caller's output open.
pub fn sleeper() -> Child {
    let mut sleep = Command::new("sleep");
    sleep.arg("600").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    sleep.spawn().unwrap()
}

pub fn command(program: &str, args: &[&str]) -> String {
    let output = output(program, args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {} {error}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Runs systemctl, for the user's systemd unless the caller is root.
pub fn systemctl(args: &[&str]) -> String {
    let user: &[&str] = if root() { &[] } else { &["--user"] };
    command("systemctl", &[user, args].concat())
}

/// Held for writing during a [`reload`].
static RELOADING: RwLock<()> = RwLock::new(());

/// Returns after a daemon-reload that began after this call. A reload is slow, so tests that wait
/// at the same time share one.
pub fn reload() {
    static BEGUN: AtomicU32 = AtomicU32::new(0);
    static ONE: Mutex<()> = Mutex::new(());
    let seen = BEGUN.load(Ordering::SeqCst);
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if BEGUN.load(Ordering::SeqCst) == seen {
        let _alone = RELOADING.write().unwrap_or_else(PoisonError::into_inner);
        BEGUN.fetch_add(1, Ordering::SeqCst);
        systemctl(&["daemon-reload"]);
    }
}

/// Waits until a condition holds, at most 20 seconds.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns a name that no other test has.
pub fn name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}n{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

pub fn config(path: &str, json: &str) -> Config {
    Config {
        path: path.into(),
        resources: parse::resources(json.as_bytes()).unwrap(),
        flags: Flags::default(),
        ..Config::default()
    }
}

/// Returns the resources without those for which this host has no controller.
pub fn available(json: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
    if !has("memory", "memory") {
        value.as_object_mut().unwrap().remove("memory");
    }
    if let Some(cpu) = value.get_mut("cpu").filter(|_| !has("cpuset", "cpuset")) {
        cpu.as_object_mut().unwrap().retain(|key, _| key != "cpus" && key != "mems");
    }
    value.to_string()
}

/// A manager of a unit, and the test's children.
pub struct Sandbox {
    pub shared: Arc<Host>,
    pub manager: Manager,
    pub unit: String,
    children: Vec<i32>,
}

impl Sandbox {
    /// Makes a manager of a scope `katacgtest-NAME.scope`, which is not started.
    pub fn planned(json: &str) -> Sandbox {
        Sandbox::changed(json, |_| {})
    }

    /// As `planned`, with a changed configuration.
    pub fn changed(json: &str, change: impl FnOnce(&mut Config)) -> Sandbox {
        let name = name();
        let mut config = config(&format!(":katacgtest:{name}"), json);
        change(&mut config);
        Sandbox::with(&format!("katacgtest-{name}.scope"), config)
    }

    pub fn with(unit: &str, config: Config) -> Sandbox {
        Sandbox::on(&Arc::new(Host::read().unwrap()), unit, config)
    }

    /// As `with`, with mounts and connections that several sandboxes share.
    pub fn on(shared: &Arc<Host>, unit: &str, config: Config) -> Sandbox {
        let shared = Arc::clone(shared);
        let manager = Manager::new(Arc::clone(&shared), config).unwrap();
        Sandbox { shared, manager, unit: unit.to_owned(), children: Vec::new() }
    }

    /// Starts a scope with a sleeping child inside and with its resources.
    pub fn new(json: &str) -> Sandbox {
        let mut sandbox = Sandbox::planned(json);
        sandbox.start();
        sandbox
    }

    /// Starts the unit with a sleeping child inside, and returns the child.
    pub fn start(&mut self) -> i32 {
        let pid = self.child();
        self.manager.apply(pid, true).unwrap();
        pid
    }

    /// Starts a sleeping child outside the unit. It only forks, because in an emulator to execute a
    /// program takes as long as the rest of a test.
    pub fn child(&mut self) -> i32 {
        // SAFETY: the child only makes system calls, and closes all descriptors first.
        #[allow(unsafe_code)]
        let pid = unsafe {
            let pid = libc::fork();
            if pid == 0 {
                libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0);
                loop {
                    libc::pause();
                }
            }
            pid
        };
        assert!(pid > 0);
        self.children.push(pid);
        pid
    }

    pub fn spawn(&mut self, command: &mut Command) -> i32 {
        // end_children reaps the process by its id.
        #[allow(clippy::zombie_processes)]
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        self.children.push(pid);
        pid
    }

    /// Keeps other tests from a [`reload`] on v1. While the library changes device rules there, the
    /// processes are frozen, and it waits for systemd for at most three seconds. In an emulated
    /// machine, a reload can take longer.
    fn no_reload(&self) -> Option<RwLockReadGuard<'static, ()>> {
        let lock = || RELOADING.read().unwrap_or_else(PoisonError::into_inner);
        (!self.shared.info().is_unified()).then(lock)
    }

    pub fn set(&self, json: &str) -> Result<Vec<String>> {
        let _no_reload = self.no_reload();
        self.manager.set(&parse::resources(json.as_bytes()).unwrap())
    }

    pub fn change_device(
        &self,
        allow: bool,
        devices: Devices,
        access: Access,
    ) -> Result<Vec<String>> {
        let _no_reload = self.no_reload();
        self.manager.change_device(allow, devices, access)
    }

    /// Returns a property of the unit, as systemctl prints it.
    pub fn property(&self, name: &str) -> String {
        systemctl(&["show", "-p", name, "--value", &self.unit]).trim().to_owned()
    }

    /// Returns the cgroup's directory of a controller.
    pub fn dir(&self, controller: &str) -> PathBuf {
        let path = self.manager.path(controller).unwrap();
        PathBuf::from(String::from_utf8(path).unwrap())
    }

    /// Returns a file's contents. The first part of the file's name is the controller.
    pub fn file(&self, file: &str) -> String {
        self.try_file(file).unwrap_or_else(|e| panic!("{file} of {}: {e}", self.unit))
    }

    pub fn try_file(&self, file: &str) -> std::io::Result<String> {
        let controller = file.split('.').next().unwrap();
        let path = self.dir(if unified() { "" } else { controller }).join(file);
        Ok(fs::read_to_string(&path)?.trim().to_owned())
    }

    /// Compares properties and files with the wanted values. The name of a property begins with a
    /// capital letter. The wanted value of a file is its whole text or one of its lines.
    pub fn check(&self, step: &str, wanted: &[(&str, &str)]) {
        let names = wanted.iter().map(|(name, _)| *name);
        let names: Vec<&str> = names.filter(|name| is_property(name)).collect();
        let all = properties(&[&self.unit], &names);
        let none = BTreeMap::new();
        let wrong = differences(self, all.get(&self.unit).unwrap_or(&none), wanted);
        assert_eq!(wrong, [""; 0], "{step}");
    }

    /// Kills and reaps all children, inside and outside the unit.
    pub fn end_children(&mut self) {
        for pid in self.children.drain(..).filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
    }

    /// Checks that a task lives, is in its old cgroup, and is not in the unit.
    pub fn assert_outside(&self, pid: i32, was: &str) {
        assert_eq!(home_of(pid), was);
        let all = cgroups_of(pid);
        assert!(!all.iter().any(|(_, path)| path.contains(&self.unit)), "{all:?}");
        assert!(alive(pid));
    }

    /// Whether systemd has the unit loaded, in any state. systemd keeps a file for a loaded unit.
    pub fn is_loaded(&self) -> bool {
        let at = match root() {
            true => "/run".to_owned(),
            false => std::env::var("XDG_RUNTIME_DIR").unwrap(),
        };
        Path::new(&at).join("systemd/transient").join(&self.unit).exists()
    }

    /// Destroys the unit twice, and checks that nothing of it is left.
    pub fn end(&mut self) {
        self.end_children();
        self.manager.destroy().unwrap();
        self.manager.destroy().unwrap();
        assert!(!self.manager.exists().unwrap());
        assert!(directories(&self.unit).is_empty(), "{:?}", directories(&self.unit));
        eventually("systemd forgets it", || !self.is_loaded());
    }
}

/// Whether a name is a property. Names of files begin with a small letter.
pub fn is_property(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
}

/// Describes each property and file that does not have its wanted value.
pub fn differences(
    s: &Sandbox,
    properties: &BTreeMap<String, String>,
    wanted: &[(&str, &str)],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, value) in wanted {
        let found = match properties.get(*name) {
            Some(found) => found.clone(),
            // systemctl omits empty lists.
            None if is_property(name) => String::new(),
            None => s.try_file(name).unwrap_or_else(|e| e.to_string()),
        };
        if found != *value && !found.lines().any(|line| line.trim() == *value) {
            wrong.push(format!("{name} is {found:?}, not {value:?}"));
        }
    }
    wrong
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.manager.thaw();
        if std::thread::panicking() {
            let _ = self.manager.kill(Signal::KILL);
        }
        self.end_children();
        if let Err(e) = self.manager.destroy() {
            println!("left behind: {e}");
        }
    }
}
