// SPDX-License-Identifier: Apache-2.0

//! Helpers: parts of tests that run in a process of their own.

use std::process::Command;
use std::time::Duration;

use crate::fixture::{cgroups_of, eventually};

const WHAT: &str = "KATACG_TEST_HELPER";

/// Returns the command that runs one helper of this executable.
pub fn command(what: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "helper::helper", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(WHAT, what);
    command
}

/// Runs a helper, which must succeed, and returns its output.
pub fn run(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{error}");
    text
}

#[test]
#[ignore = "started by other tests"]
fn helper() {
    match std::env::var(WHAT).as_deref() {
        Ok("threads") => {
            for _ in 0..3 {
                std::thread::spawn(|| std::thread::sleep(Duration::from_secs(600)));
            }
            std::thread::sleep(Duration::from_secs(600));
        }
        Ok("memory") => {
            // Waits until the test has moved this process, so that the memory is charged there.
            let me = i32::try_from(std::process::id()).unwrap();
            let moved = || cgroups_of(me).iter().any(|(_, path)| path.contains("katacgtest"));
            eventually("moved", moved);
            let block = vec![1u8; 48 << 20];
            std::thread::sleep(Duration::from_secs(600));
            drop(block);
        }
        Ok("goes-on") => crate::driver::goes_on(),
        Ok("manners") => crate::manners::alone(),
        Ok("blind") => crate::existing::blind(),
        Ok("pid-namespace") => crate::rootless::in_a_pid_namespace(),
        Ok("stray") => crate::existing::stray(),
        Ok("delegated") => crate::rootless::delegated(),
        Ok("without-descriptors") => crate::transaction::without_descriptors(),
        Ok("user-namespace") => crate::rootless::in_a_user_namespace(),
        other => panic!("{other:?} is not a helper"),
    }
}
