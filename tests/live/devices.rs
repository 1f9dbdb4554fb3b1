// SPDX-License-Identifier: Apache-2.0

//! Device rules of live cgroups, checked by a process inside the cgroup that opens nodes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{RwLock, RwLockReadGuard};

use boxed::*;
use katacg::devices::{parse_devices, Access, Kind, State};
use katacg::{Code, NOBODY};

use crate::fixture::*;

mod boxed;

/// Each test of this file holds this lock. A test that changes a setting of the whole machine holds
/// it for writing.
static MACHINE: RwLock<()> = RwLock::new(());

fn machine() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

macro_rules! need_devices {
    () => {
        need!(can(), "device nodes cannot be made and opened here");
        let _machine = machine();
    };
}

mod faults;
#[macro_use]
mod foreign;
mod hidden;
mod many;
mod runtimes;

const DENY_ALL: &str = r#"{"allow":false,"access":"rwm"}"#;

const ALLOW_ALL: &str = r#"{"allow":true,"access":"rwm"}"#;

fn rule(allow: bool, minor: u32, access: &str) -> String {
    format!(r#"{{"allow":{allow},"type":"c","major":1,"minor":{minor},"access":"{access}"}}"#)
}

fn rules(list: &[String]) -> String {
    format!(r#"{{"devices":[{}]}}"#, list.join(","))
}

fn deny_all(rest: &[String]) -> String {
    rules(&[&[DENY_ALL.to_owned()], rest].concat())
}

#[test]
fn device_rules_hold_and_removing_one_revokes_it() {
    need_devices!();
    for host in views() {
        let b = Boxed::new(
            &host,
            &deny_all(&[rule(true, 3, "rwm"), rule(true, 5, "r"), rule(true, 8, "w")]),
        );
        assert_eq!(b.opens(), ["rwbm", "r", "", "w", ""]);
        b.set(&deny_all(&[rule(true, 5, "rw"), rule(true, 7, "r"), rule(true, 8, "w")])).unwrap();
        assert_eq!(b.opens(), ["", "rwb", "r", "w", ""]);
        // A set without device rules changes no device rule.
        b.set("{}").unwrap();
        assert_eq!(b.opens(), ["", "rwb", "r", "w", ""]);
        b.set(&deny_all(&[])).unwrap();
        assert_eq!(b.opens(), ["", "", "", "", ""]);
    }
}

/// runc, crun and youki let O_RDWR through on v2.
#[test]
fn a_denied_write_also_refuses_opening_for_both() {
    need_devices!();
    for host in views() {
        let all = r#"{"allow":true,"access":"rwm"}"#.to_owned();
        let b = Boxed::new(&host, &rules(&[all, rule(false, 3, "w"), rule(false, 5, "rm")]));
        assert_eq!(b.opens(), ["rm", "w", "rwbm", "rwbm", "rwbm"]);
    }
}

#[test]
fn overlapping_rules_add_up() {
    need_devices!();
    for host in views() {
        let wide = r#"{"allow":true,"type":"c","major":1,"access":"w"}"#.to_owned();
        let b = Boxed::new(&host, &deny_all(&[wide, rule(true, 3, "r")]));
        assert_eq!(b.opens(), ["rwb", "w", "w", "w", "w"]);
    }
}

#[test]
fn a_failed_set_brings_the_old_rules_back() {
    need_devices!();
    for host in views() {
        for first in [
            deny_all(&[rule(true, 3, "rwm"), rule(true, 5, "r")]),
            // v1 does not show which devices are denied.
            rules(&[ALLOW_ALL.to_owned(), rule(false, 3, "w"), rule(false, 5, "rm")]),
        ] {
            let b = Boxed::new(&host, &first);
            let before = (b.opens(), b.rules());
            // The device rules are set first. No disk has this number.
            let list = deny_all(&[rule(true, 7, "rwm")]);
            let list = list.strip_suffix('}').unwrap();
            let broken = match b.manager.directory().is_ok() {
                true => format!(r#"{list},"unified":{{"cgroup.max.depth":"none"}}}}"#),
                false => {
                    let throttle = r#"[{"major":999,"minor":1,"rate":9}]"#;
                    format!(r#"{list},"blockIO":{{"throttleReadBpsDevice":{throttle}}}}}"#)
                }
            };
            let error = b.set(&broken).unwrap_err();
            assert!(error.to_string().contains("restored: device rules"), "{error}");
            assert_eq!((b.opens(), b.rules()), before, "{error}");
        }
    }
}

#[test]
fn devices_are_allowed_and_denied_later() {
    need_devices!();
    for host in views() {
        let b = Boxed::new(&host, &deny_all(&[rule(true, 3, "rwm")]));
        for _ in 0..2 {
            b.allow("c 1:5", "rw").unwrap();
            assert_eq!(b.opens(), ["rwbm", "rwb", "", "", ""]);
        }
        assert_eq!(b.rules(), "deny a *:* rwm, allow c 1:3 rwm, allow c 1:5 rw");
        for _ in 0..2 {
            b.deny("c 1:3", "w").unwrap();
            assert_eq!(b.opens(), ["rm", "rwb", "", "", ""]);
        }
        // Another manager finds the rules.
        let other = manager_at(&b.host, &b.name, "{}");
        let all = Access::ALL;
        other.change_device(true, parse_devices("c 1:9").unwrap(), all).unwrap();
        assert_eq!(b.opens(), ["rm", "rwb", "", "", "rwbm"]);
        // The manager's own resources have the changes that this manager made.
        b.manager.set(&b.manager.resources()).unwrap();
        assert_eq!(b.opens(), ["rm", "rwb", "", "", ""]);
    }
}

#[test]
fn denying_a_part_of_a_wildcard_is_refused_and_changes_nothing() {
    need_devices!();
    for host in views() {
        let wide = r#"{"allow":true,"type":"c","major":1,"access":"r"}"#.to_owned();
        let b = Boxed::new(&host, &deny_all(&[wide]));
        let error = b.deny("c 1:3", "r").unwrap_err();
        assert_eq!(error.code(), Code::Value, "{error}");
        assert_eq!(b.opens(), ["r"; 5]);
    }
}

#[test]
fn a_parent_that_denies_more_is_named() {
    need_devices!();
    for host in views() {
        if host.info().is_unified() {
            continue; // On v2 the library does not look at programs of ancestors.
        }
        let b = Boxed::new(&host, &deny_all(&[rule(true, 3, "r")]));
        let child =
            manager_at(&b.host, &format!("{}/below", b.name), &deny_all(&[rule(true, 5, "r")]));
        let error = child.apply(NOBODY, true).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("allow c 1:5 r") && text.contains(b.name.as_str()), "{text}");
        assert!(text.contains("does not allow that itself"), "{text}");
        // The kernel refuses to change the default of a cgroup that has children.
        let child = manager_at(&b.host, &format!("{}/below", b.name), "{}");
        child.apply(NOBODY, true).unwrap();
        let error = b.set(r#"{"devices":[{"allow":true,"access":"rwm"}]}"#).unwrap_err();
        assert!(error.to_string().contains("child cgroups"), "{error}");
        child.destroy().unwrap();
    }
}

#[test]
fn a_link_is_not_followed_to_a_device() {
    let link = std::env::temp_dir().join(name().trim_start_matches('/'));
    std::os::unix::fs::symlink(Path::new("/dev/null"), &link).unwrap();
    let error = parse_devices(link.to_str().unwrap()).unwrap_err();
    fs::remove_file(&link).unwrap();
    assert!(error.to_string().contains("a symbolic link"), "{error}");
}

/// Root of a user namespace may not change device rules. The error says that, and no rule changes.
#[test]
fn device_rules_without_the_privilege_are_an_error() {
    need_devices!();
    let works = Command::new("unshare").args(["-r", "true"]).status();
    need!(works.is_ok_and(|status| status.success()), "no user namespaces here");
    for (n, host) in views().iter().enumerate() {
        let b = Boxed::new(host, &deny_all(&[rule(true, 3, "rwm")]));
        let mut command = Command::new("unshare");
        command.arg("-r").arg(std::env::current_exe().unwrap());
        command.args(["--exact", "devices::unprivileged", "--nocapture", "--test-threads=1"]);
        command.env("KATACG_TEST_UNPRIVILEGED", &b.name).env("KATACG_TEST_VIEW", n.to_string());
        let out = command.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert!(String::from_utf8_lossy(&out.stdout).contains("REFUSED"));
        assert_eq!(b.opens(), ["rwbm", "", "", "", ""]);
    }
}

/// The part of the test above that runs in the user namespace. In a normal run it does nothing.
#[test]
fn unprivileged() {
    let Ok(name) = std::env::var("KATACG_TEST_UNPRIVILEGED") else { return };
    let view: usize = std::env::var("KATACG_TEST_VIEW").unwrap().parse().unwrap();
    let own = manager_at(&views()[view], &name, "{}");
    let list = deny_all(&[rule(true, 5, "r")]);
    let error = own.set(&katacg::parse::resources(list.as_bytes()).unwrap()).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    assert!(error.to_string().contains("skip-devices"), "{error}");
    let device = parse_devices("c 1:5").unwrap();
    let error = own.change_device(true, device, Access::ALL).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    println!("REFUSED");
}
