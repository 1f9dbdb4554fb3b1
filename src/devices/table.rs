// SPDX-License-Identifier: Apache-2.0
//! The accesses that a state allows, by major and minor number, with overlapping exceptions joined.
//!
//! The kernel asks once for all accesses of a call. A device with `c 1:* w` and `c 1:3 r` may be
//! opened O_RDWR, although neither exception alone allows it. So each entry of a table has what all
//! exceptions together come to for its devices.

use std::collections::BTreeMap;

use super::{Access, Devices, Kind, Mode, Number, State};

/// The devices of one major number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Major {
    /// Allowed accesses of single devices.
    pub minors: BTreeMap<u32, Access>,
    /// Allowed accesses of all others; None for what the whole kind has.
    pub rest: Option<Access>,
}

/// The devices of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Devices of a known major number.
    pub majors: BTreeMap<u32, Major>,
    /// `*:m`: devices of a minor number, of every major number. Joined with [`Major::rest`].
    pub minors: BTreeMap<u32, Access>,
    /// All other devices.
    pub rest: Access,
}

/// Joins two sets of allowed accesses: exceptions add up, and in the mode "allow" they deny.
fn join(mode: Mode, one: Access, other: Access) -> Access {
    match mode {
        Mode::Deny => one.with(other),
        Mode::Allow => Access::from_bits(one.bits() & other.bits()),
    }
}

impl Table {
    /// Returns the table of one kind. Leaves out entries without an effect.
    pub fn new(state: &State, kind: Kind) -> Table {
        let mut out = Table::joined(state, kind);
        out.drop_idle(state.mode());
        out
    }

    /// Returns the table of one kind, with all entries.
    pub fn joined(state: &State, kind: Kind) -> Table {
        let mode = state.mode();
        let allowed = |access: Access| match mode {
            Mode::Deny => access,
            Mode::Allow => Access::ALL.without(access),
        };
        let at = |major, minor| allowed(state.exception(&Devices { major, minor, kind }));
        let mut out = Table { rest: at(Number::Any, Number::Any), ..Table::default() };
        let own = state.exceptions().filter(|(devices, _)| devices.kind == kind);
        // `*` is sorted before numbers, so the wider entries are there when a narrow one is added.
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

    /// Adds entries for devices that both a major and a minor number of their own apply to.
    pub fn add_crossings(&mut self, mode: Mode) {
        for entry in self.majors.values_mut() {
            let Some(rest) = entry.rest else { continue };
            for (minor, by_minor) in &self.minors {
                entry.minors.entry(*minor).or_insert_with(|| join(mode, rest, *by_minor));
            }
        }
    }

    /// Returns what a device is allowed that has no entry of its own.
    fn around(&self, mode: Mode, major: u32, minor: u32) -> Access {
        let by_major = self.majors.get(&major).and_then(|entry| entry.rest).unwrap_or(self.rest);
        match self.minors.get(&minor) {
            Some(by_minor) => join(mode, by_major, *by_minor),
            None => by_major,
        }
    }

    /// Removes entries that allow what their surroundings allow.
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

    /// Whether every device has what the mode gives it.
    pub fn is_default(&self, mode: Mode) -> bool {
        let default = if mode == Mode::Allow { Access::ALL } else { Access::NONE };
        self.majors.is_empty() && self.minors.is_empty() && self.rest == default
    }

    /// Returns the entries as exceptions of a mode.
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
