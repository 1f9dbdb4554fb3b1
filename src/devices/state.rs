// SPDX-License-Identifier: Apache-2.0

//! The result of device rules: a default and exceptions to it.

use std::collections::BTreeMap;
use std::fmt;

use oci_spec::runtime::LinuxDeviceCgroup;

use super::{Access, Devices, Kind, Number, Rule};
use crate::error::{fail, Code, Result};

/// What a state does with devices that have no exception.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Deny all devices but the exceptions.
    #[default]
    Deny,
    /// Allow all devices but the exceptions.
    Allow,
}

/// A default and exceptions to it. The initial state denies all devices.
///
/// The devices of one exception may include those of another (`c 1:* w` and `c 1:3 r`). v1's
/// `devices.list` keeps both, so a transition must be able to remove each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    mode: Mode,
    exceptions: BTreeMap<Devices, Access>,
}

impl State {
    /// Returns a state without exceptions.
    pub fn all(mode: Mode) -> State {
        State { mode, exceptions: BTreeMap::new() }
    }

    /// Returns the result of the rules, which start from "deny all".
    ///
    /// # Errors
    /// The errors of [`Rule::from_oci`] and [`State::apply`], with the rule's index.
    pub fn from_rules(rules: &[LinuxDeviceCgroup], warnings: &mut Vec<String>) -> Result<State> {
        let mut state = State::default();
        for (index, rule) in rules.iter().enumerate() {
            Rule::from_oci(rule, warnings)
                .and_then(|rule| state.apply(&rule))
                .map_err(|e| e.context(format_args!("devices[{index}]")))?;
        }
        Ok(state)
    }

    /// Applies one more rule, which overrides earlier rules for its devices and accesses. A rule of
    /// type `a` removes all exceptions and sets the default.
    ///
    /// # Errors [`Code::Value`], and the state is unchanged: the rule would remove some devices
    /// from an exception that has more devices (`deny c 1:3 r` from `c 1:* r`). No exception can
    /// express the devices that are left. v1 silently ignores such a rule, so denied devices stay
    /// allowed.
    pub fn apply(&mut self, rule: &Rule) -> Result<()> {
        let mode = if rule.allow { Mode::Allow } else { Mode::Deny };
        let Some(devices) = rule.devices else {
            *self = State::all(mode);
            return Ok(());
        };
        if mode != self.mode {
            self.except(devices, rule.access);
            return Ok(());
        }
        let hole = self.exceptions.iter().find(|(other, access)| {
            other.overlaps(&devices) && !devices.contains(other) && access.overlaps(rule.access)
        });
        if let Some((other, access)) = hole {
            let other = self.rule(*other, *access);
            return fail(
                Code::Value,
                format!(
                    "device rule \"{rule}\" would punch a hole in the wildcard rule \"{other}\", \
                     which device cgroups cannot express; give the devices one by one instead"
                ),
            );
        }
        self.exceptions.retain(|other, access| {
            if devices.contains(other) {
                *access = access.without(rule.access);
            }
            !access.is_empty()
        });
        Ok(())
    }

    /// Adds accesses to the exception for exactly these devices, or makes the exception.
    pub fn except(&mut self, devices: Devices, access: Access) {
        if !access.is_empty() {
            let had = self.exceptions.entry(devices).or_default();
            *had = had.with(access);
        }
    }

    /// Returns the default for devices without an exception.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the exceptions, sorted by major, minor and kind, with `*` before numbers.
    pub fn exceptions(&self) -> impl Iterator<Item = (Devices, Access)> + '_ {
        self.exceptions.iter().map(|(devices, access)| (*devices, *access))
    }

    /// Returns the exception for exactly these devices, or no access when there is none.
    pub fn exception(&self, devices: &Devices) -> Access {
        self.exceptions.get(devices).copied().unwrap_or_default()
    }

    /// Returns whether a call that asks for these accesses succeeds. The kernel asks once for all
    /// of them: O_RDWR needs both reading and writing.
    pub fn permits(&self, kind: Kind, major: u32, minor: u32, asked: Access) -> bool {
        let allowed = self.allowed(kind, major, minor);
        !allowed.is_empty() && allowed.contains(asked)
    }

    /// Returns the rule that adds this exception to a state of this mode.
    pub fn rule(&self, devices: Devices, access: Access) -> Rule {
        Rule { allow: self.mode == Mode::Deny, devices: Some(devices), access }
    }

    /// Returns the accesses to one device that the state allows.
    pub fn allowed(&self, kind: Kind, major: u32, minor: u32) -> Access {
        let device = Devices { major: Number::Is(major), minor: Number::Is(minor), kind };
        let matching = self.exceptions.iter().filter(|(devices, _)| devices.contains(&device));
        let excepted = matching.fold(Access::NONE, |sum, (_, access)| sum.with(*access));
        match self.mode {
            Mode::Deny => excepted,
            Mode::Allow => Access::ALL.without(excepted),
        }
    }
}

/// Writes rules whose result is this state: `deny a *:* rwm, allow c 1:3 rw`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allow = self.mode == Mode::Allow;
        write!(f, "{}", Rule { allow, devices: None, access: Access::ALL })?;
        self.exceptions()
            .try_for_each(|(devices, access)| write!(f, ", {}", self.rule(devices, access)))
    }
}
