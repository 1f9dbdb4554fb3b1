// SPDX-License-Identifier: Apache-2.0
//! Code in front of others' programs, and runc's and crun's rules against this library's.

use proptest::prelude::*;

use super::foreign::{denies_all, obstacle, permits_all, run, uses_stack};
use super::insn::op;
use super::peer_programs::{self as peer, PeerRule};
use super::program_tests::{bytes, Machine};
use super::tests::{emulate, kinds_and_numbers, states_of};
use super::*;

fn code_of(program: &[peer::Bytes]) -> Vec<Insn> {
    program.iter().map(|bytes| Insn::from_bytes(*bytes)).collect()
}

fn rule(text: &str) -> Rule {
    let state = emulate(&[text]).unwrap();
    let exception = state.exceptions().next();
    match exception {
        Some((devices, access)) => Rule { allow: true, devices: Some(devices), access },
        None => Rule { allow: false, ..rule(&text.replace("deny", "allow")) },
    }
}

fn accesses() -> impl Iterator<Item = Access> {
    (1..8).map(Access::from_bits)
}

/// Returns devices that some program of these tests has a rule for, and others.
fn devices() -> Vec<(Kind, u32, u32)> {
    let majors = [0, 1, 5, 8, 10, 136, 195, u32::MAX - 1];
    let minors = [0, 1, 2, 3, 5, 7, 8, 9, 200, 229, 232, u32::MAX - 1];
    let all = [Kind::Block, Kind::Char].into_iter().flat_map(move |kind| {
        majors.into_iter().flat_map(move |major| minors.map(|minor| (kind, major, minor)))
    });
    all.collect()
}

#[test]
fn programs_of_others_have_the_length_of_real_ones() {
    let lengths = peer::examples().map(|(_, program)| program.len());
    assert_eq!(lengths, [24, 79, 71]);
}

/// Checks a front with rbpf: the front removes the accesses that it allows, and the other program
/// decides about the rest.
fn check(rest: &[Insn], front: &Fronted, devices: &[(Kind, u32, u32)]) {
    let whole = front.to_code();
    let (whole_bytes, rest_bytes) = (bytes(&whole), bytes(rest));
    let (mut whole, mut other) = (Machine::new(&whole_bytes), Machine::new(&rest_bytes));
    for &(kind, major, minor) in devices {
        let allowed = front.allowed().allowed(kind, major, minor);
        for asked in accesses() {
            let left = asked.without(allowed);
            let right = left.is_empty() || other.permits(kind, major, minor, left);
            let found = whole.permits(kind, major, minor, asked);
            assert_eq!(found, right, "{} {kind} {major}:{minor} {asked}", front.allowed());
        }
    }
}

#[test]
fn a_device_is_allowed_in_front_of_each_program_and_denied_again() {
    for (name, program) in peer::examples() {
        let rest = code_of(&program);
        let mut front = Fronted::new(&rest);
        front.apply(&rule("allow c 195:0 rw")).unwrap();
        front.apply(&rule("allow b 8:* rwm")).unwrap();
        front.apply(&rule("allow c 1:5 w")).unwrap();
        check(&rest, &front, &devices());
        // Another process reads the front back, and changes it.
        let mut again = Fronted::new(&front.to_code());
        assert_eq!((&again, again.rest()), (&front, &rest[..]), "{name}");
        again.apply(&rule("allow c 195:0 rw")).unwrap();
        assert_eq!(again, front);
        again.apply(&rule("deny c 195:0 w")).unwrap();
        check(&rest, &again, &devices());
        again.apply(&rule("deny b 8:* rwm")).unwrap();
        again.apply(&rule("deny c *:* rwm")).unwrap();
        assert_eq!(again.to_code(), rest, "{name}");
    }
}

#[test]
fn a_device_that_the_other_program_allows_gets_no_code() {
    for (name, program) in peer::examples() {
        let mut front = Fronted::new(&code_of(&program));
        front.apply(&rule("allow c 1:3 rw")).unwrap();
        assert_eq!(front.to_code(), code_of(&program), "{name}");
        front.apply(&rule("allow c 1:4 rw")).unwrap();
        assert_ne!(front.to_code(), code_of(&program), "{name}");
    }
}

#[test]
fn a_part_of_a_wildcard_in_front_cannot_be_denied() {
    let mut front = Fronted::new(&code_of(&peer::examples()[0].1));
    front.apply(&rule("allow c 195:* rwm")).unwrap();
    let before = front.clone();
    let error = front.apply(&rule("deny c 195:0 r")).unwrap_err();
    assert!(error.to_string().contains("wildcard"), "{error}");
    assert_eq!(front, before);
}

#[test]
fn programs_that_cannot_be_loaded_again_are_known() {
    let [(_, program), ..] = peer::examples();
    let good = code_of(&program);
    assert_eq!(obstacle(&good), None);
    assert!(obstacle(&[]).unwrap().contains("hides"));
    let with = |insn: Insn| obstacle(&[&good[..6], &[insn], &good[6..]].concat()).unwrap_or("");
    assert!(with(Insn::imm(op::CALL, 0, 5)).contains("calls functions"));
    assert!(with(Insn { src: 2, ..Insn::imm(op::LDDW, 0, 5) }).contains("map"));
    assert!(with(Insn::imm(op::MOV_K, 11, 5)).contains("blinded"));
    assert!(!uses_stack(&good));
    let store = Insn { code: op::STXW, dst: 10, src: 2, off: -16, imm: 0 };
    let mut front = Fronted::new(&[&good[..6], &[store], &good[6..]].concat());
    front.apply(&rule("allow c 10:229 rwm")).unwrap();
    assert!(!front.collides());
    front.apply(&rule("allow c 10:230 r")).unwrap();
    assert!(front.collides());
}

#[test]
fn the_answers_of_other_programs_are_found_without_running_them_in_the_kernel() {
    for (name, program) in peer::examples() {
        let code = code_of(&program);
        let text = bytes(&code);
        let mut machine = Machine::new(&text);
        for (kind, major, minor) in devices() {
            for asked in accesses() {
                let right = machine.permits(kind, major, minor, asked);
                let found = run(&code, kind, major, minor, asked).map(|(allows, _)| allows);
                assert_eq!(found, Some(right), "{name}");
            }
        }
        let at = |text| rule(text).devices.unwrap();
        assert_eq!(permits_all(&code, &at("allow c 1:3 r"), Access::READ), Some(true));
        assert_eq!(denies_all(&code, &at("allow c 9:9 r"), Access::READ), Some(true));
        assert_eq!(permits_all(&code, &at("allow c 1:* r"), Access::READ), None);
    }
    assert_eq!(run(&[Insn::imm(op::JA, 0, 0)], Kind::Char, 1, 3, Access::READ), None);
    let forever = Insn { off: -1, ..Insn::imm(op::JA, 0, 0) };
    assert_eq!(run(&[forever], Kind::Char, 1, 3, Access::READ), None);
}

/// A specification that denies all, with the runtime's own list: for each device and access, the
/// same answer as runc's and crun's programs give.
#[test]
fn default_lists_give_the_answers_of_runc_and_crun() {
    let deny_all = "deny a *:* rwm";
    let runc = peer::list(&peer::RUNC);
    let crun: Vec<PeerRule> = peer::list(&peer::CRUN).into_iter().rev().collect();
    let own = |rules: &[&str]| emulate(&[&[deny_all], rules].concat()).unwrap();
    let defaults = State::from_rules(&runtime_defaults(), &mut Vec::new()).unwrap();
    assert_eq!(own(&peer::RUNC), defaults);
    let pairs = [
        (own(&peer::RUNC), runc.clone(), peer::runc(false, &runc)),
        (own(&peer::CRUN), crun, peer::crun(&peer::list(&peer::CRUN), &peer::list(&[deny_all]))),
    ];
    for (state, model, program) in pairs {
        let (own, theirs) = (bytes(&compile(&state)), program.concat());
        let (mut own, mut theirs) = (Machine::new(&own), Machine::new(&theirs));
        let numbers = (0..16).flat_map(|major| (0..16).map(move |minor| (major, minor)));
        let far = devices().into_iter().map(|(_, major, minor)| (major, minor));
        for (major, minor) in numbers.chain(far) {
            for (kind, number) in [(Kind::Block, 1), (Kind::Char, 2)] {
                for asked in accesses() {
                    let bits = i32::from(asked.bits());
                    let right = peer::first_fit(&model, number, major, minor, bits);
                    let right = right.unwrap_or(false);
                    let text = format!("{kind} {major}:{minor} {asked}");
                    assert_eq!(theirs.permits(kind, major, minor, asked), right, "{text}");
                    assert_eq!(own.permits(kind, major, minor, asked), right, "{text}");
                }
            }
        }
    }
}

/// The one difference: where writing is denied, this library also refuses opening for both reading
/// and writing.
#[test]
fn a_deny_rule_differs_from_runc_and_crun_in_mixed_accesses_only() {
    let rules = ["allow a *:* rwm", "deny c 1:3 w", "deny b 8:* rm"];
    let state = emulate(&rules).unwrap();
    let model = peer::list(&[rules[2], rules[1], rules[0]]);
    let mut differ = Vec::new();
    for (kind, number) in [(Kind::Block, 1), (Kind::Char, 2)] {
        for (major, minor) in [(1, 3), (1, 5), (8, 0), (8, 1), (9, 9)] {
            for asked in accesses() {
                let bits = i32::from(asked.bits());
                let theirs = peer::first_fit(&model, number, major, minor, bits).unwrap();
                if theirs != state.permits(kind, major, minor, asked) {
                    assert!(theirs, "{kind} {major}:{minor} {asked}");
                    differ.push(format!("{kind} {major}:{minor} {asked}"));
                }
            }
        }
    }
    let right =
        "b 8:0 wm,b 8:0 rw,b 8:0 rwm,b 8:1 wm,b 8:1 rw,b 8:1 rwm,c 1:3 wm,c 1:3 rw,c 1:3 rwm";
    assert_eq!(differ.join(","), right);
}

/// The runtime's list, asked for its own devices and for others that a container tries: in all,
/// this library's program executes no more instructions than runc's, and no more than crun's. It is
/// no longer than crun's.
#[test]
fn default_list_costs_no_more_than_in_the_forms_of_runc_and_crun() {
    let state = State::from_rules(&runtime_defaults(), &mut Vec::new()).unwrap();
    let sorted: Vec<String> =
        state.exceptions().map(|(devices, access)| format!("allow {devices} {access}")).collect();
    let sorted: Vec<&str> = sorted.iter().map(String::as_str).collect();
    let own = compile(&state);
    let runc = code_of(&peer::runc(false, &peer::list(&sorted)));
    let crun = peer::crun(&peer::list(&peer::RUNC), &peer::list(&["deny a *:* rwm"]));
    let crun = code_of(&crun);
    let numbers = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (10, 200), (136, 4)];
    let mut sums = [0; 3];
    for (major, minor) in numbers.into_iter().chain([(10, 229), (5, 1), (226, 0)]) {
        for asked in [Access::READ, Access::WRITE, Access::READ.with(Access::WRITE)] {
            for (sum, code) in sums.iter_mut().zip([&own, &runc, &crun]) {
                *sum += run(code, Kind::Char, major, minor, asked).unwrap().1;
            }
        }
    }
    println!("executed in 36 opens: {sums:?}; {} {} {}", own.len(), runc.len(), crun.len());
    assert!(sums[0] <= sums[1] && sums[0] <= sums[2], "{sums:?}");
    assert!(own.len() <= crun.len(), "{} {}", own.len(), crun.len());
}

/// Returns fewer cases than other tests have: each list is run with three programs.
fn config() -> ProptestConfig {
    let config = crate::devices::tests::config();
    ProptestConfig { cases: config.cases / 20, ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn fronts_of_any_devices_are_taken_off_and_read_back(state in states_of()) {
        for (_, program) in peer::examples() {
            let rest = code_of(&program);
            let mut front = Fronted::new(&rest);
            for (devices, access) in state.exceptions() {
                front.apply(&Rule { allow: true, devices: Some(devices), access }).unwrap();
            }
            check(&rest, &front, &kinds_and_numbers().collect::<Vec<_>>());
            prop_assert_eq!(Fronted::new(&front.to_code()), front);
        }
    }
}
