//! Stopping.

use std::time::{Duration, Instant};

use katacg::Code;

use super::peer::{Call, Out, Peer, Then};
use super::{assert_error, client, hasty, JOB, SOON, UNIT};

fn stopping(active: &'static str, act: impl Fn(&Call, &mut Out) + Send + Sync + 'static) -> Peer {
    Peer::new(move |call, out| match call.member.as_str() {
        "StopUnit" => {
            act(call, out);
            Then::Done
        }
        "ListUnitsByNames" => {
            out.listed(call, active, "/");
            Then::Done
        }
        _ => Then::Usual,
    })
}

#[test]
fn no_such_unit_is_stopped() {
    let peer = stopping("", |call, out| {
        out.error(call, "org.freedesktop.systemd1.NoSuchUnit", "Unit not loaded.");
    });
    assert_eq!(client(&peer).stop(UNIT).unwrap(), None);
    assert_eq!(peer.members(3), ["AddMatch", "StopUnit", "RemoveMatch!"]);
}

#[test]
fn a_job_that_was_not_done_is_warned_of() {
    let peer = stopping("", |call, out| {
        out.job(call);
        out.removed(JOB, "canceled");
    });
    let warning = client(&peer).stop(UNIT).unwrap().unwrap();
    assert!(warning.contains(UNIT) && warning.contains("'canceled'"), "{warning}");
}

#[test]
fn a_lost_signal() {
    for (active, warns) in [("inactive", false), ("failed", false), ("active", true)] {
        let peer = stopping(active, |call, out| out.job(call));
        let begin = Instant::now();
        assert_eq!(client(&peer).stop(UNIT).unwrap().is_some(), warns, "{active}");
        assert!(begin.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn a_job_that_does_not_end() {
    let peer = stopping("deactivating", |call, out| out.job(call));
    let systemd = hasty(&peer);
    assert_error(SOON, || systemd.stop(UNIT), Code::Timeout, &["StopUnit", UNIT, "0.3 s"]);
}
