// SPDX-License-Identifier: Apache-2.0
//! Whether another owner's device program allows all that a state allows.
//!
//! systemd leaves its last device program attached when a unit's rules are removed, so only the
//! instructions tell what is in force. A program that is attached beside another one cannot allow
//! what the other one denies.

use std::collections::BTreeSet;

use super::insn::{op, Insn};
use super::{foreign, Access, Devices, Fronted, Kind, Mode, Number, Rule, State};

/// Most instructions of a program; a longer one is [`Covers::Unknown`].
const MOST: usize = 4_000;
/// Most different constants of a program; one with more is [`Covers::Unknown`].
const MOST_NUMBERS: usize = 64;
/// Most exceptions of a state; for more the answer is [`Covers::Unknown`].
const MOST_EXCEPTIONS: usize = 256;
/// Stands for all numbers that a program does not compare with. No device has this number.
const UNKNOWN: u32 = 0x7ed_cba9;

/// Whether a program allows the devices that a state allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covers {
    /// The program allows each access that the state allows.
    All,
    /// The program denies this access, and perhaps others.
    Not(Rule),
    /// Not known: the kernel hides the instructions, they do more than load and compare numbers, or
    /// there are too many of them.
    Unknown,
}

/// Returns whether the program is known to allow each access to each device.
pub fn allows_all(code: &[Insn]) -> bool {
    covers(code, &State::all(Mode::Allow)) == Covers::All
}

/// Returns whether the program allows the devices that the state allows.
///
/// A program that only compares for equality answers the same for all numbers that it does not
/// compare with. So running it with its own constants and one other number covers every device.
pub fn covers(code: &[Insn], state: &State) -> Covers {
    let front = Fronted::new(code);
    let mut numbers = BTreeSet::new();
    numbers.extend(front.rest().iter().map(|insn| insn.imm.cast_unsigned()).chain([UNKNOWN]));
    if code.is_empty()
        || front.rest().len() > MOST
        || numbers.len() > MOST_NUMBERS
        || !front.rest().iter().all(compares)
        || masks_a_number(front.rest())
    {
        return Covers::Unknown;
    }
    let all = compare(&front, &State::all(Mode::Allow), &numbers);
    match state.mode() {
        _ if all == Covers::All => all,
        _ if state.exceptions().count() > MOST_EXCEPTIONS => Covers::Unknown,
        _ => compare(&front, state, &numbers),
    }
}

/// Returns whether the program may mask or shift a major or minor number before it compares the
/// number. Such a program can answer differently for numbers that are not among its constants.
fn masks_a_number(code: &[Insn]) -> bool {
    // The 32-bit form of an operation has 4 where the 64-bit form has 7.
    let wide = |insn: &Insn| if insn.code & 7 == 4 { insn.code | 3 } else { insn.code };
    let bit = |register: u8| 1u16.checked_shl(register.into()).unwrap_or(0);
    // The registers that hold a major or minor number anywhere in the program. Each round finds
    // copies of the registers that the round before found.
    let mut holds = 0u16;
    for _ in 0..=u16::BITS {
        for insn in code {
            match wide(insn) {
                op::LDXW if insn.off != 0 => holds |= bit(insn.dst),
                op::MOV_X if holds & bit(insn.src) != 0 => holds |= bit(insn.dst),
                _ => {}
            }
        }
    }
    let changes = |insn: &&Insn| matches!(wide(insn), op::AND_K | op::RSH_K);
    code.iter().filter(changes).any(|insn| holds & bit(insn.dst) != 0)
}

/// Returns whether an instruction only loads or compares numbers, jumps forwards, or returns.
fn compares(insn: &Insn) -> bool {
    const NARROW: u8 = 0x04;
    // The 32-bit form of an operation has 4 or 6 where the 64-bit form has 7 or 5.
    let wide = match insn.code & 7 {
        NARROW => insn.code | 3,
        6 => insn.code & !3 | 1,
        _ => insn.code,
    };
    match wide {
        op::LDXW => insn.src == 1,
        op::MOV_K | op::MOV_X | op::AND_K | op::RSH_K | op::EXIT => true,
        op::JA | op::JEQ_K | op::JEQ_X | op::JNE_K | op::JNE_X => insn.off >= 0,
        _ => false,
    }
}

/// Runs the program for all devices that the state allows, with `numbers` for `*`.
fn compare(front: &Fronted, state: &State, numbers: &BTreeSet<u32>) -> Covers {
    let numbers_of = |state: &State| -> Vec<u32> {
        let both = state.exceptions().flat_map(|(devices, _)| [devices.major, devices.minor]);
        both.filter_map(|number| if let Number::Is(n) = number { Some(n) } else { None }).collect()
    };
    let mut numbers = numbers.clone();
    numbers.extend(numbers_of(front.allowed()));
    if state.mode() == Mode::Allow {
        numbers.extend(numbers_of(state));
    }
    let candidates = |number: Number| match number {
        Number::Is(n) => vec![n],
        Number::Any => numbers.iter().copied().collect(),
    };
    let any = |kind| Devices { kind, major: Number::Any, minor: Number::Any };
    let wanted: Vec<Devices> = match state.mode() {
        Mode::Allow => vec![any(Kind::Char), any(Kind::Block)],
        Mode::Deny => state.exceptions().map(|(devices, _)| devices).collect(),
    };
    for devices in wanted {
        for major in candidates(devices.major) {
            for minor in candidates(devices.minor) {
                match one(front, state, devices.kind, major, minor) {
                    Covers::All => {}
                    other => return other,
                }
            }
        }
    }
    Covers::All
}

/// Runs the program for one device, with every combination of the accesses that the state allows.
fn one(front: &Fronted, state: &State, kind: Kind, major: u32, minor: u32) -> Covers {
    let allowed = state.allowed(kind, major, minor);
    let before = front.allowed().allowed(kind, major, minor);
    for asked in (1..8).map(Access::from_bits).filter(|asked| allowed.contains(*asked)) {
        let left = asked.without(before);
        let answer = match left.is_empty() {
            true => Some((true, 0)),
            false => foreign::run(front.rest(), kind, major, minor, left),
        };
        match answer {
            Some((true, _)) => {}
            Some((false, _)) => {
                let devices = Devices { kind, major: Number::Is(major), minor: Number::Is(minor) };
                return Covers::Not(Rule { allow: true, devices: Some(devices), access: left });
            }
            None => return Covers::Unknown,
        }
    }
    Covers::All
}

#[cfg(test)]
mod tests {
    use super::super::peer_programs as peer;
    use super::*;
    use crate::devices::compile;

    fn state(mode: Mode, exceptions: &[(Kind, Number, Number, Access)]) -> State {
        let mut state = State::all(mode);
        for (kind, major, minor, access) in exceptions {
            state.except(Devices { kind: *kind, major: *major, minor: *minor }, *access);
        }
        state
    }

    #[test]
    fn only_a_program_without_a_denied_device_allows_all() {
        let any = Number::Any;
        let both = [(Kind::Char, any, any, Access::ALL), (Kind::Block, any, any, Access::ALL)];
        assert!(allows_all(&compile(&State::all(Mode::Allow))));
        assert!(allows_all(&compile(&state(Mode::Deny, &both))));
        let one = [(Kind::Char, Number::Is(1), Number::Is(3), Access::WRITE)];
        assert!(!allows_all(&compile(&state(Mode::Allow, &one))));
        assert!(!allows_all(&compile(&state(Mode::Deny, &both[..1]))));
        assert!(!allows_all(&compile(&State::all(Mode::Deny))));
        assert!(!allows_all(&[]));
    }

    /// The instructions of systemd 252 and 257 for `char-*` and `block-*`.
    #[test]
    fn systemds_program_for_all_devices_allows_all() {
        let code = |rules: &[&str]| -> Vec<Insn> {
            peer::systemd(&peer::list(rules)).into_iter().map(Insn::from_bytes).collect()
        };
        assert!(allows_all(&code(&["allow c *:* rwm", "allow b *:* rwm"])));
        assert!(!allows_all(&code(&["allow c *:* rwm"])));
    }

    #[test]
    fn programs_of_others_cover_what_they_allow() {
        let code = |program: Vec<peer::Bytes>| -> Vec<Insn> {
            program.into_iter().map(Insn::from_bytes).collect()
        };
        let rules = peer::list(&["allow c 1:3 rwm", "allow c 1:5 r", "allow c 136:* rw"]);
        let (is, any) = (Number::Is, Number::Any);
        let read_write = Access::READ.with(Access::WRITE);
        let within = state(
            Mode::Deny,
            &[
                (Kind::Char, is(1), is(3), read_write),
                (Kind::Char, is(1), is(5), Access::READ),
                (Kind::Char, is(136), any, read_write),
            ],
        );
        let deny = peer::list(&["deny a *:* rwm"]);
        for program in [peer::systemd(&rules), peer::runc(false, &rules), peer::crun(&rules, &deny)]
        {
            let program = code(program);
            assert_eq!(covers(&program, &within), Covers::All);
            for (major, minor, access, told) in [
                (is(1), is(5), Access::WRITE, "allow c 1:5 w"),
                (is(136), is(7), Access::MKNOD, "allow c 136:7 m"),
                (is(1), any, Access::READ, "allow c 1:0 r"),
                (is(8), is(0), Access::READ, "allow c 8:0 r"),
            ] {
                let mut wider = within.clone();
                wider.except(Devices { kind: Kind::Char, major, minor }, access);
                let Covers::Not(rule) = covers(&program, &wider) else { panic!("{wider}") };
                assert_eq!(rule.to_string(), told, "{wider}");
                // Code in front counts.
                let mut front = Fronted::new(&program);
                let devices = Some(Devices { kind: Kind::Char, major, minor });
                front.apply(&Rule { allow: true, devices, access }).unwrap();
                assert_eq!(covers(&front.to_code(), &wider), Covers::All, "{wider}");
            }
            assert!(matches!(covers(&program, &State::all(Mode::Allow)), Covers::Not(_)));
        }
    }

    #[test]
    fn program_that_does_more_is_not_known() {
        let nothing = State::all(Mode::Deny);
        assert_eq!(covers(&[], &nothing), Covers::Unknown);
        let call = [Insn::imm(op::CALL, 0, 15), Insn::imm(op::EXIT, 0, 0)];
        assert_eq!(covers(&call, &nothing), Covers::Unknown);
        let load = |dst, off| Insn { code: op::LDXW, dst, src: 1, off, imm: 0 };
        // Denies the minor numbers 16 to 31 only. None of them is a constant of the program.
        let equal = Insn { off: 2, ..Insn::imm(op::JEQ_K, 3, 1) };
        let answers =
            [1, 0].map(|answer| [Insn::imm(op::MOV_K, 0, answer), Insn::imm(op::EXIT, 0, 0)]);
        for copied in [vec![load(3, 8)], vec![load(2, 8), Insn::reg(op::MOV_X, 3, 2)]] {
            let masked = [copied, vec![Insn::imm(op::RSH_K, 3, 4), equal]].concat();
            let masked = [masked, answers.concat()].concat();
            assert_eq!(covers(&masked, &State::all(Mode::Allow)), Covers::Unknown);
        }
        let less = [Insn { off: 0, ..Insn::imm(0xa5, 1, 3) }, Insn::imm(op::EXIT, 0, 0)];
        assert_eq!(covers(&less, &nothing), Covers::Unknown);
    }
}
