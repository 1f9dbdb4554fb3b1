//! A unit of a test's own, and everything removed at the end.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use katacg::host::Host;
use katacg::manager::{Config, Flags, Manager, Shared};
use katacg::resources::parse;
use katacg::Result;

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

/// Leaves the test where no systemd runs, or none that manages cgroups for this user.
macro_rules! need_systemd {
    () => {
        need!(crate::fixture::running(), "no systemd runs here");
        need!(
            crate::fixture::root() || crate::fixture::unified(),
            "a user's systemd manages no cgroups on v1"
        );
    };
}

pub fn running() -> bool {
    fs::symlink_metadata("/run/systemd/system").is_ok()
}

pub fn root() -> bool {
    fs::metadata("/proc/self").map(|m| std::os::unix::fs::MetadataExt::uid(&m)).unwrap() == 0
}

pub fn unified() -> bool {
    Host::read().unwrap().is_unified()
}

/// systemd's version.
pub fn version() -> u32 {
    let text = command("systemctl", &["--version"]);
    text.split_whitespace().nth(1).unwrap().parse().unwrap()
}

pub fn command(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// systemctl, of the user's manager without root.
pub fn systemctl(args: &[&str]) -> String {
    let user: &[&str] = if root() { &[] } else { &["--user"] };
    command("systemctl", &[user, args].concat())
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

/// See the module.
pub struct Sandbox {
    pub shared: Arc<Shared>,
    pub manager: Manager,
    pub unit: String,
    children: Vec<Child>,
}

impl Sandbox {
    /// A scope `katacgtest-NAME.scope`, not started.
    pub fn planned(json: &str) -> Sandbox {
        let name = name();
        let unit = format!("katacgtest-{name}.scope");
        Sandbox::with(unit, config(&format!(":katacgtest:{name}"), json))
    }

    pub fn with(unit: String, config: Config) -> Sandbox {
        let shared = Arc::new(Shared::read().unwrap());
        let manager = Manager::new(Arc::clone(&shared), config).unwrap();
        Sandbox { shared, manager, unit, children: Vec::new() }
    }

    /// Started, with a sleeping child inside and its resources set.
    pub fn new(json: &str) -> Sandbox {
        let mut sandbox = Sandbox::planned(json);
        let pid = sandbox.child();
        sandbox.manager.apply(pid, true).unwrap();
        sandbox
    }

    /// A sleeping child, outside.
    pub fn child(&mut self) -> i32 {
        let mut sleep = Command::new("sleep");
        let child = sleep.arg("600").stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        self.children.push(child);
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
        let controller = file.split('.').next().unwrap();
        let path = self.dir(if unified() { "" } else { controller }).join(file);
        let text = fs::read_to_string(&path);
        text.unwrap_or_else(|e| panic!("{}: {e}", path.display())).trim().to_owned()
    }

    /// Kills and reaps the children.
    pub fn end_children(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.children.clear();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.manager.thaw();
        self.end_children();
        if let Err(e) = self.manager.destroy() {
            println!("left behind: {e}");
        }
    }
}
