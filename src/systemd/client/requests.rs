//! Requests that are one call and its answer.

use zbus::zvariant::Value as Wire;

use super::error;
use super::name;
use super::talk::{Step, Talk};
use crate::error::{Code, Error, Result};
use crate::systemd::bus::{from_wire, text, to_wire, Answer, Connection, Fault, Method, Outcome};
use crate::systemd::{Property, Value};

/// systemd on any bus.
pub(super) const SYSTEMD: &str = "org.freedesktop.systemd1";

/// A method of the manager.
pub(super) const fn manager(name: &'static str) -> Method<'static> {
    Method {
        to: SYSTEMD,
        path: "/org/freedesktop/systemd1",
        interface: "org.freedesktop.systemd1.Manager",
        name,
    }
}

/// A property of an object.
const fn get(path: &str) -> Method<'_> {
    Method { to: SYSTEMD, path, interface: "org.freedesktop.DBus.Properties", name: "Get" }
}

/// Properties as they are sent: `a(sv)`.
pub(super) fn wire(properties: &[Property]) -> Result<Vec<(&str, Wire<'_>)>> {
    properties.iter().map(|p| Ok((text(&p.name)?, to_wire(&p.value)?))).collect()
}

/// That the numbers of processes mean the same to systemd: it would move somebody else's.
pub(super) fn known_here(connection: &Connection) -> Outcome<()> {
    if !connection.is_elsewhere() {
        return Ok(());
    }
    let text = "systemd is in another PID namespace, where these numbers are other processes'";
    let error = Error::new(Code::Unsupported, text);
    Err(Fault::Failed(error.advice("do it in the PID namespace that systemd is in")))
}

/// Has systemd forget that a unit failed, so that nothing is left of it; without an answer.
pub(super) fn reset_failed(connection: &mut Connection, unit: &str) -> Outcome<u32> {
    connection.push(manager("ResetFailedUnit"), &unit, Answer::None)
}

impl Talk<'_> {
    pub fn set(&mut self, properties: &[Property]) -> Result<()> {
        let unit = self.asked.subject;
        let properties = wire(properties).map_err(|e| self.error(e.into()))?;
        self.run(|Step { connection, answer, .. }| {
            let body = (unit, true, &properties);
            connection.call(manager("SetUnitProperties"), &body, answer)
        })
        .map(drop)
        .map_err(|fault| self.error(fault))
    }

    pub fn attach(&mut self, below: &str, pids: &[u32]) -> Result<()> {
        let unit = self.asked.subject;
        let below = text(below).map_err(|e| self.error(e.into()))?;
        self.run(|Step { connection, answer, .. }| {
            known_here(connection)?;
            let body = (unit, below, pids);
            connection.call(manager("AttachProcessesToUnit"), &body, answer)
        })
        .map(drop)
        .map_err(|fault| self.error(fault))
    }

    pub fn is_loaded(&mut self) -> Result<bool> {
        let unit = self.asked.subject;
        let found = self.run(|Step { connection, answer, .. }| {
            connection.call(manager("GetUnit"), &unit, answer)
        });
        match found {
            Ok(_) => Ok(true),
            Err(Fault::Refused(remote)) if error::is(&remote, "NoSuchUnit") => Ok(false),
            Err(fault) => Err(self.error(fault)),
        }
    }

    /// How many processes the unit has.
    pub fn processes(&mut self) -> Result<usize> {
        let unit = self.asked.subject;
        let found = self.run(|Step { connection, answer, .. }| {
            let reply = connection.call(manager("GetUnitProcesses"), &unit, answer)?;
            let list: Vec<(&str, u32, &str)> = reply.read()?;
            Ok(list.len())
        });
        match found {
            Err(Fault::Refused(remote)) if error::is(&remote, "NoSuchUnit") => Ok(0),
            other => other.map_err(|fault| self.error(fault)),
        }
    }

    pub fn unit_property(&mut self, interface: &str, name: &str) -> Result<Value> {
        let path = name::object(self.asked.subject);
        let plain = |part| text(part).map_err(|e| self.asked.error(e.into()));
        let (interface, name) = (plain(interface)?, plain(name)?);
        self.run(|mut step| property(&mut step, &path, interface, name))
            .map_err(|fault| self.error(fault).context(name))
    }

    /// A property of the manager that is a string.
    pub fn manager_property(&mut self, name: &str) -> Result<String> {
        let method = manager("Get");
        match self.run(|mut step| property(&mut step, method.path, method.interface, name)) {
            Ok(Value::Str(text)) => Ok(text),
            Ok(other) => {
                let what = format!("systemd sent {other}, which is no string");
                Err(self.asked.plain(Code::System, &what))
            }
            Err(fault) => Err(self.error(fault)),
        }
    }
}

/// A property of an object.
pub(super) fn property(
    step: &mut Step<'_>,
    path: &str,
    interface: &str,
    name: &str,
) -> Outcome<Value> {
    let reply = step.connection.call(get(path), &(interface, name), step.answer)?;
    let value: Wire<'_> = reply.read()?;
    Ok(from_wire(&value)?)
}
