//! What can go wrong on a connection: a clear error each, and in time.

use std::time::Duration;

use katacg::systemd::{Bus, Systemd};
use katacg::Code;
use zbus::message::Message;
use zbus::zvariant::{ObjectPath, Value as Wire};

use super::peer::{Greeting, Peer, Then};
use super::{assert_error, client, hasty, weight, SOON, UNIT};

#[test]
fn no_answer() {
    let peer = Peer::new(|_, _| Then::Done);
    let systemd = hasty(&peer);
    let texts = ["SetUnitProperties", UNIT, "did not reply", "0.2 s"];
    let error = assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::Timeout, &texts);
    assert_eq!(error.errno().raw_os_error(), 110);
    let texts = ["StartTransientUnit", "0.2 s"];
    assert_error(SOON, || systemd.start(UNIT, &weight(), false), Code::Timeout, &texts);
    assert_error(SOON, || systemd.stop(UNIT), Code::Timeout, &["StopUnit", "0.2 s"]);
    assert_error(SOON, || systemd.attach(UNIT, "", &[1]), Code::Timeout, &["0.2 s"]);
    assert_error(SOON, || systemd.version(), Code::Timeout, &["Version", "0.2 s"]);
    // What was given up on is not used again.
    assert_eq!(peer.connections(), 5);
    peer.wait_open(0);
}

#[test]
fn a_late_answer() {
    let peer = Peer::new(|call, _| {
        if call.connection == 0 {
            std::thread::sleep(Duration::from_millis(400));
        }
        Then::Usual
    });
    let systemd = hasty(&peer);
    assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::Timeout, &["0.2 s"]);
    systemd.set(UNIT, &weight(), None).unwrap();
    assert_eq!(peer.connections(), 2);
}

#[test]
fn an_answer_to_another_call() {
    let peer = Peer::new(|call, out| {
        let other = std::num::NonZeroU32::new(4711);
        let message = Message::method_return(&call.header()).unwrap().reply_serial(other);
        out.raw(message.build(&()).unwrap().data());
        Then::Done
    });
    assert_error(
        SOON,
        || hasty(&peer).set(UNIT, &weight(), None),
        Code::Timeout,
        &["did not reply"],
    );
}

/// Whoever keeps the line busy keeps nobody waiting for ever.
#[test]
fn answers_to_another_call_without_end() {
    let peer = Peer::new(|call, out| {
        let other = std::num::NonZeroU32::new(4711);
        let message = Message::method_return(&call.header()).unwrap().reply_serial(other);
        let bytes = message.build(&()).unwrap().data().repeat(100);
        while out.try_raw(&bytes).is_ok() {}
        Then::Done
    });
    assert_error(
        SOON,
        || hasty(&peer).set(UNIT, &weight(), None),
        Code::Timeout,
        &["did not reply"],
    );
}

#[test]
fn hanging_up_in_the_middle_of_a_message() {
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
fn an_answer_in_small_pieces() {
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
fn wrong_types() {
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
    // A connection that sent nonsense is not kept.
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
fn errors_of_systemd() {
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

/// An error need not have a text.
#[test]
fn an_error_without_words() {
    let peer = Peer::new(|call, out| {
        let error = Message::error(&call.header(), "org.example.Mute").unwrap();
        out.raw(error.build(&(1u32, 2u32)).unwrap().data());
        Then::Done
    });
    let set = || client(&peer).set(UNIT, &weight(), None);
    assert_error(SOON, set, Code::System, &["org.example.Mute"]);
}

#[test]
fn what_is_no_message() {
    let answers: [(&[u8], &str); 5] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "starts with 0x48"),
        // Body and fields of 4 GiB each; of less than the most, that do not come.
        (b"l\x02\0\x01\xff\xff\xff\xff\x01\0\0\0\xff\xff\xff\xff", "4294967295 bytes"),
        (b"l\x02\0\x01\0\0\0\x08\x01\0\0\0\0\0\0\0", "134217728 of body"),
        (b"l\x02\0\x09\0\0\0\0\x01\0\0\0\0\0\0\0", "version 9"),
        // A reply whose header's fields are noise.
        (b"l\x02\0\x01\0\0\0\0\x01\0\0\0\x08\0\0\0\x05\x01\x55\0\xff\xff\xff\xff", "malformed"),
    ];
    for (bytes, text) in answers {
        let peer = Peer::new(move |_, out| {
            out.raw(bytes);
            Then::Done
        });
        let systemd = hasty(&peer);
        assert_error(SOON, || systemd.set(UNIT, &weight(), None), Code::System, &[text]);
        peer.wait_open(0);
    }
}

/// Others may send what this library does not know.
#[test]
fn what_is_passed_over() {
    let peer = Peer::new(|_, out| {
        // A call, a kind of message that is to come, a signal with a field that is to come.
        out.raw(b"l\x01\0\x01\0\0\0\0\x01\0\0\0\0\0\0\0");
        out.raw(b"l\x07\0\x01\0\0\0\0\x01\0\0\0\0\0\0\0");
        out.raw(b"l\x04\0\x01\0\0\0\0\x01\0\0\0\x08\0\0\0\x63\x01u\0\x01\0\0\0");
        Then::Usual
    });
    client(&peer).set(UNIT, &weight(), None).unwrap();
}

#[test]
fn a_handshake_that_fails() {
    for (greeting, code, text) in [
        (Greeting::Silent, Code::Timeout, "0.2 s"),
        (Greeting::Rejects, Code::System, "REJECTED"),
        (Greeting::HangsUp, Code::System, "the connection"),
        (Greeting::Says(b"220 mail ESMTP\r\n"), Code::System, "220 mail ESMTP"),
        (Greeting::Says(b"OK"), Code::Timeout, "0.2 s"),
        (Greeting::Says(&[b'x'; 20_000]), Code::System, "a line of more than 16384 bytes"),
        (Greeting::Says(b"DATA\r\nDATA\r\n"), Code::System, "\"DATA\""),
        (Greeting::Says(b"DATA\r\nERROR \xff\r\n"), Code::System, "ERROR \\xff"),
    ] {
        let peer = Peer::greeting(move |_| greeting, |_, _| Then::Usual);
        let systemd = hasty(&peer);
        let texts = ["SetUnitProperties", UNIT, text];
        assert_error(SOON, || systemd.set(UNIT, &weight(), None), code, &texts);
        assert!(peer.connections() <= 2);
        peer.wait_open(0);
    }
}

#[test]
fn nobody_listens() {
    let peer = Peer::usual();
    let address = peer.address();
    drop(peer);
    for (bus, advice) in [(Bus::System, "systemd"), (Bus::User, "dbus-user-session")] {
        let systemd = Systemd::new(bus, Some(address.clone()));
        let texts = [&*address, "No such file", advice];
        let error = assert_error(SOON, || systemd.set(UNIT, &[], None), Code::Bus, &texts);
        // Not ENOENT, which a caller takes for "the unit is gone".
        assert_eq!(error.errno().raw_os_error(), 111);
        assert_eq!(error.sys_errno().map(rustix::io::Errno::raw_os_error), Some(2));
    }
    for (address, code) in [
        ("tcp:host=localhost,port=1", Code::Unsupported),
        ("nonsense", Code::Argument),
        (&*format!("unix:path=/{}", "x".repeat(200)), Code::Bus),
        ("unix:abstract=katacg-nobody", Code::Bus),
    ] {
        let systemd = Systemd::new(Bus::System, Some(address.to_owned()));
        assert_error(SOON, || systemd.set(UNIT, &[], None), code, &["SetUnitProperties"]);
    }
}

/// The first address of several that answers is taken.
#[test]
fn several_addresses() {
    let peer = Peer::usual();
    let address = format!("unix:path=/nowhere;{},guid=00", peer.address());
    Systemd::new(Bus::System, Some(address)).set(UNIT, &[], None).unwrap();
}

/// A unix socket whose backlog is full refuses with EAGAIN.
#[test]
fn a_full_backlog() {
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
