// SPDX-License-Identifier: Apache-2.0

//! A transaction alone: no manager, no cgroup file system. A directory of plain files plays the
//! kernel, and a peer on a socket plays systemd.
//!
//! Each test fails the step that follows one kind of change, and looks at what is left.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic)]

#[path = "../systemd_peer/peer.rs"]
#[allow(dead_code)]
mod peer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

use katacg::cgroupfs::Hierarchies;
use katacg::events::Registry;
use katacg::host::{HierarchyId, HostInfo, Sources};
use katacg::placement::{Place, Placement};
use katacg::plan::{Step, TaskKind, Write};
use katacg::systemd::{Property, Systemd, SystemdUnit, Unit, Value};
use katacg::transaction::{LastProgram, Options, Scope, Transaction};
use katacg::{Bus, Error, Result};

use peer::{Peer, Then};

const JOB: &str = "/org/freedesktop/systemd1/job/7";
const UNIT: &str = "kata-x.scope";

/// A directory that plays a unified host's hierarchy.
struct Fake {
    root: PathBuf,
    hierarchies: Hierarchies,
    placement: Placement,
    unit: Option<SystemdUnit>,
    wants_frozen: AtomicBool,
    events: Registry,
    last_program: LastProgram,
}

impl Fake {
    fn new() -> Fake {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("katacg-transaction-{}-{number}", std::process::id());
        let root = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&root).unwrap();
        let mountinfo = format!("30 20 0:30 / {} rw - cgroup2 none rw\n", root.display());
        let sources = Sources {
            mountinfo: mountinfo.as_bytes(),
            cgroup: b"0::/\n",
            controllers: b"pids",
            ..Sources::default()
        };
        let info = HostInfo::parse(sources).unwrap();
        let hierarchies = Hierarchies::of_plain_directories(info).unwrap();
        let place = Place::Path(b"/box".to_vec());
        let info = Arc::clone(hierarchies.info());
        let placement = Placement::new(info, &place, &[], false).unwrap();
        let wants_frozen = AtomicBool::new(false);
        let events = Registry::default();
        let last_program = LastProgram::default();
        Fake { root, hierarchies, placement, unit: None, wants_frozen, events, last_program }
    }

    /// A host whose systemd is this peer.
    fn with_systemd(peer: &Peer) -> Fake {
        let client = Systemd::new(Bus::System, Some(peer.address())).with_version(252);
        let unit = SystemdUnit {
            unit: Unit::parse(b"system.slice:kata:x", false).unwrap(),
            bus: Bus::System,
            client: Arc::new(client),
            root: b"/".to_vec(),
            user_properties: Vec::new(),
        };
        let mut fake = Fake::new();
        fake.unit = Some(unit);
        fake
    }

    fn id(&self) -> HierarchyId {
        self.hierarchies.info().find("").unwrap()
    }

    /// Puts a file into the hierarchy, with its directory.
    fn put(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.root.join(file)).unwrap()
    }

    fn write(&self, file: &'static str, value: &str) -> Step {
        Step::Write(Write::new(self.id(), "test", file, value))
    }

    /// A step that fails: the file does not exist.
    fn failing_step(&self) -> Step {
        self.write("memory.nonsense", "1")
    }

    fn transaction(&self) -> Transaction<'_> {
        let scope = Scope {
            hierarchies: &self.hierarchies,
            placement: &self.placement,
            unit: self.unit.as_ref(),
            wants_frozen: &self.wants_frozen,
            events: &self.events,
            last_program: &self.last_program,
            log: None,
        };
        Transaction::new(scope, Options { keep_old: true, ..Options::default() })
    }

    /// Carries out steps and a failing one after them. Returns the error.
    fn fail_after(&self, mut steps: Vec<Step>) -> Error {
        steps.push(self.failing_step());
        let result: Result<()> = self.transaction().carry_out(&steps);
        let error = result.unwrap_err();
        assert!(error.to_string().contains("memory.nonsense"), "{error}");
        error
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

#[test]
fn removes_the_directories_that_it_created() {
    let fake = Fake::new();
    let create =
        Step::CreateSubcgroup { hierarchy: fake.id(), subcgroup: b"a/b".to_vec(), threaded: false };
    fake.fail_after(vec![Step::Create { hierarchy: fake.id() }, create]);
    assert!(!exists(&fake.root.join("box")));
}

#[test]
fn keeps_a_directory_that_existed_before() {
    let fake = Fake::new();
    fake.put("box/pids.max", "max\n");
    fake.fail_after(vec![Step::Create { hierarchy: fake.id() }]);
    assert!(exists(&fake.root.join("box")));
}

#[test]
fn restores_the_old_values_of_files_newest_first() {
    let fake = Fake::new();
    fake.put("box/pids.max", "7\n");
    let steps = vec![fake.write("pids.max", "8"), fake.write("pids.max", "9")];
    let error = fake.fail_after(steps);
    assert_eq!(fake.read("box/pids.max"), "7\n");
    assert!(error.to_string().contains("restored: pids.max"), "{error}");
}

#[test]
fn names_a_file_whose_old_value_is_not_known() {
    let fake = Fake::new();
    fake.put("box/memory.reclaim", "");
    let error = fake.fail_after(vec![fake.write("memory.reclaim", "4096")]);
    let wanted = "could not be undone: memory.reclaim (its old value is not known)";
    assert!(error.to_string().contains(wanted), "{error}");
}

/// Returns the file that lists this process's own cgroup, relative to a hierarchy.
fn own_procs() -> String {
    let origin = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = origin.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    format!("{own}/cgroup.procs").trim_start_matches('/').to_owned()
}

/// A systemd that knows the unit's cgroup, and has no process in it.
fn systemd_with_an_empty_unit() -> Peer {
    Peer::new(|call, out| {
        match call.member.as_str() {
            "Get" => {
                let cgroup = format!("/system.slice/{UNIT}");
                out.reply(call, &zbus::zvariant::Value::from(cgroup));
            }
            "GetUnitProcesses" => out.reply(call, &Vec::<(String, u32, String)>::new()),
            _ => return Then::Usual,
        }
        Then::Done
    })
}

#[test]
fn moves_tasks_back_to_where_they_were() {
    let fake = Fake::new();
    let own = std::process::id();
    let home = &own_procs();
    fake.put(home, "");
    fake.put("box/cgroup.procs", "");
    let pid = i32::try_from(own).unwrap();
    let attach = Step::Attach {
        hierarchy: fake.id(),
        kind: TaskKind::Process,
        ids: vec![pid],
        subcgroup: Vec::new(),
    };
    let mut transaction = fake.transaction();
    transaction.note_origins(TaskKind::Process, &[pid]).unwrap();
    transaction.carry_out(&[attach, fake.failing_step()]).unwrap_err();
    assert_eq!(fake.read("box/cgroup.procs"), own.to_string());
    assert_eq!(fake.read(home), own.to_string());
}

#[test]
fn disables_controllers_after_the_directories_are_gone() {
    let fake = Fake::new();
    fake.put("cgroup.subtree_control", "");
    fake.put("cgroup.type", "domain\n");
    let enable =
        Step::Enable { hierarchy: fake.id(), needed: vec!["pids".to_owned()], only_needed: false };
    fake.fail_after(vec![Step::Create { hierarchy: fake.id() }, enable]);
    assert!(!exists(&fake.root.join("box")));
    assert_eq!(fake.read("cgroup.subtree_control"), "-pids");
}

#[test]
fn leaves_controllers_enabled_for_another_child() {
    let fake = Fake::new();
    fake.put("cgroup.subtree_control", "");
    fake.put("cgroup.type", "domain\n");
    fake.put("other/pids.max", "5\n");
    let enable =
        Step::Enable { hierarchy: fake.id(), needed: vec!["pids".to_owned()], only_needed: false };
    fake.fail_after(vec![Step::Create { hierarchy: fake.id() }, enable]);
    assert_eq!(fake.read("cgroup.subtree_control"), "+pids");
}

#[test]
fn restores_unit_properties_from_old_file_values() {
    let values = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&values);
    let peer = Peer::new(move |call, _| {
        if call.is("SetUnitProperties") {
            let (_, _, list): (String, bool, Vec<(String, zbus::zvariant::OwnedValue)>) =
                call.read();
            let list = list.into_iter().map(|(name, value)| (name, u64::try_from(value).unwrap()));
            seen.lock().unwrap().extend(list);
        }
        Then::Usual
    });
    let fake = Fake::with_systemd(&peer);
    fake.put("box/pids.max", "7\n");
    let properties = vec![Property::new("TasksMax", Value::U64(9))];
    let set = Step::SetProperties { unit: UNIT.to_owned(), properties };
    let error = fake.fail_after(vec![set, fake.write("pids.max", "9")]);
    let wanted = [("TasksMax".to_owned(), 9), ("TasksMax".to_owned(), 7)];
    assert_eq!(*values.lock().unwrap(), wanted);
    assert_eq!(fake.read("box/pids.max"), "7\n");
    assert!(error.to_string().contains(&format!("{UNIT}'s properties")), "{error}");
}

#[test]
fn refused_property_change_restores_nothing() {
    let peer = Peer::new(|call, out| {
        if !call.is("SetUnitProperties") {
            return Then::Usual;
        }
        out.error(call, "org.freedesktop.DBus.Error.InvalidArgs", "no");
        Then::Done
    });
    let fake = Fake::with_systemd(&peer);
    fake.put("box/pids.max", "7\n");
    let properties = vec![Property::new("TasksMax", Value::U64(9))];
    let set = Step::SetProperties { unit: UNIT.to_owned(), properties };
    let steps = [set, fake.write("pids.max", "9")];
    let error = fake.transaction().carry_out(&steps).unwrap_err();
    assert_eq!(fake.read("box/pids.max"), "7\n");
    assert!(!error.to_string().contains("restored"), "{error}");
    assert_eq!(peer.members(1), ["SetUnitProperties"]);
}

#[test]
fn stops_the_unit_that_it_started() {
    let peer = systemd_with_an_empty_unit();
    let fake = Fake::with_systemd(&peer);
    let start =
        Step::Start { unit: UNIT.to_owned(), properties: Vec::new(), resources: Vec::new() };
    let mut transaction = fake.transaction();
    transaction.carry_out(&[start, fake.failing_step()]).unwrap_err();
    assert!(transaction.is_unwound());
    let members = peer.members(4);
    let stopped = members.iter().position(|member| member == "StopUnit");
    let started = members.iter().position(|member| member == "StartTransientUnit");
    assert!(started.is_some() && started < stopped, "{members:?}");
}

/// Stopping the unit would kill the process.
#[test]
fn moves_the_process_out_of_systemd_s_hierarchy_also_when_it_was_dropped() {
    let peer = systemd_with_an_empty_unit();
    let fake = Fake::with_systemd(&peer);
    let home = &own_procs();
    fake.put(home, "");
    fake.placement.drop_all();
    let pid = i32::try_from(std::process::id()).unwrap();
    let start =
        Step::Start { unit: UNIT.to_owned(), properties: Vec::new(), resources: Vec::new() };
    let mut transaction = fake.transaction();
    transaction.note_origins(TaskKind::Process, &[pid]).unwrap();
    transaction.carry_out(&[start, fake.failing_step()]).unwrap_err();
    assert_eq!(fake.read(home), pid.to_string());
}

#[test]
fn is_not_unwound_when_something_is_left_behind() {
    let fake = Fake::new();
    fake.put("box/memory.reclaim", "");
    let mut transaction = fake.transaction();
    let steps = [fake.write("memory.reclaim", "4096"), fake.failing_step()];
    transaction.carry_out(&steps).unwrap_err();
    assert!(!transaction.is_unwound());
}

/// Runs in a process of its own, whose files cannot grow beyond four bytes: a write is cut short.
#[test]
fn restores_a_file_after_a_short_write() {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "write_cut_short", "--nocapture", "--test-threads=1"]);
    let output = child.env("KATACG_TEST_SHORT", "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("left 7000"), "{text}");
}

/// The other process; does nothing in a normal run.
#[test]
fn write_cut_short() {
    if std::env::var_os("KATACG_TEST_SHORT").is_none() {
        return;
    }
    let fake = Fake::new();
    fake.put("box/pids.max", "7000\n");
    let limit = rustix::process::Rlimit { current: Some(4), maximum: Some(4) };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).unwrap();
    let error = fake.transaction().carry_out(&[fake.write("pids.max", "123456")]).unwrap_err();
    assert!(error.to_string().contains("restored: pids.max"), "{error}");
    println!("left {}", fake.read("box/pids.max"));
}
