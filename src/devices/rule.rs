// SPDX-License-Identifier: Apache-2.0

//! One device rule, parsed from its OCI form.

use std::fmt;

use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};

use super::Access;
use crate::error::{fail, Code, Result};

/// Block or character devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `b`
    Block,
    /// `c`
    Char,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Block => "b",
            Kind::Char => "c",
        })
    }
}

/// A major or minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Number {
    /// `*`
    Any,
    /// One number.
    Is(u32),
}

impl Number {
    /// Converts OCI's form, in which an absent number and -1 mean every number. Returns None for an
    /// invalid number.
    fn from_oci(number: Option<i64>) -> Option<Number> {
        match number {
            None | Some(-1) => Some(Number::Any),
            // cgroup v1 stores `*` as u32::MAX, so that number cannot be a device's.
            Some(n) => u32::try_from(n).ok().filter(|n| *n != u32::MAX).map(Number::Is),
        }
    }

    /// Returns whether every number of `other` is one of `self`.
    fn contains(self, other: Number) -> bool {
        self == Number::Any || self == other
    }

    fn overlaps(self, other: Number) -> bool {
        self.contains(other) || other.contains(self)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Any => f.write_str("*"),
            Number::Is(n) => write!(f, "{n}"),
        }
    }
}

/// A set of devices: `c 1:3`, `b 8:*`. Sorted by major, minor and kind, with `*` before numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Devices {
    /// Major number.
    pub major: Number,
    /// Minor number.
    pub minor: Number,
    /// Block or character.
    pub kind: Kind,
}

impl Devices {
    /// Returns whether every device of `other` is in this set.
    pub fn contains(&self, other: &Devices) -> bool {
        self.kind == other.kind
            && self.major.contains(other.major)
            && self.minor.contains(other.minor)
    }

    /// Returns whether some device is in both sets.
    pub fn overlaps(&self, other: &Devices) -> bool {
        self.kind == other.kind
            && self.major.overlaps(other.major)
            && self.minor.overlaps(other.minor)
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", self.kind, self.major, self.minor)
    }
}

/// A device rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// True: the rule allows access. False: the rule denies access.
    pub allow: bool,
    /// The devices of the rule. None is OCI's type `a`: every device, with every access.
    pub devices: Option<Devices>,
    /// The accesses of the rule. Never empty; [`Access::ALL`] for type `a`.
    pub access: Access,
}

impl Rule {
    /// Converts an OCI rule. A rule without a type is of type `a`.
    ///
    /// Type `a` means every device and every access, as in the kernel's devices.allow and in runc.
    /// Numbers and accesses of such a rule are ignored; `warnings` gets a text that says so.
    ///
    /// # Errors
    /// [`Code::Value`]: the access is empty or has a letter that is none of `rwm`; a
    /// number is below -1 or above 4294967294; the type is none of `a`, `b`, `c`.
    pub fn from_oci(rule: &LinuxDeviceCgroup, warnings: &mut Vec<String>) -> Result<Rule> {
        let allow = rule.allow();
        let access = match rule.access().as_deref().unwrap_or_default() {
            "" => return fail(Code::Value, "device access cannot be empty; give some of \"rwm\""),
            letters => Access::parse(letters).or_else(|letter| {
                let text = format!("device access {letters:?} has {letter:?}, which is none of");
                fail(Code::Value, format!("{text} \"rwm\""))
            })?,
        };
        let number = |what, oci| match (Number::from_oci(oci), oci) {
            (Some(number), _) => Ok(number),
            (None, oci) => fail(
                Code::Value,
                format!(
                    "device {what} number {} is out of range (0 to 4294967294, or -1 for all)",
                    oci.unwrap_or(-1)
                ),
            ),
        };
        let major = number("major", rule.major())?;
        let minor = number("minor", rule.minor())?;
        let kind = match rule.typ().unwrap_or(LinuxDeviceType::A) {
            LinuxDeviceType::B => Kind::Block,
            LinuxDeviceType::C => Kind::Char,
            LinuxDeviceType::A => {
                let rule = Rule { allow, devices: None, access: Access::ALL };
                if (major, minor, access) != (Number::Any, Number::Any, Access::ALL) {
                    warnings.push(format!(
                        "device rule a {major}:{minor} {access} is taken as {rule}: type a is \
                         every device, and the numbers and access beside it have no meaning"
                    ));
                }
                return Ok(rule);
            }
            other => {
                let text = format!("device type {:?} is none of a, b, c", other.as_str());
                return fail(Code::Value, text);
            }
        };
        Ok(Rule { allow, devices: Some(Devices { major, minor, kind }), access })
    }
}

/// Writes `allow` or `deny`, then the rule as devices.allow and devices.deny accept it: `allow c
/// 1:3 rw`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.allow { "allow " } else { "deny " })?;
        match self.devices {
            None => write!(f, "a *:* {}", self.access),
            Some(devices) => write!(f, "{devices} {}", self.access),
        }
    }
}
