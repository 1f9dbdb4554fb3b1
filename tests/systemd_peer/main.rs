// SPDX-License-Identifier: Apache-2.0

//! The systemd client against a scripted peer that plays the bus and systemd.
//!
//! Checks what the client sends, in which order and with which types, and what it does in every
//! case in which a reply or a signal is wrong, late or missing.

#![allow(unsafe_code)]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic)]

mod faults;
mod limits;
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

/// Returns a client of the peer, with timeouts of a few seconds.
fn client(peer: &Peer) -> Systemd {
    Systemd::new(Bus::System, Some(peer.address()))
        .with_timeouts(Duration::from_secs(5), Duration::from_secs(2))
}

/// Returns a client of the peer with timeouts of 0.3 s for a job and 0.2 s for a call.
fn impatient_client(peer: &Peer) -> Systemd {
    Systemd::new(Bus::System, Some(peer.address()))
        .with_timeouts(Duration::from_millis(300), Duration::from_millis(200))
}

fn weight() -> Vec<Property> {
    vec![Property::new("CPUWeight", Value::U64(100))]
}

/// Checks that the call fails within `limit`, with this code, and with all these texts in the
/// message.
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

/// Limit for calls that must not wait for anything long.
const SOON: Duration = Duration::from_secs(1);
