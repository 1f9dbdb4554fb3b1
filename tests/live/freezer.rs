// SPDX-License-Identifier: Apache-2.0

//! Freezing and thawing, also of nested cgroups and after a timeout.

use std::fs;
use std::time::Duration;

use katacg::FreezerState;
use katacg::NOBODY;

use crate::fixture::*;

const LONG: Duration = Duration::from_secs(10);

#[test]
fn freeze_and_thaw_change_the_state() {
    need!(unified() || has("freezer", ""), "no freezer");
    let s = Sandbox::new("{}");
    assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Thawed);
    s.manager.freeze(LONG).unwrap();
    assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Frozen);
    s.manager.freeze(LONG).unwrap();
    s.manager.thaw().unwrap();
    assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Thawed);
    s.manager.thaw().unwrap();
}

#[test]
fn frozen_process_uses_no_cpu_time() {
    need!(unified() || has("freezer", ""), "no freezer");
    let mut s = Sandbox::empty("{}");
    let pid = s.spawn(std::process::Command::new("sh").args(["-c", "while :; do :; done"]));
    s.manager.apply(pid, false).unwrap();
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(11).unwrap().to_owned()
    };
    s.manager.freeze(LONG).unwrap();
    // The kernel may count the time before the freeze a little later.
    let mut before = String::new();
    eventually("counted", || {
        before = ticks();
        std::thread::sleep(Duration::from_millis(100));
        ticks() == before
    });
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(ticks(), before);
    s.manager.thaw().unwrap();
    eventually("running again", || ticks() != before);
}

#[test]
fn freezer_state_ignores_a_frozen_ancestor() {
    need!(unified() || has("freezer", ""), "no freezer");
    let mut s = Sandbox::empty("{}");
    let child = manager(&format!("{}/child", s.name), "{}");
    let pid = s.child();
    child.apply(pid, false).unwrap();
    s.manager.freeze(LONG).unwrap();
    assert_eq!(child.freezer_state().unwrap(), FreezerState::Thawed);
    assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Frozen);
    child.freeze(LONG).unwrap();
    s.manager.thaw().unwrap();
    assert_eq!(child.freezer_state().unwrap(), FreezerState::Frozen, "frozen by itself");
    child.thaw().unwrap();
}

/// A v2 cgroup is frozen only after a ptraced, vforking or dying task has settled. With a timeout
/// of zero, a cgroup that does not freeze at once must be thawed again.
#[test]
fn freeze_that_times_out_leaves_the_cgroup_thawed() {
    need!(unified() || has("freezer", ""), "no freezer");
    let s = Sandbox::new("{}");
    if s.manager.freeze(Duration::ZERO).is_err() {
        assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Thawed);
    } else {
        assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Frozen);
    }
}

#[test]
fn empty_cgroup_freezes() {
    need!(unified() || has("freezer", ""), "no freezer");
    let s = Sandbox::planned("", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    s.manager.freeze(LONG).unwrap();
    assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Frozen);
}

/// A frozen caller could never thaw its cgroup.
#[test]
fn freeze_refuses_the_cgroup_of_the_caller() {
    need!(unified() || has("freezer", ""), "no freezer");
    let mut s = Sandbox::empty("{}");
    let pid = s.helper("freezes-itself");
    // The helper ends when the freeze was refused.
    eventually("refused", || s.ended(pid));
}
