// SPDX-License-Identifier: Apache-2.0

//! A cgroup with a process inside that opens device nodes.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use katacg::devices::{parse_devices, Access, State};
use katacg::host::{HostInfo, Sources, Version};
use katacg::{Config, Flags, Host, Manager, NOBODY};
use rustix::fs::{makedev, mknodat, open, FileType, Mode, OFlags, CWD};
use rustix::io::Errno;

use crate::fixture::*;

/// A cgroup whose device rules are enforced, and nodes to open.
pub struct Boxed {
    pub host: Arc<Host>,
    pub manager: Manager,
    pub name: String,
    pub nodes: PathBuf,
    pub opener: RefCell<Opener>,
}

/// A process in the cgroup that opens the nodes when it is asked to.
pub struct Opener {
    pub child: Child,
    pub answers: BufReader<ChildStdout>,
}

impl Opener {
    pub fn new(nodes: &Path) -> Opener {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "devices::boxed::opener", "--nocapture", "--test-threads=1"]);
        command.env("KATACG_TEST_NODES", nodes).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Opener { child, answers }
    }

    pub fn opens(&mut self) -> Vec<String> {
        self.ask("once");
        self.answer()
    }

    /// Says which accesses to one more node succeed, `c-10-232`, for which the test has made a
    /// node.
    pub fn opens_one(&mut self, node: &str) -> String {
        self.ask(&format!("node {node}"));
        self.answer().remove(0)
    }

    pub fn ask(&mut self, what: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{what}").unwrap();
    }

    pub fn answer(&mut self) -> Vec<String> {
        loop {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "the opener has ended");
            if let Some((_, answer)) = line.trim_end_matches('\n').split_once("OPENS ") {
                return answer.split(',').map(str::to_owned).collect();
            }
        }
    }
}

/// How often the loop opens each device before a test may end the loop.
const ENOUGH: u32 = 1_000;

/// The program of the opener process. In a normal test run it does nothing.
#[test]
fn opener() {
    let Some(nodes) = std::env::var_os("KATACG_TEST_NODES") else { return };
    let nodes = PathBuf::from(nodes);
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        if line == "loop" {
            fs::write(nodes.join("begun"), "").unwrap();
            let (mut tries, mut denied, mut allowed) = (0, 0, 0);
            while !nodes.join("stop").exists() {
                tries += 1;
                if tries == ENOUGH {
                    fs::write(nodes.join("enough"), "").unwrap();
                }
                let may = open(nodes.join("c-1-3"), OFlags::RDWR, Mode::empty()).is_ok();
                denied += u32::from(!may);
                let may = open(nodes.join("c-1-9"), OFlags::RDONLY, Mode::empty()).is_ok();
                allowed += u32::from(may);
            }
            println!("OPENS {tries},{denied},{allowed}");
            continue;
        }
        if let Some(node) = line.strip_prefix("node ") {
            println!("OPENS {}", letters(&nodes, node));
            continue;
        }
        let each =
            NODES.map(|(kind, major, minor)| letters(&nodes, &format!("{kind}-{major}-{minor}")));
        println!("OPENS {}", each.join(","));
    }
}

/// Returns whether the kernel did not refuse the access. A missing device (ENXIO), such as the
/// terminal of a process that has none, is not refused.
fn letters(nodes: &Path, node: &str) -> String {
    let numbers: Vec<u32> = node.split('-').filter_map(|n| n.parse().ok()).collect();
    let path = nodes.join(node);
    let ways = [("r", OFlags::RDONLY), ("w", OFlags::WRONLY), ("b", OFlags::RDWR)];
    let is_open = |how| matches!(open(&path, how, Mode::empty()), Ok(_) | Err(Errno::NXIO));
    let opens = ways.iter().filter(|(_, how)| is_open(*how));
    let mut letters: String = opens.map(|(letter, _)| *letter).collect();
    let new = nodes.join("new");
    let device = makedev(numbers[0], numbers[1]);
    let kind =
        if node.starts_with('b') { FileType::BlockDevice } else { FileType::CharacterDevice };
    if mknodat(CWD, &new, kind, Mode::RUSR, device).is_ok() {
        fs::remove_file(new).unwrap();
        letters.push('m');
    }
    letters
}

/// Kind, major and minor of the nodes that are opened: harmless ones that every kernel has.
pub const NODES: [(&str, u32, u32); 5] =
    [("c", 1, 3), ("c", 1, 5), ("c", 1, 7), ("c", 1, 8), ("c", 1, 9)];

/// Returns this host. For a hybrid host, returns also a view that has only its cgroup2.
pub fn views() -> Vec<Arc<Host>> {
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

pub fn make_node(nodes: &Path, node: &str) {
    let status = Command::new("mknod").arg(nodes.join(node)).args(node.split('-')).status();
    assert!(status.unwrap().success());
}

pub fn manager_at(host: &Arc<Host>, name: &str, json: &str) -> Manager {
    let config = config(name, json);
    Manager::new(Arc::clone(host), Config { flags: Flags::default(), ..config }).unwrap()
}

impl Boxed {
    pub fn new(host: &Arc<Host>, json: &str) -> Boxed {
        let name = name();
        let manager = manager_at(host, &name, json);
        manager.apply(NOBODY, true).unwrap();
        Boxed::in_cgroup(host, name, manager)
    }

    /// Starts the opener in a cgroup that exists.
    pub fn in_cgroup(host: &Arc<Host>, name: String, manager: Manager) -> Boxed {
        let nodes = place().unwrap().join(name.trim_start_matches('/'));
        fs::create_dir(&nodes).unwrap();
        for (kind, major, minor) in NODES {
            make_node(&nodes, &format!("{kind}-{major}-{minor}"));
        }
        let opener = Opener::new(&nodes);
        let pid = i32::try_from(opener.child.id()).unwrap();
        manager.add(&[pid], katacg::Add::default()).unwrap();
        let opener = RefCell::new(opener);
        Boxed { host: Arc::clone(host), manager, name, nodes, opener }
    }

    /// Repeats a change, at least so many times and until the process inside has opened an allowed
    /// and a denied device often. Checks that no open had a wrong answer.
    pub fn no_wrong_answer_in(&self, least: usize, mut change: impl FnMut(usize)) {
        self.opener.borrow_mut().ask("loop");
        eventually("the loop begins", || self.nodes.join("begun").exists());
        let mut done = 0;
        while done < least || !self.nodes.join("enough").exists() {
            change(done);
            done += 1;
        }
        fs::write(self.nodes.join("stop"), "").unwrap();
        let answer = self.opener.borrow_mut().answer();
        println!("{done} changes while {} opens of each device", answer[0]);
        assert_eq!(answer[1..], ["0", "0"], "{answer:?}");
    }

    pub fn set(&self, json: &str) -> katacg::Result<Vec<String>> {
        self.manager.set(&katacg::parse::resources(json.as_bytes()).unwrap())
    }

    /// Says for each node which accesses succeed, from a process inside: letters of `rwbm`, with
    /// `b` for both reading and writing.
    pub fn opens(&self) -> Vec<String> {
        self.opener.borrow_mut().opens()
    }

    pub fn allow(&self, device: &str, access: &str) -> katacg::Result<()> {
        let access = Access::parse(access).unwrap();
        self.manager.change_device(true, parse_devices(device).unwrap(), access).map(drop)
    }

    pub fn deny(&self, device: &str, access: &str) -> katacg::Result<()> {
        let access = Access::parse(access).unwrap();
        self.manager.change_device(false, parse_devices(device).unwrap(), access).map(drop)
    }

    pub fn rules(&self) -> String {
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

/// Whether this is a machine of tests/lab, which is slow and the test's alone.
pub fn emulated() -> bool {
    fs::read_to_string("/proc/cmdline").unwrap().contains("lab")
}

/// Returns a directory in which device nodes can be made and opened: some mounts are `nodev`.
pub fn place() -> Option<PathBuf> {
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

pub fn can() -> bool {
    place().is_some() && (has("devices", "devices") || unified())
}
