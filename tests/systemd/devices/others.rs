// SPDX-License-Identifier: Apache-2.0

//! Devices of units whose rules have another owner, or that the cgroupfs driver changes.

use std::fs::File;
use std::os::fd::OwnedFd;

use katacg::cgroupfs::bpf;
use katacg::devices::{parse_devices, Access, Insn};
use katacg::{Code, Config, DriverKind, Flags, Manager};

use super::*;
use runtime::Container;

#[path = "../../common/device_programs.rs"]
mod peer;
#[path = "../../common/runtime.rs"]
mod runtime;

/// Attaches a program without a name to the unit, as runc and crun do.
fn attach(s: &Sandbox, program: Vec<peer::Bytes>) {
    let code: Vec<Insn> = program.into_iter().map(Insn::from_bytes).collect();
    let program = bpf::load("", &code).unwrap();
    let directory: OwnedFd = File::open(s.dir("")).unwrap().into();
    bpf::attach(&directory, &program, None).unwrap();
}

/// Returns a manager of the unit as a later process makes it.
fn later(s: &Sandbox) -> Manager {
    let mut config = s.manager.config().clone();
    config.flags.existing = true;
    config.resources = Default::default();
    Manager::new(s.shared.clone(), config).unwrap()
}

fn change(manager: &Manager, allow: bool, device: &str) -> katacg::Result<Vec<String>> {
    manager.change_device(allow, parse_devices(device).unwrap(), Access::READ)
}

/// runc tells systemd its rules, and attaches a program of its own as well. crun only attaches a
/// program.
#[test]
fn device_is_allowed_in_a_unit_with_a_program_of_a_runtime() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(unified(), "v1 has no programs");
    let rules = peer::list(&["allow c 1:3 rwm", "allow c 1:8 r"]);
    let deny = peer::list(&["deny a *:* rwm"]);
    for (told, program) in
        [(NULL_AND_RANDOM, peer::runc(false, &rules)), ("{}", peer::crun(&rules, &deny))]
    {
        let mut s = alone(told);
        let mut opener = Opener::new();
        s.manager.apply(opener.pid(), true).unwrap();
        attach(&s, program);
        let before = "null r, null w, random r";
        assert_eq!(opener.opens(), before);
        for (allow, wanted) in [(true, "null r, null w, zero r, random r"), (false, before)] {
            for _ in 0..2 {
                assert_eq!(change(&later(&s), allow, "/dev/zero").unwrap(), [""; 0]);
                assert_eq!(opener.opens(), wanted, "{told}");
            }
            if allow {
                reload();
                assert_eq!(opener.opens(), wanted, "{told} after a reload");
            }
        }
        // The other program's rules cannot be listed.
        let error = later(&s).device_rules().unwrap_err();
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        // A list with a device that the other program denies is refused.
        let error = s.set(ALL).unwrap_err();
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        assert!(error.to_string().contains("which denies what rule"), "{error}");
        assert_eq!(opener.opens(), before, "{error}");
        drop(opener);
        s.end();
    }
}

/// Containers whose cgroup systemd has made.
fn container(runtime: &'static str) {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(unified(), "v1 has no programs");
    need!(runtime::is_installed(runtime), "{runtime} is not installed");
    let name = name();
    let place = std::env::temp_dir();
    let container =
        Container::start(runtime, &name, &place, &format!("system.slice:katacgtest:{name}"));
    let mut config = config(&format!("system.slice:katacgtest:{name}"), "{}");
    config.flags.existing = true;
    let s = Sandbox::with(&format!("katacgtest-{name}.scope"), config);
    let mut opener = Opener::new();
    // crun has a cgroup below the scope, with its program. systemd's is that of the scope.
    let below = if s.dir("").join("container").exists() { "container" } else { "" };
    let add = katacg::Add { subcgroup: below.as_bytes(), ..Default::default() };
    s.manager.add(&[opener.pid()], add).unwrap();
    assert_eq!(opener.opens(), EVERYTHING);
    let managers: Vec<Manager> = match below {
        "" => vec![later(&s)],
        below => vec![later(&s), by_path(&s, below, false)],
    };
    let change_all = |allow| {
        for manager in &managers {
            assert_eq!(change(manager, allow, "/dev/kmsg").unwrap(), [""; 0]);
        }
    };
    change_all(true);
    reload();
    assert!(opener.opens_one("r", "kmsg"), "after a reload");
    systemctl(&["set-property", "--runtime", &s.unit, "TasksMax=4000"]);
    assert!(opener.opens_one("r", "kmsg"), "after set-property");
    change_all(false);
    assert!(!opener.opens_one("r", "kmsg"));
    assert_eq!(opener.opens(), EVERYTHING);
    drop(opener);
    drop(container);
}

#[test]
fn device_is_allowed_in_a_scope_of_crun() {
    container("crun");
}

#[test]
fn device_is_allowed_in_a_scope_of_runc() {
    container("runc");
}

/// Returns a manager of the cgroupfs driver on the unit's path, or below.
fn by_path(s: &Sandbox, below: &str, strict: bool) -> Manager {
    let path = format!("{}/{below}", s.property("ControlGroup")).into_bytes();
    let flags = Flags { existing: true, strict, ..Flags::default() };
    let config = Config { path, flags, driver: DriverKind::Cgroupfs, ..Config::default() };
    Manager::new(s.shared.clone(), config).unwrap()
}

#[test]
fn cgroupfs_manager_on_a_units_path_warns_that_the_rule_ends() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    let mut s = alone(NULL_AND_RANDOM);
    let mut opener = Opener::new();
    s.manager.apply(opener.pid(), true).unwrap();
    let before = "null r, null w, random r";
    let error = change(&by_path(&s, "", true), true, "/dev/zero").unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    assert_eq!(opener.opens(), before, "{error}");
    let warnings = change(&by_path(&s, "", false), true, "/dev/zero").unwrap();
    let with_zero = "null r, null w, zero r, random r";
    assert_eq!(opener.opens(), with_zero);
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    for part in [&s.unit, "allow c 1:5 r", "daemon-reload", "use the systemd driver"] {
        assert!(warning.contains(part), "{warning}");
    }
    reload();
    systemctl(&["set-property", "--runtime", &s.unit, "TasksMax=4000"]);
    // systemd may attach its rules a moment later.
    eventually("the rule ends", || opener.opens() == before);
    // A manager with the systemd driver, as the warning advises, can allow the device.
    assert_eq!(change(&later(&s), true, "/dev/zero").unwrap(), [""; 0]);
    reload();
    assert_eq!(opener.opens(), with_zero);
    drop(opener);
    s.end();
}
