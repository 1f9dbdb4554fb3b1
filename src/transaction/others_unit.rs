// SPDX-License-Identifier: Apache-2.0
//! A cgroup of the cgroupfs driver that is a systemd unit's.
//!
//! systemd enforces the device rules of its units again: on v1 and with 252 at a daemon-reload,
//! with 257 on v2 at a change of a property. On v2 that is a new program. A rule that systemd was
//! not told is lost then.

use super::scope::Scope;
use super::state::Transaction;
use crate::devices::Rule;
use crate::error::{fail, Code, Error, Result};
use crate::host::HierarchyId;

/// Ends of the names of units that have a cgroup.
const KINDS: [&str; 6] = [".scope", ".service", ".slice", ".socket", ".mount", ".swap"];

/// Returns the name of the unit that the v1 cgroup belongs to: systemd's own hierarchy has a cgroup
/// of the same path. None with the systemd driver.
pub fn unit_at(scope: Scope<'_>, id: HierarchyId) -> Option<String> {
    let site = scope.placement.at(id).ok().filter(|_| scope.unit.is_none())?;
    let name = last_part(&site.path);
    if !KINDS.iter().any(|kind| name.ends_with(kind)) {
        return None;
    }
    let path = || {
        let path = scope.placement.path_from_root(site);
        path.ok_or_else(|| Error::new(Code::NotMounted, "the hierarchy is not mounted"))
    };
    let home = scope.placement.home(path).ok()?;
    let exists = scope.hierarchies.cgroup(home.id, &home.path).ok()?.exists().ok()?;
    exists.then_some(name)
}

fn last_part(path: &[u8]) -> String {
    let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    String::from_utf8_lossy(last).into_owned()
}

impl Transaction<'_> {
    /// Warns that systemd will end a rule. In strict mode this is an error.
    pub(super) fn warn_of_unit(&mut self, unit: &str, rule: &Rule) -> Result<()> {
        let text = format!(
            "device rule \"{rule}\" lasts until systemd's next daemon-reload or change of the \
             unit: the cgroup is that of {unit}, and systemd enforces its own rules again then; \
             use the systemd driver for this unit, which tells systemd"
        );
        if self.options.strict {
            return fail(Code::Unsupported, text);
        }
        if !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
        Ok(())
    }
}
