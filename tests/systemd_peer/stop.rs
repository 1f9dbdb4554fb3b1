// SPDX-License-Identifier: Apache-2.0

//! Stopping a unit: no such unit, other results than `done`, a lost signal, a timeout.

use std::time::{Duration, Instant};

use katacg::Code;

use super::peer::{Call, Out, Peer, Then};
use super::{assert_error, client, impatient_client, JOB, SOON, UNIT};

/// Returns a peer that handles StopUnit with `act` and lists the unit as `active`.
fn stopping(active: &'static str, act: impl Fn(&Call, &mut Out) + Send + Sync + 'static) -> Peer {
    Peer::new(move |call, out| match call.member.as_str() {
        "StopUnit" => {
            act(call, out);
            Then::Done
        }
        "ListUnitsByNames" => {
            out.unit_list(call, active, "/");
            Then::Done
        }
        _ => Then::Usual,
    })
}

#[test]
fn stop_of_an_unknown_unit_succeeds() {
    let peer = stopping("", |call, out| {
        out.error(call, "org.freedesktop.systemd1.NoSuchUnit", "Unit not loaded.");
    });
    assert_eq!(client(&peer).stop(UNIT).unwrap(), None);
    assert_eq!(peer.members(3), ["AddMatch", "StopUnit", "RemoveMatch!"]);
}

#[test]
fn stop_warns_when_the_job_was_canceled() {
    let peer = stopping("", |call, out| {
        out.job(call);
        out.job_removed(JOB, "canceled");
    });
    let warning = client(&peer).stop(UNIT).unwrap().unwrap();
    assert!(warning.contains(UNIT) && warning.contains("'canceled'"), "{warning}");
}

#[test]
fn stop_queries_the_unit_when_the_signal_is_lost() {
    for (active, warns) in [("inactive", false), ("failed", false), ("active", true)] {
        let peer = stopping(active, |call, out| out.job(call));
        let begin = Instant::now();
        assert_eq!(client(&peer).stop(UNIT).unwrap().is_some(), warns, "{active}");
        assert!(begin.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn stop_times_out_when_the_job_does_not_end() {
    let peer = stopping("deactivating", |call, out| out.job(call));
    let systemd = impatient_client(&peer);
    assert_error(SOON, || systemd.stop(UNIT), Code::Timeout, &["StopUnit", UNIT, "0.3 s"]);
}

#[test]
fn abandon_passes_over_a_scope_that_is_gone_or_ending() {
    let peer = Peer::new(|_, _| Then::Usual);
    client(&peer).abandon(UNIT).unwrap();
    assert_eq!(peer.seen(), ["AbandonScope s"]);
    for name in ["NoSuchUnit", "ScopeNotRunning"] {
        let peer = Peer::new(move |call, out| {
            out.error(call, &format!("org.freedesktop.systemd1.{name}"), "no");
            Then::Done
        });
        client(&peer).abandon(UNIT).unwrap();
    }
    let peer = Peer::new(|call, out| {
        out.error(call, "org.freedesktop.DBus.Error.AccessDenied", "no");
        Then::Done
    });
    assert_error(SOON, || client(&peer).abandon(UNIT), Code::System, &["AbandonScope", UNIT]);
}
