// SPDX-License-Identifier: Apache-2.0
//! The files of the v1 devices controller.

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::scope::Scope;
use crate::cgroupfs::Cgroup;
use crate::devices::{v1, Mode, Rule, State};
use crate::error::{Code, Error, Result};
use crate::host::HierarchyId;
use crate::sys::write_all;

/// The capability that the kernel checks for.
const NEEDS: &str = "device rules need CAP_SYS_ADMIN outside of user namespaces; without it, set \
                     the skip-devices flag";

/// Reads the rules in force.
pub fn read_list(cgroup: Cgroup<'_>) -> Result<State> {
    v1::parse_list(&String::from_utf8_lossy(&cgroup.read("devices.list")?))
}

/// Writes the rules that lead from one state to another, and reads the list back.
///
/// Errors: the list shows another state ([`Code::Clamped`]).
pub fn write_list(cgroup: Cgroup<'_>, now: &State, wanted: &State) -> Result<()> {
    let rules = v1::transition(now, wanted);
    if rules.is_empty() {
        return Ok(());
    }
    write_rules(cgroup, &rules)?;
    let found = read_list(cgroup)?;
    if v1::shows(&found, wanted) {
        return Ok(());
    }
    let path = String::from_utf8_lossy(&cgroup.absolute("devices.list")).into_owned();
    let text = format!("{path} is \"{found}\" and not \"{wanted}\", as was written");
    Err(Error::new(Code::Clamped, text))
}

/// Writes rules, one by one.
pub fn write_rules(cgroup: Cgroup<'_>, rules: &[Rule]) -> Result<()> {
    let mut open = [None, None];
    for rule in rules {
        let (place, file) = match (&mut open, rule.allow) {
            ([allow, _], true) => (allow, "devices.allow"),
            ([_, deny], false) => (deny, "devices.deny"),
        };
        let line = v1::line(rule);
        let failed =
            |e| explain(cgroup, rule, Error::write(&cgroup.absolute(file), line.as_bytes(), e));
        if place.is_none() {
            *place = Some(cgroup.open(file, OFlags::WRONLY).map_err(failed)?);
        }
        if let Some(fd) = place {
            write_all(fd, line.as_bytes()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Adds to an error why the kernel refuses the rule.
fn explain(cgroup: Cgroup<'_>, rule: &Rule, error: Error) -> Error {
    let error = error.context(format_args!("device rule \"{rule}\""));
    if error.is(Errno::INVAL) && rule.devices.is_none() {
        return error.advice(
            "the kernel changes the default of a cgroup without child cgroups only; set the rules \
             before children are made",
        );
    }
    if !error.is(Errno::PERM) && !error.is(Errno::ACCESS) {
        return error;
    }
    let parent = cgroup.parent();
    let list = parent.and_then(|parent| Some((parent, read_list(parent).ok()?)));
    match list {
        Some((parent, list)) if !parent_allows(&list, rule) => {
            let path = String::from_utf8_lossy(&parent.absolute("")).into_owned();
            error.advice(format!("the parent cgroup {path} does not allow that itself"))
        }
        _ => error.with_code(Code::Unsupported).advice(NEEDS),
    }
}

/// Whether a parent allows all that a rule of a child allows.
fn parent_allows(parent: &State, rule: &Rule) -> bool {
    match (parent.mode(), rule.devices) {
        (Mode::Allow, _) => true,
        (Mode::Deny, None) => !rule.allow,
        (Mode::Deny, Some(devices)) => parent
            .exceptions()
            .any(|(wide, access)| wide.contains(&devices) && access.contains(rule.access)),
    }
}

/// Restores the rules that were in force before.
pub fn restore(scope: Scope<'_>, id: HierarchyId, before: &State) -> Result<()> {
    let cgroup = scope.cgroup(id)?;
    let now = read_list(cgroup)?;
    write_list(cgroup, &now, before)
}
