// SPDX-License-Identifier: Apache-2.0

//! Parses D-Bus addresses, such as `unix:path=/run/bus`, to the sockets that they name.
//!
//! zbus's own parser does not accept a list of addresses and does not unescape paths.
//! D-Bus specification, "Server Addresses".

use std::fmt;

use crate::bytes::Lossless;
use crate::error::{fail, Code, Result};

/// A unix socket that a bus listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::systemd) enum Endpoint {
    /// A file.
    Path(Vec<u8>),
    /// A name in the abstract namespace, without the leading NUL.
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

/// Checks that a D-Bus address is well formed and names a unix socket.
pub fn check_address(address: &str) -> Result<()> {
    parse_address(address.as_bytes()).map(drop)
}

/// Returns the sockets of an address, in the order to try them. Addresses of other transports
/// are skipped; it is an error when no unix socket is left.
pub(in crate::systemd) fn parse_address(address: &[u8]) -> Result<Vec<Endpoint>> {
    let quoted = || Lossless(address);
    let mut found = Vec::new();
    let mut others = Vec::new();
    for one in address.split(|b| *b == b';').filter(|one| !one.is_empty()) {
        let Some(colon) = one.iter().position(|b| *b == b':') else {
            return fail(
                Code::Argument,
                format!("D-Bus address {} has no transport such as unix:", quoted()),
            );
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
            format!("D-Bus address {}: only unix:path= and unix:abstract= are supported", quoted()),
        ),
    }
}

/// Returns the socket that `key=value,…` names, None when no key names one, or an error when the
/// value is malformed.
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

/// Replaces each `%` and its two hexadecimal digits by the byte. None when a digit is missing.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_address_returns_unix_sockets_in_order() {
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
            assert_eq!(parse_address(address.as_bytes()).unwrap(), want, "{address}");
        }
    }

    #[test]
    fn parse_address_refuses_malformed_and_unsupported_addresses() {
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
            assert_eq!(parse_address(address.as_bytes()).unwrap_err().code(), code, "{address}");
        }
    }
}
