// SPDX-License-Identifier: Apache-2.0

//! A manager's state as JSON, with which another process can use the same cgroup.
//!
//! `{"version":1,"driver":"cgroupfs"|"systemd","path":P,"paths":{SUBSYSTEM:P},"subsystems":[…],
//! "skipDevices":B,"strict":B,"noRollback":B,"clampShares":B,"onlyNeeded":B,"nowhere":B,
//! "implicit":B,"owner":[UID,GID],"literal":B,"resources":{…},"bus":"system"|"user",
//! "busAddress":A,"unit":U,"place":B,"annotations":{…}}`.
//! P is a string, or `{"hex":"…"}` for a path that is not UTF-8. If `paths` is missing or empty,
//! the paths are derived again.

use std::collections::BTreeMap;
use std::sync::Arc;

use oci_spec::runtime::LinuxResources;
use serde::{Deserialize, Deserializer, Serialize};

use super::core::Manager;
use super::libcontainer;
use crate::bytes::Lossless;
use crate::config::{Config, DriverKind, Flags, SystemdConfig};
use crate::driver::{Driver, CGROUPFS, SYSTEMD};
use crate::error::{fail, Code, Error, Result};
use crate::host::controllers;
use crate::host_handle::Host;
use crate::kata::rules;
use crate::placement::Placement;
use crate::resources::parse;
use crate::systemd::Bus;

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    version: u32,
    driver: String,
    path: Text,
    #[serde(default, deserialize_with = "null_as_default")]
    paths: BTreeMap<String, Text>,
    #[serde(default, deserialize_with = "null_as_default")]
    subsystems: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    skip_devices: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    strict: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    no_rollback: bool,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    clamp_shares: bool,
    /// Only the v2 controllers that limits need are enabled.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    only_needed: bool,
    /// The manager has no cgroup, because a rootless caller may create none.
    #[serde(default, deserialize_with = "null_as_default")]
    nowhere: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    implicit: bool,
    #[serde(default)]
    owner: Option<(u32, u32)>,
    /// The path has a unit's form, and [`DriverKind::AutoK0`] took it for a directory.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    literal: bool,
    /// JSON for [`parse::resources`]. `LinuxResources` cannot hold all that the JSON says.
    #[serde(default)]
    resources: serde_json::Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bus: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bus_address: Option<String>,
    /// The unit's name, if the path does not give it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// The manager is only a destination for processes.
    #[serde(
        rename = "place",
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    move_target_only: bool,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    annotations: BTreeMap<String, String>,
}

/// Reads null as if the member were absent, as Go does.
fn null_as_default<'de, D, T>(deserializer: D) -> std::result::Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl State {
    /// Returns the driver that made the state. No other driver may use it.
    fn driver(&self) -> Result<DriverKind> {
        match self.driver.as_str() {
            // The path has no unit's form for AutoK0, so AutoK0 takes it for a directory again.
            CGROUPFS if self.literal && !rules::is_systemd(&self.path.bytes()?) => {
                Ok(DriverKind::AutoK0)
            }
            CGROUPFS => Ok(DriverKind::Cgroupfs),
            SYSTEMD => Ok(DriverKind::Systemd),
            other => {
                let text = format!("state is of driver {other:?}; known: {CGROUPFS} {SYSTEMD}");
                fail(Code::Unsupported, text)
            }
        }
    }

    fn systemd(&self) -> Result<SystemdConfig> {
        let bus = match self.bus.as_deref() {
            None => None,
            Some("system") => Some(Bus::System),
            Some("user") => Some(Bus::User),
            Some(other) => return fail(Code::Json, format!("state JSON: no such bus {other:?}")),
        };
        Ok(SystemdConfig {
            bus,
            address: self.bus_address.clone(),
            version: None,
            unit: self.unit.clone(),
            annotations: self.annotations.clone(),
        })
    }

    fn config(&self) -> Result<Config> {
        let resources = match &self.resources {
            serde_json::Value::Null => LinuxResources::default(),
            saved => {
                parse::resources(saved.to_string().as_bytes()).map_err(|e| e.context("state"))?
            }
        };
        Ok(Config {
            path: self.path.bytes()?,
            subsystems: self.subsystems.clone(),
            resources,
            flags: Flags {
                skip_devices: self.skip_devices,
                strict: self.strict,
                no_rollback: self.no_rollback,
                existing: false,
                clamp_shares: self.clamp_shares,
                only_needed: self.only_needed,
            },
            implicit: self.implicit,
            owner: self.owner,
            driver: self.driver()?,
            systemd: self.systemd()?,
        })
    }

    /// Returns the saved directories, by subsystem.
    fn paths(&self) -> Result<Vec<(String, Vec<u8>)>> {
        self.paths.iter().map(|(key, path)| Ok((key.clone(), path.bytes()?))).collect()
    }
}

/// A path, which need not be UTF-8.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Raw { hex: String },
}

impl Text {
    fn new(bytes: &[u8]) -> Text {
        match std::str::from_utf8(bytes) {
            Ok(text) => Text::Plain(text.to_owned()),
            Err(_) => Text::Raw {
                hex: bytes.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(hex_digit).collect(),
            },
        }
    }

    /// Returns the path.
    ///
    /// Errors: it has a NUL byte ([`Code::Path`]); the hex is malformed ([`Code::Json`]).
    fn bytes(&self) -> Result<Vec<u8>> {
        let bytes = match self {
            Text::Plain(text) => text.clone().into_bytes(),
            Text::Raw { hex } => from_hex(hex)?,
        };
        if bytes.contains(&0) {
            let text = format!("state JSON: the path {} has a NUL byte", Lossless(&bytes));
            return fail(Code::Path, text);
        }
        Ok(bytes)
    }
}

fn from_hex(hex: &str) -> Result<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(|| Error::new(Code::Json, format!("state JSON: {hex:?} is not hex")))
}

fn hex_digit(nibble: u8) -> Option<char> {
    char::from_digit(nibble.into(), 16)
}

impl Manager {
    /// Returns the state as JSON.
    pub fn state(&self) -> Result<String> {
        let flags = self.config.flags;
        let state = State {
            version: VERSION,
            driver: self.driver.name().to_owned(),
            path: Text::new(&self.config.path),
            paths: self.paths().map(|(key, path)| (key.to_owned(), Text::new(&path))).collect(),
            subsystems: self.config.subsystems.clone(),
            skip_devices: flags.skip_devices,
            strict: flags.strict,
            no_rollback: flags.no_rollback,
            clamp_shares: flags.clamp_shares,
            only_needed: flags.only_needed,
            nowhere: self.placement.live().next().is_none(),
            implicit: self.config.implicit,
            owner: self.config.owner,
            literal: self.driver.name() == CGROUPFS && self.config.driver == DriverKind::AutoK0,
            resources: serde_json::to_value(self.resources())
                .map_err(|e| Error::new(Code::Json, format!("state JSON: {e}")))?,
            bus: self.driver.unit().map(|unit| {
                let user = unit.bus == Bus::User;
                if user { "user" } else { "system" }.to_owned()
            }),
            bus_address: self.config.systemd.address.clone(),
            unit: self.config.systemd.unit.clone(),
            move_target_only: self.move_target_only,
            annotations: self.config.systemd.annotations.clone(),
        };
        serde_json::to_string(&state)
            .map_err(|e| Error::new(Code::Json, format!("state JSON: {e}")))
    }

    /// Returns the paths as JSON: `{SUBSYSTEM: PATH}`.
    pub fn paths_json(&self) -> Result<String> {
        let mut paths: BTreeMap<&str, Text> = BTreeMap::new();
        paths.extend(self.paths().map(|(key, path)| (key, Text::new(&path))));
        serde_json::to_string(&paths)
            .map_err(|e| Error::new(Code::Json, format!("paths JSON: {e}")))
    }

    /// Returns a manager from its state, or from libcontainer's saved `configs.Cgroup`.
    ///
    /// Errors: the JSON is not a state ([`Code::Json`]); the state is of a newer version or of
    /// another driver ([`Code::Unsupported`]); saved paths are not below today's mounts
    /// ([`Code::Path`], [`Code::NotMounted`]).
    pub fn load(host: Arc<Host>, json: &[u8]) -> Result<Manager> {
        let malformed = |e| parse::malformed("state JSON", json, &e);
        let state: State = match serde_json::from_slice(json) {
            Ok(state) => state,
            Err(e) => match libcontainer::as_state(json) {
                Some(state) => serde_json::from_str(&state.to_string()).map_err(malformed)?,
                None => return Err(malformed(e)),
            },
        };
        if state.version > VERSION {
            let text = format!("state has version {}, this library reads {VERSION}", state.version);
            return fail(Code::Unsupported, text);
        }
        let (config, mut paths) = (state.config()?, state.paths()?);
        let mut manager = if paths.is_empty() {
            let manager = Manager::new(host, config)?;
            if state.nowhere {
                manager.placement.drop_all();
            }
            manager
        } else {
            config.check()?;
            let driver = Driver::new(&host, &config)?;
            let info = Arc::clone(host.hierarchies().info());
            let is_listed = !config.subsystems.is_empty();
            let mounted =
                |(name, _): &(String, _)| info.find(controllers::canonical(name)).is_some();
            // A hierarchy of the list may have been unmounted since the state was saved.
            if is_listed && paths.iter().any(mounted) {
                paths.retain(mounted);
            }
            let mut placement = Placement::from_paths(info, &paths)?;
            placement.is_listed = is_listed;
            driver.check_sites(&placement)?;
            Manager::assemble(host, config, driver, placement)
        };
        manager.move_target_only = state.move_target_only;
        Ok(manager)
    }
}
