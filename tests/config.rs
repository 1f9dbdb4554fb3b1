// SPDX-License-Identifier: Apache-2.0

//! Makes managers on paper hosts: what paths, options and saved states come to.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic)]

use std::io::Read;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use katacg::host::{HostInfo, Sources};
use katacg::plan::Step;
use katacg::{parse, Code, Config, DriverKind, Error, Flags, Host, Log, Manager, SystemdConfig};

const V1: &str = "\
30 26 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
36 30 0:32 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
37 30 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
";
const OWN_V1: &str = "3:memory:/\n2:cpu,cpuacct:/\n1:name=systemd:/\n";
const V2: &str = "30 26 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

fn host(mountinfo: &str, cgroup: &str) -> Arc<Host> {
    let sources = Sources {
        mountinfo: mountinfo.as_bytes(),
        cgroup: cgroup.as_bytes(),
        controllers: b"cpuset cpu io memory pids\n",
        ..Sources::default()
    };
    Arc::new(Host::new(HostInfo::parse(sources).unwrap()))
}

fn v1() -> Arc<Host> {
    host(V1, OWN_V1)
}

fn v2() -> Arc<Host> {
    host(V2, "0::/\n")
}

fn config(path: &str) -> Config {
    let flags = Flags { skip_devices: true, ..Flags::default() };
    let systemd = SystemdConfig { version: Some(257), ..SystemdConfig::default() };
    Config { path: path.as_bytes().to_vec(), flags, systemd, ..Config::default() }
}

fn auto(path: &str) -> Result<Manager, Error> {
    Manager::new(v1(), config(path))
}

fn directory(manager: &Manager, subsystem: &str) -> String {
    String::from_utf8(manager.path(subsystem).unwrap()).unwrap()
}

#[test]
fn slash_before_a_systemd_path_is_passed_over_as_kata_3_means_it() {
    for (path, unit, at) in [
        ("/system.slice:kata:abc", "kata-abc.scope", "/system.slice/kata-abc.scope"),
        ("/a-b.slice:kata:abc", "kata-abc.scope", "/a.slice/a-b.slice/kata-abc.scope"),
        ("/a.slice::a-b.slice", "a-b.slice", "/a.slice/a-b.slice"),
    ] {
        let mut strict = config(path);
        strict.flags.strict = true;
        for config in [config(path), strict, Config { driver: DriverKind::Systemd, ..config(path) }]
        {
            let manager = Manager::new(v1(), config).unwrap();
            assert_eq!(manager.unit(), Some(unit), "{path}");
            assert_eq!(directory(&manager, "memory"), format!("/sys/fs/cgroup/memory{at}"));
            let again = Manager::load(v1(), manager.state().unwrap().as_bytes()).unwrap();
            assert_eq!(again.unit(), Some(unit), "{path}");
        }
        for driver in [DriverKind::AutoK0, DriverKind::Cgroupfs] {
            let manager = Manager::new(v1(), Config { driver, ..config(path) }).unwrap();
            assert_eq!(manager.unit(), None);
            assert_eq!(directory(&manager, "memory"), format!("/sys/fs/cgroup/memory{path}"));
        }
    }
    // Kata's no-constraints path of such a unit is a directory.
    assert_eq!(auto("/kata/system.slice:kata:abc").unwrap().unit(), None);
}

#[test]
fn relative_path_with_colons_that_is_no_triple_is_refused() {
    for path in [
        "user@1000.service:kata:abc",
        "x.slice:a:b:",
        ":::",
        "system.slice:kata",
        "a:b",
        "a/b:c",
        "kubepods-pod1.slice:cri-containerd:abc:",
    ] {
        let error = auto(path).unwrap_err();
        assert_eq!(error.code(), Code::Path, "{path}: {error}");
        assert!(error.to_string().contains("'slice:prefix:name'"), "{error}");
        for driver in [DriverKind::AutoK0, DriverKind::Cgroupfs] {
            let manager = Manager::new(v1(), Config { driver, ..config(path) }).unwrap();
            assert_eq!(manager.unit(), None, "{path}");
        }
    }
}

/// Each path of engines and near misses is a unit, a directory, or an error.
#[test]
fn paths_of_engines_have_the_place_that_they_mean() {
    let mut found = String::new();
    for path in include_str!("mounts/paths.txt").lines() {
        let place = match auto(path) {
            Ok(manager) => match manager.unit() {
                Some(unit) => unit.to_owned(),
                None => "directory".to_owned(),
            },
            Err(error) => format!("{:?}", error.code()),
        };
        found += &format!("{path} {place}\n");
    }
    let wanted = "\
/default/abc directory
machine.slice:libpod:abc libpod-abc.scope
kubepods-besteffort-pod1_2.slice:crio:abc crio-abc.scope
/kubepods/besteffort/pod1-2/abc directory
system.slice:docker:abc docker-abc.scope
user.slice:docker:abc docker-abc.scope
:buildkit:abc buildkit-abc.scope
::abc abc.scope
kubepods.slice:cri-containerd:abc cri-containerd-abc.scope
/kubepods.slice/kubepods-pod1.slice:cri-containerd:abc directory
/kubepods.slice:cri-containerd:abc cri-containerd-abc.scope
kubepods-pod1.slice:cri-containerd:abc: Path
a.slice:b:c/d Path
a.slice:../x:y Path
a.slice:b: Path
a.slice:: Path
::: Path
a:b:c Path
foo.slice directory
/foo.slice directory
";
    assert_eq!(found, wanted);
}

#[test]
fn path_that_climbs_out_is_a_warning_and_in_strict_mode_an_error() {
    for (path, at) in [
        ("/../../etc", "/etc"),
        ("/a/../../etc", "/etc"),
        ("../etc", "/etc"),
        ("/../../a\nb", "/a\nb"),
    ] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let log = Log::new(writer.as_raw_fd()).unwrap();
        let manager = auto(path).unwrap().with_log(Some(log));
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(text.contains("leads out of the hierarchy"), "{path}: {text}");
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        let warnings = manager.plan_apply(-1, None).unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{path}: {warnings:?}");
        assert_eq!(directory(&manager, "memory"), format!("/sys/fs/cgroup/memory{at}"));
        let mut strict = config(path);
        strict.flags.strict = true;
        assert_eq!(Manager::new(v1(), strict).unwrap_err().code(), Code::Path, "{path}");
    }
    for path in ["/a/../etc", "/a/b/../../etc", "a/./b"] {
        assert!(auto(path).unwrap().plan_apply(-1, None).unwrap().warnings.is_empty(), "{path}");
    }
}

#[test]
fn messages_about_paths_with_control_bytes_are_one_line() {
    for path in ["a:\nb", "a:\r\tb\x1b[31m", "a.slice:\x7f:b", "/a\n/../.."] {
        let text = auto(path).unwrap_err().to_string();
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    let error = auto("a:\nb").unwrap_err().advice("so\n").context("x\ny");
    assert!(!error.to_string().contains('\n'), "{error}");
    assert!(error.to_string().contains("a:\\nb"), "{error}");
    // Bytes that are not ASCII stay as they are.
    let mut config = config("");
    config.path = b"\xff:\n:\xc3\xa9".to_vec();
    let error = Manager::new(v1(), config).unwrap_err();
    assert!(error.text().windows(7).any(|bytes| bytes == b"\xff:\\n:\xc3\xa9"), "{error}");
}

#[test]
fn unit_name_of_its_own_takes_only_the_slice_from_the_path() {
    let with = |path: &str, unit: &str| {
        let mut config = config(path);
        config.systemd.unit = Some(unit.to_owned());
        config
    };
    for (path, unit, at) in [
        ("system.slice::x", "-x.scope", "/system.slice/-x.scope"),
        ("a-b.slice", "a:b.scope", "/a.slice/a-b.slice/a:b.scope"),
        ("", "a:b:c.scope", "/system.slice/a:b:c.scope"),
        ("a.slice::", "x.scope", "/a.slice/x.scope"),
        ("/a.slice:p:q", "x.scope", "/a.slice/x.scope"),
    ] {
        for strict in [false, true] {
            let mut config = with(path, unit);
            config.flags.strict = strict;
            let manager = Manager::new(v1(), config).unwrap();
            assert_eq!(manager.unit(), Some(unit), "{path}");
            assert_eq!(directory(&manager, "memory"), format!("/sys/fs/cgroup/memory{at}"));
            let again = Manager::load(v1(), manager.state().unwrap().as_bytes()).unwrap();
            assert_eq!(again.unit(), Some(unit), "{path}");
        }
    }
    for (path, unit) in [("/a/b", "x.scope"), ("a:b", "x.scope"), ("", "x"), ("", "a/b.scope")] {
        let error = Manager::new(v1(), with(path, unit)).unwrap_err();
        assert_eq!(error.code(), Code::Path, "{path} {unit}: {error}");
    }
    for driver in [DriverKind::Cgroupfs, DriverKind::AutoK0] {
        let config = Config { driver, ..with("", "x.scope") };
        assert_eq!(Manager::new(v1(), config).unwrap_err().code(), Code::Argument);
    }
}

fn load(json: &str) -> Result<Manager, Error> {
    Manager::load(v1(), json.as_bytes())
}

#[test]
fn null_members_of_a_state_are_absent() {
    let json = r#"{"version":1,"driver":"cgroupfs","path":"/x","paths":null,"subsystems":null,
        "resources":null,"skipDevices":true,"strict":null,"noRollback":null,"owner":null,
        "clampShares":null,"onlyNeeded":null,"nowhere":null,"implicit":null,"annotations":null,
        "literal":null,"place":null,
        "unit":null,"bus":null,"busAddress":null}"#;
    let manager = load(json).unwrap();
    assert_eq!(manager.paths().count(), 4);
    assert_eq!(directory(&manager, "memory"), "/sys/fs/cgroup/memory/x");
}

#[test]
fn state_with_a_nul_byte_in_a_path_is_refused() {
    let state = |path: &str, paths: &str| {
        format!(
            r#"{{"version":1,"driver":"cgroupfs","skipDevices":true,
                "path":{path},"paths":{paths}}}"#
        )
    };
    for (path, paths) in [
        (r#"{"hex":"2f780079"}"#, "{}"),
        (r#""/x\u0000y""#, "{}"),
        (
            r#""/x""#,
            r#"{"cpu":{"hex":"2f7379732f66732f6367726f75702f6370752c637075616363742f780079"}}"#,
        ),
        (r#""/x""#, r#"{"cpu":"/sys/fs/cgroup/cpu,cpuacct/x\u0000y"}"#),
    ] {
        let error = load(&state(path, paths)).unwrap_err();
        assert_eq!(error.code(), Code::Path, "{path} {paths}: {error}");
        assert!(error.to_string().contains("NUL"), "{error}");
    }
    load(&state(r#""/x""#, "{}")).unwrap();
}

#[test]
fn state_with_one_mount_at_two_paths_is_refused() {
    let state = |cpuacct: &str| {
        format!(
            r#"{{"version":1,"driver":"cgroupfs","skipDevices":true,"path":"/x","paths":{{
            "cpu":"/sys/fs/cgroup/cpu,cpuacct/x",
            "cpuacct":"/sys/fs/cgroup/cpu,cpuacct/{cpuacct}"}}}}"#
        )
    };
    let error = load(&state("y")).unwrap_err();
    assert_eq!(error.code(), Code::Path, "{error}");
    assert!(error.to_string().contains("one hierarchy"), "{error}");
    assert_eq!(load(&state("x")).unwrap().paths().count(), 2);
}

#[test]
fn saved_libcontainer_cgroup_is_loaded_with_its_paths() {
    let json = r#"{"path":"/kata/x","scope_prefix":"","Paths":{
        "cpu":"/sys/fs/cgroup/cpu,cpuacct/kata/x","memory":"/sys/fs/cgroup/memory/kata/x"},
        "allowed_devices":null,"devices":[{"type":99,"major":1}],"memory":1048576,
        "memory_reservation":0,"memory_swap":0,"kernel_memory":0,"cpu_shares":512,"cpu_quota":0,
        "cpuset_cpus":"0-1","cpuset_mems":"","pids_limit":0,"blkio_weight":0,
        "blkio_weight_device":null,"freezer":"","hugetlb_limit":[{"page_size":"2MB","limit":4096}],
        "oom_kill_disable":false,"memory_swappiness":null,
        "net_prio_ifpriomap":[{"interface":"eth0","priority":3}],"net_cls_classid_u":0}"#;
    let manager = load(json).unwrap();
    assert_eq!(
        manager.paths().map(|(name, _)| name.to_owned()).collect::<Vec<_>>(),
        ["memory", "cpu"]
    );
    assert_eq!(directory(&manager, "memory"), "/sys/fs/cgroup/memory/kata/x");
    let wanted = r#"{"memory":{"limit":1048576},"cpu":{"shares":512,"cpus":"0-1"},
        "hugepageLimits":[{"pageSize":"2MB","limit":4096}],
        "network":{"priorities":[{"name":"eth0","priority":3}]}}"#;
    assert_eq!(manager.resources(), parse::resources(wanted.as_bytes()).unwrap());
    // Without paths they are derived; an own state can be made from it.
    let derived = load(r#"{"path":"/kata/y","scope_prefix":"","Paths":null}"#).unwrap();
    assert_eq!(derived.paths().count(), 4);
    load(&derived.state().unwrap()).unwrap();
}

#[test]
fn saved_libcontainer_cgroup_of_systemd_is_the_unit() {
    let prefixed = r#"{"name":"abc","parent":"a-b.slice","path":"","scope_prefix":"crio",
        "Paths":{"memory":"/sys/fs/cgroup/memory/a.slice/a-b.slice/crio-abc.scope"}}"#;
    assert_eq!(load(prefixed).unwrap().unit(), Some("crio-abc.scope"));
    let bare = r#"{"name":"a:b","parent":"a.slice","path":"","scope_prefix":"","Systemd":true}"#;
    let bare = load(bare).unwrap();
    assert_eq!(directory(&bare, "memory"), "/sys/fs/cgroup/memory/a.slice/-a:b.scope");
    // runc's state.json has the cgroup in its config.
    let runc = r#"{"id":"x","cgroup_paths":{"memory":"/sys/fs/cgroup/memory/m/x"},
        "config":{"rootfs":"/","cgroups":{"path":"/m/x","scope_prefix":"","Systemd":false}}}"#;
    assert_eq!(directory(&load(runc).unwrap(), "memory"), "/sys/fs/cgroup/memory/m/x");
}

#[test]
fn other_json_is_no_state() {
    for json in ["{}", "[]", "null", r#"{"path":"/x"}"#, r#"{"driver":"cgroupfs","Paths":{}}"#] {
        let error = load(json).unwrap_err();
        assert_eq!(error.code(), Code::Json, "{json}: {error}");
    }
}

/// As containerd: processes can go back to a parent that no controller was turned on in.
#[test]
fn only_the_controllers_of_limits_are_enabled_when_asked_for() {
    let steps = |json: &str, only_needed: bool| {
        let mut config = config("/a/b");
        config.flags.only_needed = only_needed;
        config.resources = parse::resources(json.as_bytes()).unwrap();
        let manager = Manager::new(v2(), config).unwrap();
        let resources = manager.resources();
        let saved = Manager::load(v2(), manager.state().unwrap().as_bytes()).unwrap();
        assert_eq!(saved.config().flags.only_needed, only_needed);
        let plans =
            [manager.plan_apply(-1, Some(&resources)).unwrap(), saved.plan(&resources).unwrap()];
        plans.map(|plan| {
            let enabled = plan.steps.into_iter().filter_map(|step| match step {
                Step::Enable { needed, only_needed, .. } => Some((needed.join(" "), only_needed)),
                _ => None,
            });
            enabled.collect::<Vec<_>>()
        })
    };
    let row = |names: &str, only| vec![(names.to_owned(), only)];
    assert_eq!(steps("{}", true), [vec![], vec![]]);
    assert_eq!(steps("{}", false), [row("", false), vec![]]);
    let limits = r#"{"pids":{"limit":5},"cpu":{"shares":100}}"#;
    assert_eq!(steps(limits, true), [row("cpu pids", true), row("cpu pids", true)]);
    assert_eq!(steps(limits, false), [row("cpu pids", false), vec![]]);
}
