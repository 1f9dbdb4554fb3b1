//! Device rules as unit properties.

use oci_spec::runtime::LinuxDeviceCgroup;

use super::{Property, Value};
use crate::devices::{Devices, Kind, Mode, Number, State};
use crate::error::{fail, Code, Error, Result};

/// The version that takes numbers as they are: `char-136`, and `/dev/char/1:3` without a node.
const NUMBERS: u32 = 240;

/// What the caller can do about a rule that systemd has no words for.
const ADVICE: &str = "or set the skip-devices flag and apply the device rules elsewhere";

/// `DeviceAllow` and `DevicePolicy` for rules in order, for this version of systemd. They are
/// added to `out` in the order in which systemd must get them, and what is returned is warnings.
///
/// An empty list comes first, because assignments add to what a unit has. The policy comes
/// between the two: with the policy first, systemd finds that every unit's files have changed and
/// must be reloaded (opencontainers/runc#4568), and at the reload GPUs are lost (runc#3708).
///
/// No rules are deny-all, as everywhere in [`crate::devices`]: whether there are rules at all is
/// the caller's to ask.
///
/// # Errors
/// `out` is as before.
/// * [`Code::Value`]: as [`State::from_rules`].
/// * [`Code::Unsupported`]: a rule that systemd cannot express. There is no second way to apply
///   it, and without it the workload would lack a device or have one that it was denied.
pub fn device_properties(
    rules: &[LinuxDeviceCgroup],
    version: u32,
    out: &mut Vec<Property>,
) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let state = State::from_rules(rules, &mut warnings)?;
    let list = match state.mode() {
        Mode::Deny => Some(allow_list(&state, version)?),
        Mode::Allow => {
            if let Some((devices, access)) = state.exceptions().next() {
                let rule = state.rule(devices, access);
                return fail(
                    Code::Unsupported,
                    format!(
                        "systemd cannot allow all devices but some, as with device rule \
                         \"{rule}\"; deny all first and allow what is needed, {ADVICE}"
                    ),
                );
            }
            None
        }
    };
    if version < NUMBERS && list.as_ref().is_some_and(|list| !list.is_empty()) {
        warnings.push(format!(
            "systemd {version} looks device rules up on the host when it gets them: it leaves out \
             devices without a node in /dev/char or /dev/block, and drivers that are not loaded; \
             since {NUMBERS} it does not"
        ));
    }
    out.push(Property::new("DeviceAllow", Value::pairs([])));
    let policy = if list.is_some() { "strict" } else { "auto" };
    out.push(Property::new("DevicePolicy", Value::str(policy)));
    if let Some(list) = list {
        out.push(Property::new("DeviceAllow", Value::pairs(list)));
    }
    Ok(warnings)
}

fn allow_list(state: &State, version: u32) -> Result<Vec<(String, String)>> {
    let entry = |(devices, access)| {
        let path = path(devices, version).map_err(|reason| {
            let rule = state.rule(devices, access);
            let text = format!("systemd cannot express device rule \"{rule}\": {reason}, {ADVICE}");
            Error::new(Code::Unsupported, text)
        })?;
        Ok((path, access.to_string()))
    };
    state.exceptions().map(entry).collect()
}

/// As systemd.resource-control(5) has it.
fn path(devices: Devices, version: u32) -> std::result::Result<String, String> {
    let (folder, group) = match devices.kind {
        Kind::Block => ("/dev/block", "block"),
        Kind::Char => ("/dev/char", "char"),
    };
    match (devices.major, devices.minor) {
        (Number::Any, Number::Any) => Ok(format!("{group}-*")),
        (Number::Any, Number::Is(_)) => Err("it has no word for one minor number of every major \
             number; give the major numbers one by one"
            .to_owned()),
        (Number::Is(major), Number::Any) if version < NUMBERS => Err(format!(
            "{group}-{major} is known since version {NUMBERS} and this is {version}; give the \
             minor numbers one by one"
        )),
        (Number::Is(major), Number::Any) => Ok(format!("{group}-{major}")),
        (Number::Is(major), Number::Is(minor)) => Ok(format!("{folder}/{major}:{minor}")),
    }
}

#[cfg(test)]
mod tests;
