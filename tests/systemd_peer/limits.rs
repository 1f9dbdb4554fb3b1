// SPDX-License-Identifier: Apache-2.0
//! A peer that sends too much cannot make this process hold it.

use std::time::Duration;

use katacg::Code;
use zbus::message::Message;
use zbus::zvariant::Value as Wire;

use super::peer::{Peer, Then};
use super::{assert_error, client, weight, JOB, SOON, UNIT};

/// Returns the memory that this process holds, in MiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

/// 60 MB of variants would take 3.7 GB.
#[test]
fn a_long_message_is_refused_unread() {
    let peer = Peer::new(|call, out| {
        let message = Message::method_return(&call.header()).unwrap().build(&"text").unwrap();
        let mut start = message.data()[..16].to_vec();
        start[4..8].copy_from_slice(&60_000_000u32.to_le_bytes());
        out.raw(&start);
        Then::Done
    });
    let texts = ["SetUnitProperties", "60000000 bytes of body", "limits"];
    assert_error(SOON, || client(&peer).set(UNIT, &weight(), None), Code::System, &texts);
    // The header's fields are decoded to variants, too.
    let peer = Peer::new(|call, out| {
        let message = Message::method_return(&call.header()).unwrap().build(&"text").unwrap();
        let mut start = message.data()[..16].to_vec();
        start[12..16].copy_from_slice(&100_000u32.to_le_bytes());
        out.raw(&start);
        Then::Done
    });
    let texts = ["SetUnitProperties", "100000 bytes of header fields"];
    assert_error(SOON, || client(&peer).set(UNIT, &weight(), None), Code::System, &texts);
}

#[test]
fn a_long_value_is_not_decoded() {
    let peer = Peer::new(|call, out| {
        out.reply(call, &Wire::from(vec![Wire::from(1u8); 100_000]));
        Then::Done
    });
    // The peer takes a while to encode it, on a busy machine many seconds.
    let patience = Duration::from_secs(60);
    let client = client(&peer).with_timeouts(patience, patience);
    let read = || client.properties(UNIT, "org.freedesktop.systemd1.Scope", &["A"], None);
    assert_error(patience, read, Code::System, &["Get", "above the limit"]);
}

#[test]
fn long_signals_are_not_kept() {
    let peer = Peer::new(|call, out| {
        if !call.is("StartTransientUnit") {
            return Then::Usual;
        }
        let before = resident();
        let long = "x".repeat(4 << 20);
        for _ in 0..64 {
            out.signal("JobRemoved", &(7u32, &long));
        }
        // The client has read all but the last ones.
        let grown = resident().saturating_sub(before);
        assert!(grown < 128, "{grown} MiB");
        out.job(call);
        out.job_removed(JOB, "done");
        Then::Done
    });
    client(&peer).start(UNIT, &weight(), false).unwrap();
}

#[test]
fn errors_show_the_start_of_a_long_text() {
    let peer = Peer::new(|call, out| {
        let long = "x".repeat(1 << 20);
        match call.is("Get") {
            true => out.reply(call, &Wire::from(long)),
            false => out.error(call, "com.example.Long", &long),
        }
        Then::Done
    });
    let error = client(&peer).set(UNIT, &weight(), None).unwrap_err().to_string();
    assert!(error.contains("com.example.Long: xxx") && error.len() < 2000, "{}", error.len());
    let peer = Peer::new(|call, out| {
        out.reply(call, &Wire::from("x".repeat(100_000)));
        Then::Done
    });
    let error = client(&peer).version().unwrap_err().to_string();
    assert!(error.contains("xxx") && error.len() < 300, "{}", error.len());
}
