// SPDX-License-Identifier: Apache-2.0
//! Whether a device program of another program allows everything.
//!
//! systemd leaves its last program attached when a unit's rules go, and only the instructions tell
//! what is in force.

use std::collections::BTreeSet;

use super::insn::{op, Insn};

/// Longer programs, or those that compare with more numbers, have a list of devices.
const MOST: usize = 200;
const MOST_NUMBERS: usize = 24;
/// A number of which no program knows.
const UNKNOWN: i32 = 0x7ed_cba9;

/// Whether the program allows each access to each device. False as well when that is not known:
/// the kernel hides the instructions, or they do more than to load and compare numbers.
///
/// A program that only compares for equality treats all numbers alike with which it does not
/// compare.
pub fn allows_all(code: &[Insn]) -> bool {
    let mut numbers = BTreeSet::new();
    numbers.extend(code.iter().map(|insn| insn.imm).chain([UNKNOWN]));
    if code.is_empty() || code.len() > MOST || numbers.len() > MOST_NUMBERS {
        return false;
    }
    let devices = numbers.iter().flat_map(|major| numbers.iter().map(move |minor| (major, minor)));
    devices.into_iter().all(|(major, minor)| {
        let asked = (1..=7u32).flat_map(|access| [1, 2].map(|kind| access << 16 | kind));
        asked.into_iter().all(|word| {
            let context = [word, major.cast_unsigned(), minor.cast_unsigned()];
            run(code, context) == Some(1)
        })
    })
}

/// Runs a program. None: it has an instruction of another kind.
fn run(code: &[Insn], context: [u32; 3]) -> Option<u64> {
    const NARROW: u8 = 0x04;
    const FROM_REGISTER: u8 = 0x08;
    let mut registers = [0u64; 11];
    let mut at = 0usize;
    // Programs jump forwards only.
    for _ in 0..=code.len() {
        let insn = code.get(at)?;
        let imm = i64::from(insn.imm).cast_unsigned();
        let to = *registers.get(usize::from(insn.dst))?;
        let from = *registers.get(usize::from(insn.src))?;
        let operand = if insn.code & FROM_REGISTER == 0 { imm } else { from };
        let mut jumps = false;
        let mut result = to;
        // The 32-bit form of an operation has 4 where the 64-bit form has 7.
        let wide = if insn.code & 7 == NARROW { insn.code | 3 } else { insn.code };
        match wide {
            op::EXIT => return registers.first().copied(),
            op::LDXW if insn.src == 1 => {
                let index = usize::try_from(insn.off / 4).ok().filter(|_| insn.off % 4 == 0)?;
                result = u64::from(*context.get(index)?);
            }
            op::MOV_K | op::MOV_X => result = operand,
            op::AND_K | op::AND_X => result = to & operand,
            op::RSH_K => result = to.checked_shr(u32::try_from(imm).ok()?)?,
            op::JA => jumps = true,
            op::JEQ_K | op::JEQ_X => jumps = to == operand,
            op::JNE_K | op::JNE_X => jumps = to != operand,
            _ => return None,
        }
        if insn.code & 7 == NARROW {
            result &= u64::from(u32::MAX);
        }
        *registers.get_mut(usize::from(insn.dst))? = result;
        let distance = if jumps { usize::try_from(insn.off).ok()? } else { 0 };
        at = at.checked_add(1)?.checked_add(distance)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::{compile, Mode, Number, State};
    use crate::devices::{Access, Devices, Kind};

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
        let load = |dst, off| Insn { code: op::LDXW, dst, src: 1, off, imm: 0 };
        let jump = |code, dst, imm, off| Insn { off, ..Insn::imm(code, dst, imm) };
        let mut code = vec![
            load(2, 0),
            Insn::imm(0x54, 2, 0xffff),
            load(3, 0),
            Insn::imm(0x74, 3, 16),
            load(4, 4),
            load(5, 8),
            jump(op::JNE_K, 2, 2, 1),
            jump(op::JA, 0, 0, 4),
            jump(op::JNE_K, 2, 1, 1),
            jump(op::JA, 0, 0, 2),
            Insn::imm(op::MOV_K, 0, 0),
            jump(op::JA, 0, 0, 1),
            Insn::imm(op::MOV_K, 0, 1),
            Insn::imm(op::EXIT, 0, 0),
        ];
        assert!(allows_all(&code));
        code[8].imm = 3;
        assert!(!allows_all(&code));
    }
}
