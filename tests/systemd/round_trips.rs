// SPDX-License-Identifier: Apache-2.0

//! Counts the D-Bus calls of a manager, with a proxy that listens to the connection.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use katacg::{Config, Host, NOBODY};
use zbus::message::{Flags, Header};
use zbus::zvariant::serialized::{Context, Data};
use zbus::zvariant::Endian;

use crate::fixture::*;

/// A proxy socket in front of the bus.
struct Between {
    socket: PathBuf,
    said: Arc<Mutex<Vec<u8>>>,
    connections: Arc<AtomicUsize>,
    /// While true, the proxy drops calls of SetUnitProperties.
    silent: Arc<AtomicBool>,
}

impl Between {
    fn new() -> Between {
        let socket = std::env::temp_dir().join(format!("katacg-between-{}", name()));
        let bus = match root() {
            true => "/run/dbus/system_bus_socket".to_owned(),
            false => format!("{}/bus", std::env::var("XDG_RUNTIME_DIR").unwrap()),
        };
        let listener = UnixListener::bind(&socket).unwrap();
        let (said, connections, silent) = (Arc::default(), Arc::default(), Arc::default());
        let between = Between { socket, said, connections, silent };
        let (said, connections) = (Arc::clone(&between.said), Arc::clone(&between.connections));
        let silent = Arc::clone(&between.silent);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                let bus = UnixStream::connect(&bus).unwrap();
                let (from, to) = (client.try_clone().unwrap(), bus.try_clone().unwrap());
                let (said, silent) = (Arc::clone(&said), Arc::clone(&silent));
                let hear = move |bytes: &[u8]| {
                    said.lock().unwrap().extend(bytes);
                    let change = b"SetUnitProperties";
                    let changes = bytes.windows(change.len()).any(|part| part == change);
                    !(changes && silent.load(Ordering::SeqCst))
                };
                std::thread::spawn(move || pass(from, to, hear));
                std::thread::spawn(move || pass(bus, client, |_| true));
            }
        });
        between
    }

    fn config(&self, path: &str, json: &str) -> Config {
        let mut config = config(path, json);
        config.systemd.address = Some(format!("unix:path={}", self.socket.display()));
        config
    }

    /// Returns the names of the calls since the last time. An exclamation mark follows a call that
    /// wants no reply. A message that has not arrived in full waits for the next time.
    fn hear(&self) -> Vec<String> {
        let mut said = self.said.lock().unwrap();
        if let Some(begin) = said.windows(7).position(|w| w == b"BEGIN\r\n") {
            said.drain(..begin + 7);
        }
        let mut heard = Vec::new();
        while let Some(message) = message(&mut said) {
            // On a slow machine the library asks after a second whether a signal was lost.
            if message != "ListUnitsByNames" {
                heard.push(message);
            }
        }
        heard
    }

    /// Checks that exactly these calls were made since the last time, over one connection.
    fn assert_said(&self, step: &str, wanted: &[&str]) {
        let mut heard = self.hear();
        // A call that wants no reply may arrive a little later.
        for _ in 0..200 {
            if heard.len() >= wanted.len() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
            heard.extend(self.hear());
        }
        assert_eq!(heard, wanted, "{step}");
        assert_eq!(self.connections.load(Ordering::SeqCst), 1, "{step}");
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Copies bytes until one side closes. `hear` decides whether a block is passed on.
fn pass(mut from: UnixStream, mut to: UnixStream, hear: impl Fn(&[u8]) -> bool) {
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if hear(&buffer[..n]) && to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Removes the first message and returns its member, when the message has arrived in full.
fn message(said: &mut Vec<u8>) -> Option<String> {
    let number = |at: usize| {
        let bytes = said.get(at..at + 4)?.try_into().unwrap();
        Some(u32::from_le_bytes(bytes) as usize)
    };
    let length = (16 + number(12)?).next_multiple_of(8) + number(4)?;
    if said.len() < length {
        return None;
    }
    let bytes: Vec<u8> = said.drain(..length).collect();
    let data = Data::new(bytes, Context::new_dbus(Endian::Little, 0));
    let (header, _): (Header<'_>, usize) = data.deserialize().unwrap();
    let mark = match header.primary().flags().contains(Flags::NoReplyExpected) {
        true => "!",
        false => "",
    };
    Some(format!("{}{mark}", header.member().unwrap()))
}

const START: [&str; 3] = ["AddMatch", "StartTransientUnit", "RemoveMatch!"];

#[test]
fn scope_life_cycle_sends_only_the_needed_calls() {
    need_systemd!();
    let between = Between::new();
    let shared = Arc::new(Host::read().unwrap());
    let scope = |json: &str| {
        let name = name();
        let config = between.config(&format!(":katacgtest:{name}"), json);
        Sandbox::on(&shared, &format!("katacgtest-{name}.scope"), config)
    };

    let limits = r#"{"pids":{"limit":20},"cpu":{"shares":2000,"quota":50000,"period":100000}}"#;
    let mut first = scope(limits);
    first.start();
    // Once for each host handle: the connection, and systemd's version.
    let mut wanted = vec!["Hello", "Get"];
    if !root() {
        // Asks where the user's units are.
        wanted.push("Get");
    }
    wanted.extend(START);
    between.assert_said("the first start", &wanted);

    let mut second = scope(limits);
    second.start();
    between.assert_said("start", &START);
    second.set(r#"{"pids":{"limit":30},"cpu":{"shares":3000}}"#).unwrap();
    between.assert_said("set", &["SetUnitProperties"]);
    second.set("{}").unwrap();
    let late = second.child();
    second.manager.freeze(Duration::from_secs(10)).unwrap();
    second.manager.thaw().unwrap();
    second.manager.pids().unwrap();
    second.manager.destroy().unwrap_err();
    between.assert_said("calls that need only files", &[]);
    second.manager.add(&[late], katacg::Add::default()).unwrap();
    let add: &[&str] = if root() { &[] } else { &["AttachProcessesToUnit"] };
    between.assert_said("add", add);

    // The scope has ended with its processes. The library must ask, because a new unit could have
    // taken the name.
    second.end_children();
    let home = second.dir("name=systemd");
    eventually("it ends", || !home.exists() && !second.is_loaded());
    second.manager.destroy().unwrap();
    between.assert_said("destroy of leftover directories", &["GetUnit"]);
    second.manager.destroy().unwrap();
    between.assert_said("destroy again", &["GetUnit"]);
    first.end();
}

#[test]
fn slice_life_cycle_sends_only_the_needed_calls() {
    need_systemd!();
    let between = Between::new();
    let unit = format!("katacg{}.slice", name());
    let config = between.config(&format!("::{unit}"), r#"{"pids":{"limit":20}}"#);
    let mut s = Sandbox::with(&unit, config);
    s.manager.apply(NOBODY, true).unwrap();
    // No version is asked for, because nothing here depends on it.
    let mut wanted = vec!["Hello"];
    wanted.extend((!root()).then_some("Get"));
    wanted.extend(START);
    between.assert_said("start", &wanted);
    s.set(r#"{"pids":{"limit":30}}"#).unwrap();
    between.assert_said("set", &["SetUnitProperties"]);
    s.manager.destroy().unwrap();
    between.assert_said("stop", &["AddMatch", "StopUnit", "ResetFailedUnit!", "RemoveMatch!"]);
    s.end();
}

/// On v1 the library freezes the processes while device rules change. It waits three seconds for a
/// silent systemd, including the undo.
#[test]
fn silent_systemd_leaves_v1_processes_frozen_for_at_most_three_seconds() {
    need_systemd!();
    need!(root() && !unified(), "only v1 freezes for device rules");
    let between = Between::new();
    let name = name();
    let rules = |minor: u8| {
        format!(
            r#"{{"devices":[{{"allow":true,"type":"c","major":1,"minor":{minor},"access":"r"}}]}}"#
        )
    };
    let config = between.config(&format!(":katacgtest:{name}"), &rules(3));
    let mut s = Sandbox::with(&format!("katacgtest-{name}.scope"), config);
    s.start();
    between.silent.store(true, Ordering::SeqCst);
    let state = s.dir("freezer").join("freezer.state");
    let try_once = || {
        std::thread::scope(|scope| {
            let set = scope.spawn(|| s.set(&rules(5)).unwrap_err());
            let mut frozen: Option<Instant> = None;
            let mut longest = Duration::ZERO;
            while !set.is_finished() {
                let now = std::fs::read_to_string(&state).unwrap();
                frozen = match now.trim() {
                    "THAWED" => None,
                    _ => frozen.or_else(|| Some(Instant::now())),
                };
                longest = longest.max(frozen.map_or(Duration::ZERO, |since| since.elapsed()));
                std::thread::sleep(Duration::from_millis(20));
            }
            let error = set.join().unwrap();
            assert_eq!(error.code(), katacg::Code::Timeout, "{error}");
            longest
        })
    };
    // A slow machine may take longer, but not in each of three tries.
    let promised = Duration::from_millis(2500)..Duration::from_millis(5500);
    let mut tries = Vec::new();
    while tries.len() < 3 && !tries.last().is_some_and(|frozen| promised.contains(frozen)) {
        tries.push(try_once());
    }
    assert!(tries.last().is_some_and(|frozen| promised.contains(frozen)), "frozen for {tries:?}");
    between.silent.store(false, Ordering::SeqCst);
    s.end();
}
