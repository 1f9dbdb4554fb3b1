// SPDX-License-Identifier: Apache-2.0

//! Starting a unit: the job's result, a signal that is lost, early or forged, and a unit of that
//! name that exists.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use katacg::systemd::Started;
use katacg::Code;

use super::peer::{Call, Out, Peer, Then};
use super::{assert_error, client, impatient_client, weight, JOB, SOON, UNIT};

const EXISTS: &str = "org.freedesktop.systemd1.UnitExists";

/// Returns a peer that handles StartTransientUnit with `act`.
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
fn a_signal_before_the_reply_counts() {
    let peer = starting(|call, out| {
        out.job_removed(JOB, "done");
        out.job(call);
    });
    let begin = Instant::now();
    assert_eq!(client(&peer).start(UNIT, &weight(), false).unwrap(), Started::Created);
    assert!(begin.elapsed() < Duration::from_millis(500));
}

#[test]
fn forged_signals_and_other_jobs_are_ignored() {
    let peer = starting(|call, out| {
        out.job_removed("/org/freedesktop/systemd1/job/6", "failed");
        let job = zbus::zvariant::ObjectPath::try_from(JOB).unwrap();
        out.forged("JobRemoved", &(7u32, job, UNIT, "failed"));
        out.forged("JobRemoved", &"arguments of a wrong type");
        out.job(call);
        out.job_removed("/org/freedesktop/systemd1/job/8", "canceled");
        out.job_removed(JOB, "done");
    });
    assert_eq!(client(&peer).start(UNIT, &weight(), false).unwrap(), Started::Created);
}

#[test]
fn the_unit_is_queried_a_second_after_a_lost_signal() {
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
fn a_failure_is_found_when_the_signal_is_lost() {
    for state in ["failed", "inactive"] {
        let peer = Peer::new(move |call, out| match call.member.as_str() {
            "StartTransientUnit" => {
                out.job(call);
                Then::Done
            }
            "ListUnitsByNames" => {
                out.unit_list(call, state, "/");
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

/// The query finds the job running. The signal that comes between query and reply counts.
#[test]
fn a_signal_during_the_query_counts() {
    let peer = Peer::new(|call, out| match call.member.as_str() {
        "StartTransientUnit" => {
            out.job(call);
            Then::Done
        }
        "ListUnitsByNames" => {
            out.job_removed(JOB, "done");
            out.unit_list(call, "activating", JOB);
            Then::Done
        }
        _ => Then::Usual,
    });
    client(&peer).start(UNIT, &weight(), false).unwrap();
    assert_eq!(peer.members(4).iter().filter(|m| *m == "ListUnitsByNames").count(), 1);
}

#[test]
fn start_times_out_when_the_job_does_not_end() {
    let peer = starting(|call, out| out.job(call));
    let systemd = impatient_client(&peer);
    let start = || systemd.start(UNIT, &weight(), false);
    let error = assert_error(SOON, start, Code::Timeout, &["StartTransientUnit", UNIT, "0.3 s"]);
    assert_eq!(error.errno().raw_os_error(), 110);
    assert_eq!(peer.members(3), ["AddMatch", "StartTransientUnit", "ResetFailedUnit!"]);
    peer.wait_until_open_is_at_most(0);
}

#[test]
fn results_other_than_done_are_errors() {
    for (result, code) in [
        ("failed", Code::System),
        ("canceled", Code::System),
        ("dependency", Code::System),
        ("skipped", Code::System),
        ("timeout", Code::Timeout),
    ] {
        let peer = starting(move |call, out| {
            out.job(call);
            out.job_removed(JOB, result);
        });
        let systemd = client(&peer);
        let start = || systemd.start(UNIT, &weight(), false);
        assert_error(SOON, start, code, &[UNIT, &format!("'{result}'"), "journalctl"]);
        let want = ["AddMatch", "StartTransientUnit", "ResetFailedUnit!", "RemoveMatch!"];
        assert_eq!(peer.members(4), want);
        assert_eq!(peer.connections(), 1);
    }
}

/// No signal will come then, so the client queries the unit at once.
#[test]
fn start_succeeds_when_the_bus_refuses_the_match_rule() {
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

/// Returns a peer that refuses the first `times` StartTransientUnit calls, because the unit exists
/// and is `active`.
fn with_existing_unit(times: usize, active: &'static str) -> Peer {
    with_inhabited_unit(times, active, 0)
}

/// As [`with_existing_unit`], with that many processes in the unit.
fn with_inhabited_unit(times: usize, active: &'static str, processes: usize) -> Peer {
    let calls = AtomicUsize::new(0);
    Peer::new(move |call, out| match call.member.as_str() {
        "StartTransientUnit" if calls.fetch_add(1, Ordering::SeqCst) < times => {
            out.error(call, EXISTS, "Unit kata-1.scope already exists.");
            Then::Done
        }
        "ListUnitsByNames" => {
            out.unit_list(call, active, "/");
            Then::Done
        }
        "GetUnitProcesses" => {
            out.reply(call, &vec![("", 0u32, ""); processes]);
            Then::Done
        }
        _ => Then::Usual,
    })
}

#[test]
fn a_unit_with_processes_is_joined() {
    let peer = with_inhabited_unit(9, "active", 1);
    assert_eq!(client(&peer).start(UNIT, &[], false).unwrap(), Started::Existed);
    let want =
        ["AddMatch", "StartTransientUnit", "ListUnitsByNames", "GetUnitProcesses", "RemoveMatch!"];
    assert_eq!(peer.members(5), want);
}

/// Its processes are about to be killed.
#[test]
fn a_unit_that_is_stopping_is_not_joined() {
    let peer = with_inhabited_unit(2, "deactivating", 1);
    assert_eq!(client(&peer).start(UNIT, &[], false).unwrap(), Started::Created);
}

#[test]
fn an_existing_unit_is_accepted_on_request() {
    let peer = with_existing_unit(9, "active");
    assert_eq!(client(&peer).start(UNIT, &[], true).unwrap(), Started::Existed);
    assert_eq!(peer.members(3), ["AddMatch", "StartTransientUnit", "RemoveMatch!"]);
}

#[test]
fn a_failed_unit_is_reset() {
    let peer = with_existing_unit(1, "failed");
    assert_eq!(client(&peer).start(UNIT, &[], false).unwrap(), Started::Created);
    let want = [
        "AddMatch",
        "StartTransientUnit",
        "ListUnitsByNames",
        "ResetFailedUnit",
        "StartTransientUnit",
        "RemoveMatch!",
    ];
    assert_eq!(peer.members(6), want);
}

#[test]
fn start_waits_for_a_reset_unit_to_go_away() {
    let peer = with_existing_unit(4, "inactive");
    assert_eq!(client(&peer).start(UNIT, &[], false).unwrap(), Started::Created);
}

#[test]
fn start_is_refused_while_a_unit_without_processes_stays() {
    for state in ["active", "deactivating"] {
        let peer = with_existing_unit(99, state);
        let start = || client(&peer).start(UNIT, &[], false);
        let texts = [UNIT, &*format!("exists and is {state}"), "another name"];
        assert_error(Duration::from_secs(2), start, Code::Busy, &texts);
        // The client pauses between its tries.
        assert!(peer.seen().len() < 30, "{:?}", peer.seen());
    }
}

/// The first reset comes while the unit is active; it fails after that.
#[test]
fn a_unit_that_fails_later_is_reset_again() {
    let resets = AtomicUsize::new(0);
    let peer = Peer::new(move |call, out| {
        match call.member.as_str() {
            "StartTransientUnit" if resets.load(Ordering::SeqCst) < 2 => {
                out.error(call, EXISTS, "there");
            }
            "ListUnitsByNames" => out.unit_list(call, "failed", "/"),
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

/// The unit went away between StartTransientUnit and ResetFailedUnit.
#[test]
fn reset_of_a_unit_that_is_gone_is_no_error() {
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

/// Returns a peer with an existing slice. The states are those of successive queries; the last one
/// repeats.
fn existing_slice(states: &'static [(&'static str, &'static str)]) -> Peer {
    let queries = AtomicUsize::new(0);
    Peer::new(move |call, out| {
        match call.member.as_str() {
            "StartTransientUnit" => out.error(call, EXISTS, "it exists"),
            "ListUnitsByNames" => {
                let n = queries.fetch_add(1, Ordering::SeqCst).min(states.len() - 1);
                out.unit_list(call, states[n].0, states[n].1);
            }
            "StartUnit" => {
                assert_eq!(call.read::<(&str, &str)>(), (SLICE, "replace"));
                out.job(call);
                out.job_removed(JOB, "done");
            }
            _ => return Then::Usual,
        }
        Then::Done
    })
}

#[test]
fn an_active_slice_is_used_as_it_is() {
    let peer = existing_slice(&[("active", "/")]);
    assert_eq!(client(&peer).start(SLICE, &weight(), true).unwrap(), Started::Existed);
    let want = ["AddMatch", "StartTransientUnit", "ListUnitsByNames", "RemoveMatch!"];
    assert_eq!(peer.members(4), want);
}

/// Another program has queued the slice's job.
#[test]
fn start_waits_for_a_slice_that_is_starting() {
    let peer = existing_slice(&[("inactive", JOB), ("inactive", JOB), ("active", "/")]);
    assert_eq!(client(&peer).start(SLICE, &weight(), true).unwrap(), Started::Existed);
    let query = "ListUnitsByNames";
    let want = ["AddMatch", "StartTransientUnit", query, query, query, "RemoveMatch!"];
    assert_eq!(peer.members(6), want);
}

/// A slice with a unit file exists without being active.
#[test]
fn an_inactive_slice_is_started() {
    for state in ["inactive", "failed"] {
        let states: &[_] =
            if state == "failed" { &[("failed", "/")] } else { &[("inactive", "/")] };
        let peer = existing_slice(states);
        assert_eq!(client(&peer).start(SLICE, &weight(), true).unwrap(), Started::Existed);
        let want =
            ["AddMatch", "StartTransientUnit", "ListUnitsByNames", "StartUnit", "RemoveMatch!"];
        assert_eq!(peer.members(5), want, "{state}");
    }
}
