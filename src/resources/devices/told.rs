// SPDX-License-Identifier: Apache-2.0

//! Device rules that systemd says a unit has.
//!
//! systemd: systemd.resource-control(5) "DeviceAllow=", "DevicePolicy=".

use crate::devices::{parse_devices, Access, Devices, Kind, Mode, Number, State};
use crate::error::{fail, Code, Result};
use crate::systemd::Value;

/// The major number of pseudo-terminals, and its name in /proc/devices.
pub(super) const PTS: (u32, &str) = (136, "pts");

/// What the policies `closed` and `auto` add to a list: null, zero, full, random, urandom, tty and
/// ptmx.
const STANDARD: [(u32, u32); 7] = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)];

/// Returns the devices that the unit's `DevicePolicy` and `DeviceAllow` allow. None: the unit has
/// no device rules.
///
/// # Errors
/// [`Code::Unsupported`]: an entry that does not name devices by number, such as a driver's name.
pub fn told(policy: &Value, rules: &Value) -> Result<Option<State>> {
    let Value::Array(_, entries) = rules else {
        return fail(Code::System, "systemd's DeviceAllow is no list");
    };
    if *policy == Value::str("auto") && entries.is_empty() {
        return Ok(None);
    }
    let mut state = State::all(Mode::Deny);
    if *policy != Value::str("strict") {
        for (major, minor) in STANDARD {
            state.except(char_device(Number::Is(major), Number::Is(minor)), Access::ALL);
        }
        let slaves = char_device(Number::Is(PTS.0), Number::Any);
        state.except(slaves, Access::READ.with(Access::WRITE));
    }
    for entry in entries {
        let parsed = match entry {
            Value::Struct(fields) => match fields.as_slice() {
                [Value::Str(path), Value::Str(access)] => parsed(path, access),
                _ => None,
            },
            _ => None,
        };
        let Some((devices, access)) = parsed else {
            let text = format!("systemd's device rule {entry} does not name devices by number");
            return fail(Code::Unsupported, text);
        };
        state.except(devices, access);
    }
    Ok(Some(state))
}

fn char_device(major: Number, minor: Number) -> Devices {
    Devices { major, minor, kind: Kind::Char }
}

fn parsed(path: &str, access: &str) -> Option<(Devices, Access)> {
    let access = Access::parse(access).ok()?;
    let numbers = |kind, rest: &str| {
        let (major, minor) = rest.split_once(':')?;
        let number = |text: &str| text.parse().ok().map(Number::Is);
        Some(Devices { major: number(major)?, minor: number(minor)?, kind })
    };
    let group = |kind, rest: &str| {
        let major = match rest {
            "*" => Number::Any,
            name if kind == Kind::Char && name == PTS.1 => Number::Is(PTS.0),
            number => Number::Is(number.parse().ok()?),
        };
        Some(Devices { major, minor: Number::Any, kind })
    };
    let devices = if let Some(rest) = path.strip_prefix("/dev/char/") {
        numbers(Kind::Char, rest)
    } else if let Some(rest) = path.strip_prefix("/dev/block/") {
        numbers(Kind::Block, rest)
    } else if let Some(rest) = path.strip_prefix("char-") {
        group(Kind::Char, rest)
    } else if let Some(rest) = path.strip_prefix("block-") {
        group(Kind::Block, rest)
    } else {
        parse_devices(path).ok()
    };
    Some((devices?, access))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(policy: &str, entries: &[(&str, &str)]) -> Result<Option<String>> {
        let pairs = entries.iter().map(|(path, access)| ((*path).into(), (*access).into()));
        let told = told(&Value::str(policy), &Value::pairs(pairs))?;
        Ok(told.map(|state| state.to_string()))
    }

    #[test]
    fn entries_are_read_back() {
        let entries = [
            ("/dev/char/1:3", "rw"),
            ("block-8", "r"),
            ("char-pts", "rwm"),
            ("char-*", "m"),
            ("/dev/null", "m"),
        ];
        let wanted = "deny a *:* rwm, allow c *:* m, allow c 1:3 rwm, allow b 8:* r, \
                      allow c 136:* rwm";
        assert_eq!(state("strict", &entries).unwrap().unwrap(), wanted);
    }

    #[test]
    fn no_rules_are_none_and_other_policies_add_devices() {
        assert_eq!(state("auto", &[]).unwrap(), None);
        assert_eq!(state("strict", &[]).unwrap().unwrap(), "deny a *:* rwm");
        let closed = state("closed", &[]).unwrap().unwrap();
        assert!(closed.contains("allow c 1:9 rwm") && closed.contains("allow c 136:* rw"));
        assert_eq!(state("auto", &[("/dev/null", "r")]).unwrap().unwrap(), closed);
    }

    #[test]
    fn names_of_drivers_are_an_error() {
        for name in ["char-nvidia*", "/dev/none", "char-", "/dev/char/1"] {
            let error = state("strict", &[(name, "r")]).unwrap_err();
            assert_eq!(error.code(), Code::Unsupported, "{name}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
