// SPDX-License-Identifier: Apache-2.0
//! Programs, run by rbpf and compared with a plain evaluation of the rules.

use proptest::prelude::*;

use super::insn::op;
use super::peer_programs as peer;
use super::tests::{emulate, kinds_and_numbers, states_of};
use super::*;

pub fn bytes(code: &[Insn]) -> Vec<u8> {
    code.iter().flat_map(|insn| insn.to_bytes()).collect()
}

fn context(kind: Kind, major: u32, minor: u32, asked: Access) -> [u8; 12] {
    let kind = if kind == Kind::Block { 1u32 } else { 2 };
    let first = u32::from(asked.bits()) << 16 | kind;
    let mut out = [0; 12];
    for (place, value) in out.chunks_mut(4).zip([first, major, minor]) {
        place.copy_from_slice(&value.to_ne_bytes());
    }
    out
}

pub struct Machine<'a>(rbpf::EbpfVmRaw<'a>);

impl<'a> Machine<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Machine(rbpf::EbpfVmRaw::new(Some(bytes)).unwrap())
    }

    pub fn permits(&mut self, kind: Kind, major: u32, minor: u32, asked: Access) -> bool {
        self.0.execute_program(&mut context(kind, major, minor, asked)).unwrap() == 1
    }
}

/// Runs a program and counts the instructions.
pub fn count(code: &[Insn], kind: Kind, major: u32, minor: u32, asked: Access) -> (bool, usize) {
    let context = context(kind, major, minor, asked);
    let word = |off: i16| {
        let off = usize::try_from(off).unwrap();
        u64::from(u32::from_ne_bytes(context[off..off + 4].try_into().unwrap()))
    };
    let (mut regs, mut at, mut steps) = ([0u64; 11], 0usize, 0);
    loop {
        let insn = code[at];
        steps += 1;
        let (dst, src) = (usize::from(insn.dst), regs[usize::from(insn.src)]);
        let imm = i64::from(insn.imm).cast_unsigned();
        let mut jump = |so: bool| {
            if so {
                at = at.checked_add_signed(isize::from(insn.off)).unwrap();
            }
        };
        match insn.code {
            op::LDDW => {
                regs[dst] = u64::from(insn.imm.cast_unsigned());
                at += 1;
            }
            op::LDXW => regs[dst] = word(insn.off),
            op::MOV_K => regs[dst] = imm,
            op::MOV_X => regs[dst] = src,
            op::AND_K => regs[dst] &= imm,
            op::AND_X => regs[dst] &= src,
            op::OR_K => regs[dst] |= imm,
            op::RSH_K => regs[dst] >>= imm,
            op::JA => jump(true),
            op::JEQ_K => jump(regs[dst] == imm),
            op::JEQ_X => jump(regs[dst] == src),
            op::JNE_K => jump(regs[dst] != imm),
            op::JNE_X => jump(regs[dst] != src),
            op::EXIT => return (regs[0] == 1, steps),
            other => panic!("{other:#x}"),
        }
        at += 1;
    }
}

/// Returns a program in runc's form, for rules that all allow: the newest rule first, and each rule
/// tests kind, accesses, major and minor before the next rule does.
fn as_runc_does(rules: &[Rule]) -> Vec<Insn> {
    let mut code: Vec<Insn> = Vec::new();
    let load = |dst, off| Insn { code: op::LDXW, dst, src: 1, off, imm: 0 };
    code.extend([load(2, 0), Insn::imm(op::AND_K, 2, 0xffff), load(3, 0)]);
    code.extend([Insn::imm(op::RSH_K, 3, 16), load(4, 4), load(5, 8)]);
    for rule in rules.iter().rev() {
        let devices = rule.devices.unwrap();
        let mut block =
            vec![Insn::imm(op::JNE_K, 2, if devices.kind == Kind::Block { 1 } else { 2 })];
        if rule.access != Access::ALL {
            block.push(Insn::reg(op::MOV_X, 1, 3));
            block.push(Insn::imm(op::AND_K, 1, rule.access.bits().into()));
            block.push(Insn::reg(op::JNE_X, 1, 3));
        }
        for (register, number) in [(4, devices.major), (5, devices.minor)] {
            if let Number::Is(number) = number {
                block.push(Insn::imm(op::JNE_K, register, number.cast_signed()));
            }
        }
        block.extend([Insn::imm(op::MOV_K, 0, 1), Insn::imm(op::EXIT, 0, 0)]);
        let length = block.len();
        for (at, insn) in block.iter_mut().enumerate() {
            if [op::JNE_K, op::JNE_X].contains(&insn.code) {
                insn.off = i16::try_from(length - at - 1).unwrap();
            }
        }
        code.extend(block);
    }
    code.extend([Insn::imm(op::MOV_K, 0, 0), Insn::imm(op::EXIT, 0, 0)]);
    code
}

/// The runtime's default list: the program has at most 64 instructions, as runc's program of the
/// list. For all devices together it executes no more instructions than a program in runc's form.
#[test]
fn the_default_list_costs_less_than_in_runcs_form() {
    let rules: Vec<Rule> = runtime_defaults()
        .iter()
        .map(|rule| Rule::from_oci(rule, &mut Vec::new()).unwrap())
        .collect();
    let state = State::from_rules(&runtime_defaults(), &mut Vec::new()).unwrap();
    let (own, other) = (compile(&state), as_runc_does(&rules));
    assert!(own.len() <= 64, "{}", own.len());
    let mut sums = (0, 0);
    let numbers = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (10, 200), (136, 4)];
    for (major, minor) in numbers.into_iter().chain([(10, 229), (5, 1), (226, 0)]) {
        for asked in asked().filter(|asked| asked.bits() != 7) {
            let (found, steps) = count(&own, Kind::Char, major, minor, asked);
            let (right, theirs) = count(&other, Kind::Char, major, minor, asked);
            assert_eq!(found, right, "{major}:{minor} {asked}");
            sums = (sums.0 + steps, sums.1 + theirs);
        }
    }
    println!("{} instructions; executed {} against {}", own.len(), sums.0, sums.1);
    assert!(sums.0 <= sums.1, "{sums:?}");
    let denied = |code: &[Insn]| count(code, Kind::Block, 8, 0, Access::READ).1;
    assert!(denied(&own) <= denied(&other));
}

/// Opening a device that the default list allows, or one that the list denies, executes no more
/// instructions than in runc's program and no more than in crun's.
#[test]
fn each_open_costs_no_more_than_in_runcs_and_cruns_form() {
    let rules = runtime_defaults();
    let state = State::from_rules(&rules, &mut Vec::new()).unwrap();
    let sorted: Vec<String> =
        state.exceptions().map(|(devices, access)| format!("allow {devices} {access}")).collect();
    let sorted: Vec<&str> = sorted.iter().map(String::as_str).collect();
    let code_of =
        |program: Vec<peer::Bytes>| program.into_iter().map(Insn::from_bytes).collect::<Vec<_>>();
    let own = compile(&state);
    let runc = code_of(peer::runc(false, &peer::list(&sorted)));
    let crun = code_of(peer::crun(&peer::list(&peer::RUNC), &peer::list(&["deny a *:* rwm"])));
    let numbers = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (10, 200), (136, 4)];
    let chars = numbers.into_iter().chain([(10, 229), (5, 1), (1, 11), (226, 0)]);
    let devices = chars.map(|(a, b)| (Kind::Char, a, b)).chain([(Kind::Block, 8, 0)]);
    for (kind, major, minor) in devices {
        for asked in ["r", "w", "rw"].map(|letters| Access::parse(letters).unwrap()) {
            let cost = |code: &[Insn]| foreign::run(code, kind, major, minor, asked).unwrap().1;
            let (own, others) = (cost(&own), cost(&runc).min(cost(&crun)));
            assert!(own <= others, "{kind:?} {major}:{minor} {asked}: {own} and {others}");
        }
    }
}

fn asked() -> impl Iterator<Item = Access> {
    (1..8).map(Access::from_bits)
}

#[test]
fn a_denied_write_refuses_read_and_write_together() {
    // runc, crun and youki let O_RDWR through.
    let state = emulate(&["allow a *:* rwm", "deny c 1:3 w"]).unwrap();
    let code = compile(&state);
    let asked = |letters| count(&code, Kind::Char, 1, 3, Access::parse(letters).unwrap()).0;
    assert_eq!(["r", "m", "w", "rw", "rwm"].map(asked), [true, true, false, false, false]);
    assert!(count(&code, Kind::Char, 1, 5, Access::ALL).0);
    assert!(count(&code, Kind::Block, 1, 3, Access::ALL).0);
}

#[test]
fn the_empty_state_is_three_instructions_behind_the_prologue() {
    for (mode, allowed) in [(Mode::Deny, false), (Mode::Allow, true)] {
        let code = compile(&State::all(mode));
        assert_eq!(code.len(), 7);
        assert_eq!(count(&code, Kind::Char, 1, 3, Access::READ).0, allowed);
        assert!(is_ours(&code));
        assert_eq!(decode(&code), Some(State::all(mode)));
    }
}

#[test]
fn numbers_beyond_31_bits_are_not_sign_extended() {
    let state = emulate(&["allow c 4294967294:2147483648 r", "allow c *:4294967290 w"]).unwrap();
    let code = compile(&state);
    assert!(count(&code, Kind::Char, 4_294_967_294, 2_147_483_648, Access::READ).0);
    assert!(!count(&code, Kind::Char, 4_294_967_294, 2_147_483_647, Access::READ).0);
    assert!(count(&code, Kind::Char, 7, 4_294_967_290, Access::WRITE).0);
    assert_eq!(decode(&code), Some(state));
}

/// A hundred thousand rules: jumps of 16 bits would not reach from one end to the other.
#[test]
fn long_lists_are_cut_into_segments() {
    for (majors, minors) in [(1u32, 100_000u32), (10_000, 1), (300, 300)] {
        let mut state = State::all(Mode::Deny);
        for major in 0..majors {
            for minor in 0..minors {
                let (major, minor) = (Number::Is(major), Number::Is(minor));
                let access = [Access::READ, Access::ALL][usize::from(minor == Number::Is(0))];
                state.except(Devices { major, minor, kind: Kind::Char }, access);
            }
        }
        state.except(
            Devices { major: Number::Any, minor: Number::Is(3), kind: Kind::Char },
            Access::WRITE,
        );
        let code = compile(&state);
        for major in [0, 1, majors / 2, majors - 1, majors] {
            for minor in [0, 1, 3, minors / 2, minors - 1, minors] {
                for bits in 1..8 {
                    let asked = Access::from_bits(bits);
                    let found = count(&code, Kind::Char, major, minor, asked).0;
                    let right = state.permits(Kind::Char, major, minor, asked);
                    assert_eq!(found, right, "{major}:{minor} {asked}");
                }
            }
        }
        assert!(!count(&code, Kind::Block, 0, 0, Access::READ).0);
        let again = decode(&code).unwrap();
        assert_eq!(compile(&again), code);
    }
}

#[test]
fn other_programs_are_not_ours() {
    let code = compile(&emulate(&["allow c 1:3 r", "allow c *:5 rw", "allow b 8:* m"]).unwrap());
    assert!(decode(&code).is_some());
    assert_eq!(decode(&[]), None);
    assert_eq!(decode(&code[1..]), None);
    for at in 0..code.len() {
        let mut other = code.clone();
        other[at].imm ^= 1;
        other[at].off ^= 1;
        // Either it is refused, or the change made another program of this form.
        if let Some(state) = decode(&other) {
            assert_eq!(compile(&state), other);
        }
    }
}

proptest! {
    #![proptest_config(crate::devices::tests::config())]

    #[test]
    fn programs_permit_what_the_rules_permit(state in states_of()) {
        let code = compile(&state);
        let bytes = bytes(&code);
        let mut machine = Machine::new(&bytes);
        for (kind, major, minor) in kinds_and_numbers() {
            for asked in (0..8).map(Access::from_bits) {
                let right = state.permits(kind, major, minor, asked);
                let found = machine.permits(kind, major, minor, asked);
                if asked.is_empty() {
                    // access(2) with X_OK asks for nothing; no device is lost by it.
                    prop_assert!(found || !right);
                    continue;
                }
                prop_assert_eq!(found, right, "{} {}:{} {}", kind, major, minor, asked);
                prop_assert_eq!(count(&code, kind, major, minor, asked).0, right);
            }
        }
        let again = decode(&code);
        prop_assert!(again.is_some(), "{}", state);
        prop_assert_eq!(compile(&again.unwrap()), code);
    }
}
