// SPDX-License-Identifier: Apache-2.0

//! Device rules, looked at by opening nodes from a process inside the cgroup.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use katacg::devices::{parse_devices, Access, Kind, State};
use katacg::host::{HostInfo, Sources, Version};
use katacg::{Code, Config, Flags, Host, Manager, NOBODY};

use crate::fixture::*;

/// A cgroup whose device rules are enforced, and nodes to open.
struct Boxed {
    host: Arc<Host>,
    manager: Manager,
    name: String,
    nodes: PathBuf,
    opener: RefCell<Opener>,
}

/// A process in the cgroup that opens the nodes when it is asked to.
struct Opener {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Opener {
    fn new(nodes: &Path) -> Opener {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "devices::opener", "--nocapture", "--test-threads=1"]);
        command.env("KATACG_TEST_NODES", nodes).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Opener { child, answers }
    }

    fn opens(&mut self) -> Vec<String> {
        self.ask("once");
        self.answer()
    }

    fn ask(&mut self, what: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{what}").unwrap();
    }

    fn answer(&mut self) -> Vec<String> {
        loop {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "the opener has ended");
            if let Some((_, answer)) = line.trim_end_matches('\n').split_once("OPENS ") {
                return answer.split(',').map(str::to_owned).collect();
            }
        }
    }
}

/// The opener's own side. Does nothing in a normal test run.
#[test]
fn opener() {
    use rustix::fs::{makedev, mknodat, open, FileType, Mode, OFlags, CWD};
    let Some(nodes) = std::env::var_os("KATACG_TEST_NODES") else { return };
    let nodes = PathBuf::from(nodes);
    for line in std::io::stdin().lines() {
        if line.unwrap() == "loop" {
            fs::write(nodes.join("begun"), "").unwrap();
            let (mut tries, mut denied, mut allowed) = (0, 0, 0);
            while !nodes.join("stop").exists() {
                tries += 1;
                let may = open(nodes.join("c-1-3"), OFlags::RDWR, Mode::empty()).is_ok();
                denied += u32::from(!may);
                let may = open(nodes.join("c-1-9"), OFlags::RDONLY, Mode::empty()).is_ok();
                allowed += u32::from(may);
            }
            println!("OPENS {tries},{denied},{allowed}");
            continue;
        }
        let each = NODES.map(|(kind, major, minor)| {
            let node = nodes.join(format!("{kind}-{major}-{minor}"));
            let ways = [("r", OFlags::RDONLY), ("w", OFlags::WRONLY), ("b", OFlags::RDWR)];
            let opens = ways.iter().filter(|(_, how)| open(&node, *how, Mode::empty()).is_ok());
            let mut letters: String = opens.map(|(letter, _)| *letter).collect();
            let new = nodes.join("new");
            let device = makedev(major, minor);
            let how = FileType::CharacterDevice;
            if mknodat(CWD, &new, how, Mode::RUSR, device).is_ok() {
                fs::remove_file(new).unwrap();
                letters.push('m');
            }
            letters
        });
        println!("OPENS {}", each.join(","));
    }
}

/// Kind, major and minor of the nodes that are opened: harmless ones that every kernel has.
const NODES: [(&str, u32, u32); 5] =
    [("c", 1, 3), ("c", 1, 5), ("c", 1, 7), ("c", 1, 8), ("c", 1, 9)];

/// Returns this host, and on a hybrid one also its cgroup2 alone, as if there were nothing else.
fn views() -> Vec<Arc<Host>> {
    let own = shared();
    let mut out = vec![Arc::clone(&own)];
    let v2 = own.info().hierarchies.iter().find(|h| h.version == Version::V2);
    if let Some(v2) = v2.filter(|_| !unified()) {
        let mountpoint = String::from_utf8(v2.mountpoint.clone()).unwrap();
        let mountinfo = format!("30 20 0:30 / {mountpoint} rw - cgroup2 none rw\n");
        let sources =
            Sources { mountinfo: mountinfo.as_bytes(), cgroup: b"0::/\n", ..Sources::default() };
        out.push(Arc::new(Host::new(HostInfo::parse(sources).unwrap())));
    }
    out
}

fn manager_at(host: &Arc<Host>, name: &str, json: &str) -> Manager {
    let config = config(name, json);
    Manager::new(Arc::clone(host), Config { flags: Flags::default(), ..config }).unwrap()
}

impl Boxed {
    fn new(host: &Arc<Host>, json: &str) -> Boxed {
        let name = name();
        let manager = manager_at(host, &name, json);
        manager.apply(NOBODY, true).unwrap();
        let nodes = place().unwrap().join(name.trim_start_matches('/'));
        fs::create_dir(&nodes).unwrap();
        for (kind, major, minor) in NODES {
            let node = nodes.join(format!("{kind}-{major}-{minor}"));
            let numbers = [major.to_string(), minor.to_string()];
            let status = Command::new("mknod").arg(node).arg(kind).args(numbers).status();
            assert!(status.unwrap().success());
        }
        let opener = Opener::new(&nodes);
        let pid = i32::try_from(opener.child.id()).unwrap();
        manager.add(&[pid], katacg::Add::default()).unwrap();
        let opener = RefCell::new(opener);
        Boxed { host: Arc::clone(host), manager, name, nodes, opener }
    }

    fn set(&self, json: &str) -> katacg::Result<Vec<String>> {
        self.manager.set(&katacg::parse::resources(json.as_bytes()).unwrap())
    }

    /// Says for each node which accesses succeed, from a process inside: letters of `rwbm`, with
    /// `b` for both reading and writing.
    fn opens(&self) -> Vec<String> {
        self.opener.borrow_mut().opens()
    }

    fn allow(&self, device: &str, access: &str) -> katacg::Result<()> {
        let access = Access::parse(access).unwrap();
        self.manager.change_device(true, parse_devices(device).unwrap(), access)
    }

    fn deny(&self, device: &str, access: &str) -> katacg::Result<()> {
        let access = Access::parse(access).unwrap();
        self.manager.change_device(false, parse_devices(device).unwrap(), access)
    }

    fn rules(&self) -> String {
        let rules = self.manager.device_rules().unwrap();
        State::from_rules(&rules, &mut Vec::new()).unwrap().to_string()
    }
}

impl Drop for Boxed {
    fn drop(&mut self) {
        let mut opener = self.opener.borrow_mut();
        let _ = opener.child.kill();
        let _ = opener.child.wait();
        let _ = fs::remove_dir_all(&self.nodes);
        let left = manager_at(&self.host, &self.name, "{}");
        if let Err(e) = left.destroy() {
            println!("left behind: {e}");
        }
    }
}

/// Returns a directory in which device nodes can be made and opened: some mounts are `nodev`.
fn place() -> Option<PathBuf> {
    let opens = |place: &PathBuf| {
        let node = place.join(name().trim_start_matches('/'));
        let made = Command::new("mknod").arg(&node).args(["c", "1", "3"]).status();
        let opens = made.is_ok_and(|status| status.success()) && fs::read(&node).is_ok();
        let _ = fs::remove_file(&node);
        opens
    };
    let places = [std::env::temp_dir(), "/var/tmp".into(), "/root".into()];
    places.into_iter().find(opens)
}

fn can() -> bool {
    place().is_some() && (has("devices", "devices") || unified())
}

macro_rules! need_devices {
    () => {
        need!(can(), "device nodes cannot be made and opened here");
    };
}

mod many;

const DENY_ALL: &str = r#"{"allow":false,"access":"rwm"}"#;

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
        // A set without device rules leaves them alone.
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
        let b = Boxed::new(&host, &deny_all(&[rule(true, 3, "rwm"), rule(true, 5, "r")]));
        let before = (b.opens(), b.rules());
        // The device rules are set first. No disk has this number.
        let list = deny_all(&[rule(true, 7, "rwm")]);
        let list = list.strip_suffix('}').unwrap();
        let broken = match b.manager.directory().is_ok() {
            true => format!(r#"{list},"unified":{{"cgroup.max.depth":"none"}}}}"#),
            false => format!(
                r#"{list},"blockIO":{{"throttleReadBpsDevice":[{{"major":999,"minor":1,"rate":9}}]}}}}"#
            ),
        };
        let error = b.set(&broken).unwrap_err();
        assert!(error.to_string().contains("restored: device rules"), "{error}");
        assert_eq!((b.opens(), b.rules()), before, "{error}");
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
        // The manager's own rules have what was changed by it.
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
            continue; // An ancestor's program is not looked at.
        }
        let b = Boxed::new(&host, &deny_all(&[rule(true, 3, "r")]));
        let child =
            manager_at(&b.host, &format!("{}/below", b.name), &deny_all(&[rule(true, 5, "r")]));
        let error = child.apply(NOBODY, true).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("allow c 1:5 r") && text.contains(b.name.as_str()), "{text}");
        assert!(text.contains("does not allow that itself"), "{text}");
        // The mode of a cgroup with children is the kernel's to keep.
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

/// Root of a user namespace may change no device rules. That is an error that says so, and no rule
/// changes.
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

/// The other side of the test above. Does nothing in a normal test run.
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
