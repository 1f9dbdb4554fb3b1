//! What rules come to.

use std::collections::BTreeMap;
use std::fmt;

use oci_spec::runtime::LinuxDeviceCgroup;

use super::{Access, Devices, Kind, Number, Rule};
use crate::error::{fail, Code, Result};

/// What holds for a device that no exception is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Nothing is allowed but the exceptions.
    #[default]
    Deny,
    /// Everything is allowed but the exceptions.
    Allow,
}

/// A default, and exceptions to it. The initial state denies all.
///
/// An exception may lie within another one (`c 1:3 r` beside `c 1:* w`), because the kernel's
/// list has it so and a transition must be able to take each away again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    mode: Mode,
    exceptions: BTreeMap<Devices, Access>,
}

impl State {
    /// A mode without exceptions.
    pub fn all(mode: Mode) -> State {
        State { mode, exceptions: BTreeMap::new() }
    }

    /// Rules in order, from deny-all.
    ///
    /// # Errors
    /// As [`Rule::from_oci`] and [`State::apply`], with the rule's index.
    pub fn from_rules(rules: &[LinuxDeviceCgroup], warnings: &mut Vec<String>) -> Result<State> {
        let mut state = State::default();
        for (index, rule) in rules.iter().enumerate() {
            Rule::from_oci(rule, warnings)
                .and_then(|rule| state.apply(&rule))
                .map_err(|e| e.context(format_args!("devices[{index}]")))?;
        }
        Ok(state)
    }

    /// One more rule: it overrides the earlier ones as far as it goes. One of type `a` begins anew.
    ///
    /// # Errors
    /// [`Code::Value`], and the state is as before: the rule takes back a part of an exception
    /// that is for more devices than the rule is, and the rest of it cannot be said.
    /// (The kernel ignores such a rule in silence, and so leaves what was to be denied.)
    pub fn apply(&mut self, rule: &Rule) -> Result<()> {
        let mode = if rule.allow { Mode::Allow } else { Mode::Deny };
        let Some(devices) = rule.devices else {
            *self = State::all(mode);
            return Ok(());
        };
        if mode != self.mode {
            let had = self.exceptions.entry(devices).or_default();
            *had = had.with(rule.access);
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

    /// What holds for a device that no exception is for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The exceptions, in order of major, minor and kind, `*` first.
    pub fn exceptions(&self) -> impl Iterator<Item = (Devices, Access)> + '_ {
        self.exceptions.iter().map(|(devices, access)| (*devices, *access))
    }

    /// The exception for exactly these devices; none is no access.
    pub fn exception(&self, devices: &Devices) -> Access {
        self.exceptions.get(devices).copied().unwrap_or_default()
    }

    /// The rule that makes such an exception in this mode.
    pub fn rule(&self, devices: Devices, access: Access) -> Rule {
        Rule { allow: self.mode == Mode::Deny, devices: Some(devices), access }
    }

    /// What may be done with one device: what the enforcement must come to, for each access.
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

/// As rules that lead to it: `deny a *:* rwm, allow c 1:3 rw`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allow = self.mode == Mode::Allow;
        write!(f, "{}", Rule { allow, devices: None, access: Access::ALL })?;
        self.exceptions()
            .try_for_each(|(devices, access)| write!(f, ", {}", self.rule(devices, access)))
    }
}
