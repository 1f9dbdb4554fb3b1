// SPDX-License-Identifier: Apache-2.0

//! The two buses that a systemd is on, and where this process finds them.
//!
//! D-Bus specification, "Well-known Message Bus Instances"; sd_booted(3).

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::address::{parse_address, Endpoint};
use crate::error::{fail, Code, Result};

/// Which systemd to talk to: that of the system or that of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// Process 1, on the system bus.
    System,
    /// `systemd --user`, on the user's bus.
    User,
}

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bus::System => "the system bus",
            Bus::User => "the user's bus",
        })
    }
}

const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";
const OLD_SYSTEM_BUS: &str = "/var/run/dbus/system_bus_socket";

impl Bus {
    /// Returns the sockets to try: those of the environment's address, else the default ones.
    pub(in crate::systemd) fn endpoints(self) -> Result<Vec<Endpoint>> {
        match self {
            Bus::System => system(),
            Bus::User => user(),
        }
    }

    /// Returns whether this machine (or user) runs a systemd, and this process's address leads to
    /// the bus of that systemd. Another bus, for example that of dbus-run-session, has no systemd.
    pub(in crate::systemd) fn has_systemd(self) -> bool {
        match self {
            Bus::System => {
                let buses = [SYSTEM_BUS, OLD_SYSTEM_BUS].map(Path::new);
                Path::new("/run/systemd/system").exists()
                    && buses.iter().any(|bus| is_among(bus, system()))
            }
            Bus::User => {
                let Some(run) = variable("XDG_RUNTIME_DIR") else { return false };
                let run = PathBuf::from(OsString::from_vec(run));
                run.join("systemd/private").exists() && is_among(&run.join("bus"), user())
            }
        }
    }
}

fn system() -> Result<Vec<Endpoint>> {
    match variable("DBUS_SYSTEM_BUS_ADDRESS") {
        Some(address) => parse_address(&address).map_err(|e| e.context("DBUS_SYSTEM_BUS_ADDRESS")),
        None => Ok([SYSTEM_BUS, OLD_SYSTEM_BUS].map(|path| Endpoint::Path(path.into())).to_vec()),
    }
}

fn user() -> Result<Vec<Endpoint>> {
    if let Some(address) = variable("DBUS_SESSION_BUS_ADDRESS") {
        return parse_address(&address).map_err(|e| e.context("DBUS_SESSION_BUS_ADDRESS"));
    }
    match variable("XDG_RUNTIME_DIR") {
        Some(directory) => Ok(vec![Endpoint::Path([&directory[..], b"/bus"].concat())]),
        None => fail(
            Code::Unsupported,
            "cannot find the bus of the user's systemd: neither DBUS_SESSION_BUS_ADDRESS nor \
             XDG_RUNTIME_DIR is set; log in through PAM (or enable lingering and set \
             XDG_RUNTIME_DIR to /run/user/UID), and install dbus-user-session",
        ),
    }
}

/// Returns whether `socket` is one of the endpoints. The same path counts even while no file is
/// there; another path counts when it leads to the same file.
fn is_among(socket: &Path, endpoints: Result<Vec<Endpoint>>) -> bool {
    let file = |path: &Path| std::fs::metadata(path).map(|at| (at.dev(), at.ino())).ok();
    let same = |path: Vec<u8>| {
        let path = PathBuf::from(OsString::from_vec(path));
        path == socket || file(&path).is_some_and(|n| file(socket) == Some(n))
    };
    let paths = endpoints.into_iter().flatten().filter_map(|endpoint| match endpoint {
        Endpoint::Path(path) => Some(path),
        Endpoint::Abstract(_) => None,
    });
    paths.into_iter().any(same)
}

/// Returns an environment variable that is set and not empty. A privileged process (AT_SECURE)
/// does not trust its environment.
fn variable(name: &str) -> Option<Vec<u8>> {
    if crate::sys::is_secure_execution() {
        return None;
    }
    std::env::var_os(name).map(OsString::into_vec).filter(|value| !value.is_empty())
}
