// SPDX-License-Identifier: Apache-2.0

//! A peer that plays a bus with a systemd: a listening socket, a thread for each connection, and a
//! script for the calls.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use zbus::message::{Flags, Header, Message};
use zbus::zvariant::serialized::{Context, Data};
use zbus::zvariant::{DynamicDeserialize, DynamicType, Endian, ObjectPath};

use super::JOB;

/// What a client sends first.
const OPENING: &[u8; 29] = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
/// systemd's unique name on this bus.
const SYSTEMD: &str = ":1.0";
/// The client's unique name.
const CLIENT: &str = ":1.99";

/// How the peer behaves in the authentication handshake.
#[derive(Clone, Copy)]
pub enum Handshake {
    Succeeds,
    NeverReplies,
    Rejects,
    /// Sends these bytes instead of the handshake.
    Says(&'static [u8]),
    HangsUp,
}

/// What happens after the script has seen a call.
#[derive(PartialEq, Eq)]
pub enum Then {
    /// Nothing: the script has replied, or nobody does.
    Done,
    /// The peer replies like a healthy systemd.
    Usual,
    /// The peer closes the connection.
    HangUp,
}

type Script = dyn Fn(&Call, &mut Out) -> Then + Send + Sync;

struct Shared {
    script: Box<Script>,
    handshake: Box<dyn Fn(usize) -> Handshake + Send + Sync>,
    seen: Mutex<Vec<String>>,
    streams: Mutex<Vec<UnixStream>>,
    connections: AtomicUsize,
    open: AtomicUsize,
}

pub struct Peer {
    pub socket: PathBuf,
    shared: Arc<Shared>,
}

impl Peer {
    /// Returns a peer that replies to every call like a healthy systemd.
    pub fn healthy() -> Peer {
        Peer::new(|_, _| Then::Usual)
    }

    pub fn new(script: impl Fn(&Call, &mut Out) -> Then + Send + Sync + 'static) -> Peer {
        Peer::with_handshake(|_| Handshake::Succeeds, script)
    }

    /// Returns a peer whose handshakes depend on the number of the connection.
    pub fn with_handshake(
        handshake: impl Fn(usize) -> Handshake + Send + Sync + 'static,
        script: impl Fn(&Call, &mut Out) -> Then + Send + Sync + 'static,
    ) -> Peer {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("katacg-peer-{}-{number}", std::process::id());
        Peer::at(std::env::temp_dir().join(name), handshake, script)
    }

    /// Returns a peer that listens on this path.
    pub fn at(
        socket: PathBuf,
        handshake: impl Fn(usize) -> Handshake + Send + Sync + 'static,
        script: impl Fn(&Call, &mut Out) -> Then + Send + Sync + 'static,
    ) -> Peer {
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            handshake: Box::new(handshake),
            seen: Mutex::default(),
            streams: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let number = served.connections.fetch_add(1, Ordering::SeqCst);
                served.open.fetch_add(1, Ordering::SeqCst);
                served.streams.lock().unwrap().push(stream.try_clone().unwrap());
                let served = Arc::clone(&served);
                std::thread::spawn(move || {
                    let _ = serve(&served, number, stream);
                    served.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Peer { socket, shared }
    }

    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket.display())
    }

    /// Returns the calls so far, without Hello, as `MEMBER SIGNATURE`. A `!` behind the member
    /// means that no reply is expected.
    pub fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Waits for `count` calls, and returns all calls without their signatures.
    pub fn members(&self, count: usize) -> Vec<String> {
        wait_for(|| self.seen().len() >= count);
        let member = |call: &String| call.split(' ').next().unwrap().to_owned();
        self.seen().iter().map(member).collect()
    }

    /// Returns how many connections have been opened so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until at most this many connections are open.
    pub fn wait_until_open_is_at_most(&self, limit: usize) {
        wait_for(|| self.shared.open.load(Ordering::SeqCst) <= limit);
    }

    /// Closes all connections, as a restarted bus does.
    pub fn restart(&self) {
        for stream in self.shared.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        self.wait_until_open_is_at_most(0);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn wait_for(condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(5);
    while !condition() {
        assert!(Instant::now() < end, "timed out waiting for a condition");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A call that the peer received.
pub struct Call {
    /// Number of the connection that the call came on, from 0.
    pub connection: usize,
    pub member: String,
    pub path: String,
    pub signature: String,
    pub no_reply: bool,
    data: Data<'static, 'static>,
    body: Data<'static, 'static>,
}

impl Call {
    fn new(connection: usize, bytes: Vec<u8>) -> Call {
        let data: Data<'static, 'static> = Data::new(bytes, Context::new_dbus(Endian::Little, 0));
        let (header, size): (Header<'_>, usize) = data.deserialize().unwrap();
        assert!(header.primary().flags().contains(Flags::NoAutoStart));
        let path = header.path().unwrap().to_string();
        let member = header.member().unwrap().to_string();
        let signature = header.signature().to_string_no_parens();
        let no_reply = header.primary().flags().contains(Flags::NoReplyExpected);
        let body = data.slice(size.next_multiple_of(8)..);
        Call { connection, path, signature, no_reply, body, member, data }
    }

    pub fn header(&self) -> Header<'_> {
        self.data.deserialize().unwrap().0
    }

    pub fn read<'a, T: DynamicDeserialize<'a>>(&'a self) -> T {
        let signature = self.header().signature().clone();
        self.body.deserialize_for_dynamic_signature(signature).unwrap().0
    }

    pub fn is(&self, member: &str) -> bool {
        self.member == member
    }
}

/// The peer's way to send to the client.
pub struct Out(UnixStream);

impl Out {
    pub fn raw(&mut self, bytes: &[u8]) {
        // Fails when the client has already closed the connection.
        let _ = self.try_raw(bytes);
    }

    pub fn try_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Makes everything that the client sends from now on fail with EPIPE.
    pub fn refuse_input(&mut self) {
        self.0.shutdown(std::net::Shutdown::Read).unwrap();
    }

    pub fn reply<B: Serialize + DynamicType>(&mut self, call: &Call, body: &B) {
        let message = Message::method_return(&call.header()).unwrap();
        self.raw(message.sender(SYSTEMD).unwrap().build(body).unwrap().data());
    }

    pub fn error(&mut self, call: &Call, name: &str, text: &str) {
        let message = Message::error(&call.header(), name).unwrap();
        self.raw(message.sender(SYSTEMD).unwrap().build(&text).unwrap().data());
    }

    /// Replies with the job [`JOB`].
    pub fn job(&mut self, call: &Call) {
        self.reply(call, &ObjectPath::try_from(JOB).unwrap());
    }

    /// Sends the signal that a job has ended.
    pub fn job_removed(&mut self, job: &str, result: &str) {
        let job = ObjectPath::try_from(job).unwrap();
        self.signal("JobRemoved", &(7u32, job, super::UNIT, result));
    }

    /// Sends a broadcast signal as systemd.
    pub fn signal<B: Serialize + DynamicType>(&mut self, member: &str, body: &B) {
        let message = signal(SYSTEMD, member);
        self.raw(message.build(body).unwrap().data());
    }

    /// Sends a unicast signal as another program on the bus.
    pub fn forged<B: Serialize + DynamicType>(&mut self, member: &str, body: &B) {
        let message = signal(":1.66", member).destination(CLIENT).unwrap();
        self.raw(message.build(body).unwrap().data());
    }

    /// Replies to ListUnitsByNames with one unit, in this active state and with this job.
    pub fn unit_list(&mut self, call: &Call, active: &str, job: &str) {
        let (units,): (Vec<String>,) = call.read();
        let object = |path: &str| ObjectPath::try_from(path.to_owned()).unwrap();
        let id = u32::from(job != "/");
        let unit =
            (&*units[0], "", "loaded", active, "", "", object("/u"), id, "start", object(job));
        self.reply(call, &vec![unit]);
    }
}

fn signal(sender: &'static str, member: &str) -> zbus::message::Builder<'static> {
    let path = "/org/freedesktop/systemd1";
    let message = Message::signal(path, "org.freedesktop.systemd1.Manager", member.to_owned());
    message.unwrap().sender(sender).unwrap()
}

/// Serves one connection until it is closed.
fn serve(shared: &Shared, number: usize, mut stream: UnixStream) -> std::io::Result<()> {
    let mut out = Out(stream.try_clone()?);
    match (shared.handshake)(number) {
        Handshake::HangsUp => return stream.shutdown(std::net::Shutdown::Both),
        Handshake::NeverReplies => return stream.read_to_end(&mut Vec::new()).map(drop),
        Handshake::Says(words) => {
            out.raw(words);
            return stream.read_to_end(&mut Vec::new()).map(drop);
        }
        handshake => {
            let mut opening = [0; OPENING.len()];
            stream.read_exact(&mut opening)?;
            assert_eq!(&opening, OPENING);
            match handshake {
                Handshake::Rejects => out.raw(b"REJECTED EXTERNAL\r\n"),
                _ => out.raw(b"DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n"),
            }
        }
    }
    loop {
        let call = Call::new(number, message(&mut stream)?);
        if call.is("Hello") {
            out.reply(&call, &CLIENT);
            // A real bus sends this signal after Hello.
            out.forged("NameAcquired", &CLIENT);
            continue;
        }
        let mark = if call.no_reply { "!" } else { "" };
        let seen = format!("{}{mark} {}", call.member, call.signature);
        shared.seen.lock().unwrap().push(seen);
        match (shared.script)(&call, &mut out) {
            Then::Done => {}
            Then::Usual => usual(&call, &mut out),
            Then::HangUp => return stream.shutdown(std::net::Shutdown::Both),
        }
    }
}

/// Reads one message.
fn message(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; 16];
    stream.read_exact(&mut bytes)?;
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!(bytes[0], b'l');
    let length = (16 + number(12)).next_multiple_of(8) + number(4);
    bytes.resize(length, 0);
    stream.read_exact(&mut bytes[16..])?;
    Ok(bytes)
}

/// Replies like a healthy systemd.
fn usual(call: &Call, out: &mut Out) {
    match call.member.as_str() {
        "StartTransientUnit" | "StopUnit" => {
            out.job(call);
            out.job_removed(JOB, "done");
        }
        _ if call.no_reply => {}
        "ListUnitsByNames" => out.unit_list(call, "active", "/"),
        "GetUnitProcesses" => out.reply(call, &Vec::<(String, u32, String)>::new()),
        _ => out.reply(call, &()),
    }
}
