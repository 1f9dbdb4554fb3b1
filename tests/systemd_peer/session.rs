//! The user's bus, found by the environment: whether a systemd is to be expected there.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use katacg::systemd::{Bus, Systemd};
use katacg::Code;

use super::peer::{Greeting, Peer, Then};
use super::{weight, UNIT};

const NOBODY: &str = "org.freedesktop.DBus.Error.ServiceUnknown";

/// A runtime directory of a user who has a systemd.
struct Runtime(PathBuf);

impl Runtime {
    fn new(name: &str) -> Runtime {
        let name = format!("katacg-run-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(path.join("systemd")).unwrap();
        std::fs::write(path.join("systemd/private"), "").unwrap();
        Runtime(path)
    }

    /// What a process with this environment says of a set, and how long that took.
    fn set(&self, bus: Option<&Peer>) -> (String, Duration) {
        let begin = Instant::now();
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "session::a_set_by_the_environment", "--ignored", "--nocapture"]);
        command.env_remove("DBUS_SESSION_BUS_ADDRESS").env("XDG_RUNTIME_DIR", &self.0);
        command.envs(bus.map(|bus| ("DBUS_SESSION_BUS_ADDRESS", bus.address())));
        let output = command.output().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), begin.elapsed())
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
#[ignore = "started by the tests below"]
fn a_set_by_the_environment() {
    let systemd = Systemd::new(Bus::User, None)
        .with_timeouts(Duration::from_secs(20), Duration::from_secs(20));
    match systemd.set(UNIT, &weight(), None) {
        Ok(()) => println!("it is set"),
        Err(e) if e.code() == Code::Bus => println!("no bus: {e}"),
        Err(e) => println!("{e}"),
    }
}

/// A bus that dbus-run-session started, beside the user's own: no systemd will come to it.
#[test]
fn a_bus_of_somebody_elses() {
    let runtime = Runtime::new("elses");
    let peer = Peer::new(|call, out| {
        out.error(call, NOBODY, "no");
        Then::Done
    });
    let (said, took) = runtime.set(Some(&peer));
    assert!(said.contains("no bus: ") && said.contains("systemd --user"), "{said}");
    // Far less than it would be waited for.
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// The user's own: a systemd that is re-executed comes back to it.
#[test]
fn a_bus_of_the_users() {
    let runtime = Runtime::new("own");
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let script = move |call: &super::peer::Call, out: &mut super::peer::Out| {
        if count.fetch_add(1, Ordering::SeqCst) > 3 {
            return Then::Usual;
        }
        out.error(call, NOBODY, "no");
        Then::Done
    };
    let peer = Peer::at(runtime.0.join("bus"), |_| Greeting::Polite, script);
    let (said, _) = runtime.set(None);
    assert!(said.contains("it is set"), "{said}");
    // The same by its address.
    refused.store(0, Ordering::SeqCst);
    let (said, _) = runtime.set(Some(&peer));
    assert!(said.contains("it is set"), "{said}");
}
