//! D-Bus addresses: which sockets stand for a bus.
//!
//! zbus's own parser neither takes the list form nor undoes the escapes of a path.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::bytes::Lossless;
use crate::error::{fail, Code, Result};

/// Where a bus listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::systemd) enum Endpoint {
    Path(Vec<u8>),
    Abstract(Vec<u8>),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Path(path) => write!(f, "unix:path={}", String::from_utf8_lossy(path)),
            Endpoint::Abstract(name) => {
                write!(f, "unix:abstract={}", String::from_utf8_lossy(name))
            }
        }
    }
}

/// The sockets of an address, in the order to try them. Those of other transports are passed
/// over, unless there is nothing else.
pub(in crate::systemd) fn parse(address: &[u8]) -> Result<Vec<Endpoint>> {
    let quoted = || Lossless(address);
    let mut found = Vec::new();
    let mut others = Vec::new();
    for one in address.split(|b| *b == b';').filter(|one| !one.is_empty()) {
        let Some(colon) = one.iter().position(|b| *b == b':') else {
            return fail(Code::Argument, format!("D-Bus address {} has no transport", quoted()));
        };
        let (transport, keys) = one.split_at(colon);
        match (transport, endpoint(keys.get(1..).unwrap_or_default())) {
            (b"unix", Some(Ok(endpoint))) => found.push(endpoint),
            (b"unix", Some(Err(()))) => {
                return fail(Code::Argument, format!("D-Bus address {} is malformed", quoted()));
            }
            _ => others.push(String::from_utf8_lossy(one).into_owned()),
        }
    }
    match (found.is_empty(), others.is_empty()) {
        (false, _) => Ok(found),
        (true, true) => fail(Code::Argument, "the D-Bus address is empty"),
        (true, false) => fail(
            Code::Unsupported,
            format!("D-Bus address {}: only unix:path= and unix:abstract= can be used", quoted()),
        ),
    }
}

/// The socket among `key=value,…`: none when there is no key for one, an error when malformed.
fn endpoint(keys: &[u8]) -> Option<std::result::Result<Endpoint, ()>> {
    keys.split(|b| *b == b',').find_map(|pair| {
        let make = match pair {
            [b'p', b'a', b't', b'h', b'=', ..] => Endpoint::Path,
            _ if pair.starts_with(b"abstract=") => Endpoint::Abstract,
            _ => return None,
        };
        let value = pair.splitn(2, |b| *b == b'=').nth(1).unwrap_or_default();
        Some(unescape(value).filter(|value| !value.is_empty()).map(make).ok_or(()))
    })
}

/// `%` and two hexadecimal digits are a byte.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: Option<&u8>| char::from(*b?).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => digit(bytes.next())? << 4 | digit(bytes.next())?,
            other => *other,
        });
    }
    Some(out)
}

const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";
const OLD_SYSTEM_BUS: &str = "/var/run/dbus/system_bus_socket";

/// The system bus: what the environment says, else where the D-Bus specification has it.
pub(in crate::systemd) fn system() -> Result<Vec<Endpoint>> {
    match variable("DBUS_SYSTEM_BUS_ADDRESS") {
        Some(address) => parse(&address).map_err(|e| e.context("DBUS_SYSTEM_BUS_ADDRESS")),
        None => Ok([SYSTEM_BUS, OLD_SYSTEM_BUS].map(|path| Endpoint::Path(path.into())).to_vec()),
    }
}

/// The bus of the user's systemd.
pub(in crate::systemd) fn user() -> Result<Vec<Endpoint>> {
    if let Some(address) = variable("DBUS_SESSION_BUS_ADDRESS") {
        return parse(&address).map_err(|e| e.context("DBUS_SESSION_BUS_ADDRESS"));
    }
    match variable("XDG_RUNTIME_DIR") {
        Some(directory) => Ok(vec![Endpoint::Path([&directory[..], b"/bus"].concat())]),
        None => fail(
            Code::Unsupported,
            "no bus of the user's systemd: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is \
             set; log in through PAM (or enable lingering and set XDG_RUNTIME_DIR to \
             /run/user/UID), and have dbus-user-session installed",
        ),
    }
}

/// Whether the user's bus is the one that his systemd is on, and he has one: another bus of his (of
/// dbus-run-session, say) has no systemd.
pub(in crate::systemd) fn user_has_systemd() -> bool {
    let Some(run) = variable("XDG_RUNTIME_DIR").map(OsString::from_vec).map(PathBuf::from) else {
        return false;
    };
    run.join("systemd/private").exists() && is_among(&run.join("bus"), user())
}

/// The same of the system's bus and PID 1.
pub(in crate::systemd) fn system_has_systemd() -> bool {
    let buses = [SYSTEM_BUS, OLD_SYSTEM_BUS].map(Path::new);
    Path::new("/run/systemd/system").exists() && buses.iter().any(|bus| is_among(bus, system()))
}

/// By its name, also while it is not there; or by another one of the same socket.
fn is_among(socket: &Path, endpoints: Result<Vec<Endpoint>>) -> bool {
    let number = |path: &Path| std::fs::metadata(path).map(|at| (at.dev(), at.ino())).ok();
    let same = |path: Vec<u8>| {
        let path = PathBuf::from(OsString::from_vec(path));
        path == socket || number(&path).is_some_and(|n| number(socket) == Some(n))
    };
    let paths = endpoints.into_iter().flatten().filter_map(|endpoint| match endpoint {
        Endpoint::Path(path) => Some(path),
        Endpoint::Abstract(_) => None,
    });
    paths.into_iter().any(same)
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<Vec<u8>> {
    if crate::sys::is_privileged_for_another() {
        return None;
    }
    std::env::var_os(name).map(OsString::into_vec).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_an_address() {
        let path = |p: &str| Endpoint::Path(p.into());
        for (address, want) in [
            ("unix:path=/run/dbus/system_bus_socket", vec![path("/run/dbus/system_bus_socket")]),
            ("unix:path=/a%20b%2fc,guid=00", vec![path("/a b/c")]),
            ("unix:guid=00,path=/x", vec![path("/x")]),
            ("unix:abstract=/tmp/x%00y", vec![Endpoint::Abstract(b"/tmp/x\0y".to_vec())]),
            ("unix:path=/a;unix:path=/b", vec![path("/a"), path("/b")]),
            ("tcp:host=h,port=1;unix:path=/b;", vec![path("/b")]),
            ("unix:path=/a=b", vec![path("/a=b")]),
        ] {
            assert_eq!(parse(address.as_bytes()).unwrap(), want, "{address}");
        }
    }

    #[test]
    fn what_is_no_address() {
        for (address, code) in [
            ("", Code::Argument),
            (";", Code::Argument),
            ("/run/bus", Code::Argument),
            ("unix:path=/a%2", Code::Argument),
            ("unix:path=/a%zz", Code::Argument),
            ("unix:path=", Code::Argument),
            ("unix:dir=/tmp", Code::Unsupported),
            ("tcp:host=localhost,port=1", Code::Unsupported),
            ("unixexec:path=ssh", Code::Unsupported),
            ("autolaunch:", Code::Unsupported),
        ] {
            assert_eq!(parse(address.as_bytes()).unwrap_err().code(), code, "{address}");
        }
    }
}
