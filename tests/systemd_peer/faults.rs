// SPDX-License-Identifier: Apache-2.0

//! Faults of a connection. Each must give a clear error within its timeout.

use std::time::Duration;

use katacg::systemd::{Bus, Systemd};
use katacg::Code;
use zbus::message::Message;
use zbus::zvariant::{ObjectPath, Value as Wire};

use super::peer::{Handshake, Peer, Then};
use super::{assert_error, client, impatient_client, weight, SOON, UNIT};

#[test]
fn every_call_times_out_without_a_reply() {
    let peer = Peer::new(|_, _| Then::Done);
    let systemd = impatient_client(&peer);
    let texts = ["SetUnitProperties", UNIT, "did not reply", "0.2 s"];
    let error = assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::Timeout, &texts);
    assert_eq!(error.errno().raw_os_error(), 110);
    let texts = ["StartTransientUnit", "0.2 s"];
    assert_error(SOON, || systemd.start(UNIT, &weight(), false), Code::Timeout, &texts);
    assert_error(SOON, || systemd.stop(UNIT), Code::Timeout, &["StopUnit", "0.2 s"]);
    assert_error(SOON, || systemd.attach(UNIT, "", &[1]), Code::Timeout, &["0.2 s"]);
    assert_error(SOON, || systemd.version(), Code::Timeout, &["Version", "0.2 s"]);
    // A connection with an open call is not used again.
    assert_eq!(peer.connections(), 5);
    peer.wait_until_open_is_at_most(0);
}

#[test]
fn a_late_reply_is_not_taken_for_the_next_one() {
    let peer = Peer::new(|call, _| {
        if call.connection == 0 {
            std::thread::sleep(Duration::from_millis(400));
        }
        Then::Usual
    });
    let systemd = impatient_client(&peer);
    assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::Timeout, &["0.2 s"]);
    systemd.set(UNIT, &weight(), None).unwrap();
    assert_eq!(peer.connections(), 2);
}

#[test]
fn a_reply_to_another_call_is_ignored() {
    let peer = Peer::new(|call, out| {
        let other = std::num::NonZeroU32::new(4711);
        let message = Message::method_return(&call.header()).unwrap().reply_serial(other);
        out.raw(message.build(&()).unwrap().data());
        Then::Done
    });
    assert_error(
        SOON,
        || impatient_client(&peer).set(UNIT, &weight(), None),
        Code::Timeout,
        &["did not reply"],
    );
}

/// A peer that sends without a pause cannot delay the timeout.
#[test]
fn endless_replies_to_another_call_time_out() {
    let peer = Peer::new(|call, out| {
        let other = std::num::NonZeroU32::new(4711);
        let message = Message::method_return(&call.header()).unwrap().reply_serial(other);
        let bytes = message.build(&()).unwrap().data().repeat(100);
        while out.try_raw(&bytes).is_ok() {}
        Then::Done
    });
    assert_error(
        SOON,
        || impatient_client(&peer).set(UNIT, &weight(), None),
        Code::Timeout,
        &["did not reply"],
    );
}

#[test]
fn a_connection_that_closes_within_a_message_is_an_error() {
    let peer = Peer::new(|call, out| {
        let message = Message::method_return(&call.header()).unwrap().build(&"text").unwrap();
        out.raw(&message.data()[..message.data().len() - 3]);
        Then::HangUp
    });
    let systemd = client(&peer);
    let texts = ["SetUnitProperties", "while waiting for the reply"];
    let error = assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::System, &texts);
    assert_eq!(error.errno().raw_os_error(), 104);
    assert_eq!(peer.connections(), 2);
}

#[test]
fn a_reply_in_single_bytes_is_read() {
    let peer = Peer::new(|call, out| {
        let message = Message::method_return(&call.header()).unwrap().build(&"text").unwrap();
        for byte in message.data().iter() {
            out.raw(&[*byte]);
            std::thread::sleep(Duration::from_millis(1));
        }
        Then::Done
    });
    client(&peer).set(UNIT, &weight(), None).unwrap();
}

#[test]
fn replies_of_wrong_types_are_errors() {
    let peer = Peer::new(|call, out| {
        match call.member.as_str() {
            "StartTransientUnit" => out.reply(call, &7u64),
            "StopUnit" => {
                out.job(call);
                out.signal("JobRemoved", &(7u32, "text", 8u32));
            }
            "Get" => out.reply(call, &"no variant"),
            _ => return Then::Usual,
        }
        Then::Done
    });
    let systemd = client(&peer);
    let texts = ["StartTransientUnit", UNIT, "'t'"];
    assert_error(SOON, || systemd.start(UNIT, &weight(), false), Code::System, &texts);
    let texts = ["StopUnit", UNIT, "'usu'"];
    assert_error(SOON, || systemd.stop(UNIT), Code::System, &texts);
    assert_error(
        SOON,
        || systemd.property(UNIT, "i.f", "Job", None),
        Code::System,
        &["Job", "'s'"],
    );
    // A connection that broke the protocol is not used again.
    assert_eq!(peer.connections(), 3);

    let peer = Peer::new(|call, out| {
        out.reply(call, &Wire::from(ObjectPath::try_from("/").unwrap()));
        Then::Done
    });
    assert_error(SOON, || client(&peer).version(), Code::System, &["Version", "objectpath '/'"]);
    let peer = Peer::new(|call, out| {
        out.reply(call, &Wire::from("one hundred"));
        Then::Done
    });
    assert_error(SOON, || client(&peer).version(), Code::System, &["one hundred"]);
}

#[test]
fn error_replies_have_code_errno_and_text() {
    for (name, code, errno) in [
        ("org.freedesktop.systemd1.NoSuchUnit", Code::Deleted, 2),
        ("org.freedesktop.DBus.Error.InvalidArgs", Code::Argument, 22),
        ("org.freedesktop.DBus.Error.PropertyReadOnly", Code::Unsupported, 95),
        ("org.freedesktop.DBus.Error.AccessDenied", Code::System, 13),
        ("org.freedesktop.DBus.Error.ServiceUnknown", Code::Bus, 111),
        ("System.Error.ESRCH", Code::System, 3),
        ("org.example.Whatever", Code::System, 5),
    ] {
        let peer = Peer::new(move |call, out| {
            out.error(call, name, "the reason");
            Then::Done
        });
        let systemd = client(&peer);
        let texts = ["SetUnitProperties", UNIT, name, "the reason"];
        let error = assert_error(SOON, || systemd.set(UNIT, &weight(), None), code, &texts);
        assert_eq!(error.errno().raw_os_error(), errno, "{error}");
        let texts = ["StartTransientUnit", UNIT, name, "the reason"];
        assert_error(SOON, || systemd.start(UNIT, &weight(), true), code, &texts);
        assert_eq!(peer.connections(), 1);
    }
}

/// The arguments of an error reply need not start with a string.
#[test]
fn an_error_reply_without_text_is_reported() {
    let peer = Peer::new(|call, out| {
        let error = Message::error(&call.header(), "org.example.Mute").unwrap();
        out.raw(error.build(&(1u32, 2u32)).unwrap().data());
        Then::Done
    });
    let set = || client(&peer).set(UNIT, &weight(), None);
    assert_error(SOON, set, Code::System, &["org.example.Mute"]);
}

#[test]
fn malformed_messages_are_errors() {
    let replies: [(&[u8], &str); 5] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "starts with 0x48"),
        // Body and fields of 4 GiB each; a body of 128 MiB, which is too long with its header.
        (b"l\x02\0\x01\xff\xff\xff\xff\x01\0\0\0\xff\xff\xff\xff", "4294967295 bytes"),
        (b"l\x02\0\x01\0\0\0\x08\x01\0\0\0\0\0\0\0", "134217728 bytes of body"),
        (b"l\x02\0\x09\0\0\0\0\x01\0\0\0\0\0\0\0", "version 9"),
        // A reply with malformed header fields.
        (b"l\x02\0\x01\0\0\0\0\x01\0\0\0\x08\0\0\0\x05\x01\x55\0\xff\xff\xff\xff", "malformed"),
    ];
    for (bytes, text) in replies {
        let peer = Peer::new(move |_, out| {
            out.raw(bytes);
            Then::Done
        });
        let systemd = impatient_client(&peer);
        assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::System, &[text]);
        peer.wait_until_open_is_at_most(0);
    }
}

/// The D-Bus specification asks clients to ignore messages of unknown types.
#[test]
fn unknown_messages_are_ignored() {
    let peer = Peer::new(|_, out| {
        // A method call, a message of an unknown type, a signal with an unknown header field.
        out.raw(b"l\x01\0\x01\0\0\0\0\x01\0\0\0\0\0\0\0");
        out.raw(b"l\x07\0\x01\0\0\0\0\x01\0\0\0\0\0\0\0");
        out.raw(b"l\x04\0\x01\0\0\0\0\x01\0\0\0\x08\0\0\0\x63\x01u\0\x01\0\0\0");
        Then::Usual
    });
    client(&peer).set(UNIT, &weight(), None).unwrap();
}

#[test]
fn a_failed_handshake_is_an_error() {
    for (handshake, code, text) in [
        (Handshake::NeverReplies, Code::Timeout, "0.2 s"),
        (Handshake::Rejects, Code::System, "REJECTED"),
        (Handshake::HangsUp, Code::System, "the connection"),
        (Handshake::Says(b"220 mail ESMTP\r\n"), Code::System, "220 mail ESMTP"),
        (Handshake::Says(b"OK"), Code::Timeout, "0.2 s"),
        (Handshake::Says(&[b'x'; 20_000]), Code::System, "a line of more than 16384 bytes"),
        (Handshake::Says(b"DATA\r\nDATA\r\n"), Code::System, "\"DATA\""),
        (Handshake::Says(b"DATA\r\nERROR \xff\r\n"), Code::System, "ERROR \\xff"),
    ] {
        let peer = Peer::with_handshake(move |_| handshake, |_, _| Then::Usual);
        let systemd = impatient_client(&peer);
        let texts = ["SetUnitProperties", UNIT, text];
        assert_error(SOON, || systemd.set(UNIT, &weight(), None), code, &texts);
        assert!(peer.connections() <= 2);
        peer.wait_until_open_is_at_most(0);
    }
}

#[test]
fn an_address_without_a_bus_is_an_error() {
    let peer = Peer::healthy();
    let address = peer.address();
    drop(peer);
    for (bus, advice) in [(Bus::System, "systemd"), (Bus::User, "dbus-user-session")] {
        let systemd = Systemd::new(bus, Some(address.clone()));
        let texts = [&*address, "No such file", advice];
        let error = assert_error(SOON, || systemd.set(UNIT, &[], None), Code::Bus, &texts);
        // Not ENOENT, which would mean to the caller that the unit does not exist.
        assert_eq!(error.errno().raw_os_error(), 111);
        assert_eq!(error.sys_errno().map(rustix::io::Errno::raw_os_error), Some(2));
    }
    for (address, code) in [
        ("tcp:host=localhost,port=1", Code::Unsupported),
        ("nonsense", Code::Argument),
        (&*format!("unix:path=/{}", "x".repeat(200)), Code::Bus),
        ("unix:abstract=katacg-unused", Code::Bus),
    ] {
        let systemd = Systemd::new(Bus::System, Some(address.to_owned()));
        assert_error(SOON, || systemd.set(UNIT, &[], None), code, &["SetUnitProperties"]);
    }
}

/// The client uses the first address that it can connect to.
#[test]
fn several_addresses_are_tried_in_order() {
    let peer = Peer::healthy();
    let address = format!("unix:path=/nowhere;{},guid=00", peer.address());
    Systemd::new(Bus::System, Some(address)).set(UNIT, &[], None).unwrap();
}

/// connect(2) fails with EAGAIN while the backlog of a unix socket is full.
#[test]
fn connecting_to_a_full_backlog_times_out() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    let path = std::env::temp_dir().join(format!("katacg-backlog-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let unix = |flags| {
        let kind = SocketType::STREAM;
        rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None).unwrap()
    };
    let listener = unix(SocketFlags::CLOEXEC);
    let address = SocketAddrUnix::new(&path).unwrap();
    rustix::net::bind(&listener, &address).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let mut waiting = Vec::new();
    loop {
        let socket = unix(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
        if rustix::net::connect(&socket, &address).is_err() {
            break;
        }
        waiting.push(socket);
    }
    let systemd = Systemd::new(Bus::System, Some(format!("unix:path={}", path.display())))
        .with_timeouts(Duration::from_millis(300), Duration::from_millis(200));
    assert_error(SOON, || systemd.set(UNIT, &[], None), Code::Timeout, &["0.2 s"]);
    std::fs::remove_file(&path).unwrap();
}

/// The others are fall-backs that the caller has not chosen.
#[test]
fn a_failed_connect_names_the_address_that_was_tried_first() {
    let address = Some("unix:path=/nowhere/first;unix:path=/nowhere/second".to_owned());
    let systemd = Systemd::new(Bus::System, address);
    let texts = ["connect to unix:path=/nowhere/first", "Without systemd, use a path"];
    assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::Bus, &texts);
}
