// SPDX-License-Identifier: Apache-2.0
//! Device programs of other owners: whether code can be put in front of one, and what it answers.
//!
//! Kernel: kernel/bpf/syscall.c `bpf_insn_prepare_dump`, kernel/bpf/cgroup.c.

use super::insn::{op, Insn};
use super::{Access, Devices, Kind, Number};

/// Instructions after which [`run`] gives up. The verifier accepts no program that executes more.
const MOST_STEPS: usize = 1_000_000;
/// Made-up address of the program's argument.
const CONTEXT: u64 = 1 << 62;
/// The register of the frame pointer.
const FRAME: u8 = 10;

/// Returns why a program cannot be loaded again from the instructions that the kernel shows. None:
/// nothing speaks against it.
pub fn obstacle(code: &[Insn]) -> Option<&'static str> {
    let any = |what: fn(&Insn) -> bool| code.iter().any(what);
    if code.is_empty() {
        return Some("the kernel hides its instructions");
    }
    // To blind constants, the kernel uses register 11, which programs do not have.
    if any(|insn| insn.dst > FRAME || insn.src > FRAME) {
        return Some("its instructions are blinded (net.core.bpf_jit_harden)");
    }
    if any(|insn| matches!(insn.code, op::CALL | op::TAIL_CALL)) {
        return Some("it calls functions");
    }
    if any(|insn| insn.code == op::LDDW && insn.src != 0) {
        return Some("it uses a map or a variable of the kernel");
    }
    None
}

/// Returns whether a program uses its stack.
pub fn uses_stack(code: &[Insn]) -> bool {
    code.iter().any(|insn| insn.dst == FRAME || insn.src == FRAME)
}

/// Returns whether a program allows every combination of these accesses to a device. Returns None
/// if `devices` is more than one device, or if [`run`] does not know an instruction.
pub fn permits_all(code: &[Insn], devices: &Devices, access: Access) -> Option<bool> {
    let mut asked = (1..8).map(Access::from_bits).filter(|asked| access.contains(*asked));
    asked.try_fold(true, |all, asked| Some(all && answer(code, devices, asked)?))
}

/// Returns whether a program denies every call that asks for at least one of these accesses to a
/// device. Returns None as [`permits_all`] does.
pub fn denies_all(code: &[Insn], devices: &Devices, access: Access) -> Option<bool> {
    let mut asked = (1..8).map(Access::from_bits).filter(|asked| access.overlaps(*asked));
    asked.try_fold(true, |all, asked| Some(all && !answer(code, devices, asked)?))
}

/// Returns whether a program allows a call that asks for all of these accesses.
fn answer(code: &[Insn], devices: &Devices, asked: Access) -> Option<bool> {
    let (Number::Is(major), Number::Is(minor)) = (devices.major, devices.minor) else {
        return None;
    };
    run(code, devices.kind, major, minor, asked).map(|(allows, _)| allows)
}

/// Interprets a program. Returns whether the program allows the access, and how many instructions
/// it executed. Returns None for an instruction that this function does not know.
pub fn run(
    code: &[Insn],
    kind: Kind,
    major: u32,
    minor: u32,
    asked: Access,
) -> Option<(bool, usize)> {
    let first = u32::from(asked.bits()) << 16 | super::program::number(kind).cast_unsigned();
    let mut context = [0; 12];
    for (place, value) in context.chunks_mut(4).zip([first, major, minor]) {
        place.copy_from_slice(&value.to_ne_bytes());
    }
    let mut machine = Machine { regs: [0; 11], at: 0, context };
    *machine.regs.get_mut(1)? = CONTEXT;
    for steps in 1..=MOST_STEPS {
        let insn = *code.get(machine.at)?;
        if insn.code == op::EXIT {
            return Some((machine.reg(0)? & 1 == 1, steps));
        }
        machine.step(insn, code)?;
    }
    None
}

struct Machine {
    regs: [u64; 11],
    /// Index of the next instruction.
    at: usize,
    /// The program's argument.
    context: [u8; 12],
}

/// Mask of an operation's class.
const CLASS: u8 = 7;
/// Bit of an operation that uses the source register in place of the constant.
const FROM_REGISTER: u8 = 8;

impl Machine {
    fn reg(&self, number: u8) -> Option<u64> {
        self.regs.get(usize::from(number)).copied()
    }

    fn step(&mut self, insn: Insn, code: &[Insn]) -> Option<()> {
        let next = self.at + 1;
        self.at = next;
        let value = match insn.code & FROM_REGISTER {
            0 => i64::from(insn.imm).cast_unsigned(),
            _ => self.reg(insn.src)?,
        };
        let left = self.reg(insn.dst)?;
        let (is_wide, class) = (matches!(insn.code & CLASS, 5 | 7), insn.code & CLASS);
        let narrow = |n: u64| if is_wide { n } else { n & u64::from(u32::MAX) };
        let result = match class {
            // BPF_LD: only a long constant is known here.
            0 if insn.code == op::LDDW && insn.src == 0 => {
                self.at = next + 1;
                let high = code.get(next)?.imm.cast_unsigned();
                u64::from(high) << 32 | u64::from(insn.imm.cast_unsigned())
            }
            1 => self.load(insn)?,
            4 | 7 if insn.off == 0 => {
                narrow(arithmetic(insn.code >> 4, narrow(left), narrow(value), is_wide)?)
            }
            5 | 6 => {
                let jumps = match insn.code {
                    op::JA => true,
                    _ => compare(insn.code >> 4, narrow(left), narrow(value), is_wide)?,
                };
                if jumps {
                    self.at = next.checked_add_signed(isize::from(insn.off))?;
                }
                return Some(());
            }
            _ => return None,
        };
        *self.regs.get_mut(usize::from(insn.dst))? = result;
        Some(())
    }

    /// Reads from the program's argument.
    fn load(&self, insn: Insn) -> Option<u64> {
        let size = match insn.code {
            op::LDXW => 4,
            op::LDXH => 2,
            op::LDXB => 1,
            _ => return None,
        };
        let address = self.reg(insn.src)?.wrapping_add_signed(i64::from(insn.off));
        let at = usize::try_from(address.checked_sub(CONTEXT)?).ok()?;
        let bytes = self.context.get(at..at.checked_add(size)?)?;
        Some(match *bytes {
            [a, b, c, d] => u32::from_ne_bytes([a, b, c, d]).into(),
            [a, b] => u16::from_ne_bytes([a, b]).into(),
            [a] => a.into(),
            _ => return None,
        })
    }
}

/// Returns the result of an arithmetic operation. `operation` is the high bits of its code.
fn arithmetic(operation: u8, left: u64, right: u64, is_wide: bool) -> Option<u64> {
    let shift = u32::try_from(right & if is_wide { 63 } else { 31 }).ok()?;
    Some(match operation {
        0x0 => left.wrapping_add(right),
        0x1 => left.wrapping_sub(right),
        0x2 => left.wrapping_mul(right),
        0x4 => left | right,
        0x5 => left & right,
        0x6 => left << shift,
        0x7 => left >> shift,
        0x8 => left.wrapping_neg(),
        0xa => left ^ right,
        0xb => right,
        _ => return None,
    })
}

/// Returns whether a conditional jump is taken. `operation` is the high bits of its code.
fn compare(operation: u8, left: u64, right: u64, is_wide: bool) -> Option<bool> {
    let signed = |n: u64| match (is_wide, u32::try_from(n)) {
        (false, Ok(n)) => i64::from(n.cast_signed()),
        _ => n.cast_signed(),
    };
    let (i, j) = (signed(left), signed(right));
    Some(match operation {
        0x1 => left == right,
        0x2 => left > right,
        0x3 => left >= right,
        0x4 => left & right != 0,
        0x5 => left != right,
        0x6 => i > j,
        0x7 => i >= j,
        0xa => left < right,
        0xb => left <= right,
        0xc => i < j,
        0xd => i <= j,
        _ => return None,
    })
}
