// SPDX-License-Identifier: Apache-2.0
//! Carries transitions out in an emulation of the kernel's v1 devices controller.

use proptest::prelude::*;

use super::tests::{kinds_and_numbers, states_of};
use super::v1::{explicit, line, parse_list, shows, transition};
use super::*;

/// security/device_cgroup.c for one cgroup below a root that allows everything.
#[derive(Clone)]
struct Kernel {
    allow: bool,
    exceptions: Vec<(Devices, Access)>,
}

impl Kernel {
    fn write(&mut self, rule: &Rule) {
        let Some(devices) = rule.devices else {
            *self = Kernel { allow: rule.allow, exceptions: Vec::new() };
            return;
        };
        let exact = self.exceptions.iter_mut().find(|(had, _)| *had == devices);
        match (rule.allow == self.allow, exact) {
            // dev_exception_rm
            (true, Some((_, access))) => *access = access.without(rule.access),
            (true, None) => {}
            // dev_exception_add
            (false, Some((_, access))) => *access = access.with(rule.access),
            (false, None) => self.exceptions.push((devices, rule.access)),
        }
        self.exceptions.retain(|(_, access)| !access.is_empty());
    }

    fn permits(&self, kind: Kind, major: u32, minor: u32, asked: Access) -> bool {
        let device = Devices { kind, major: Number::Is(major), minor: Number::Is(minor) };
        let mut matching = self.exceptions.iter().filter(|(e, _)| e.contains(&device));
        match self.allow {
            true => !matching.any(|(_, access)| access.overlaps(asked)),
            false => matching.any(|(_, access)| access.contains(asked)),
        }
    }

    fn list(&self) -> String {
        if self.allow {
            return "a *:* rwm\n".to_owned();
        }
        let lines = self.exceptions.iter().map(|(devices, access)| format!("{devices} {access}\n"));
        lines.collect()
    }
}

fn asked() -> impl Iterator<Item = Access> {
    (1..8).map(Access::from_bits)
}

/// Carries out a transition from what the list shows. Returns the kernel's state after each write.
fn carry_out(kernel: &mut Kernel, to: &State) -> Vec<Kernel> {
    let now = parse_list(&kernel.list()).unwrap();
    let mut way = Vec::new();
    for rule in transition(&now, to) {
        kernel.write(&rule);
        way.push(kernel.clone());
    }
    way
}

#[test]
fn the_list_is_parsed_as_the_kernel_prints_it() {
    let state = parse_list("c 1:3 rwm\nc 136:* rw\nb *:* m\n").unwrap();
    assert_eq!(
        state.to_string(),
        "deny a *:* rwm, allow b *:* m, allow c 1:3 rwm, allow c 136:* rw"
    );
    assert_eq!(parse_list("").unwrap(), State::all(Mode::Deny));
    assert_eq!(parse_list("a *:* rwm\n").unwrap(), State::all(Mode::Allow));
    for wrong in ["c 1:3", "x 1:3 r", "c 1 r", "c 1:z r", "c 1:3 q"] {
        let error = parse_list(wrong).unwrap_err();
        assert!(error.to_string().contains(&format!("{wrong:?}")), "{error}");
    }
}

#[test]
fn the_smallest_transition_takes_away_first_and_then_gives() {
    let from = parse_list("c 1:3 rwm\nc 1:5 r\nb 8:* rw\n").unwrap();
    let to = parse_list("c 1:3 rm\nc 1:5 rw\nc 10:200 rwm\n").unwrap();
    let lines: Vec<String> = transition(&from, &to).iter().map(Rule::to_string).collect();
    assert_eq!(lines, ["deny c 1:3 w", "deny b 8:* rw", "allow c 1:5 w", "allow c 10:200 rwm"]);
    assert_eq!(transition(&to, &to), []);
}

#[test]
fn a_rule_for_all_devices_comes_only_when_the_mode_changes_or_is_allow() {
    let (deny, allow) = (State::all(Mode::Deny), State::all(Mode::Allow));
    let texts = |from, to| transition(from, to).iter().map(line).collect::<Vec<_>>();
    assert_eq!(texts(&allow, &deny), ["a"]);
    assert_eq!(texts(&deny, &allow), ["a"]);
    // A cgroup that allows by default may have exceptions that the list does not show.
    assert_eq!(texts(&allow, &allow), ["a"]);
    assert_eq!(texts(&deny, &parse_list("c 1:3 r").unwrap()), ["c 1:3 r"]);
}

#[test]
fn overlapping_exceptions_are_joined_since_the_kernel_does_not_add_them_up() {
    let state = parse_list("c 1:* w\nc 1:3 r\nc *:5 r\n").unwrap();
    let text = explicit(&state).to_string();
    assert_eq!(
        text,
        "deny a *:* rwm, allow c *:5 r, allow c 1:* w, allow c 1:3 rw, allow c 1:5 rw"
    );
}

proptest! {
    #![proptest_config(crate::devices::tests::config())]

    /// Each transition ends in the wanted state. Where the mode stays "deny", no step allows what
    /// both states deny.
    #[test]
    fn transitions_lead_to_the_state(from in states_of(), to in states_of()) {
        let mut kernel = Kernel { allow: true, exceptions: Vec::new() };
        carry_out(&mut kernel, &from);
        for (kind, major, minor) in kinds_and_numbers() {
            for asked in asked() {
                let right = from.permits(kind, major, minor, asked);
                prop_assert_eq!(kernel.permits(kind, major, minor, asked), right);
            }
        }
        let before = kernel.clone();
        let way = carry_out(&mut kernel, &to);
        prop_assert!(shows(&parse_list(&kernel.list()).unwrap(), &to));
        let same_mode = from.mode() == Mode::Deny && to.mode() == Mode::Deny;
        for (kind, major, minor) in kinds_and_numbers() {
            for asked in asked() {
                let right = to.permits(kind, major, minor, asked);
                prop_assert_eq!(kernel.permits(kind, major, minor, asked), right, "{}", to);
                let was = before.permits(kind, major, minor, asked);
                if same_mode && !was && !right {
                    let never = way.iter().all(|k| !k.permits(kind, major, minor, asked));
                    prop_assert!(never, "{:?} opened on the way", (kind, major, minor, asked));
                }
            }
        }
    }
}
