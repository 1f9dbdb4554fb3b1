//! Freezing, nesting, and that nothing stays frozen.

use std::fs;
use std::time::Duration;

use katacg::FreezerState;
use katacg::NOBODY;

use crate::fixture::*;

const LONG: Duration = Duration::from_secs(10);

#[test]
fn there_and_back() {
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
fn a_frozen_process_stands_still() {
    need!(unified() || has("freezer", ""), "no freezer");
    let mut s = Sandbox::empty("{}");
    let pid = s.spawn(std::process::Command::new("sh").args(["-c", "while :; do :; done"]));
    s.manager.apply(pid, false).unwrap();
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(11).unwrap().to_owned()
    };
    s.manager.freeze(LONG).unwrap();
    // What it had used up to then is counted when it has left its processor.
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
fn an_ancestors_state_is_not_ones_own() {
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
    assert_eq!(child.freezer_state().unwrap(), FreezerState::Frozen, "its own, still");
    child.thaw().unwrap();
}

/// A v2 cgroup counts as frozen only when a ptraced, vforking or dying task has settled; with no
/// time at all, a cgroup that is not frozen at once must come back thawed.
#[test]
fn a_deadline_that_passes_leaves_it_thawed() {
    need!(unified() || has("freezer", ""), "no freezer");
    let s = Sandbox::new("{}");
    if s.manager.freeze(Duration::ZERO).is_err() {
        assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Thawed);
    } else {
        assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Frozen);
    }
}

#[test]
fn an_empty_cgroup_freezes_at_once() {
    need!(unified() || has("freezer", ""), "no freezer");
    let s = Sandbox::planned("", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    s.manager.freeze(LONG).unwrap();
    assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Frozen);
}

/// Frozen, the caller could never thaw it.
#[test]
fn nobody_freezes_himself() {
    need!(unified() || has("freezer", ""), "no freezer");
    let mut s = Sandbox::empty("{}");
    let pid = s.helper("freezes-itself");
    // It ends by itself, when it was refused.
    eventually("refused", || s.ended(pid));
}
