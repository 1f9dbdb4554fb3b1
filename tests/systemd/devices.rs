// SPDX-License-Identifier: Apache-2.0

//! Device rules of units: which devices a process inside can open, before and after a reload.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use katacg::devices::append_runtime_defaults;
use katacg::resources::parse;
use katacg::FreezerState;

use crate::fixture::*;

mod beside;
mod later;
mod others;

const NULL_AND_RANDOM: &str = r#"{"devices":[{"allow":false,"access":"rwm"},
    {"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"},
    {"allow":true,"type":"c","major":1,"minor":8,"access":"r"}]}"#;
const NULL_AND_ZERO: &str = r#"{"devices":[{"allow":false,"access":"rwm"},
    {"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"},
    {"allow":true,"type":"c","major":1,"minor":5,"access":"rw"}]}"#;
/// Allows whole major numbers: pseudo terminals and all memory devices.
const MAJORS: &str = r#"{"devices":[{"allow":false,"access":"rwm"},
    {"allow":true,"type":"c","major":1,"access":"rw"},
    {"allow":true,"type":"c","major":136,"access":"rwm"}]}"#;
const ALL: &str = r#"{"devices":[{"allow":true,"access":"rwm"}]}"#;

/// A process that opens devices on request.
pub struct Opener {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Opener {
    pub fn new() -> Opener {
        let script = "while read -r way device; do
            case $way in r) (: <$device) ;; w) (: >$device) ;; esac && echo yes || echo no
        done";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Opener { child, input, output: BufReader::new(output) }
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Tries to open null, zero and random, for reading and for writing. Returns those that opened.
    pub fn opens(&mut self) -> String {
        let mut out = Vec::new();
        for device in ["null", "zero", "random"] {
            for way in ["r", "w"] {
                if self.opens_one(way, device) {
                    out.push(format!("{device} {way}"));
                }
            }
        }
        out.join(", ")
    }

    /// Tries to open one device.
    pub fn opens_one(&mut self, way: &str, device: &str) -> bool {
        writeln!(self.input, "{way} /dev/{device}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim() == "yes"
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// runc#3708: a reload must keep the allowed devices.
#[test]
fn device_rules_hold_after_each_set_and_reload() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    let mut s = Sandbox::planned(NULL_AND_RANDOM);
    let mut opener = Opener::new();
    s.manager.apply(opener.pid(), true).unwrap();
    let first = "null r, null w, random r";
    assert_eq!(opener.opens(), first);
    s.check("made", &[("DevicePolicy", "strict")]);
    let list = s.property("DeviceAllow");
    assert!(list.contains("/dev/char/1:3 rwm") && list.contains("/dev/char/1:8 r"), "{list}");
    reload();
    assert_eq!(opener.opens(), first, "after a reload");

    for (json, wanted) in [
        (NULL_AND_ZERO, "null r, null w, zero r, zero w"),
        (MAJORS, "null r, null w, zero r, zero w, random r, random w"),
        (ALL, "null r, null w, zero r, zero w, random r, random w"),
    ] {
        s.set(json).unwrap();
        assert_eq!(opener.opens(), wanted, "{json}");
    }
    // The policy auto would leave the last list in force where no other unit has rules.
    let list = s.property("DeviceAllow");
    assert!(list.contains("char-* rwm") && list.contains("block-* rwm"), "{list}");
    s.set(NULL_AND_RANDOM).unwrap();
    assert_eq!(opener.opens(), first);
    reload();
    assert_eq!(opener.opens(), first, "after the second reload");
    // A set of other resources keeps the rules.
    s.set(r#"{"pids":{"limit":50}}"#).unwrap();
    assert_eq!(opener.opens(), first);
    drop(opener);
    s.end();
}

const EVERYTHING: &str = "null r, null w, zero r, zero w, random r, random w";

/// Returns a scope that is alone in a slice of its own. No other unit there has device rules, which
/// would make systemd apply the policy auto to this unit as well.
fn alone(json: &str) -> Sandbox {
    let name = name();
    let config = config(&format!("katacgtest{name}.slice:katacgtest:{name}"), json);
    Sandbox::with(&format!("katacgtest-{name}.scope"), config)
}

#[test]
fn allow_all_is_in_force_where_no_other_unit_has_rules() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    let mut s = alone(NULL_AND_RANDOM);
    let mut opener = Opener::new();
    s.manager.apply(opener.pid(), true).unwrap();
    assert_eq!(opener.opens(), "null r, null w, random r");
    s.set(ALL).unwrap();
    assert_eq!(opener.opens(), EVERYTHING);
    reload();
    assert_eq!(opener.opens(), EVERYTHING, "after a reload");
    s.set(NULL_AND_ZERO).unwrap();
    assert_eq!(opener.opens(), "null r, null w, zero r, zero w");
    drop(opener);
    s.end();
}

/// The rules are those that `katacg_manager_new` makes of a specification that denies all.
#[test]
fn specification_gets_the_default_devices() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    let mut planned = parse::resources(br#"{"devices":[{"allow":false,"access":"rwm"}]}"#).unwrap();
    append_runtime_defaults(&mut planned);
    let mut s = Sandbox::changed("{}", |config| config.resources = planned);
    let mut opener = Opener::new();
    s.manager.apply(opener.pid(), true).unwrap();
    assert_eq!(opener.opens(), EVERYTHING);
    // A set adds nothing.
    s.set(r#"{"devices":[{"allow":false,"access":"rwm"}]}"#).unwrap();
    assert_eq!(opener.opens(), "");
    drop(opener);
    s.end();
}

/// Before the set, the unit had no rules or allowed all devices. No file shows which devices a
/// process can open, so the process tries.
#[test]
fn refused_set_gives_all_devices_back() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(has("hugetlb", "hugetlb"), "no write that fails last");
    let wrong = r#","hugepageLimits":[{"pageSize":"3KB","limit":4096}]}"#;
    let wrong = NULL_AND_ZERO.replace("]}", &format!("]{wrong}"));
    for first in ["{}", ALL] {
        let mut s = alone(first);
        let mut opener = Opener::new();
        s.manager.apply(opener.pid(), true).unwrap();
        assert_eq!(opener.opens(), EVERYTHING, "{first}");
        // systemd puts each entry in front.
        let told = || {
            let list = s.property("DeviceAllow");
            (s.property("DevicePolicy"), list.lines().map(str::to_owned).collect::<BTreeSet<_>>())
        };
        let before = told();
        let error = s.set(&wrong).unwrap_err().to_string();
        assert!(error.contains("restored: ") && !error.contains("undone"), "{error}");
        assert_eq!(opener.opens(), EVERYTHING, "{first}: {error}");
        assert_eq!(told(), before, "{first}");
        reload();
        assert_eq!(opener.opens(), EVERYTHING, "{first} after a reload");
        drop(opener);
        s.end();
    }
}

/// The set sends the device rules to systemd before a write to a file fails.
#[test]
fn failed_set_restores_the_device_rules() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(has("hugetlb", "hugetlb"), "no write that fails last");
    let mut s = Sandbox::planned(NULL_AND_RANDOM);
    let mut opener = Opener::new();
    s.manager.apply(opener.pid(), true).unwrap();
    let wrong = r#","hugepageLimits":[{"pageSize":"3KB","limit":4096}]}"#;
    let error = s.set(&NULL_AND_ZERO.replace("]}", &format!("]{wrong}"))).unwrap_err();
    assert!(error.to_string().contains("hugetlb.3KB"), "{error}");
    assert_eq!(opener.opens(), "null r, null w, random r");
    reload();
    assert_eq!(opener.opens(), "null r, null w, random r");
    assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Thawed);
    drop(opener);
    s.end();
}

/// The unit had no rules before, or rules that the manager does not know.
#[test]
fn failed_set_restores_device_rules_that_another_program_set() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(has("hugetlb", "hugetlb"), "no write that fails last");
    let wrong = r#","hugepageLimits":[{"pageSize":"3KB","limit":4096}]}"#;
    let wrong = NULL_AND_ZERO.replace("]}", &format!("]{wrong}"));
    let mut s = Sandbox::new("{}");
    let no_rules = [("DevicePolicy", "auto"), ("DeviceAllow", "")];
    s.check("no rules", &no_rules);
    s.set(&wrong).unwrap_err();
    s.check("still no rules", &no_rules);
    let others =
        ["set-property", "--runtime", &s.unit, "DevicePolicy=closed", "DeviceAllow=/dev/random r"];
    systemctl(&others);
    s.set(&wrong).unwrap_err();
    s.check("others'", &[("DevicePolicy", "closed"), ("DeviceAllow", "/dev/random r")]);
    s.end();

    // The manager has rules, but apply without a set did not send them to systemd.
    let mut s = Sandbox::planned(NULL_AND_RANDOM);
    let pid = s.child();
    s.manager.apply(pid, false).unwrap();
    s.set(&wrong).unwrap_err();
    s.check("rules not sent", &no_rules);
    s.end();
}

/// On v1 the processes are frozen while the rules change, so no open fails in between.
#[test]
fn allowed_device_stays_accessible_while_rules_change() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    let mut s = Sandbox::planned(NULL_AND_RANDOM);
    let script = "while :; do (: </dev/null) || echo lost; done";
    let mut busy = Command::new("sh")
        .args(["-c", script])
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    s.manager.apply(i32::try_from(busy.id()).unwrap(), true).unwrap();
    for _ in 0..6 {
        s.set(NULL_AND_ZERO).unwrap();
        s.set(NULL_AND_RANDOM).unwrap();
    }
    busy.kill().unwrap();
    let output = String::from_utf8(busy.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(output, "");
    s.end();
}

#[test]
fn frozen_scope_stays_frozen_while_rules_change() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    let mut s = Sandbox::new(NULL_AND_RANDOM);
    s.manager.freeze(Duration::from_secs(10)).unwrap();
    s.set(NULL_AND_ZERO).unwrap();
    assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Frozen);
    s.manager.thaw().unwrap();
    s.set(NULL_AND_RANDOM).unwrap();
    assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Thawed);
    s.check("thawed", &[("ActiveState", "active"), ("DevicePolicy", "strict")]);
    s.end();
}

#[test]
fn failed_freeze_ends_the_set_before_any_change() {
    need_systemd!();
    need!(!unified(), "only v1 is frozen while device rules change");
    let mut s = Sandbox::new(NULL_AND_RANDOM);
    let freezer = s.dir("freezer");
    // A reload by another test reverses the order of the rules.
    let sorted = |text: String| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let facts =
        || (sorted(s.property("DeviceAllow")), sorted(s.file("devices.list")), s.file("pids.max"));
    let before = facts();
    // A mount over the cgroup makes the freeze fail.
    command("mount", &["-t", "tmpfs", "none", freezer.to_str().unwrap()]);
    let error = s.set(&NULL_AND_ZERO.replace("]}", r#"],"pids":{"limit":50}}"#)).unwrap_err();
    command("umount", &[freezer.to_str().unwrap()]);
    assert!(error.to_string().contains("freeze"), "{error}");
    assert_eq!(facts(), before);
    assert_eq!(s.manager.freezer_state().unwrap(), FreezerState::Thawed);
    s.end();
}

#[test]
fn set_refuses_device_rules_that_systemd_cannot_express_on_v1() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(!unified(), "on v2 a program enforces them");
    let mut s = Sandbox::planned("{}");
    let pid = s.start();
    for json in [
        // All devices but one.
        r#"{"devices":[{"allow":true,"access":"rwm"},
            {"allow":false,"type":"c","major":1,"minor":3,"access":"w"}]}"#,
        // One minor number of every major number.
        r#"{"devices":[{"allow":false,"access":"rwm"},
            {"allow":true,"type":"c","minor":3,"access":"r"}]}"#,
    ] {
        let error = s.set(json).unwrap_err();
        assert_eq!(error.code(), katacg::Code::Unsupported, "{error}");
        s.check("refused", &[("DevicePolicy", "auto"), ("DeviceAllow", "")]);
    }
    assert!(alive(pid));
    s.end();
}

/// The limit of 400 entries is for device programs, not for v1.
#[test]
fn long_list_is_in_force_on_v1() {
    need_systemd!();
    need!(!unified(), "v2 has a program of systemd, or of this library");
    let mut s = Sandbox::planned(&beside::long_list(450));
    let mut opener = Opener::new();
    s.manager.apply(opener.pid(), true).unwrap();
    assert_eq!(opener.opens(), "null r, null w");
    assert_eq!(beside::said(&s), "null r, null w");
    drop(opener);
    s.end();
}

/// A parent that denies a device overrides the unit's rules. systemd still reports success.
#[test]
fn rule_that_the_parent_denies_is_an_error_on_v1() {
    need_systemd!();
    need!(!unified(), "v2 shows no parent's rules in a list");
    let mut s = alone("{}");
    let opener = Opener::new();
    s.manager.apply(opener.pid(), true).unwrap();
    let parent = s.dir("devices").parent().unwrap().to_owned();
    std::fs::write(parent.join("devices.deny"), "c 1:5 rwm").unwrap();
    let error = s.set(NULL_AND_ZERO).unwrap_err();
    assert_eq!(error.code(), katacg::Code::Clamped, "{error}");
    assert!(error.to_string().contains("devices.list"), "{error}");
    std::fs::write(parent.join("devices.allow"), "a").ok();
    drop(opener);
    s.end();
}
