//! The systemd client against a peer that plays bus and systemd: what is sent, in which order,
//! with which types; and what becomes of every way in which an answer can fail to come.

mod faults;
mod peer;
mod process;
mod reconnect;
mod requests;
mod session;
mod start;
mod stop;

use std::time::{Duration, Instant};

use katacg::systemd::{Bus, Property, Systemd, Value};
use katacg::{Code, Error};
use peer::Peer;

const UNIT: &str = "kata-1.scope";
const JOB: &str = "/org/freedesktop/systemd1/job/7";

/// A client of the peer that loses its patience soon.
fn client(peer: &Peer) -> Systemd {
    Systemd::new(Bus::System, Some(peer.address()))
        .with_timeouts(Duration::from_secs(5), Duration::from_secs(2))
}

/// One that loses it at once.
fn hasty(peer: &Peer) -> Systemd {
    Systemd::new(Bus::System, Some(peer.address()))
        .with_timeouts(Duration::from_millis(300), Duration::from_millis(200))
}

fn weight() -> Vec<Property> {
    vec![Property::new("CPUWeight", Value::U64(100))]
}

/// It is this kind of error, its text has all of these, and it did not take longer than that.
fn assert_error<T: std::fmt::Debug>(
    limit: Duration,
    call: impl FnOnce() -> Result<T, Error>,
    code: Code,
    texts: &[&str],
) -> Error {
    let begin = Instant::now();
    let error = call().unwrap_err();
    let took = begin.elapsed();
    assert!(took < limit, "took {took:?}: {error}");
    assert_eq!(error.code(), code, "{error}");
    for text in texts {
        assert!(error.to_string().contains(text), "no {text:?} in: {error}");
    }
    error
}

const SOON: Duration = Duration::from_secs(1);
