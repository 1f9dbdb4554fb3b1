// SPDX-License-Identifier: Apache-2.0

//! The configuration of a manager.

use std::collections::BTreeMap;

use oci_spec::runtime::LinuxResources;

use crate::error::{fail, Code, Error, Result};
use crate::kata::rules::{is_systemd, is_systemd_slice, Rules};
use crate::kata::strict;
use crate::path::{lexical, slice};
use crate::resources::{DevicePolicy, Options};
use crate::systemd::Bus;

/// How a manager treats settings that it cannot apply, and cgroups that exist already.
///
/// Later versions add fields: construct it with `..Flags::default()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Device rules are left alone. A v1 host without the devices controller is then no error.
    pub skip_devices: bool,
    /// A setting that the layout has no file for is an error instead of a warning.
    pub strict: bool,
    /// A failed set keeps what it has written. This saves reading each value first.
    pub no_rollback: bool,
    /// Only the hierarchies in which the cgroup already exists are used. If there is none, that is
    /// an error.
    pub existing: bool,
    /// CPU shares outside the kernel's range are a warning, as in containerd. In runc they are an
    /// error.
    pub clamp_shares: bool,
    /// Enables, in the ancestors of a v2 cgroup, only the controllers that limits need.
    pub only_needed: bool,
}

impl Flags {
    pub(crate) fn resource_options(self) -> Options {
        let devices = match self.skip_devices {
            true => DevicePolicy::Skip,
            false => DevicePolicy::Enforce,
        };
        Options { devices, strict: self.strict }
    }
}

/// Who makes the cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DriverKind {
    /// systemd for `slice:prefix:name`, where the slice may be empty; this library for all other
    /// paths.
    #[default]
    Auto,
    /// Chooses as Kata's Go code of January 2020 does, which takes a slice with a dash for a
    /// directory.
    AutoK0,
    /// This library, in the cgroup file system. A systemd path is an error.
    Cgroupfs,
    /// systemd, over D-Bus. A path of another form is an error.
    Systemd,
}

/// Which systemd is used, and what it is told besides resources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SystemdConfig {
    /// The system's bus or the user's. By default root uses the system's, and everybody else the
    /// user's.
    pub bus: Option<Bus>,
    /// The D-Bus address, if not the bus's usual one.
    pub address: Option<String>,
    /// systemd's version. By default systemd is asked.
    pub version: Option<u32>,
    /// Name of the unit, such as `-x.scope`, in place of the one that the path gives. The path then
    /// gives the slice only.
    pub unit: Option<String>,
    /// OCI annotations. `org.systemd.property.NAME` sets the unit's property NAME.
    pub annotations: BTreeMap<String, String>,
}

/// A manager's configuration.
///
/// Later versions add fields: construct it with `..Config::default()`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The cgroup's path. A path with a leading `/` begins at the hierarchies' roots, another one
    /// below (v1) or beside (v2) the caller's own cgroup.
    pub path: Vec<u8>,
    /// The v1 subsystems to join. Empty means all that runc's library joins.
    pub subsystems: Vec<String>,
    /// The resources for apply, and for a set that brings none.
    pub resources: LinuxResources,
    /// How the manager treats settings that it cannot apply, and cgroups that exist already.
    pub flags: Flags,
    /// The path was made from a name. A rootless caller that may not create it then has no cgroup,
    /// unless limits are asked for.
    pub implicit: bool,
    /// The user and group that the cgroup is delegated to.
    pub owner: Option<(u32, u32)>,
    /// Who makes the cgroup.
    pub driver: DriverKind,
    /// Settings of the systemd driver.
    pub systemd: SystemdConfig,
}

impl Config {
    /// Whether systemd makes the cgroup.
    ///
    /// Errors: the path's form is not that of the driver that was asked for. Going on with the
    /// other one would leak the unit, or take a unit's name for a directory (kata runtime#2182).
    pub fn is_systemd(&self) -> Result<bool> {
        let k0 = is_systemd(&self.path);
        let triple = slice::split_triple(&self.path);
        let named = |[slice, _, name]: [&[u8]; 3]| slice.is_empty() && !name.is_empty();
        let by_slice = is_systemd_slice(&self.path) || triple.is_some_and(named);
        // `/kata/a.slice:b:c` is K0's no-constraints path: a directory.
        let form = k0 || by_slice && !self.path.starts_with(b"/");
        match self.driver {
            DriverKind::Auto | DriverKind::Systemd if self.systemd.unit.is_some() => Ok(true),
            _ if self.systemd.unit.is_some() => fail(
                Code::Argument,
                "a unit name is given, but the cgroupfs driver makes no units: use the systemd \
                 driver, or give no unit name",
            ),
            DriverKind::Auto if form || rooted_triple(&self.path).is_some() => Ok(true),
            // `x.slice:a:b:` is a misspelt unit: no caller wants a directory of that name.
            DriverKind::Auto if self.path.contains(&b':') && !self.path.starts_with(b"/") => {
                refuse(
                    &self.path,
                    "a path with colons must be of form 'slice:prefix:name', such as \
                     'system.slice:kata:abc'; the path of a directory begins with '/'",
                )
            }
            DriverKind::AutoK0 => Ok(k0),
            DriverKind::Systemd if triple.is_some() => Ok(true),
            DriverKind::Systemd => refuse(
                &self.path,
                "malformed systemd path: expected to be of form 'slice:prefix:name'",
            ),
            DriverKind::Cgroupfs if form => {
                refuse(&self.path, "it is a systemd path, and the cgroupfs driver is asked for")
            }
            DriverKind::Auto | DriverKind::Cgroupfs => Ok(false),
        }
    }

    /// Refuses a configuration whose cgroup cannot be managed.
    pub(crate) fn check(&self) -> Result<()> {
        if self.path.contains(&0) {
            return refuse(&self.path, "it has a NUL byte");
        }
        if let Some((uid, gid)) = self.owner.filter(|&(uid, gid)| uid == !0 || gid == !0) {
            // chown(2) takes this value for "keep the owner".
            return fail(Code::Argument, format!("owner {uid}:{gid}: {} is not an id", !0u32));
        }
        let systemd = self.is_systemd()?;
        if self.flags.strict && self.systemd.unit.is_none() {
            let path = if systemd { self.unit_path() } else { &self.path };
            strict::check(path, Rules { systemd, strict: true, ..Rules::default() })?;
        }
        if systemd {
            return Ok(());
        }
        // The root exists and can receive processes. A manager refuses to change the root.
        let is_root = !self.path.is_empty() && self.path.iter().all(|&b| b == b'/');
        if is_root && self.flags.existing {
            return Ok(());
        }
        // Such a path means the hierarchy's root or the caller's own cgroup, which destroy would
        // remove.
        if !self.has_name() {
            return refuse(&self.path, "it has no name of its own");
        }
        Ok(())
    }

    /// Returns the path of a unit, without the slash that Kata 3 puts before `slice:prefix:name`.
    pub(crate) fn unit_path(&self) -> &[u8] {
        rooted_triple(&self.path).unwrap_or(&self.path)
    }

    /// Returns the slice that the path gives to a unit named by `systemd.unit`; empty for the
    /// default slice.
    pub(crate) fn slice(&self) -> Result<&[u8]> {
        match slice::split_triple(self.unit_path()) {
            Some([slice, _, _]) => Ok(slice),
            None if self.path.is_empty() => Ok(b""),
            None if self.path.ends_with(b".slice") && !self.path.contains(&b':') => Ok(&self.path),
            None => refuse(
                &self.path,
                "beside a unit name it gives the slice: 'name.slice', 'slice:prefix:name' or ''",
            ),
        }
    }

    /// Returns a warning when `..` in the path would lead out of the hierarchy. Strict mode refuses
    /// such a path.
    pub(crate) fn path_warning(&self) -> Option<String> {
        let climbs = strict::climbs_out(&self.path) && self.is_systemd() == Ok(false);
        climbs.then(|| {
            let [path, place] = [&self.path[..], &self.clean_path()].map(|path| {
                String::from_utf8_lossy(path.get(..SHOWN).unwrap_or(path)).into_owned()
            });
            format!("cgroup path '{path}' leads out of the hierarchy; '{place}' is used")
        })
    }

    /// Whether the path has a name of its own: it is neither the hierarchies' root nor the caller's
    /// own cgroup.
    pub(crate) fn has_name(&self) -> bool {
        !matches!(self.clean_path().as_slice(), b"/" | b"." | b"")
    }

    /// Returns the path, cleaned so that `..` cannot lead out, as runc's CleanPath does.
    pub fn clean_path(&self) -> Vec<u8> {
        lexical::clean_confined(&self.path)
    }
}

/// Bytes of a path that a message shows.
const SHOWN: usize = 128;

/// Returns the `slice:prefix:name` of a path `/slice:prefix:name`, which Kata 3 makes on cgroup v2.
/// A path with a second slash is a directory's.
fn rooted_triple(path: &[u8]) -> Option<&[u8]> {
    let rest = path.strip_prefix(b"/")?;
    (is_systemd_slice(rest) && !rest.contains(&b'/')).then_some(rest)
}

fn refuse<T>(path: &[u8], why: &str) -> Result<T> {
    let shown = path.get(..SHOWN).unwrap_or(path);
    let text: [&[u8]; 4] = [b"cgroup path '", shown, b"' refused: ", why.as_bytes()];
    Err(Error::new(Code::Path, text.concat()))
}
