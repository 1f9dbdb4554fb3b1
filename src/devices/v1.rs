// SPDX-License-Identifier: Apache-2.0
//! A state in the files of the v1 devices controller.
//!
//! `devices.list` shows the exceptions of a cgroup that denies all other devices. Of a cgroup that
//! allows all other devices it shows only `a *:* rwm`: such exceptions cannot be read.
//! Kernel: admin-guide/cgroup-v1/devices.rst, security/device_cgroup.c.

use super::table::Table;
use super::{Access, Devices, Kind, Mode, Number, Rule, State};
use crate::error::{fail, Code, Result};

/// Returns the state that `devices.list` shows.
///
/// # Errors
/// [`Code::Value`]: a line is not the kernel's.
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

/// Returns the state with the same result in which one exception alone decides about each device.
///
/// The kernel allows a call when one exception has all its accesses; it does not add exceptions up.
/// What exceptions deny it does add up.
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

/// Returns the rules that lead from what `devices.list` shows to a state, each of which is one
/// write to `devices.allow` or `devices.deny`.
///
/// A rule for all devices comes only when the mode changes, or when there are exceptions that
/// cannot be read. What is taken away comes before what is given. Where neither mode changes, a
/// device that both states allow by the same exception is never denied in between.
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

/// Whether `devices.list` shows a state, as far as it can be seen.
pub fn shows(list: &State, wanted: &State) -> bool {
    match wanted.mode() {
        Mode::Allow => list.mode() == Mode::Allow,
        Mode::Deny => *list == explicit(wanted),
    }
}

/// Returns the text that `devices.allow` and `devices.deny` take.
pub fn line(rule: &Rule) -> String {
    match rule.devices {
        None => "a".to_owned(),
        Some(devices) => format!("{devices} {}", rule.access),
    }
}
