// SPDX-License-Identifier: Apache-2.0
//! The accesses that a state allows, by major and minor number, with overlapping exceptions joined.
//!
//! The kernel asks once for all accesses of a call: open(2) with O_RDWR asks for reading and
//! writing together. With the exceptions `c 1:* w` and `c 1:3 r`, opening `c 1:3` for both is
//! allowed, although neither exception alone allows it. So each entry of a table combines all
//! exceptions that apply to its devices.

use std::collections::BTreeMap;

use super::{Access, Devices, Kind, Mode, Number, State};

/// The devices of one major number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Major {
    /// Allowed accesses of single devices, by minor number.
    pub minors: BTreeMap<u32, Access>,
    /// Allowed accesses of the other minor numbers. None: [`Table::rest`] applies.
    pub rest: Option<Access>,
}

/// The devices of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Exceptions that give a major number.
    pub majors: BTreeMap<u32, Major>,
    /// Exceptions `*:m`, which give a minor number of every major number. A device to which
    /// [`Major::rest`] applies too has both, joined.
    pub minors: BTreeMap<u32, Access>,
    /// Allowed accesses of all other devices.
    pub rest: Access,
}

/// Joins the allowed accesses of two exceptions for one device. Exceptions add up: in the mode
/// "deny" to what is allowed, in the mode "allow" to what is denied.
fn join(mode: Mode, one: Access, other: Access) -> Access {
    match mode {
        Mode::Deny => one.with(other),
        Mode::Allow => Access::from_bits(one.bits() & other.bits()),
    }
}

impl Table {
    /// Returns the table of one kind, without the entries that have no effect.
    pub fn new(state: &State, kind: Kind) -> Table {
        let mut out = Table::joined(state, kind);
        out.drop_idle(state.mode());
        out
    }

    /// Returns the table of one kind, with an entry for every exception.
    pub fn joined(state: &State, kind: Kind) -> Table {
        let mode = state.mode();
        let allowed = |access: Access| match mode {
            Mode::Deny => access,
            Mode::Allow => Access::ALL.without(access),
        };
        let at = |major, minor| allowed(state.exception(&Devices { major, minor, kind }));
        let mut out = Table { rest: at(Number::Any, Number::Any), ..Table::default() };
        let own = state.exceptions().filter(|(devices, _)| devices.kind == kind);
        // `*` is sorted before numbers, so each wider exception comes before the narrow ones.
        for (devices, access) in own {
            let access = allowed(access);
            match (devices.major, devices.minor) {
                (Number::Any, Number::Any) => {}
                (Number::Any, Number::Is(minor)) => {
                    out.minors.insert(minor, join(mode, access, out.rest));
                }
                (Number::Is(major), Number::Any) => {
                    let rest = join(mode, access, out.rest);
                    out.majors.entry(major).or_default().rest = Some(rest);
                }
                (Number::Is(major), Number::Is(minor)) => {
                    let around = out.around(mode, major, minor);
                    let entry = out.majors.entry(major).or_default();
                    entry.minors.insert(minor, join(mode, access, around));
                }
            }
        }
        out
    }

    /// Adds an entry for each device to which both an exception `M:*` and an exception `*:m` apply.
    pub fn add_crossings(&mut self, mode: Mode) {
        for entry in self.majors.values_mut() {
            let Some(rest) = entry.rest else { continue };
            for (minor, by_minor) in &self.minors {
                entry.minors.entry(*minor).or_insert_with(|| join(mode, rest, *by_minor));
            }
        }
    }

    /// Returns the allowed accesses of a device that has no entry of its own.
    fn around(&self, mode: Mode, major: u32, minor: u32) -> Access {
        let by_major = self.majors.get(&major).and_then(|entry| entry.rest).unwrap_or(self.rest);
        match self.minors.get(&minor) {
            Some(by_minor) => join(mode, by_major, *by_minor),
            None => by_major,
        }
    }

    /// Removes each entry that allows the same as the wider entries for its devices.
    fn drop_idle(&mut self, mode: Mode) {
        let rest = self.rest;
        self.minors.retain(|_, access| *access != rest);
        let minors = &self.minors;
        self.majors.retain(|_, major| {
            major.rest = major.rest.filter(|access| *access != rest);
            let wide = major.rest.unwrap_or(rest);
            major.minors.retain(|minor, access| {
                let by_minor = minors.get(minor);
                *access != by_minor.map_or(wide, |by_minor| join(mode, wide, *by_minor))
            });
            major.rest.is_some() || !major.minors.is_empty()
        });
    }

    /// Returns whether the table has no exceptions: every device has the mode's default.
    pub fn is_default(&self, mode: Mode) -> bool {
        let default = if mode == Mode::Allow { Access::ALL } else { Access::NONE };
        self.majors.is_empty() && self.minors.is_empty() && self.rest == default
    }

    /// Returns the entries as exceptions of a state with this mode.
    pub fn exceptions(&self, mode: Mode, kind: Kind) -> Vec<(Devices, Access)> {
        let mut out = Vec::new();
        let mut push = |major, minor, allowed: Access| {
            let access = match mode {
                Mode::Deny => allowed,
                Mode::Allow => Access::ALL.without(allowed),
            };
            out.push((Devices { major, minor, kind }, access));
        };
        push(Number::Any, Number::Any, self.rest);
        for (minor, access) in &self.minors {
            push(Number::Any, Number::Is(*minor), *access);
        }
        for (major, entry) in &self.majors {
            let number = Number::Is(*major);
            entry.rest.into_iter().for_each(|access| push(number, Number::Any, access));
            for (minor, access) in &entry.minors {
                push(number, Number::Is(*minor), *access);
            }
        }
        out
    }
}
