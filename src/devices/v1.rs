// SPDX-License-Identifier: Apache-2.0
//! Reads a state from the files of the v1 devices controller, and the writes that change it.
//!
//! For a cgroup that denies by default, `devices.list` shows the allowed devices. For a cgroup that
//! allows by default, `devices.list` shows only `a *:* rwm`, so the denied devices cannot be read.
//! Kernel: admin-guide/cgroup-v1/devices.rst, security/device_cgroup.c.

use super::table::Table;
use super::{Access, Devices, Kind, Mode, Number, Rule, State};
use crate::error::{fail, Code, Result};

/// Returns the state that `devices.list` shows.
///
/// # Errors
/// [`Code::Value`]: a line has another form than the kernel's.
pub fn parse_list(text: &str) -> Result<State> {
    let mut state = State::all(Mode::Deny);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match parse_line(line) {
            Some(Rule { devices: None, .. }) => return Ok(State::all(Mode::Allow)),
            Some(Rule { devices: Some(devices), access, .. }) => state.except(devices, access),
            None => return fail(Code::Value, format!("devices.list: {line:?} is not a rule")),
        }
    }
    Ok(state)
}

fn parse_line(line: &str) -> Option<Rule> {
    let mut words = line.split_whitespace();
    let (kind, numbers, access) = (words.next()?, words.next()?, words.next()?);
    let (major, minor) = numbers.split_once(':')?;
    let number = |text: &str| match text {
        "*" => Some(Number::Any),
        text => text.parse().ok().map(Number::Is),
    };
    let access = Access::parse(access).ok()?;
    let (major, minor) = (number(major)?, number(minor)?);
    let kind = match kind {
        "a" => return Some(Rule { allow: true, devices: None, access: Access::ALL }),
        "b" => Kind::Block,
        "c" => Kind::Char,
        _ => return None,
    };
    Some(Rule { allow: true, devices: Some(Devices { major, minor, kind }), access })
}

/// Returns a state with the same result in which, for each device, a single exception allows all
/// that is allowed.
///
/// v1 allows a call only if one exception has all accesses of the call: the kernel does not add
/// exceptions up. Denied accesses do add up, so a state of the mode "allow" stays as it is.
pub fn explicit(state: &State) -> State {
    let mode = state.mode();
    if mode == Mode::Allow {
        return state.clone();
    }
    let mut out = State::all(mode);
    for kind in [Kind::Block, Kind::Char] {
        let mut table = Table::joined(state, kind);
        table.add_crossings(mode);
        for (devices, access) in table.exceptions(mode, kind) {
            out.except(devices, access);
        }
    }
    out
}

/// Returns the rules that lead from `now`, which `devices.list` shows, to the state `to`. Each rule
/// is one write to `devices.allow` or `devices.deny`.
///
/// If either mode is "allow", a rule for all devices comes first: the mode changes, or the cgroup
/// may have denied devices that cannot be read. Otherwise the rules that deny come before those
/// that allow, and an exception of both states is never removed in between.
pub fn transition(now: &State, to: &State) -> Vec<Rule> {
    let to = explicit(to);
    let mut out = Vec::new();
    let mut start = now.clone();
    if now.mode() == Mode::Allow || to.mode() == Mode::Allow {
        let allow = to.mode() == Mode::Allow;
        out.push(Rule { allow, devices: None, access: Access::ALL });
        start = State::all(to.mode());
    }
    for (devices, access) in start.exceptions() {
        let drop = access.without(to.exception(&devices));
        if !drop.is_empty() {
            out.push(Rule {
                allow: to.mode() == Mode::Allow,
                devices: Some(devices),
                access: drop,
            });
        }
    }
    for (devices, access) in to.exceptions() {
        let gain = access.without(start.exception(&devices));
        if !gain.is_empty() {
            out.push(to.rule(devices, gain));
        }
    }
    out
}

/// Returns whether `devices.list` shows the wanted state. Denied devices of a cgroup that allows by
/// default cannot be compared.
pub fn shows(list: &State, wanted: &State) -> bool {
    match wanted.mode() {
        Mode::Allow => list.mode() == Mode::Allow,
        Mode::Deny => *list == explicit(wanted),
    }
}

/// Returns the line to write to `devices.allow` or `devices.deny`.
pub fn line(rule: &Rule) -> String {
    match rule.devices {
        None => "a".to_owned(),
        Some(devices) => format!("{devices} {}", rule.access),
    }
}
