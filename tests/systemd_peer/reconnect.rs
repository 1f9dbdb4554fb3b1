//! Connections: how many, and what is done when one is lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use katacg::systemd::Started;
use katacg::Code;
use zbus::zvariant::Value as Wire;

use super::peer::{Greeting, Peer, Then};
use super::{assert_error, client, weight, JOB, SOON, UNIT};

const NO_REPLY: &str = "org.freedesktop.DBus.Error.NoReply";
const DISCONNECTED: &str = "Message recipient disconnected from message bus without replying";

#[test]
fn calls_in_sequence_use_one_connection() {
    let peer = Peer::usual();
    let systemd = client(&peer);
    for _ in 0..20 {
        systemd.start(UNIT, &weight(), false).unwrap();
        systemd.set(UNIT, &weight(), None).unwrap();
        systemd.stop(UNIT).unwrap();
    }
    assert_eq!(peer.connections(), 1);
    drop(systemd);
    peer.wait_open(0);
}

#[test]
fn calls_at_once_do_not_wait_for_each_other() {
    // Nobody is answered before all have asked.
    let together = Arc::new(Barrier::new(6));
    let peer = Peer::new(move |_, _| {
        together.wait();
        Then::Usual
    });
    let systemd = client(&peer);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| systemd.set(UNIT, &weight(), None).unwrap());
        }
    });
    assert_eq!(peer.connections(), 6);
    // No more than a few are kept.
    peer.wait_open(4);
}

#[test]
fn a_bus_that_was_restarted_while_nothing_was_asked() {
    let peer = Peer::usual();
    let systemd = client(&peer);
    for count in 1..=3 {
        systemd.set(UNIT, &weight(), None).unwrap();
        assert_eq!(peer.connections(), count);
        peer.restart();
    }
    // Nothing was sent on a connection that was gone.
    assert_eq!(peer.seen().len(), 3);
}

#[test]
fn a_connection_is_remade_once() {
    let peer = Peer::new(|_, _| Then::HangUp);
    let systemd = client(&peer);
    let texts = ["SetUnitProperties", UNIT, "twice"];
    let error = assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::System, &texts);
    assert_eq!(error.errno().raw_os_error(), 104);
    assert_eq!(peer.connections(), 2);

    let polite = |number| if number == 0 { Greeting::Polite } else { Greeting::HangsUp };
    let peer = Peer::greeting(polite, |_, _| Then::Usual);
    let systemd = client(&peer);
    systemd.set(UNIT, &weight(), None).unwrap();
    peer.restart();
    assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::System, &["the connection"]);
    assert_eq!(peer.connections(), 2);
}

#[test]
fn requests_that_are_lost_are_sent_again() {
    let peer = Peer::new(|call, _| match call.connection {
        0 => Then::HangUp,
        _ => Then::Usual,
    });
    client(&peer).set(UNIT, &weight(), None).unwrap();
    assert_eq!(peer.seen().len(), 2);
}

/// systemd was re-executed: the bus answers in its place, and then knows its name again.
#[test]
fn a_systemd_that_is_executed_again() {
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
fn a_systemd_that_does_not_come_back() {
    let peer = Peer::new(|call, out| {
        out.error(call, NO_REPLY, DISCONNECTED);
        Then::Done
    });
    let set = || client(&peer).set(UNIT, &weight(), None);
    assert_error(SOON, set, Code::System, &[NO_REPLY]);
    assert_eq!(peer.seen().len(), 2);
}

/// A systemd that was never there is an error at once; one that was there is waited for.
#[test]
fn a_bus_without_systemd() {
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

/// A bus that was stopped, and is started after that.
#[test]
fn a_socket_that_is_gone_for_a_moment() {
    let peer = Peer::usual();
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
        let peer = Peer::at(socket, |_| Greeting::Polite, |_, _| Then::Usual);
        peer.members(1);
        // Until the answer is there.
        std::thread::sleep(Duration::from_millis(100));
    });
}

/// The request got there, and then the whole bus went away: nobody knows what came of it.
#[test]
fn a_set_that_is_lost_with_the_bus() {
    let socket = std::env::temp_dir().join(format!("katacg-lost-{}", std::process::id()));
    let gone = socket.clone();
    let peer = Peer::at(
        socket,
        |_| Greeting::Polite,
        move |call, _| {
            if call.connection == 0 {
                return Then::Usual;
            }
            std::fs::remove_file(&gone).unwrap();
            Then::HangUp
        },
    );
    client(&peer).set(UNIT, &weight(), None).unwrap();
    let texts = ["No such file", "an earlier try may have been carried out"];
    let limit = Duration::from_secs(2);
    assert_error(limit, || client(&peer).set(UNIT, &weight(), None), Code::Bus, &texts);
}

/// The connection is lost when StartTransientUnit is on its way; it has been carried out, at that
/// moment of the monotonic clock.
fn lost_start(started: fn() -> u64, job: &'static str) -> Peer {
    let looks = AtomicUsize::new(0);
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
            (_, "ListUnitsByNames") if looks.fetch_add(1, Ordering::SeqCst) == 0 => {
                out.listed(call, "inactive", job);
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
fn a_start_whose_answer_was_lost() {
    for started in [|| now() + 1_000_000, || 0] {
        let peer = lost_start(started, JOB);
        assert_eq!(client(&peer).start(UNIT, &weight(), false).unwrap(), Started::Created);
        assert!(!peer.members(0).iter().any(|member| member.starts_with("ResetFailedUnit")));
    }
}

/// The job was taken up, and then systemd was gone, with the signal: the unit is ours.
#[test]
fn a_systemd_that_goes_away_with_the_job() {
    for answer in [NO_REPLY, "org.freedesktop.DBus.Error.NameHasNoOwner"] {
        let (starts, looks) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let peer = Peer::new(move |call, out| {
            match call.member.as_str() {
                "StartTransientUnit" if starts.fetch_add(1, Ordering::SeqCst) == 0 => out.job(call),
                "StartTransientUnit" => {
                    out.error(call, "org.freedesktop.systemd1.UnitExists", "there");
                }
                "ListUnitsByNames" if looks.fetch_add(1, Ordering::SeqCst) == 0 => {
                    out.error(call, answer, DISCONNECTED);
                }
                "Get" => out.reply(call, &Wire::U64(now() + 1_000_000)),
                _ => return Then::Usual,
            }
            Then::Done
        });
        let systemd = client(&peer);
        systemd.set(UNIT, &weight(), None).unwrap();
        assert_eq!(systemd.start(UNIT, &weight(), false).unwrap(), Started::Created, "{answer}");
        assert!(!peer.members(0).iter().any(|member| member.starts_with("ResetFailedUnit")));
    }
}

/// The unit was there before, with the processes of somebody else.
#[test]
fn a_start_that_was_lost_on_the_way() {
    let peer = lost_start(|| 1, "/");
    let systemd = client(&peer);
    let start = || systemd.start(UNIT, &weight(), false);
    assert_error(Duration::from_secs(2), start, Code::Busy, &["exists and is active"]);
    let peer = lost_start(|| 1, "/");
    assert_eq!(client(&peer).start(UNIT, &weight(), true).unwrap(), Started::Existed);
}

/// The answer came, and then the bus went away, with the signal.
#[test]
fn a_connection_that_is_lost_before_the_signal() {
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
