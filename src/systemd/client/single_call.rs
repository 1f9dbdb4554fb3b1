// SPDX-License-Identifier: Apache-2.0

//! Requests that are a single method call and its reply.
//!
//! org.freedesktop.systemd1(5), "Manager Object"; the properties' interface is the D-Bus
//! specification's org.freedesktop.DBus.Properties.

use zvariant::Value as Wire;

use super::error::has_name;
use super::name;
use super::request::{Request, Step};
use crate::bytes::cut;
use crate::error::{Code, Error, Result};
use crate::systemd::bus::{
    checked_str, from_wire, to_wire, Connection, Fault, Incoming, Method, Outcome, Reply,
};
use crate::systemd::value::{Property, Value};

/// systemd's bus name; also the prefix of its interfaces.
pub(super) const SYSTEMD: &str = "org.freedesktop.systemd1";

/// Greatest length of a value in an error message, in bytes.
const SHOWN: usize = 128;

/// Returns a method of systemd's manager.
pub(super) const fn manager(name: &'static str) -> Method<'static> {
    Method {
        destination: SYSTEMD,
        path: "/org/freedesktop/systemd1",
        interface: "org.freedesktop.systemd1.Manager",
        name,
    }
}

/// Returns the method that reads a property of an object.
const fn get_property(path: &str) -> Method<'_> {
    Method { destination: SYSTEMD, path, interface: "org.freedesktop.DBus.Properties", name: "Get" }
}

/// Returns the properties as zvariant encodes them: `a(sv)`.
pub(super) fn properties_to_wire(properties: &[Property]) -> Result<Vec<(&str, Wire<'_>)>> {
    properties.iter().map(|p| Ok((checked_str(&p.name)?, to_wire(&p.value)?))).collect()
}

/// Fails when systemd is in another PID namespace. The caller's process numbers name other
/// processes there, and systemd would move those.
pub(super) fn check_pid_namespace(connection: &Connection) -> Outcome<()> {
    if !connection.is_peer_in_other_pid_namespace() {
        return Ok(());
    }
    let text = "systemd is in another PID namespace, where these PIDs are other processes";
    let error = Error::new(Code::Unsupported, text);
    Err(Fault::Failed(error.advice("call from the PID namespace that systemd is in")))
}

/// Queues a call, without a reply, that makes systemd unload a failed unit.
pub(super) fn queue_reset_failed(connection: &mut Connection, unit: &str) -> Outcome<u32> {
    connection.queue(manager("ResetFailedUnit"), &unit, Reply::NotExpected)
}

impl Request<'_> {
    pub fn set(&mut self, properties: &[Property]) -> Result<()> {
        let unit = self.info.subject;
        let properties = properties_to_wire(properties).map_err(|e| self.error(e.into()))?;
        self.run(|Step { connection, reply_deadline, .. }| {
            let body = (unit, true, &properties);
            connection.call(manager("SetUnitProperties"), &body, reply_deadline)
        })
        .map(drop)
        .map_err(|fault| self.error(fault))
    }

    pub fn attach(&mut self, subcgroup: &str, pids: &[u32]) -> Result<()> {
        let unit = self.info.subject;
        let subcgroup = checked_str(subcgroup).map_err(|e| self.error(e.into()))?;
        self.run(|Step { connection, reply_deadline, .. }| {
            check_pid_namespace(connection)?;
            let body = (unit, subcgroup, pids);
            connection.call(manager("AttachProcessesToUnit"), &body, reply_deadline)
        })
        .map(drop)
        .map_err(|fault| self.error(fault))
    }

    pub fn is_loaded(&mut self) -> Result<bool> {
        let unit = self.info.subject;
        let found = self.run(|Step { connection, reply_deadline, .. }| {
            connection.call(manager("GetUnit"), &unit, reply_deadline)
        });
        match found {
            Ok(_) => Ok(true),
            Err(Fault::Refused(e)) if has_name(&e, "NoSuchUnit") => Ok(false),
            Err(fault) => Err(self.error(fault)),
        }
    }

    /// Returns the number of processes in the unit; 0 when there is no such unit.
    pub fn processes(&mut self) -> Result<usize> {
        let unit = self.info.subject;
        let found = self.run(|Step { connection, reply_deadline, .. }| {
            let reply = connection.call(manager("GetUnitProcesses"), &unit, reply_deadline)?;
            let list: Vec<(&str, u32, &str)> = reply.read()?;
            Ok(list.len())
        });
        match found {
            Err(Fault::Refused(e)) if has_name(&e, "NoSuchUnit") => Ok(0),
            other => other.map_err(|fault| self.error(fault)),
        }
    }

    pub fn unit_property(&mut self, interface: &str, name: &str) -> Result<Value> {
        let path = name::object_path(self.info.subject);
        let checked = |part| checked_str(part).map_err(|e| self.info.error(e.into()));
        let (interface, name) = (checked(interface)?, checked(name)?);
        self.run(|mut step| property(&mut step, &path, interface, name))
            .map_err(|fault| self.error(fault).context(name))
    }

    /// Returns several properties of the unit, each None if systemd does not have it.
    pub fn unit_properties(
        &mut self,
        interface: &str,
        names: &[&str],
    ) -> Result<Vec<Option<Value>>> {
        let path = name::object_path(self.info.subject);
        let pairs: Vec<(&str, &str)> = names.iter().map(|name| (interface, *name)).collect();
        self.run(|Step { connection, reply_deadline, .. }| {
            let replies = connection.call_all(get_property(&path), &pairs, reply_deadline)?;
            let value = |reply| match reply {
                Ok(reply) => Ok(Some(read_value(&reply)?)),
                Err(e) if has_name(&e, "UnknownProperty") => Ok(None),
                Err(e) => Err(Fault::Refused(e)),
            };
            replies.into_iter().map(value).collect()
        })
        .map_err(|fault| self.error(fault))
    }

    /// Returns a string property of the manager.
    pub fn manager_property(&mut self, name: &str) -> Result<String> {
        let method = manager("Get");
        match self.run(|mut step| property(&mut step, method.path, method.interface, name)) {
            Ok(Value::Str(text)) => Ok(text),
            Ok(other) => {
                let what = format!("systemd sent {}, which is not a string", shown(&other));
                Err(self.info.failed(Code::System, &what))
            }
            Err(fault) => Err(self.error(fault)),
        }
    }
}

/// Reads a property of an object.
pub(super) fn property(
    step: &mut Step<'_>,
    path: &str,
    interface: &str,
    name: &str,
) -> Outcome<Value> {
    let reply =
        step.connection.call(get_property(path), &(interface, name), step.reply_deadline)?;
    read_value(&reply)
}

/// Returns a value of an unexpected type as error messages show it.
pub(super) fn shown(value: &Value) -> String {
    cut(&value.to_string(), SHOWN)
}

/// Reads the reply to `Get`.
fn read_value(reply: &Incoming) -> Outcome<Value> {
    Ok(from_wire(&reply.read_value()?)?)
}
