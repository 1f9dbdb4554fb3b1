//! Device rules as unit properties.
//!
//! systemd: systemd.resource-control(5) "DeviceAllow=", "DevicePolicy=".
//! Kernel: admin-guide/cgroup-v1/devices.rst, admin-guide/cgroup-v2.rst "Device controller".

use oci_spec::runtime::LinuxDeviceCgroup;

use crate::devices::{Devices, Kind, Mode, Number, State};
use crate::error::{fail, Code, Error, Result};
use crate::systemd::{Property, Value};

/// The first systemd that needs no device node and no loaded driver for `char-136`,
/// `/dev/char/1:3`.
const NUMBERS: u32 = 240;

/// Advice for a rule that systemd cannot express.
const ADVICE: &str = "or make the manager with KATACG_MANAGER_SKIP_DEVICES (Go: SkipDevices, \
    Rust: skip_devices) and apply the device rules elsewhere";

/// Adds `DeviceAllow` and `DevicePolicy` for this version of systemd to `out`, in the order in
/// which systemd must get them. Returns warnings.
///
/// An empty `DeviceAllow` comes first, because an assignment adds to the unit's list.
/// `DevicePolicy` comes between the two lists. If it came first, systemd would find every unit's
/// files changed and require a reload (opencontainers/runc#4568), and containers lose their GPUs at
/// a reload (runc#3708).
///
/// An empty list of rules denies all devices, as in [`crate::devices`]. A caller without device
/// rules must not call this function.
///
/// # Errors
/// `out` is unchanged.
/// * [`Code::Value`]: as [`State::from_rules`].
/// * [`Code::Unsupported`]: a rule that systemd cannot express. Without the rule the workload would
///   lack a device, or have a device that its owner denied.
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

/// Returns the entries of `DeviceAllow`.
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

/// Returns the devices in the form of systemd.resource-control(5), or why systemd has no such form.
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
