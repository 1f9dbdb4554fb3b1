//! Starting: the job's end, its signal lost, late, early or forged; a unit that is in the way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use katacg::systemd::Started;
use katacg::Code;

use super::peer::{Call, Out, Peer, Then};
use super::{assert_error, client, hasty, weight, JOB, SOON, UNIT};

const EXISTS: &str = "org.freedesktop.systemd1.UnitExists";

/// A peer that does this with StartTransientUnit.
fn starting(act: impl Fn(&Call, &mut Out) + Send + Sync + 'static) -> Peer {
    Peer::new(move |call, out| match call.is("StartTransientUnit") {
        true => {
            act(call, out);
            Then::Done
        }
        false => Then::Usual,
    })
}

#[test]
fn the_signal_comes_before_the_answer() {
    let peer = starting(|call, out| {
        out.removed(JOB, "done");
        out.job(call);
    });
    let begin = Instant::now();
    assert_eq!(client(&peer).start(UNIT, &weight(), false).unwrap(), Started::Created);
    assert!(begin.elapsed() < Duration::from_millis(500));
}

#[test]
fn signals_of_others_say_nothing() {
    let peer = starting(|call, out| {
        out.removed("/org/freedesktop/systemd1/job/6", "failed");
        let job = zbus::zvariant::ObjectPath::try_from(JOB).unwrap();
        out.forged("JobRemoved", &(7u32, job, UNIT, "failed"));
        out.forged("JobRemoved", &"not even of its type");
        out.job(call);
        out.removed("/org/freedesktop/systemd1/job/8", "canceled");
        out.removed(JOB, "done");
    });
    assert_eq!(client(&peer).start(UNIT, &weight(), false).unwrap(), Started::Created);
}

#[test]
fn a_lost_signal_costs_a_second() {
    let peer = Peer::new(|call, out| match call.member.as_str() {
        "StartTransientUnit" => {
            out.job(call);
            Then::Done
        }
        _ => Then::Usual,
    });
    let begin = Instant::now();
    assert_eq!(client(&peer).start(UNIT, &weight(), false).unwrap(), Started::Created);
    let took = begin.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(2), "{took:?}");
    let want = ["AddMatch", "StartTransientUnit", "ListUnitsByNames", "RemoveMatch!"];
    assert_eq!(peer.members(4), want);
}

#[test]
fn a_lost_signal_of_a_failure() {
    for state in ["failed", "inactive"] {
        let peer = Peer::new(move |call, out| match call.member.as_str() {
            "StartTransientUnit" => {
                out.job(call);
                Then::Done
            }
            "ListUnitsByNames" => {
                out.listed(call, state, "/");
                Then::Done
            }
            _ => Then::Usual,
        });
        let start = || client(&peer).start(UNIT, &weight(), false);
        assert_error(
            Duration::from_secs(2),
            start,
            Code::System,
            &[UNIT, "without a signal", state],
        );
        assert_eq!(peer.members(5)[3], "ResetFailedUnit!");
    }
}

/// The job is looked at, found, and ends later; the signal between look and answer counts.
#[test]
fn a_slow_job() {
    let peer = Peer::new(|call, out| match call.member.as_str() {
        "StartTransientUnit" => {
            out.job(call);
            Then::Done
        }
        "ListUnitsByNames" => {
            out.removed(JOB, "done");
            out.listed(call, "activating", JOB);
            Then::Done
        }
        _ => Then::Usual,
    });
    client(&peer).start(UNIT, &weight(), false).unwrap();
    assert_eq!(peer.members(4).iter().filter(|m| *m == "ListUnitsByNames").count(), 1);
}

#[test]
fn a_job_that_does_not_end() {
    let peer = starting(|call, out| out.job(call));
    let systemd = hasty(&peer);
    let start = || systemd.start(UNIT, &weight(), false);
    let error = assert_error(SOON, start, Code::Timeout, &["StartTransientUnit", UNIT, "0.3 s"]);
    assert_eq!(error.errno().raw_os_error(), 110);
    assert_eq!(peer.members(3), ["AddMatch", "StartTransientUnit", "ResetFailedUnit!"]);
    peer.wait_open(0);
}

#[test]
fn results_that_are_no_success() {
    for (result, code) in [
        ("failed", Code::System),
        ("canceled", Code::System),
        ("dependency", Code::System),
        ("skipped", Code::System),
        ("timeout", Code::Timeout),
    ] {
        let peer = starting(move |call, out| {
            out.job(call);
            out.removed(JOB, result);
        });
        let systemd = client(&peer);
        let start = || systemd.start(UNIT, &weight(), false);
        assert_error(SOON, start, code, &[UNIT, &format!("'{result}'"), "journalctl"]);
        let want = ["AddMatch", "StartTransientUnit", "ResetFailedUnit!", "RemoveMatch!"];
        assert_eq!(peer.members(4), want);
        assert_eq!(peer.connections(), 1);
    }
}

/// The bus passes no signals on: the unit is looked at, at once.
#[test]
fn the_bus_refuses_the_match() {
    let peer = Peer::new(|call, out| match call.member.as_str() {
        "AddMatch" => {
            out.error(call, "org.freedesktop.DBus.Error.LimitsExceeded", "too many");
            Then::Done
        }
        "StartTransientUnit" => {
            out.job(call);
            Then::Done
        }
        _ => Then::Usual,
    });
    let begin = Instant::now();
    client(&peer).start(UNIT, &weight(), false).unwrap();
    assert!(begin.elapsed() < Duration::from_millis(500));
}

/// A peer with a unit that is in the way until StartTransientUnit was called so many times.
fn in_the_way(times: usize, active: &'static str) -> Peer {
    let calls = AtomicUsize::new(0);
    Peer::new(move |call, out| match call.member.as_str() {
        "StartTransientUnit" if calls.fetch_add(1, Ordering::SeqCst) < times => {
            out.error(call, EXISTS, "Unit kata-1.scope already exists.");
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
fn an_existing_unit_can_be_fine() {
    let peer = in_the_way(9, "active");
    assert_eq!(client(&peer).start(UNIT, &[], true).unwrap(), Started::Existed);
    assert_eq!(peer.members(3), ["AddMatch", "StartTransientUnit", "RemoveMatch!"]);
}

#[test]
fn a_failed_unit_is_reset() {
    let peer = in_the_way(1, "failed");
    assert_eq!(client(&peer).start(UNIT, &[], false).unwrap(), Started::Created);
    let want =
        ["AddMatch", "StartTransientUnit", "ResetFailedUnit", "StartTransientUnit", "RemoveMatch!"];
    assert_eq!(peer.members(5), want);
}

#[test]
fn a_failed_unit_takes_a_moment_to_go_away() {
    let peer = in_the_way(4, "inactive");
    assert_eq!(client(&peer).start(UNIT, &[], false).unwrap(), Started::Created);
}

#[test]
fn a_unit_in_use_is_busy() {
    for state in ["active", "deactivating"] {
        let peer = in_the_way(99, state);
        let start = || client(&peer).start(UNIT, &[], false);
        let texts = [UNIT, &*format!("exists and is {state}"), "another name"];
        assert_error(Duration::from_secs(2), start, Code::Busy, &texts);
        // It is not asked all the time.
        assert!(peer.seen().len() < 20, "{:?}", peer.seen());
    }
}

/// It was active when it was reset, and failed then.
#[test]
fn a_unit_that_fails_meanwhile() {
    let resets = AtomicUsize::new(0);
    let peer = Peer::new(move |call, out| {
        match call.member.as_str() {
            "StartTransientUnit" if resets.load(Ordering::SeqCst) < 2 => {
                out.error(call, EXISTS, "there");
            }
            "ListUnitsByNames" => out.listed(call, "failed", "/"),
            "ResetFailedUnit" => {
                resets.fetch_add(1, Ordering::SeqCst);
                return Then::Usual;
            }
            _ => return Then::Usual,
        }
        Then::Done
    });
    assert_eq!(client(&peer).start(UNIT, &[], false).unwrap(), Started::Created);
}

/// A unit that went away between the two calls.
#[test]
fn a_reset_that_comes_too_late() {
    let calls = AtomicUsize::new(0);
    let peer = Peer::new(move |call, out| match call.member.as_str() {
        "StartTransientUnit" if calls.fetch_add(1, Ordering::SeqCst) == 0 => {
            out.error(call, EXISTS, "there");
            Then::Done
        }
        "ResetFailedUnit" => {
            out.error(call, "org.freedesktop.systemd1.NoSuchUnit", "not there");
            Then::Done
        }
        _ => Then::Usual,
    });
    assert_eq!(client(&peer).start(UNIT, &[], false).unwrap(), Started::Created);
}

const SLICE: &str = "kata.slice";

/// A slice that exists already; each look at it finds one of these, the last one for good.
fn existing(looks: &'static [(&'static str, &'static str)]) -> Peer {
    let look = AtomicUsize::new(0);
    Peer::new(move |call, out| {
        match call.member.as_str() {
            "StartTransientUnit" => out.error(call, EXISTS, "it exists"),
            "ListUnitsByNames" => {
                let n = look.fetch_add(1, Ordering::SeqCst).min(looks.len() - 1);
                out.listed(call, looks[n].0, looks[n].1);
            }
            "StartUnit" => {
                assert_eq!(call.read::<(&str, &str)>(), (SLICE, "replace"));
                out.job(call);
                out.removed(JOB, "done");
            }
            _ => return Then::Usual,
        }
        Then::Done
    })
}

#[test]
fn a_slice_that_is_there() {
    let peer = existing(&[("active", "/")]);
    assert_eq!(client(&peer).start(SLICE, &weight(), true).unwrap(), Started::Existed);
    let want = ["AddMatch", "StartTransientUnit", "ListUnitsByNames", "RemoveMatch!"];
    assert_eq!(peer.members(4), want);
}

/// Its job is somebody else's, and not done yet.
#[test]
fn a_slice_that_somebody_else_starts() {
    let peer = existing(&[("inactive", JOB), ("inactive", JOB), ("active", "/")]);
    assert_eq!(client(&peer).start(SLICE, &weight(), true).unwrap(), Started::Existed);
    let look = "ListUnitsByNames";
    let want = ["AddMatch", "StartTransientUnit", look, look, look, "RemoveMatch!"];
    assert_eq!(peer.members(6), want);
}

/// It has a unit file, so that it exists without being active.
#[test]
fn a_slice_that_nobody_has_started() {
    for state in ["inactive", "failed"] {
        let looks: &[_] = if state == "failed" { &[("failed", "/")] } else { &[("inactive", "/")] };
        let peer = existing(looks);
        assert_eq!(client(&peer).start(SLICE, &weight(), true).unwrap(), Started::Existed);
        let want =
            ["AddMatch", "StartTransientUnit", "ListUnitsByNames", "StartUnit", "RemoveMatch!"];
        assert_eq!(peer.members(5), want, "{state}");
    }
}
