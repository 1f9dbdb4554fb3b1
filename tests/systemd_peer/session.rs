// SPDX-License-Identifier: Apache-2.0

//! The user's bus, found through the environment: whether the client waits for a systemd on it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use katacg::systemd::{Bus, Systemd};
use katacg::Code;

use super::peer::{Handshake, Peer, Then};
use super::{weight, UNIT};

/// The bus's error when no systemd is connected.
const ABSENT: &str = "org.freedesktop.DBus.Error.ServiceUnknown";

/// A runtime directory as a user's systemd makes it.
struct Runtime(PathBuf);

impl Runtime {
    fn new(name: &str) -> Runtime {
        let name = format!("katacg-run-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(path.join("systemd")).unwrap();
        std::fs::write(path.join("systemd/private"), "").unwrap();
        Runtime(path)
    }

    /// Sets a property in a process with this environment. Returns its output and the time taken.
    fn set(&self, bus: Option<&Peer>) -> (String, Duration) {
        let begin = Instant::now();
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "session::set_on_the_bus_of_the_environment",
            "--ignored",
            "--nocapture",
        ]);
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
fn set_on_the_bus_of_the_environment() {
    let systemd = Systemd::new(Bus::User, None)
        .with_timeouts(Duration::from_secs(20), Duration::from_secs(20));
    match systemd.set(UNIT, &weight(), None) {
        Ok(()) => println!("set succeeded"),
        Err(e) if e.code() == Code::Bus => println!("no bus: {e}"),
        Err(e) => println!("{e}"),
    }
}

/// dbus-run-session starts a bus beside the user's own. No systemd will connect to it.
#[test]
fn set_fails_at_once_on_a_bus_that_systemd_is_not_on() {
    let runtime = Runtime::new("other");
    let peer = Peer::new(|call, out| {
        out.error(call, ABSENT, "no");
        Then::Done
    });
    let (output, took) = runtime.set(Some(&peer));
    assert!(output.contains("no bus: ") && output.contains("systemd --user"), "{output}");
    // Far less than the timeout of 20 s.
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// A systemd that is re-executed connects to the user's own bus again.
#[test]
fn set_waits_for_systemd_on_the_users_own_bus() {
    let runtime = Runtime::new("own");
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let script = move |call: &super::peer::Call, out: &mut super::peer::Out| {
        if count.fetch_add(1, Ordering::SeqCst) > 3 {
            return Then::Usual;
        }
        out.error(call, ABSENT, "no");
        Then::Done
    };
    let peer = Peer::at(runtime.0.join("bus"), |_| Handshake::Succeeds, script);
    let (output, _) = runtime.set(None);
    assert!(output.contains("set succeeded"), "{output}");
    // The same with the bus's address in the environment.
    refused.store(0, Ordering::SeqCst);
    let (output, _) = runtime.set(Some(&peer));
    assert!(output.contains("set succeeded"), "{output}");
}
