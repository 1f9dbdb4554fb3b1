// SPDX-License-Identifier: Apache-2.0

//! [`Systemd`]: one method for each thing that this library asks of systemd's manager.
//!
//! Each method makes a [`Request`] and runs it. org.freedesktop.systemd1(5).

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use super::connection_pool::ConnectionPool;
use super::name;
use super::request::Request;
use super::start::Started;
use crate::bytes::cut;
use crate::error::{fail, Code, Result};
use crate::systemd::bus::{Bus, Deadline};
use crate::systemd::value::{Property, Value};

/// Timeout of one call; sd-bus's default is the same.
const CALL_TIMEOUT: Duration = Duration::from_secs(25);
/// Timeout of a job, including all its calls.
const JOB_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one systemd.
///
/// Connects when a method is first called, and again when the connection was lost. All methods
/// may be called from several threads at once. They may also be called after a fork: the child
/// opens connections of its own.
pub struct Systemd {
    pool: ConnectionPool,
    job_timeout: Duration,
    call_timeout: Duration,
    version: OnceLock<u32>,
    control_group: OnceLock<String>,
}

impl fmt::Debug for Systemd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Systemd")
            .field("pool", &self.pool)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Systemd {
    /// Returns a client of the systemd at a D-Bus address: `unix:path=…` or `unix:abstract=…`,
    /// or several of these separated by `;`. Without an address:
    ///
    /// * for [`Bus::System`]: `DBUS_SYSTEM_BUS_ADDRESS`, else `/run/dbus/system_bus_socket`;
    /// * for [`Bus::User`]: `DBUS_SESSION_BUS_ADDRESS`, else `$XDG_RUNTIME_DIR/bus`.
    #[must_use]
    pub fn new(bus: Bus, address: Option<String>) -> Systemd {
        Systemd {
            pool: ConnectionPool::new(bus, address),
            job_timeout: JOB_TIMEOUT,
            call_timeout: CALL_TIMEOUT,
            version: OnceLock::new(),
            control_group: OnceLock::new(),
        }
    }

    /// Returns the client with systemd's version already known, so that it is never queried.
    #[must_use]
    pub fn with_version(mut self, version: u32) -> Systemd {
        self.version = OnceLock::from(version);
        self
    }

    /// Returns the client with other timeouts: `job` for a whole job, `call` for each reply.
    #[cfg(any(test, feature = "internals"))]
    #[must_use]
    pub fn with_timeouts(mut self, job: Duration, call: Duration) -> Systemd {
        (self.job_timeout, self.call_timeout) = (job, call);
        self
    }

    /// Returns systemd's version, for example 252. Queried once.
    pub fn version(&self) -> Result<u32> {
        if let Some(version) = self.version.get() {
            return Ok(*version);
        }
        let text = self.manager_property("Version")?;
        let Some(version) = name::version(&text) else {
            let text = cut(&text, 64);
            return fail(Code::System, format!("systemd's version {text:?} is not a number"));
        };
        Ok(*self.version.get_or_init(|| version))
    }

    /// Returns the cgroup that all units of this systemd are below: empty or `/` for the
    /// system's. Queried once.
    pub fn control_group(&self) -> Result<String> {
        if let Some(path) = self.control_group.get() {
            return Ok(path.clone());
        }
        let path = self.manager_property("ControlGroup")?;
        Ok(self.control_group.get_or_init(|| path).clone())
    }

    /// Creates a transient unit and waits until its job is done.
    ///
    /// A failed unit of the same name is reset first (runc#3780). If a unit of that name is active
    /// and has processes, or `existing_is_fine`, the result is [`Started::Existed`]. Otherwise this
    /// method waits a second for the unit to go away, and then fails.
    ///
    /// # Errors
    /// * [`Code::Busy`]: a unit of that name exists, and no process is in it.
    /// * [`Code::Timeout`]: the job did not end within the timeout, or its result is `timeout`.
    /// * [`Code::System`]: the job has another result than `done`, which the text names. The failed
    ///   unit is reset.
    pub fn start(
        &self,
        unit: &str,
        properties: &[Property],
        existing_is_fine: bool,
    ) -> Result<Started> {
        let mut request = self.request("StartTransientUnit", unit, self.job_timeout)?;
        request.start(properties, existing_is_fine)
    }

    /// Sets properties of a unit until the next boot. `timeout` shortens the wait for the reply.
    ///
    /// # Errors
    /// * [`Code::Deleted`]: there is no such unit.
    /// * [`Code::Unsupported`]: this version of systemd cannot set one of the properties.
    /// * [`Code::Argument`]: systemd does not accept a value.
    pub fn set(
        &self,
        unit: &str,
        properties: &[Property],
        timeout: Option<Duration>,
    ) -> Result<()> {
        self.request("SetUnitProperties", unit, self.call_timeout(timeout))?.set(properties)
    }

    /// Stops a unit, waits for the job's end, and resets the unit if it failed. A unit that does
    /// not exist is success. Returns a warning when the job has another result than `done`.
    pub fn stop(&self, unit: &str) -> Result<Option<String>> {
        self.request("StopUnit", unit, self.job_timeout)?.stop()
    }

    /// Abandons a scope: it ends with its last process. A scope that does not exist, or that is
    /// ending already, is success.
    pub fn abandon(&self, unit: &str) -> Result<()> {
        self.request("AbandonScope", unit, self.call_timeout)?.abandon()
    }

    /// Moves processes into a unit's cgroup (`""`) or a cgroup below it (`"/a/b"`). Process
    /// numbers are those of systemd's PID namespace.
    ///
    /// # Errors
    /// [`Code::Deleted`]: there is no such unit.
    pub fn attach(&self, unit: &str, subcgroup: &str, pids: &[u32]) -> Result<()> {
        self.request("AttachProcessesToUnit", unit, self.call_timeout)?.attach(subcgroup, pids)
    }

    /// Returns whether systemd has the unit loaded. systemd unloads a unit that ended well.
    pub fn is_loaded(&self, unit: &str) -> Result<bool> {
        self.request("GetUnit", unit, self.call_timeout)?.is_loaded()
    }

    /// Returns how many processes systemd counts in a unit; 0 when there is no such unit.
    pub fn processes(&self, unit: &str) -> Result<usize> {
        self.request("GetUnitProcesses", unit, self.call_timeout)?.processes()
    }

    /// Returns a property of a unit. `interface` is `org.freedesktop.systemd1.Unit`, `….Scope` or
    /// `….Slice`. `timeout` shortens the wait for the reply.
    pub fn property(
        &self,
        unit: &str,
        interface: &str,
        name: &str,
        timeout: Option<Duration>,
    ) -> Result<Value> {
        self.request("Get", unit, self.call_timeout(timeout))?.unit_property(interface, name)
    }

    /// Returns several properties of a unit, read in one round trip. None stands for a property
    /// that this systemd does not have.
    pub fn properties(
        &self,
        unit: &str,
        interface: &str,
        names: &[&str],
        timeout: Option<Duration>,
    ) -> Result<Vec<Option<Value>>> {
        self.request("Get", unit, self.call_timeout(timeout))?.unit_properties(interface, names)
    }

    /// Returns a string property of the manager.
    fn manager_property(&self, name: &'static str) -> Result<String> {
        let deadline = Deadline::after(self.call_timeout);
        Request::new(&self.pool, "Get", name, deadline, self.call_timeout).manager_property(name)
    }

    fn call_timeout(&self, shorter: Option<Duration>) -> Duration {
        shorter.map_or(self.call_timeout, |timeout| timeout.min(self.call_timeout))
    }

    fn request<'a>(
        &'a self,
        method: &'static str,
        unit: &'a str,
        timeout: Duration,
    ) -> Result<Request<'a>> {
        name::check_unit(unit)?;
        let deadline = Deadline::after(timeout);
        Ok(Request::new(&self.pool, method, unit, deadline, self.call_timeout))
    }
}
