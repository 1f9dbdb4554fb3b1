// SPDX-License-Identifier: Apache-2.0

//! Device rules as unit properties.
//!
//! systemd: systemd.resource-control(5) "DeviceAllow=", "DevicePolicy=".
//! Kernel: admin-guide/cgroup-v1/devices.rst, admin-guide/cgroup-v2.rst "Device controller".

use oci_spec::runtime::LinuxDeviceCgroup;

use crate::devices::{v1, Access, Devices, Kind, Mode, Number, State};
use crate::error::{fail, Code, Error, Result};
use crate::systemd::{Property, Value};

/// The first systemd that needs no device node and no loaded driver for `char-136`,
/// `/dev/char/1:3`.
const NUMBERS: u32 = 240;

/// The most entries that systemd enforces. The kernel refuses the program of a longer list, and
/// systemd reports success all the same (seen with 252 and 257: 425 entries are in force, 450 not).
const MAX_ENTRIES: usize = 400;

/// Advice for a rule that systemd cannot express.
const ADVICE: &str = "or make the manager with KATACG_MANAGER_SKIP_DEVICES (Go: SkipDevices, \
    Rust: skip_devices) and apply the device rules elsewhere";

/// Who enforces the device rules of a unit.
#[derive(Clone, Debug, PartialEq)]
pub enum UnitDevices {
    /// systemd.
    List {
        /// Sent in this order.
        properties: Vec<Property>,
        /// The list that is in force then. None where systemd may leave devices out.
        shown: Option<State>,
    },
    /// A program of this library beside systemd's, because systemd has no words for the rules.
    Program(State),
}

/// Returns who enforces these device rules: systemd, by `DeviceAllow` and `DevicePolicy`, where its
/// version has words for them. `beside` says whether this library can attach a program: on cgroup
/// v2. Adds warnings.
///
/// An empty list of rules denies all devices, as in [`crate::devices`]. A caller without device
/// rules must not call this function.
///
/// # Errors
/// * [`Code::Value`]: as [`State::from_rules`].
/// * [`Code::Unsupported`]: on v1, a rule that systemd cannot express. Without the rule the
///   workload would lack a device, or have a device that its owner denied.
pub fn unit_devices(
    rules: &[LinuxDeviceCgroup],
    version: u32,
    beside: bool,
    warnings: &mut Vec<String>,
) -> Result<UnitDevices> {
    let state = State::from_rules(rules, warnings)?;
    match unit_list(&state, version, beside) {
        Ok(list) => {
            let leaves_out = version < NUMBERS && list.iter().any(|(path, _)| !path.ends_with('*'));
            if leaves_out {
                warnings.push(format!(
                    "systemd {version} looks device rules up on the host when it gets them: it \
                     leaves out devices without a node in /dev/char or /dev/block, and drivers \
                     that are not loaded; since {NUMBERS} it does not"
                ));
            }
            let shown = (!leaves_out).then(|| listed(&state));
            Ok(UnitDevices::List { properties: strict(Value::pairs(list)).to_vec(), shown })
        }
        Err(_) if beside => Ok(UnitDevices::Program(state)),
        Err(e) => Err(e),
    }
}

/// Returns the entries of `DeviceAllow` that come to this state.
///
/// All devices are a list, too. With the policy `auto` and an empty list systemd leaves the last
/// list in force, unless another unit of the slice has rules (seen with 252 and 257).
///
/// # Errors
/// [`Code::Unsupported`]: systemd cannot express the state. `limited` says whether systemd enforces
/// the list by a program, which has a limit.
pub fn unit_list(state: &State, version: u32, limited: bool) -> Result<Vec<(String, String)>> {
    let exception = state.exceptions().next().filter(|_| state.mode() == Mode::Allow);
    if let Some((devices, access)) = exception {
        return fail(
            Code::Unsupported,
            format!(
                "systemd cannot allow all devices but some, as with device rule \"{}\"; deny all \
                 first and allow what is needed, {ADVICE}",
                state.rule(devices, access)
            ),
        );
    }
    let list = match state.mode() {
        Mode::Deny => allow_list(&listed(state), version)?,
        Mode::Allow => everything(),
    };
    if limited && list.len() > MAX_ENTRIES {
        return fail(
            Code::Unsupported,
            format!(
                "systemd enforces at most {MAX_ENTRIES} device rules, and these are {}",
                list.len()
            ),
        );
    }
    Ok(list)
}

/// Returns the state as a list of allowed devices, of which one alone decides about each device:
/// systemd does not add entries up, nor does v1.
fn listed(state: &State) -> State {
    if state.mode() == Mode::Deny {
        return v1::explicit(state);
    }
    let mut all = State::all(Mode::Deny);
    for kind in [Kind::Char, Kind::Block] {
        let devices = Devices { major: Number::Any, minor: Number::Any, kind };
        all.except(devices, Access::ALL);
    }
    all
}

/// Returns the properties that bring a list of devices in force, and no others.
///
/// An empty `DeviceAllow` comes first, because an assignment adds to the unit's list.
/// `DevicePolicy` comes between the two lists. If it came first, systemd would find every unit's
/// files changed and require a reload (opencontainers/runc#4568), and containers lose their GPUs at
/// a reload (runc#3708).
pub fn list_properties(state: &State, version: u32, limited: bool) -> Result<Vec<Property>> {
    Ok(strict(Value::pairs(unit_list(state, version, limited)?)).to_vec())
}

/// Returns the property that adds devices to a unit's list, or changes the access to them.
pub fn one_more(devices: Devices, access: Access, version: u32) -> Option<Property> {
    let entry = (path(devices, version).ok()?, access.to_string());
    Some(Property::new("DeviceAllow", Value::pairs([entry])))
}

/// Returns the entries that allow all devices.
fn everything() -> Vec<(String, String)> {
    ["char-*", "block-*"].map(|group| (group.to_owned(), "rwm".to_owned())).to_vec()
}

/// Returns the properties that allow the listed devices and no others.
fn strict(list: Value) -> [Property; 3] {
    [
        Property::new("DeviceAllow", Value::pairs([])),
        Property::new("DevicePolicy", Value::str("strict")),
        Property::new("DeviceAllow", list),
    ]
}

/// Returns what sets a unit's device rules back to what systemd said of them: property lists, to be
/// sent in this order, each in a call of its own.
///
/// No rules at all take two calls: systemd would leave the present list in force otherwise.
pub fn restoring_devices(policy: Value, rules: Value) -> Vec<Vec<Property>> {
    let none =
        policy == Value::str("auto") && matches!(&rules, Value::Array(_, all) if all.is_empty());
    let all = none.then(|| strict(Value::pairs(everything())).to_vec());
    let cleared = Property::new("DeviceAllow", Value::pairs([]));
    let before =
        vec![cleared, Property::new("DevicePolicy", policy), Property::new("DeviceAllow", rules)];
    all.into_iter().chain([before]).collect()
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
        (Number::Is(major), Number::Any) if version < NUMBERS => match (devices.kind, major) {
            (Kind::Char, major) if major == PTS.0 => Ok(format!("{group}-{}", PTS.1)),
            _ => Err(format!(
                "{group}-{major} is known since version {NUMBERS} and this is {version}; give the \
                 minor numbers one by one"
            )),
        },
        (Number::Is(major), Number::Any) => Ok(format!("{group}-{major}")),
        (Number::Is(major), Number::Is(minor)) => Ok(format!("{folder}/{major}:{minor}")),
    }
}

#[cfg(test)]
mod tests;
mod told;

pub use told::told;
use told::PTS;
