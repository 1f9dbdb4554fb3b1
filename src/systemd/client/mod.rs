//! systemd's manager: units are made, changed and removed by asking it.
//!
//! What is asked for is in `org.freedesktop.systemd1(5)`. A call takes a connection for itself
//! and leaves it behind for the next one, so that callers in sequence use one connection, and
//! callers at the same time never wait for each other.

mod error;
mod job;
mod name;
mod requests;
mod start;
mod talk;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, TryLockError};
use std::time::Duration;

use super::bus::{address, Connection, Deadline};
use super::{Property, Value};
use crate::error::{fail, Code, Result};
use talk::Talk;

/// Which systemd: the system's, or the user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// Process 1, on the system bus.
    System,
    /// `systemd --user`, on the user's bus.
    User,
}

/// That a D-Bus address can be read, and has a socket that can be connected to here.
pub fn check_address(address: &str) -> Result<()> {
    address::parse(address.as_bytes()).map(drop)
}

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bus::System => "the system bus",
            Bus::User => "the user's bus",
        })
    }
}

/// What came of [`Systemd::start`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// The unit was made, and its job is done: its cgroup exists, its processes are in it.
    Created,
    /// There was a unit of that name, which was left as it is.
    Existed,
}

/// As long as systemd's own clients wait for an answer.
const CALL: Duration = Duration::from_secs(25);
/// For a job in all, the calls included.
const JOB: Duration = Duration::from_secs(30);
/// More than that many connections are not kept for later.
const IDLE: usize = 4;

/// A systemd to talk to. It connects when it is first used, and again when the connection was
/// lost. All methods can be called from several threads at once, and after a fork as well: a
/// connection of the parent is not used.
pub struct Systemd {
    bus: Bus,
    address: Option<String>,
    job: Duration,
    call: Duration,
    version: OnceLock<u32>,
    control_group: OnceLock<String>,
    /// systemd has answered before: if it does not now, it is on its way back.
    met: AtomicBool,
    idle: Mutex<Vec<Connection>>,
}

impl fmt::Debug for Systemd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Systemd")
            .field("bus", &self.bus)
            .field("address", &self.address)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Systemd {
    /// The systemd at a D-Bus address (`unix:path=…` or `unix:abstract=…`, several separated by
    /// `;`). Without one:
    ///
    /// * the system's: `DBUS_SYSTEM_BUS_ADDRESS`, else `/run/dbus/system_bus_socket`;
    /// * the user's: `DBUS_SESSION_BUS_ADDRESS`, else `$XDG_RUNTIME_DIR/bus`.
    #[must_use]
    pub fn new(bus: Bus, address: Option<String>) -> Systemd {
        Systemd {
            bus,
            address,
            job: JOB,
            call: CALL,
            version: OnceLock::new(),
            control_group: OnceLock::new(),
            met: AtomicBool::new(false),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// With that version, instead of the one that systemd would be asked for.
    #[must_use]
    pub fn with_version(mut self, version: u32) -> Systemd {
        self.version = OnceLock::from(version);
        self
    }

    /// Waits so long for a job in all, and so long for the answer to a call.
    #[must_use]
    pub fn with_patience(mut self, job: Duration, call: Duration) -> Systemd {
        (self.job, self.call) = (job, call);
        self
    }

    /// systemd's version, like 252; asked for once.
    pub fn version(&self) -> Result<u32> {
        if let Some(version) = self.version.get() {
            return Ok(*version);
        }
        let text = self.manager_property("Version")?;
        let Some(version) = name::version(&text) else {
            return fail(Code::System, format!("systemd's version {text:?} is not one"));
        };
        Ok(*self.version.get_or_init(|| version))
    }

    /// The cgroup below which this systemd has its units: empty or `/` for that of the system.
    /// Asked for once.
    pub fn control_group(&self) -> Result<String> {
        if let Some(path) = self.control_group.get() {
            return Ok(path.clone());
        }
        let path = self.manager_property("ControlGroup")?;
        Ok(self.control_group.get_or_init(|| path).clone())
    }

    /// Makes a transient unit and waits until its job is done.
    ///
    /// A unit of that name that failed, and was left behind, is reset (runc#3780). One that is
    /// in use is [`Started::Existed`] when that is fine, else, when it still is after a second,
    /// [`Code::Busy`]. A job that ends in
    /// anything but `done` is an error that says what, [`Code::Timeout`] when it does not end
    /// within the patience; systemd is then told to forget the failure.
    pub fn start(
        &self,
        unit: &str,
        properties: &[Property],
        existing_is_fine: bool,
    ) -> Result<Started> {
        self.talk("StartTransientUnit", unit, self.job)?.start(properties, existing_is_fine)
    }

    /// Sets properties until the next boot. [`Code::Deleted`] when there is no such unit,
    /// [`Code::Unsupported`] when this systemd cannot set one of them, [`Code::Argument`] when
    /// it does not take the value.
    ///
    /// `limit`: wait no longer than that for an answer.
    pub fn set(&self, unit: &str, properties: &[Property], limit: Option<Duration>) -> Result<()> {
        let limit = limit.map_or(self.call, |limit| limit.min(self.call));
        self.talk("SetUnitProperties", unit, limit)?.set(properties)
    }

    /// Stops a unit, waits for that, and makes systemd forget a failure of it. No such unit is
    /// success. Something to warn of is in the result: a job that did not end in `done`.
    pub fn stop(&self, unit: &str) -> Result<Option<String>> {
        self.talk("StopUnit", unit, self.job)?.stop()
    }

    /// Moves processes into a unit's cgroup, or one below it (`""`, or `"/a/b"`). Numbers are
    /// those of systemd's own PID namespace. [`Code::Deleted`] when there is no such unit.
    pub fn attach(&self, unit: &str, below: &str, pids: &[u32]) -> Result<()> {
        self.talk("AttachProcessesToUnit", unit, self.call)?.attach(below, pids)
    }

    /// Whether systemd has the unit in memory: one that has ended well it forgets.
    pub fn is_loaded(&self, unit: &str) -> Result<bool> {
        self.talk("GetUnit", unit, self.call)?.is_loaded()
    }

    /// How many processes systemd has in a unit; none in one that is not there.
    pub fn processes(&self, unit: &str) -> Result<usize> {
        self.talk("GetUnitProcesses", unit, self.call)?.processes()
    }

    /// A property of a unit: interface `org.freedesktop.systemd1.Unit`, `….Scope`, `….Slice`.
    ///
    /// `limit`: wait no longer than that for an answer.
    pub fn property(
        &self,
        unit: &str,
        interface: &str,
        name: &str,
        limit: Option<Duration>,
    ) -> Result<Value> {
        let limit = limit.map_or(self.call, |limit| limit.min(self.call));
        self.talk("Get", unit, limit)?.unit_property(interface, name)
    }

    /// A string property of the manager.
    fn manager_property(&self, name: &'static str) -> Result<String> {
        let mut talk = Talk::new(self, "Get", name, Deadline::after(self.call));
        talk.manager_property(name)
    }

    fn talk<'a>(
        &'a self,
        method: &'static str,
        unit: &'a str,
        limit: Duration,
    ) -> Result<Talk<'a>> {
        name::check(unit)?;
        Ok(Talk::new(self, method, unit, Deadline::after(limit)))
    }

    /// The sockets to try.
    fn endpoints(&self) -> Result<Vec<address::Endpoint>> {
        match (&self.address, self.bus) {
            (Some(address), _) => address::parse(address.as_bytes()),
            (None, Bus::System) => address::system(),
            (None, Bus::User) => address::user(),
        }
    }

    fn has_met(&self) -> bool {
        self.met.load(Ordering::Relaxed)
    }

    /// A connection that is not used now; and whether one was there but lost.
    fn take(&self) -> (Option<Connection>, bool) {
        let mut lost = false;
        while let Some(connection) = self.with_idle(Vec::pop).flatten() {
            if connection.is_usable() {
                return (Some(connection), lost);
            }
            lost |= connection.is_own();
        }
        (None, lost)
    }

    fn put(&self, connection: Connection) {
        // What is not kept is dropped here, outside of the lock.
        let _rest = self.with_idle(|idle| {
            if idle.len() < IDLE {
                idle.push(connection);
                None
            } else {
                Some(connection)
            }
        });
    }

    /// Never waits: a lock that was held by another thread while the process forked is held for
    /// ever in the child. A connection more or less does no harm.
    fn with_idle<T>(&self, act: impl FnOnce(&mut Vec<Connection>) -> T) -> Option<T> {
        match self.idle.try_lock() {
            Ok(mut idle) => Some(act(&mut idle)),
            Err(TryLockError::Poisoned(idle)) => Some(act(&mut idle.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
