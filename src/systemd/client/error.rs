//! What the caller is told when systemd, or the way to it, fails.

use rustix::io::Errno;

use super::Bus;
use crate::error::{Code, Error};
use crate::systemd::bus::{Fault, Remote};

/// What was asked, of which unit (or which property), on which bus.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub method: &'static str,
    pub subject: &'a str,
    pub bus: Bus,
}

impl Asked<'_> {
    /// The error of a fault.
    pub fn error(self, fault: Fault) -> Error {
        let Asked { method, subject, bus } = self;
        match fault {
            Fault::Lost { errno, when, .. } => {
                Error::system(&format!("{method} of"), subject.as_bytes(), errno)
                    .advice(format!("{bus} closed the connection {when}, twice"))
            }
            Fault::Silent { seconds } => self.timeout(&format!("{bus} did not answer"), seconds),
            Fault::Refused(remote) => self.refused(&remote),
            Fault::Broken(what) => {
                let text = format!("{method} of {subject}: {bus} sent {what}");
                Error::new(Code::System, text)
            }
            Fault::Failed(error) => error.context(format!("{method} of {subject}")),
        }
    }

    /// It took too long.
    pub fn timeout(self, what: &str, seconds: f64) -> Error {
        let Asked { method, subject, .. } = self;
        let text = format!("{method} of {subject}: {what} within {seconds} s");
        Error::new(Code::Timeout, text)
    }

    /// Anything else that is wrong.
    pub fn plain(self, code: Code, what: &str) -> Error {
        Error::new(code, format!("{} of {}: {what}", self.method, self.subject))
    }

    /// systemd, or the bus, said no.
    fn refused(self, remote: &Remote) -> Error {
        let Asked { method, subject, bus } = self;
        let said = format!("{}: {}", remote.name, remote.text);
        let error = match code(&remote.name) {
            (Code::System, Some(errno)) => {
                let error = Error::system(&format!("{method} of"), subject.as_bytes(), errno);
                error.advice(said)
            }
            (code, _) => self.plain(code, &said),
        };
        match advice(&remote.name, bus) {
            Some(advice) => error.advice(advice),
            None => error,
        }
    }
}

/// What the caller can do, where that is known.
fn advice(name: &str, bus: Bus) -> Option<&'static str> {
    Some(match (remote_short(name), bus) {
        ("AccessDenied" | "InteractiveAuthorizationRequired" | "AuthFailed", Bus::System) => {
            "only root may change units of the system; without root use the user's systemd"
        }
        ("UnitExists", _) => "stop that unit, or choose another name",
        ("PropertyReadOnly" | "UnknownProperty", _) => "this version of systemd cannot set it",
        _ if is_nobody(name) && bus == Bus::User => "is systemd --user running, and on that bus?",
        _ if is_nobody(name) => "is systemd running, and on that bus?",
        _ => return None,
    })
}

/// No systemd on the bus (now): the request reached nobody.
pub(super) fn is_nobody(name: &str) -> bool {
    matches!(remote_short(name), "ServiceUnknown" | "NameHasNoOwner")
        || name.starts_with("org.freedesktop.DBus.Error.Spawn.")
}

/// Who was asked went away with the request: whether it was carried out is not known.
pub(super) fn is_no_reply(name: &str) -> bool {
    remote_short(name) == "NoReply"
}

/// systemd's or the bus's own error of that name.
pub(super) fn is(remote: &Remote, name: &str) -> bool {
    remote_short(&remote.name) == name
}

/// Without what all the names of D-Bus and of systemd start with.
fn remote_short(name: &str) -> &str {
    let prefixes = ["org.freedesktop.DBus.Error.", "org.freedesktop.systemd1."];
    prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

/// The kind of an error name, and its errno when that says more (mostly sd-bus's mapping).
fn code(name: &str) -> (Code, Option<Errno>) {
    let system = |errno| (Code::System, Some(errno));
    match remote_short(name) {
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
        _ if is_nobody(name) => (Code::Bus, None),
        _ => (Code::System, errno(name)),
    }
}

/// What sd-bus makes of an errno that has no name of its own: `System.Error.ESRCH`.
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
    fn kinds_of_errors() {
        let asked = Asked { method: "SetUnitProperties", subject: "a.scope", bus: Bus::System };
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
            let remote = Remote { name: name.to_owned(), text: "because".to_owned() };
            let error = asked.error(Fault::Refused(remote));
            assert_eq!((error.code(), error.errno()), (code, errno), "{error}");
            let text = error.to_string();
            assert!(text.starts_with("SetUnitProperties of a.scope: "), "{text}");
            assert!(text.contains(&format!("{name}: because")), "{text}");
        }
    }
}
