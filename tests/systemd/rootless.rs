// SPDX-License-Identifier: Apache-2.0

//! Callers without root: the user's systemd, controllers that are not delegated, and namespaces.

use std::process::Command;
use std::sync::Arc;

use katacg::systemd::{Bus, Systemd};
use katacg::Code;
use katacg::{Config, Host, Manager, SystemdConfig, NOBODY};

use crate::devices::Opener;
use crate::fixture::*;

fn on(bus: Bus, address: Option<&str>) -> SystemdConfig {
    let address = address.map(str::to_owned);
    SystemdConfig { bus: Some(bus), address, ..SystemdConfig::default() }
}

#[test]
fn user_bus_on_v1_is_unsupported() {
    need!(running(), "no systemd runs here");
    need!(!unified(), "only v1 is refused");
    let config = Config { systemd: on(Bus::User, None), ..config(":p:x", "{}") };
    let error = Manager::new(Arc::new(Host::read().unwrap()), config).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
}

/// Resources whose controller is not delegated to the user's systemd.
const NOT_DELEGATED: [(&str, &str); 4] = [
    ("cpuset", r#"{"cpu":{"cpus":"0"},"pids":{"limit":33}}"#),
    ("hugetlb", r#"{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}],"pids":{"limit":33}}"#),
    (
        "io",
        r#"{"blockIO":{"throttleReadBpsDevice":[{"major":7,"minor":0,"rate":1048576}]},
            "pids":{"limit":33}}"#,
    ),
    ("io", r#"{"blockIO":{"weight":500},"pids":{"limit":33}}"#),
];

#[test]
fn missing_delegated_controller_is_named_and_changes_nothing() {
    need_systemd!();
    need!(!root(), "root has all controllers");
    for (controller, json) in NOT_DELEGATED {
        need!(!has("-", controller), "this user has {controller}");
        let mut s = Sandbox::planned(json);
        let pid = s.child();
        let was = home_of(pid);
        let error = s.manager.apply(pid, true).unwrap_err();
        assert_eq!(error.code(), Code::Controller, "{error}");
        assert!(error.to_string().contains(controller), "{error}");
        s.assert_outside(pid, &was);
        eventually("gone", || !s.is_loaded());
        s.end();

        let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
        let error = s.set(json).unwrap_err();
        assert_eq!(error.code(), Code::Controller, "{error}");
        assert!(error.to_string().contains(controller), "{error}");
        s.check(json, &[("TasksMax", "20"), ("pids.max", "20"), ("ActiveState", "active")]);
        s.check(json, &[("AllowedCPUs", ""), ("IOWeight", "[not set]")]);
        s.end();
    }
}

/// A user's systemd accepts device rules but cannot apply them.
#[test]
fn user_bus_warns_that_device_rules_are_not_applied() {
    need_systemd!();
    need!(!root(), "the system's systemd applies device rules");
    let rules = r#"{"devices":[{"allow":false,"access":"rwm"}]}"#;
    let mut s = Sandbox::planned(rules);
    let mut opener = Opener::new();
    let applied = s.manager.apply(opener.pid(), true).unwrap();
    assert!(applied.warnings.iter().any(|w| w.contains("device rules")), "{applied:?}");
    assert!(opener.opens().contains("null r, null w"));
    s.check("no rules sent", &[("DevicePolicy", "auto"), ("DeviceAllow", "")]);
    drop(opener);
    s.end();
}

/// Runs as root of a user namespace, which still uses the user's systemd. For root of a system
/// container, PID 1 is root's systemd, so it uses that one. The next test starts this.
pub fn in_a_user_namespace() {
    assert_eq!(rustix::process::geteuid().as_raw(), 0);
    let mut s = Sandbox::new(r#"{"pids":{"limit":20}}"#);
    let bus = std::env::var("KATACG_TEST_BUS").unwrap();
    assert!(s.manager.state().unwrap().contains(&format!(r#""bus":"{bus}""#)));
    s.check("inside", &[("TasksMax", "20"), ("pids.max", "20"), ("ActiveState", "active")]);
    let late = s.child();
    s.manager.add(&[late], katacg::Add::default()).unwrap();
    s.set(r#"{"pids":{"limit":30}}"#).unwrap();
    s.check("inside", &[("TasksMax", "30"), ("pids.max", "30")]);
    assert_eq!(s.manager.pids().unwrap().len(), 2);
    s.end();
}

#[test]
fn life_cycle_works_in_a_user_namespace() {
    need_systemd!();
    let helper = crate::helper::command("user-namespace");
    let mut unshare = Command::new("unshare");
    unshare.env("KATACG_TEST_BUS", if root() { "system" } else { "user" });
    unshare.arg("--map-root-user").arg(helper.get_program()).args(helper.get_args());
    unshare.envs(helper.get_envs().filter_map(|(name, value)| Some((name, value?))));
    crate::helper::run(unshare);
}

/// Runs in a PID namespace. systemd knows the id of its child as the id of another process. The
/// next test starts this.
pub fn in_a_pid_namespace() {
    let s = Sandbox::on(
        &Arc::new(Host::read().unwrap()),
        &std::env::var("KATACG_TEST_UNIT").unwrap(),
        config(&std::env::var("KATACG_TEST_PATH").unwrap(), "{}"),
    );
    let mut child = sleeper();
    let pid = i32::try_from(child.id()).unwrap();
    let was = home_of(pid);
    let error = s.manager.add(&[pid], katacg::Add::default()).unwrap_err();
    assert_eq!(error.code(), katacg::Code::Unsupported, "{error}");
    assert!(error.to_string().contains("another PID namespace"), "{error}");
    assert_eq!(home_of(pid), was, "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    // The test outside the namespace destroys the unit.
    std::mem::forget(s);
}

/// systemd moves processes by id, and ids have a meaning only within one PID namespace. The library
/// must not ask a systemd of another namespace.
#[test]
fn add_refuses_a_process_of_another_pid_namespace() {
    need_systemd!();
    need!(!root(), "root writes the id itself, and the kernel translates it");
    let name = name();
    let (unit, path) = (format!("katacgtest-{name}.scope"), format!(":katacgtest:{name}"));
    let mut s = Sandbox::with(&unit, config(&path, "{}"));
    let pid = s.start();
    let helper = crate::helper::command("pid-namespace");
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--pid", "--fork", "--mount-proc"]);
    unshare.arg(helper.get_program()).args(helper.get_args());
    unshare.envs(helper.get_envs().filter_map(|(name, value)| Some((name, value?))));
    unshare.env("KATACG_TEST_UNIT", &unit).env("KATACG_TEST_PATH", &path);
    crate::helper::run(unshare);
    assert!(alive(pid));
    // The process with that id outside the namespace was not moved either.
    assert_eq!(s.manager.pids().unwrap(), [pid]);
    s.end();
}

/// The test starts a unit of the user's systemd, and asks the system's systemd for its version.
#[test]
fn one_process_can_use_the_system_and_the_user_bus() {
    need_systemd!();
    need!(!root(), "the user's bus refuses root");
    let system = Systemd::new(Bus::System, None);
    assert_eq!(system.version().unwrap(), version());
    let shared = Arc::new(Host::read().unwrap());
    let config = |bus| Config { systemd: on(bus, None), ..config(":katacgtest:both", "{}") };
    let theirs = Manager::new(Arc::clone(&shared), config(Bus::System)).unwrap();
    let own = Manager::new(Arc::clone(&shared), config(Bus::User)).unwrap();
    let at = |manager: &Manager| String::from_utf8(manager.path("").unwrap()).unwrap();
    assert_eq!(at(&theirs), "/sys/fs/cgroup/system.slice/katacgtest-both.scope");
    assert_eq!(
        at(&own),
        format!("/sys/fs/cgroup{}/user.slice/katacgtest-both.scope", users_cgroup())
    );
    let mut s = Sandbox::planned("{}");
    let pid = s.child();
    own.apply(pid, true).unwrap();
    let error = theirs.apply(pid, true).unwrap_err();
    assert_eq!(error.code(), Code::System, "{error}");
    assert!(error.to_string().contains("without root use the user's systemd"), "{error}");
    assert_eq!(own.pids().unwrap(), [pid]);
    assert_eq!(system.version().unwrap(), version());
    s.end_children();
    own.destroy().unwrap();
}

/// A user's bus refuses root. The call must not hang.
#[test]
fn root_at_the_bus_of_a_user_gets_a_clear_error() {
    need_systemd!();
    need!(root() && unified(), "the bus refuses only root, and v1 has no user's systemd");
    let address = "unix:path=/run/user/1000/bus";
    need!(std::fs::metadata("/run/user/1000/bus").is_ok(), "no user has a bus here");
    let config = Config { systemd: on(Bus::User, Some(address)), ..config(":p:x", "{}") };
    let shared = Arc::new(Host::read().unwrap());
    let error = Manager::new(Arc::clone(&shared), config).unwrap_err();
    assert_eq!(error.code(), Code::System, "{error}");
    assert!(error.to_string().contains("the user's bus closed the connection"), "{error}");
    // The system's bus works in the same process.
    let name = name();
    let config = self::config(&format!(":katacgtest:{name}"), r#"{"pids":{"limit":20}}"#);
    let mut s = Sandbox::with(&format!("katacgtest-{name}.scope"), config);
    s.start();
    s.check("the system's bus", &[("TasksMax", "20"), ("ActiveState", "active")]);
    s.end();
}

/// Runs as the only process of a delegated scope. The next test starts it.
pub fn delegated() {
    let me = i32::try_from(std::process::id()).unwrap();
    let (_, own) = cgroups_of(me).pop().unwrap();
    let manager = |name: &str, json: &str| {
        let config = config(&format!("{own}/{name}"), json);
        Manager::new(Arc::new(Host::read().unwrap()), config).unwrap()
    };
    // While the scope itself has a process, its children get no controllers.
    let error =
        manager("first", r#"{"memory":{"limit":67108864}}"#).apply(NOBODY, true).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    assert!(directories("first").is_empty());
    let enabled = format!("/sys/fs/cgroup{own}/cgroup.subtree_control");
    assert_eq!(std::fs::read_to_string(enabled).unwrap().trim(), "");
    // Moves this process into a leaf, without the library. A manager would make the leaf threaded.
    let leaf = format!("/sys/fs/cgroup{own}/leaf");
    std::fs::create_dir(&leaf).unwrap();
    std::fs::write(format!("{leaf}/cgroup.procs"), me.to_string()).unwrap();

    let mut child = sleeper();
    let pid = i32::try_from(child.id()).unwrap();
    let json = r#"{"pids":{"limit":5},"memory":{"limit":67108864},"cpu":{"shares":2000}}"#;
    let sandbox = manager("sandbox", json);
    sandbox.apply(pid, true).unwrap();
    assert_eq!(sandbox.pids().unwrap(), [pid]);
    let read = |file: &str| String::from_utf8(sandbox.read("", file).unwrap()).unwrap();
    assert_eq!(read("pids.max").trim(), "5");
    assert_eq!(read("memory.max").trim(), "67108864");
    assert_eq!(read("cpu.weight").trim(), "170");
    for (controller, json) in NOT_DELEGATED {
        let resources = katacg::resources::parse::resources(json.as_bytes()).unwrap();
        let error = sandbox.set(&resources).unwrap_err();
        assert_eq!(error.code(), Code::Controller, "{error}");
        assert!(error.to_string().contains(controller), "{error}");
        assert_eq!(read("pids.max").trim(), "5");
    }
    // A reload must keep the limits, because the scope is delegated.
    reload();
    assert_eq!(read("pids.max").trim(), "5");
    child.kill().unwrap();
    child.wait().unwrap();
    sandbox.destroy().unwrap();
    sandbox.destroy().unwrap();
}

#[test]
fn cgroupfs_driver_works_below_a_delegated_scope() {
    need_systemd!();
    need!(!root(), "root needs no delegation");
    let helper = crate::helper::command("delegated");
    let mut run = Command::new("systemd-run");
    run.args(["--user", "--scope", "--quiet", "-p", "Delegate=yes"]);
    run.arg(helper.get_program()).args(helper.get_args());
    run.envs(helper.get_envs().filter_map(|(name, value)| Some((name, value?))));
    crate::helper::run(run);
}
