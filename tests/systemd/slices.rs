// SPDX-License-Identifier: Apache-2.0

//! Slices: without a process, nested, and with limits on each level.

use katacg::{Add, Manager, NOBODY};

use crate::fixture::*;

/// Makes a manager of a slice `katacgNAME.slice` that no other test has.
fn slice(json: &str) -> (Sandbox, String) {
    let name = format!("katacg{}", name());
    let unit = format!("{name}.slice");
    (Sandbox::with(&unit, config(&format!("::{unit}"), json)), name)
}

#[test]
fn apply_creates_and_updates_a_slice_without_a_process() {
    need_systemd!();
    let (mut s, _) = slice(r#"{"pids":{"limit":20}}"#);
    s.manager.apply(NOBODY, true).unwrap();
    s.check("made", &[("ActiveState", "active"), ("TasksMax", "20"), ("pids.max", "20")]);
    s.manager.apply(NOBODY, true).unwrap();
    let again = Manager::new(
        s.shared.clone(),
        config(&format!("::{}", s.unit), r#"{"pids":{"limit":30}}"#),
    );
    let again = again.unwrap();
    again.apply(NOBODY, true).unwrap();
    s.check("again", &[("ActiveState", "active"), ("TasksMax", "30"), ("pids.max", "30")]);
    again.apply(NOBODY, false).unwrap();
    s.check("without a set", &[("ActiveState", "active"), ("TasksMax", "30"), ("pids.max", "30")]);
    reload();
    s.check("reloaded", &[("ActiveState", "active"), ("TasksMax", "30"), ("pids.max", "30")]);
    s.end();
}

/// runc#3084, kata runtime#1521: limits of parent and child are lowered and raised.
#[test]
fn nested_slices_and_their_scope_keep_their_own_limits() {
    need_systemd!();
    let (mut outer, name) = slice(r#"{"pids":{"limit":90},"cpu":{"shares":2000}}"#);
    outer.manager.apply(NOBODY, true).unwrap();
    let unit = format!("{name}-in.slice");
    let mut inner =
        Sandbox::with(&unit, config(&format!("{name}.slice::{unit}"), r#"{"pids":{"limit":80}}"#));
    inner.manager.apply(NOBODY, true).unwrap();
    let mut scope = Sandbox::with(
        &format!("p-{name}.scope"),
        config(&format!("{unit}:p:{name}"), r#"{"pids":{"limit":70}}"#),
    );
    let pid = scope.start();
    let weight = if unified() { ("CPUWeight", "170") } else { ("CPUShares", "2000") };
    outer.check("outer", &[("TasksMax", "90"), ("pids.max", "90"), weight]);
    inner.check(
        "inner",
        &[("TasksMax", "80"), ("pids.max", "80"), ("Slice", &format!("{name}.slice"))],
    );
    scope.check("scope", &[("TasksMax", "70"), ("pids.max", "70"), ("Slice", &unit)]);
    let path = format!("/{name}.slice/{unit}/p-{name}.scope");
    let own = cgroups_of(pid);
    let inside = own.iter().filter(|(_, at)| at.ends_with(&path)).count();
    assert!(inside > 0 && inside + 2 > own.len(), "{own:?}");
    assert_eq!(outer.manager.all_pids().unwrap(), [pid]);
    assert_eq!(
        scope.manager.parent().unwrap().path("pids").unwrap(),
        inner.manager.path("pids").unwrap()
    );

    outer.set(r#"{"pids":{"limit":60}}"#).unwrap();
    inner.set(r#"{"pids":{"limit":95}}"#).unwrap();
    reload();
    outer.check("outer", &[("TasksMax", "60"), ("pids.max", "60"), weight]);
    inner.check("inner", &[("TasksMax", "95"), ("pids.max", "95")]);
    scope.check("scope", &[("TasksMax", "70"), ("pids.max", "70")]);

    // destroy keeps a slice with a process in a unit below it.
    outer.manager.destroy().unwrap_err();
    assert!(alive(pid));
    scope.end();
    inner.end();
    outer.end();
}

/// systemd puts no processes into a slice, so the library moves them itself.
#[test]
fn apply_and_add_move_processes_into_a_slice() {
    need_systemd!();
    let (mut s, _) = slice(r#"{"pids":{"limit":20}}"#);
    let pid = s.child();
    s.manager.apply(pid, true).unwrap();
    assert_eq!(s.manager.pids().unwrap(), [pid]);
    let other = s.child();
    s.manager.add(&[other], Add::default()).unwrap();
    assert_eq!(s.manager.pids().unwrap().len(), 2);
    s.check("inside", &[("ActiveState", "active"), ("TasksMax", "20"), ("pids.max", "20")]);
    s.end();
}

/// apply gives an existing slice the limits first, and then moves the process.
#[test]
fn apply_of_an_unmovable_process_restores_the_limits_of_a_slice() {
    need_systemd!();
    need!(root(), "only root may try to move a kernel thread");
    let name = std::fs::read_to_string("/proc/2/comm").unwrap_or_default();
    need!(name == "kthreadd\n", "kthreadd is not visible here");
    let (mut s, _) = slice(r#"{"pids":{"limit":20},"cpu":{"shares":2000}}"#);
    s.manager.apply(NOBODY, true).unwrap();
    let weight = if unified() { ("CPUWeight", "170") } else { ("CPUShares", "2000") };
    let was = [("ActiveState", "active"), ("TasksMax", "20"), ("pids.max", "20"), weight];
    s.check("made", &was);
    let json = r#"{"pids":{"limit":30},"cpu":{"shares":100}}"#;
    let again = Manager::new(s.shared.clone(), config(&format!("::{}", s.unit), json)).unwrap();
    // The kernel refuses to move kthreadd.
    let error = again.apply(2, true).unwrap_err();
    assert!(error.to_string().contains("cgroup.procs"), "{error}");
    assert!(error.to_string().contains("restored: "), "{error}");
    s.check("undone", &was);
    again.apply(NOBODY, true).unwrap();
    s.check("set", &[("TasksMax", "30"), ("pids.max", "30")]);
    s.end();
}

/// On v1 apply creates the directories that systemd does not manage.
#[test]
fn apply_completes_a_slice_that_systemd_created_for_a_scope() {
    need_systemd!();
    let (mut outer, name) = slice(r#"{"pids":{"limit":90}}"#);
    let mut scope = Sandbox::with(
        &format!("p-{name}.scope"),
        config(&format!("{name}.slice:p:{name}"), r#"{"pids":{"limit":70}}"#),
    );
    scope.start();
    outer.manager.apply(NOBODY, true).unwrap();
    outer.check("there", &[("TasksMax", "90"), ("pids.max", "90")]);
    for (subsystem, path) in outer.manager.paths() {
        let path = String::from_utf8(path).unwrap();
        assert!(std::path::Path::new(&path).is_dir(), "{subsystem}: {path}");
    }
    outer.manager.freezer_state().unwrap();
    scope.end();
    outer.end();
}

/// A slice with a unit file exists before it is started.
#[test]
fn apply_starts_a_slice_that_has_a_unit_file() {
    need_systemd!();
    let (mut s, name) = slice(r#"{"pids":{"limit":20}}"#);
    let at = match root() {
        true => "/run/systemd/system".to_owned(),
        false => format!("{}/systemd/user", std::env::var("XDG_RUNTIME_DIR").unwrap()),
    };
    std::fs::create_dir_all(&at).unwrap();
    let file = format!("{at}/{name}.slice");
    std::fs::write(&file, "[Unit]\nDescription=a test's\n[Slice]\nTasksMax=7\n").unwrap();
    reload();
    s.check("there", &[("ActiveState", "inactive"), ("TasksMax", "7")]);
    s.manager.apply(NOBODY, true).unwrap();
    s.check("started", &[("ActiveState", "active"), ("TasksMax", "20"), ("pids.max", "20")]);
    s.end();
    std::fs::remove_file(&file).unwrap();
    reload();
}

/// Only one of the callers starts the slice; the others find it active.
#[test]
fn concurrent_applies_of_one_slice_all_succeed() {
    need_systemd!();
    let (mut s, _) = slice(r#"{"pids":{"limit":20}}"#);
    let one = || {
        let config = s.manager.config().clone();
        Manager::new(s.shared.clone(), config).unwrap().apply(NOBODY, true).unwrap();
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    s.check("made", &[("ActiveState", "active"), ("TasksMax", "20"), ("pids.max", "20")]);
    s.end();
}
