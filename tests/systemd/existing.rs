//! Joining a unit that is there.

use katacg::manager::{Flags, Manager};
use katacg::Code;

use crate::fixture::*;

#[test]
fn what_is_there_is_joined_and_nothing_else() {
    need_systemd!();
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    let mut config = s.manager.config().clone();
    config.flags = Flags { existing: true, ..config.flags };
    let again = Manager::new(s.shared.clone(), config.clone()).unwrap();
    assert_eq!(again.pids().unwrap(), s.manager.pids().unwrap());
    again.set(&katacg::resources::parse::resources(br#"{"pids":{"limit":30}}"#).unwrap()).unwrap();
    s.check("set by the other", &[("TasksMax", "30"), ("pids.max", "30")]);
    s.end();
    let error = Manager::new(s.shared.clone(), config).unwrap_err();
    assert_eq!(error.code(), Code::Deleted, "{error}");
}
