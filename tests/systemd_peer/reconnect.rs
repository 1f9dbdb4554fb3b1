// SPDX-License-Identifier: Apache-2.0

//! Connections: how many the client opens, and what it does when a connection is lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use katacg::systemd::Started;
use katacg::Code;
use zbus::zvariant::Value as Wire;

use super::peer::{Handshake, Peer, Then};
use super::{assert_error, client, weight, JOB, SOON, UNIT};

const NO_REPLY: &str = "org.freedesktop.DBus.Error.NoReply";
const DISCONNECTED: &str = "Message recipient disconnected from message bus without replying";

#[test]
fn calls_in_sequence_use_one_connection() {
    let peer = Peer::healthy();
    let systemd = client(&peer);
    for _ in 0..20 {
        systemd.start(UNIT, &weight(), false).unwrap();
        systemd.set(UNIT, &weight(), None).unwrap();
        systemd.stop(UNIT).unwrap();
    }
    assert_eq!(peer.connections(), 1);
    drop(systemd);
    peer.wait_until_open_is_at_most(0);
}

#[test]
fn concurrent_calls_do_not_wait_for_each_other() {
    // The peer replies only when all six calls have arrived.
    let all_arrived = Arc::new(Barrier::new(6));
    let peer = Peer::new(move |_, _| {
        all_arrived.wait();
        Then::Usual
    });
    let systemd = client(&peer);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| systemd.set(UNIT, &weight(), None).unwrap());
        }
    });
    assert_eq!(peer.connections(), 6);
    // The client keeps at most four idle connections.
    peer.wait_until_open_is_at_most(4);
}

#[test]
fn an_idle_connection_that_the_bus_closed_is_not_used() {
    let peer = Peer::healthy();
    let systemd = client(&peer);
    for count in 1..=3 {
        systemd.set(UNIT, &weight(), None).unwrap();
        assert_eq!(peer.connections(), count);
        peer.restart();
    }
    // No request was sent twice.
    assert_eq!(peer.seen().len(), 3);
}

#[test]
fn the_client_reconnects_only_once() {
    let peer = Peer::new(|_, _| Then::HangUp);
    let systemd = client(&peer);
    let texts = ["SetUnitProperties", UNIT, "twice"];
    let error = assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::System, &texts);
    assert_eq!(error.errno().raw_os_error(), 104);
    assert_eq!(peer.connections(), 2);

    let first_only = |number| if number == 0 { Handshake::Succeeds } else { Handshake::HangsUp };
    let peer = Peer::with_handshake(first_only, |_, _| Then::Usual);
    let systemd = client(&peer);
    systemd.set(UNIT, &weight(), None).unwrap();
    peer.restart();
    assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::System, &["the connection"]);
    assert_eq!(peer.connections(), 2);
}

#[test]
fn a_lost_request_is_sent_again() {
    let peer = Peer::new(|call, _| match call.connection {
        0 => Then::HangUp,
        _ => Then::Usual,
    });
    client(&peer).set(UNIT, &weight(), None).unwrap();
    assert_eq!(peer.seen().len(), 2);
}

/// While systemd is re-executed, the bus replies with errors in its place.
#[test]
fn requests_survive_a_reexecuted_systemd() {
    for method in ["set", "stop", "start"] {
        let calls = AtomicUsize::new(0);
        let peer = Peer::new(move |call, out| {
            if call.is("AddMatch") || call.no_reply {
                return Then::Usual;
            }
            match calls.fetch_add(1, Ordering::SeqCst) {
                0 => out.error(call, NO_REPLY, DISCONNECTED),
                1 => out.error(call, "org.freedesktop.DBus.Error.NameHasNoOwner", "no"),
                2 => out.error(call, "org.freedesktop.DBus.Error.ServiceUnknown", "no"),
                3 => out.error(call, "org.freedesktop.DBus.Error.Spawn.ChildExited", "no"),
                _ => return Then::Usual,
            }
            Then::Done
        });
        let systemd = client(&peer);
        match method {
            "set" => systemd.set(UNIT, &weight(), None).unwrap(),
            "stop" => assert_eq!(systemd.stop(UNIT).unwrap(), None),
            _ => assert_eq!(systemd.start(UNIT, &weight(), false).unwrap(), Started::Created),
        }
        assert_eq!(peer.connections(), 1);
    }
}

#[test]
fn a_request_without_reply_is_sent_twice_at_most() {
    let peer = Peer::new(|call, out| {
        out.error(call, NO_REPLY, DISCONNECTED);
        Then::Done
    });
    let set = || client(&peer).set(UNIT, &weight(), None);
    assert_error(SOON, set, Code::System, &[NO_REPLY]);
    assert_eq!(peer.seen().len(), 2);
}

/// The client fails at once when systemd has never replied, and waits for it when it has.
#[test]
fn the_client_waits_only_for_a_systemd_that_has_replied() {
    let away = Arc::new(AtomicBool::new(true));
    let script = Arc::clone(&away);
    let peer = Peer::new(move |call, out| {
        if script.load(Ordering::SeqCst) {
            out.error(call, "org.freedesktop.DBus.Error.NameHasNoOwner", "no");
            return Then::Done;
        }
        Then::Usual
    });
    let systemd = client(&peer);
    let texts = ["NameHasNoOwner", "is systemd running"];
    assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::Bus, &texts);
    away.store(false, Ordering::SeqCst);
    systemd.set(UNIT, &weight(), None).unwrap();
    for restarted in [true, false] {
        away.store(true, Ordering::SeqCst);
        if restarted {
            peer.restart();
        }
        std::thread::scope(|scope| {
            scope.spawn(|| systemd.set(UNIT, &weight(), None).unwrap());
            std::thread::sleep(Duration::from_millis(100));
            away.store(false, Ordering::SeqCst);
        });
    }
}

/// The bus is stopped, and started again later.
#[test]
fn the_client_waits_a_second_for_the_bus_to_come_back() {
    let peer = Peer::healthy();
    let systemd = client(&peer);
    systemd.set(UNIT, &weight(), None).unwrap();
    let socket = peer.socket.clone();
    peer.restart();
    drop(peer);
    let begin = Instant::now();
    let texts = ["No such file", "are systemd and its D-Bus running"];
    let limit = Duration::from_secs(2);
    assert_error(limit, || systemd.set(UNIT, &weight(), None), Code::Bus, &texts);
    assert!(begin.elapsed() > Duration::from_millis(900));
    std::thread::scope(|scope| {
        scope.spawn(|| systemd.set(UNIT, &weight(), None).unwrap());
        std::thread::sleep(Duration::from_millis(100));
        let peer = Peer::at(socket, |_| Handshake::Succeeds, |_, _| Then::Usual);
        peer.members(1);
        // Keeps the peer alive until the client has the reply.
        std::thread::sleep(Duration::from_millis(100));
    });
}

/// The bus disappears after it received the request, so the result is not known.
#[test]
fn the_error_says_when_a_lost_request_may_have_been_carried_out() {
    let socket = std::env::temp_dir().join(format!("katacg-lost-{}", std::process::id()));
    let path = socket.clone();
    let peer = Peer::at(
        socket,
        |_| Handshake::Succeeds,
        move |call, _| {
            if call.connection == 0 {
                return Then::Usual;
            }
            std::fs::remove_file(&path).unwrap();
            Then::HangUp
        },
    );
    client(&peer).set(UNIT, &weight(), None).unwrap();
    let texts = ["No such file", "an earlier try may have been carried out"];
    let limit = Duration::from_secs(2);
    assert_error(limit, || client(&peer).set(UNIT, &weight(), None), Code::Bus, &texts);
}

/// Returns a peer that loses the connection during StartTransientUnit. The unit exists after that;
/// it became active at the time that `started` returns, in microseconds of CLOCK_MONOTONIC.
fn lost_start(started: fn() -> u64, job: &'static str) -> Peer {
    let queries = AtomicUsize::new(0);
    Peer::new(move |call, out| {
        match (call.connection, call.member.as_str()) {
            (0, "StartTransientUnit") => return Then::HangUp,
            (_, "StartTransientUnit") => {
                out.error(call, "org.freedesktop.systemd1.UnitExists", "there");
            }
            (_, "Get") => {
                let (_, name): (&str, &str) = call.read();
                assert_eq!(name, "InactiveExitTimestampMonotonic");
                out.reply(call, &Wire::U64(started()));
            }
            (_, "ListUnitsByNames") if queries.fetch_add(1, Ordering::SeqCst) == 0 => {
                out.unit_list(call, "inactive", job);
            }
            _ => return Then::Usual,
        }
        Then::Done
    })
}

fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000
}

#[test]
fn start_recognises_its_own_unit_when_the_reply_was_lost() {
    for started in [|| now() + 1_000_000, || 0] {
        let peer = lost_start(started, JOB);
        assert_eq!(client(&peer).start(UNIT, &weight(), false).unwrap(), Started::Created);
        assert!(!peer.members(0).iter().any(|member| member.starts_with("ResetFailedUnit")));
    }
}

/// systemd replies with the job and disappears before it sends the signal.
#[test]
fn start_recognises_its_own_unit_when_systemd_was_lost() {
    for error in [NO_REPLY, "org.freedesktop.DBus.Error.NameHasNoOwner"] {
        let (starts, queries) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let peer = Peer::new(move |call, out| {
            match call.member.as_str() {
                "StartTransientUnit" if starts.fetch_add(1, Ordering::SeqCst) == 0 => out.job(call),
                "StartTransientUnit" => {
                    out.error(call, "org.freedesktop.systemd1.UnitExists", "there");
                }
                "ListUnitsByNames" if queries.fetch_add(1, Ordering::SeqCst) == 0 => {
                    out.error(call, error, DISCONNECTED);
                }
                "Get" => out.reply(call, &Wire::U64(now() + 1_000_000)),
                _ => return Then::Usual,
            }
            Then::Done
        });
        let systemd = client(&peer);
        systemd.set(UNIT, &weight(), None).unwrap();
        assert_eq!(systemd.start(UNIT, &weight(), false).unwrap(), Started::Created, "{error}");
        assert!(!peer.members(0).iter().any(|member| member.starts_with("ResetFailedUnit")));
    }
}

/// The unit existed before the request, so it has another program's processes.
#[test]
fn start_refuses_an_older_unit_when_the_request_was_lost() {
    let peer = lost_start(|| 1, "/");
    let systemd = client(&peer);
    let start = || systemd.start(UNIT, &weight(), false);
    assert_error(Duration::from_secs(2), start, Code::Busy, &["exists and is active"]);
    let peer = lost_start(|| 1, "/");
    assert_eq!(client(&peer).start(UNIT, &weight(), true).unwrap(), Started::Existed);
}

/// The bus disappears between the reply and the signal.
#[test]
fn stop_succeeds_when_the_connection_is_lost_before_the_signal() {
    let peer = Peer::new(|call, out| match (call.connection, call.member.as_str()) {
        (0, "StopUnit") => {
            out.job(call);
            Then::HangUp
        }
        (1, "StopUnit") => {
            out.error(call, "org.freedesktop.systemd1.NoSuchUnit", "stopped");
            Then::Done
        }
        _ => Then::Usual,
    });
    assert_eq!(client(&peer).stop(UNIT).unwrap(), None);
    assert_eq!(peer.connections(), 2);
}
