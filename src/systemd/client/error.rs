// SPDX-License-Identifier: Apache-2.0

//! Turns a failed request into the caller's error: code, errno, text and advice.
//!
//! Error names: sd-bus-errors(3) and systemd's bus-common-errors.h.

use rustix::io::Errno;

use crate::error::{Code, Error};
use crate::systemd::bus::{Bus, ErrorReply, Fault};

/// What error messages say about a request: the method, its unit or property, and the bus.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestInfo<'a> {
    pub method: &'static str,
    pub subject: &'a str,
    pub bus: Bus,
}

impl RequestInfo<'_> {
    /// Returns the caller's error for a fault.
    pub fn error(self, fault: Fault) -> Error {
        let RequestInfo { method, subject, bus } = self;
        match fault {
            Fault::Lost { errno, when, .. } => {
                Error::system(&format!("{method} of"), subject.as_bytes(), errno)
                    .advice(format!("{bus} closed the connection {when}, twice"))
            }
            Fault::Timeout { seconds } => self.timeout(&format!("{bus} did not reply"), seconds),
            Fault::Refused(reply) => self.refused(&reply),
            Fault::Protocol(what) => {
                let text = format!("{method} of {subject}: {bus} sent {what}");
                Error::new(Code::System, text)
            }
            Fault::Failed(error) => error.context(format!("{method} of {subject}")),
        }
    }

    /// Returns a timeout error; `what` did not happen in time.
    pub fn timeout(self, what: &str, seconds: f64) -> Error {
        let RequestInfo { method, subject, .. } = self;
        let text = format!("{method} of {subject}: {what} within {seconds} s");
        Error::new(Code::Timeout, text)
    }

    /// Returns an error with this code and text.
    pub fn failed(self, code: Code, what: &str) -> Error {
        Error::new(code, format!("{} of {}: {what}", self.method, self.subject))
    }

    /// Returns the caller's error for an error reply, from systemd or the bus.
    fn refused(self, reply: &ErrorReply) -> Error {
        let RequestInfo { method, subject, bus } = self;
        let text = format!("{}: {}", reply.name, reply.text);
        let error = match code(&reply.name) {
            (Code::System, Some(errno)) => {
                let error = Error::system(&format!("{method} of"), subject.as_bytes(), errno);
                error.advice(text)
            }
            (code, _) => self.failed(code, &text),
        };
        match advice(&reply.name, bus) {
            Some(advice) => error.advice(advice),
            None => error,
        }
    }
}

/// Returns what the caller can do about an error reply, where that is known.
fn advice(name: &str, bus: Bus) -> Option<&'static str> {
    Some(match (short_name(name), bus) {
        ("AccessDenied" | "InteractiveAuthorizationRequired" | "AuthFailed", Bus::System) => {
            "only root may change the system's units; without root use the user's systemd"
        }
        ("UnitExists", _) => "stop that unit, or choose another name",
        ("PropertyReadOnly" | "UnknownProperty", _) => {
            "this version of systemd cannot set that property"
        }
        _ if is_absent(name) && bus == Bus::User => {
            "is systemd --user running and connected to that bus?"
        }
        _ if is_absent(name) => "is systemd running and connected to that bus?",
        _ => return None,
    })
}

/// Returns whether the error says that no systemd is on the bus now. No program got the request.
pub(super) fn is_service_absent(reply: &ErrorReply) -> bool {
    is_absent(&reply.name)
}

fn is_absent(name: &str) -> bool {
    matches!(short_name(name), "ServiceUnknown" | "NameHasNoOwner")
        || name.starts_with("org.freedesktop.DBus.Error.Spawn.")
}

/// Returns whether systemd disconnected before it replied. It may have carried out the request.
pub(super) fn is_no_reply(reply: &ErrorReply) -> bool {
    has_name(reply, "NoReply")
}

/// Returns whether the error has this name, given without the prefix of systemd or D-Bus.
pub(super) fn has_name(reply: &ErrorReply, name: &str) -> bool {
    short_name(&reply.name) == name
}

/// Returns an error name without the prefix of D-Bus or systemd.
fn short_name(name: &str) -> &str {
    let prefixes = ["org.freedesktop.DBus.Error.", "org.freedesktop.systemd1."];
    prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

/// Returns the code of an error name, and the errno that sd-bus maps the name to when that says
/// more than the code.
fn code(name: &str) -> (Code, Option<Errno>) {
    let system = |errno| (Code::System, Some(errno));
    match short_name(name) {
        "NoSuchUnit" => (Code::Deleted, None),
        "UnitExists" => (Code::Busy, None),
        "InvalidArgs" | "InvalidSignature" | "BadUnitSetting" => (Code::Argument, None),
        "PropertyReadOnly" | "UnknownProperty" | "UnknownMethod" | "UnknownInterface"
        | "UnknownObject" | "NotSupported" => (Code::Unsupported, None),
        "Timeout" | "TimedOut" => (Code::Timeout, None),
        "AccessDenied" | "InteractiveAuthorizationRequired" | "AuthFailed" => system(Errno::ACCESS),
        "NoReply" | "Disconnected" => system(Errno::CONNRESET),
        "LimitsExceeded" => system(Errno::NOBUFS),
        "NoMemory" => system(Errno::NOMEM),
        "FileNotFound" => system(Errno::NOENT),
        "FileExists" => system(Errno::EXIST),
        "IOError" => system(Errno::IO),
        "UnitMasked" | "ShuttingDown" => system(Errno::SHUTDOWN),
        "UnixProcessIdUnknown" | "NoSuchProcess" => system(Errno::SRCH),
        _ if is_absent(name) => (Code::Bus, None),
        _ => (Code::System, errno(name)),
    }
}

/// Returns the errno in a name such as `System.Error.ESRCH`, which sd-bus makes from an errno that
/// has no D-Bus name.
fn errno(name: &str) -> Option<Errno> {
    Some(match name.strip_prefix("System.Error.E")? {
        "PERM" => Errno::PERM,
        "NOENT" => Errno::NOENT,
        "SRCH" => Errno::SRCH,
        "INTR" => Errno::INTR,
        "IO" => Errno::IO,
        "NXIO" => Errno::NXIO,
        "AGAIN" => Errno::AGAIN,
        "NOMEM" => Errno::NOMEM,
        "ACCES" => Errno::ACCESS,
        "BUSY" => Errno::BUSY,
        "EXIST" => Errno::EXIST,
        "NODEV" => Errno::NODEV,
        "INVAL" => Errno::INVAL,
        "NOSPC" => Errno::NOSPC,
        "ROFS" => Errno::ROFS,
        "RANGE" => Errno::RANGE,
        "NAMETOOLONG" => Errno::NAMETOOLONG,
        "LOOP" => Errno::LOOP,
        "OPNOTSUPP" => Errno::OPNOTSUPP,
        "SHUTDOWN" => Errno::SHUTDOWN,
        "TIMEDOUT" => Errno::TIMEDOUT,
        "STALE" => Errno::STALE,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_replies_have_code_errno_and_text() {
        let info =
            RequestInfo { method: "SetUnitProperties", subject: "a.scope", bus: Bus::System };
        for (name, code, errno) in [
            ("org.freedesktop.systemd1.NoSuchUnit", Code::Deleted, Errno::NOENT),
            ("org.freedesktop.systemd1.UnitExists", Code::Busy, Errno::BUSY),
            ("org.freedesktop.DBus.Error.InvalidArgs", Code::Argument, Errno::INVAL),
            ("org.freedesktop.DBus.Error.PropertyReadOnly", Code::Unsupported, Errno::OPNOTSUPP),
            ("org.freedesktop.DBus.Error.AccessDenied", Code::System, Errno::ACCESS),
            (
                "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
                Code::System,
                Errno::ACCESS,
            ),
            ("org.freedesktop.DBus.Error.ServiceUnknown", Code::Bus, Errno::CONNREFUSED),
            ("org.freedesktop.DBus.Error.Spawn.ChildExited", Code::Bus, Errno::CONNREFUSED),
            ("System.Error.ESRCH", Code::System, Errno::SRCH),
            ("System.Error.EUNHEARDOF", Code::System, Errno::IO),
            ("com.example.Other", Code::System, Errno::IO),
        ] {
            let reply = ErrorReply { name: name.to_owned(), text: "because".to_owned() };
            let error = info.error(Fault::Refused(reply));
            assert_eq!((error.code(), error.errno()), (code, errno), "{error}");
            let text = error.to_string();
            assert!(text.starts_with("SetUnitProperties of a.scope: "), "{text}");
            assert!(text.contains(&format!("{name}: because")), "{text}");
        }
    }
}
