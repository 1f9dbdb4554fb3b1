// SPDX-License-Identifier: Apache-2.0

//! Events that the layout, the kernel's parameters or a read-only mount do not allow. These tests
//! run on every host; tests/lab/suite also boots kernels without memory and pressure for them.

use std::path::Path;

use katacg::events::{Events, Kind};
use katacg::host::HostInfo;
use katacg::{Code, Error, EventOptions, Resource};
use rustix::io::Errno;

use crate::fixture::{eventually, has, on_v2, unified, Sandbox};
use crate::mounts::{make_read_only, manager_here, with_own_mounts};

/// Returns a cgroup with all controllers of this host that events need.
fn sandbox() -> Sandbox {
    let memory = if has("memory", "memory") { r#""memory":{"limit":67108864},"# } else { "" };
    let pids = if has("pids", "pids") { r#""pids":{"limit":64}"# } else { r#""pids":null"# };
    Sandbox::empty(&format!("{{{memory}{pids}}}"))
}

fn refused(result: katacg::Result<Events>, parts: &[&str]) {
    let error: Error = result.expect_err("no error");
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "no {part} in {error}");
    }
}

#[test]
fn error_names_the_controller_or_file_that_a_kind_lacks() {
    let s = sandbox();
    let (memory, v2) = (has("memory", "memory"), on_v2("memory", "memory"));
    for (kind, there, name) in [
        (Kind::Oom, memory, "oom"),
        (Kind::OomKill, memory, "oom_kill"),
        (Kind::OomGroupKill, memory && v2, "oom_group_kill"),
        (Kind::MemoryHigh, memory && v2, "memory high"),
        (Kind::MemoryMax, memory && v2, "memory max"),
        (Kind::PidsMax, has("pids", "pids"), "pids max"),
    ] {
        let events = s.manager.events(kind.bit());
        if there {
            events.unwrap();
        } else {
            let controller = if kind == Kind::PidsMax { "pids" } else { "memory" };
            refused(events, &[name, controller]);
        }
    }
    // All kinds that this cgroup can report.
    s.manager.events(0).unwrap();
}

#[test]
fn threshold_without_the_memory_controller_is_refused() {
    let s = sandbox();
    let interval = std::time::Duration::from_millis(50);
    let kinds = Kind::Threshold.bit();
    let options = EventOptions { kinds, threshold: 1 << 20, interval, ..EventOptions::default() };
    match (has("memory", "memory"), s.manager.events_with(&options)) {
        (true, events) => drop(events.unwrap()),
        (false, events) => refused(events, &["memory threshold", "memory"]),
    }
}

/// With psi=0 the pressure files exist and cannot be opened. With cgroup_disable=pressure there are
/// no such files.
#[test]
fn pressure_is_refused_where_the_kernel_has_none() {
    let s = sandbox();
    let pressure = |resource| {
        let kinds = Kind::Pressure.bit();
        s.manager.events_with(&EventOptions { kinds, resource, ..EventOptions::default() })
    };
    for (resource, file) in [
        (Resource::Memory, "memory.pressure"),
        (Resource::Cpu, "cpu.pressure"),
        (Resource::Io, "io.pressure"),
    ] {
        let cgroup2 = s.manager.path("").ok();
        let is_on = cgroup2.is_some() && std::fs::read(s.dir("").join(file)).is_ok();
        let levels = resource == Resource::Memory
            && has("memory", "memory")
            && !on_v2("memory", "memory")
            && !(cgroup2.is_some() && s.dir("").join(file).exists());
        let events = pressure(resource);
        if is_on || levels {
            events.unwrap();
        } else if cgroup2.is_some() {
            refused(events, &[file, "psi=1", "cgroup_disable=pressure"]);
        } else {
            refused(events, &[file, "cgroup2"]);
        }
    }
}

/// Kinds that only need reading work on a read-only mount. v1's eventfds and pressure triggers are
/// set by writing.
#[test]
fn read_only_mounts_tell_what_needs_no_write() {
    let s = sandbox();
    let name = s.name.clone();
    let v1_memory = has("memory", "memory") && !on_v2("memory", "memory");
    let is_v1 = s.manager.path("").is_err();
    let pressure = !is_v1 && std::fs::read(s.dir("").join("cpu.pressure")).is_ok();
    let mut events = with_own_mounts(move || {
        for hierarchy in &HostInfo::read().unwrap().hierarchies {
            use std::os::unix::ffi::OsStrExt;
            make_read_only(Path::new(std::ffi::OsStr::from_bytes(&hierarchy.mountpoint)));
        }
        let manager = manager_here(&name);
        let read_only = |options: &EventOptions, file: &str| {
            let error = manager.events_with(options).expect_err("no error");
            assert_eq!(error.sys_errno(), Some(Errno::ROFS), "{error}");
            let text = error.to_string();
            assert!(text.contains(file) && text.contains("write"), "{text}");
        };
        let kinds = Kind::Oom.bit() | Kind::OomKill.bit();
        if v1_memory {
            let options = EventOptions { kinds, ..EventOptions::default() };
            read_only(&options, "cgroup.event_control");
        } else if unified() && has("memory", "memory") {
            manager.events(kinds).unwrap();
        }
        if pressure {
            let (kinds, resource) = (Kind::Pressure.bit(), Resource::Cpu);
            let options = EventOptions { kinds, resource, ..EventOptions::default() };
            read_only(&options, "cpu.pressure");
        }
        manager.events(Kind::Empty.bit() | Kind::Removed.bit()).unwrap()
    });
    s.manager.destroy().unwrap();
    eventually("removed", || {
        let mut room = [None; 4];
        events.read(&mut room).unwrap();
        room.into_iter().flatten().any(|event| event.kind == Kind::Removed)
    });
}
