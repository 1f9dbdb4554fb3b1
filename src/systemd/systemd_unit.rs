// SPDX-License-Identifier: Apache-2.0

//! A unit together with the systemd that manages it.

use std::sync::Arc;

use super::bus::Bus;
use super::client::Systemd;
use super::unit::Unit;
use super::value::Property;
use crate::error::Result;
use crate::path::lexical;

/// A manager's unit, and the systemd that manages the unit.
#[derive(Debug)]
pub struct SystemdUnit {
    /// The unit.
    pub unit: Unit,
    /// Which systemd.
    pub bus: Bus,
    /// The connection to it.
    pub client: Arc<Systemd>,
    /// The cgroup below which the system's systemd has its units. A user's systemd is asked for its
    /// own.
    pub root: Vec<u8>,
    /// The caller's own properties, from annotations.
    pub user_properties: Vec<Property>,
}

impl SystemdUnit {
    /// Returns the unit's cgroup, from the root of the hierarchies.
    pub fn cgroup(&self) -> Result<Vec<u8>> {
        let root = match self.bus {
            Bus::System => self.root.clone(),
            Bus::User => self.client.control_group()?.into_bytes(),
        };
        let cgroup = self.unit.cgroup(|| self.client.version())?;
        Ok(lexical::join(&[b"/", &root, &cgroup]))
    }

    /// Returns the slice that the unit is in; None for the root slice.
    pub fn parent(&self) -> Option<SystemdUnit> {
        Some(SystemdUnit {
            unit: Unit::parse(&self.unit.parent()?, self.bus == Bus::User).ok()?,
            bus: self.bus,
            client: Arc::clone(&self.client),
            root: self.root.clone(),
            user_properties: Vec::new(),
        })
    }

    /// Returns the `slice:prefix:name` path of the slice that the unit is in.
    pub fn parent_path(&self) -> Vec<u8> {
        self.unit.parent().unwrap_or_else(|| b"::-.slice".to_vec())
    }

    /// Returns the D-Bus interface of the unit's type.
    pub fn interface(&self) -> String {
        format!("org.freedesktop.systemd1.{}", self.unit.kind())
    }
}
