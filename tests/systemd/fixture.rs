//! A unit of a test's own, and everything removed at the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use katacg::host::HostInfo;
use katacg::{Config, Flags, Host, Manager};
use katacg::resources::parse;
use katacg::Result;
use rustix::process::{kill_process, waitpid, Pid, Signal, WaitOptions};

pub use crate::look::*;

/// Leaves the test, saying why; the runner counts it.
macro_rules! skip {
    ($($reason:tt)*) => {{
        let name = std::thread::current().name().unwrap_or("?").to_owned();
        println!("SKIPPED {name}: {}", format_args!($($reason)*));
        return;
    }};
}

/// Leaves the test unless the condition holds.
macro_rules! need {
    ($condition:expr, $($reason:tt)*) => {
        if !$condition {
            skip!($($reason)*);
        }
    };
}

/// Leaves the test where no systemd runs, or none that manages cgroups for this user. With
/// `alone` no other test runs meanwhile.
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

/// Held for writing while systemd or its bus goes away for a moment.
pub static WORLD: RwLock<()> = RwLock::new(());

pub fn running() -> bool {
    fs::symlink_metadata("/run/systemd/system").is_ok()
}

/// Not what a user namespace calls root.
pub fn root() -> bool {
    // What a user namespace says of root depends on whose it is.
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
    // Not HostInfo::read, which does not know a hybrid host's controllers of cgroup2.
    let shared = Host::read().unwrap();
    let host = shared.info();
    if !host.is_unified() {
        return host.find(v1).is_some() || host.cgroup2_with(v2).is_some();
    }
    let at = if root() { String::new() } else { users_cgroup() };
    let path = format!("/sys/fs/cgroup{at}/cgroup.controllers");
    fs::read_to_string(path).unwrap().split_whitespace().any(|c| c == v2)
}

/// Where the user's systemd has its units.
pub fn users_cgroup() -> String {
    systemctl(&["show", "-p", "ControlGroup", "--value"]).trim().to_owned()
}

/// Whether a controller's files are cgroup2's.
pub fn on_v2(v1: &str) -> bool {
    unified() || HostInfo::read().unwrap().find(v1).is_none()
}

/// systemd's version.
pub fn version() -> u32 {
    let text = command("systemctl", &["--version"]);
    text.split_whitespace().nth(1).unwrap().parse().unwrap()
}

pub fn output(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).stdin(Stdio::null()).output().unwrap()
}

/// A sleeping process for who has no [`Sandbox`]. It keeps no output of the caller's open.
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

/// systemctl, of the user's manager without root.
pub fn systemctl(args: &[&str]) -> String {
    let user: &[&str] = if root() { &[] } else { &["--user"] };
    command("systemctl", &[user, args].concat())
}

/// A daemon-reload that began after this call did. It is slow: those who wait share one.
pub fn reload() {
    static BEGUN: AtomicU32 = AtomicU32::new(0);
    static ONE: Mutex<()> = Mutex::new(());
    let seen = BEGUN.load(Ordering::SeqCst);
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if BEGUN.load(Ordering::SeqCst) == seen {
        BEGUN.fetch_add(1, Ordering::SeqCst);
        systemctl(&["daemon-reload"]);
    }
}

/// Waits, within reason, until something is so.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A name that no other test has.
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

/// Resources without those that nothing here can limit.
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

/// See the module.
pub struct Sandbox {
    pub shared: Arc<Host>,
    pub manager: Manager,
    pub unit: String,
    children: Vec<i32>,
}

impl Sandbox {
    /// A scope `katacgtest-NAME.scope`, not started.
    pub fn planned(json: &str) -> Sandbox {
        Sandbox::changed(json, |_| {})
    }

    /// The same, with another configuration.
    pub fn changed(json: &str, change: impl FnOnce(&mut Config)) -> Sandbox {
        let name = name();
        let mut config = config(&format!(":katacgtest:{name}"), json);
        change(&mut config);
        Sandbox::with(&format!("katacgtest-{name}.scope"), config)
    }

    pub fn with(unit: &str, config: Config) -> Sandbox {
        Sandbox::on(&Arc::new(Host::read().unwrap()), unit, config)
    }

    /// On the same mounts and connections as others.
    pub fn on(shared: &Arc<Host>, unit: &str, config: Config) -> Sandbox {
        let shared = Arc::clone(shared);
        let manager = Manager::new(Arc::clone(&shared), config).unwrap();
        Sandbox { shared, manager, unit: unit.to_owned(), children: Vec::new() }
    }

    /// Started, with a sleeping child inside and its resources set.
    pub fn new(json: &str) -> Sandbox {
        let mut sandbox = Sandbox::planned(json);
        sandbox.start();
        sandbox
    }

    /// With a sleeping child inside, which it returns.
    pub fn start(&mut self) -> i32 {
        let pid = self.child();
        self.manager.apply(pid, true).unwrap();
        pid
    }

    /// A sleeping child, outside. A fork alone: to execute a program costs as much as all the rest
    /// in an emulator.
    pub fn child(&mut self) -> i32 {
        // SAFETY: the child makes system calls and nothing else, and has no descriptors of others.
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
        // Reaped by its number.
        #[allow(clippy::zombie_processes)]
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        self.children.push(pid);
        pid
    }

    pub fn set(&self, json: &str) -> Result<Vec<String>> {
        self.manager.set(&parse::resources(json.as_bytes()).unwrap())
    }

    /// A property of the unit, as systemctl tells it.
    pub fn property(&self, name: &str) -> String {
        systemctl(&["show", "-p", name, "--value", &self.unit]).trim().to_owned()
    }

    /// The directory of a controller's cgroup.
    pub fn dir(&self, controller: &str) -> PathBuf {
        let path = self.manager.path(controller).unwrap();
        PathBuf::from(String::from_utf8(path).unwrap())
    }

    /// A file's contents, by its name alone: the controller is its first part.
    pub fn file(&self, file: &str) -> String {
        self.try_file(file).unwrap_or_else(|e| panic!("{file} of {}: {e}", self.unit))
    }

    pub fn try_file(&self, file: &str) -> std::io::Result<String> {
        let controller = file.split('.').next().unwrap();
        let path = self.dir(if unified() { "" } else { controller }).join(file);
        Ok(fs::read_to_string(&path)?.trim().to_owned())
    }

    /// Compares properties (a capital first) and files (the whole, or one line) side by side.
    pub fn check(&self, step: &str, wanted: &[(&str, &str)]) {
        let names = wanted.iter().map(|(name, _)| *name);
        let names: Vec<&str> = names.filter(|name| is_property(name)).collect();
        let all = properties(&[&self.unit], &names);
        let none = BTreeMap::new();
        let wrong = differences(self, all.get(&self.unit).unwrap_or(&none), wanted);
        assert_eq!(wrong, [""; 0], "{step}");
    }

    /// Ends its children, inside and outside.
    pub fn end_children(&mut self) {
        for pid in self.children.drain(..).filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
    }

    /// That a task is where it was, and nowhere in the unit.
    pub fn assert_outside(&self, pid: i32, was: &str) {
        assert_eq!(home_of(pid), was);
        let all = cgroups_of(pid);
        assert!(!all.iter().any(|(_, path)| path.contains(&self.unit)), "{all:?}");
        assert!(alive(pid));
    }

    /// Whether systemd has the unit, in whatever state: it has a file as long as that.
    pub fn is_loaded(&self) -> bool {
        let at = match root() {
            true => "/run".to_owned(),
            false => std::env::var("XDG_RUNTIME_DIR").unwrap(),
        };
        Path::new(&at).join("systemd/transient").join(&self.unit).exists()
    }

    /// Destroyed, twice, and nothing of it is left anywhere.
    pub fn end(&mut self) {
        self.end_children();
        self.manager.destroy().unwrap();
        self.manager.destroy().unwrap();
        assert!(!self.manager.exists().unwrap());
        assert!(directories(&self.unit).is_empty(), "{:?}", directories(&self.unit));
        eventually("systemd forgets it", || !self.is_loaded());
    }
}

/// Files start small.
pub fn is_property(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
}

/// What is not as it is wanted, in words.
pub fn differences(
    s: &Sandbox,
    properties: &BTreeMap<String, String>,
    wanted: &[(&str, &str)],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, value) in wanted {
        let found = match properties.get(*name) {
            Some(found) => found.clone(),
            // systemctl leaves empty lists out.
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
