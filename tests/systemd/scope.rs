//! A scope's life.

use crate::fixture::Sandbox;

const ALL: &str = r#"{"cpu":{"shares":2000,"quota":50001,"period":100000},"pids":{"limit":77}}"#;

#[test]
fn a_scope_has_its_process_and_its_limits_from_the_start() {
    need_systemd!();
    let mut sandbox = Sandbox::planned(ALL);
    let pid = sandbox.child();
    let warnings = sandbox.manager.apply(pid, true).unwrap().warnings;
    assert_eq!(warnings, [""; 0]);
    assert_eq!(sandbox.property("ActiveState"), "active");
    assert_eq!(sandbox.property("Delegate"), "yes");
    assert_eq!(sandbox.property("TasksMax"), "77");
    assert_eq!(sandbox.file("pids.max"), "77");
    assert_eq!(sandbox.manager.pids().unwrap(), [pid]);
    sandbox.end_children();
    sandbox.manager.destroy().unwrap();
    sandbox.manager.destroy().unwrap();
    assert!(!sandbox.manager.exists().unwrap());
}
