// SPDX-License-Identifier: Apache-2.0
//! Allows devices by code in front of another owner's device program.
//!
//! All programs of a cgroup must allow an access. So a program that is attached beside another one
//! cannot allow what the other one denies, but code in front of the other program's code can. The
//! front removes the accesses that it allows from those that are asked for. If none is left, the
//! front returns 1. Otherwise the other program's code decides about the accesses that are left,
//! which it reads from a copy of its argument.
//!
//! ```text
//! load kind, accesses and numbers into registers
//! for each exception: if kind, major and minor match: remove its accesses;
//!                     if none is left, goto allow
//! if some exception has not all accesses: make the copy of the argument
//! goto the other program's code
//! allow: store the mark, return 1
//! the other program's code
//! ```

use super::insn::{op, Insn, Reg};
use super::program::{number, ASKED, KIND, MAJOR, MINOR, RESULT};
use super::{foreign, Access, Devices, Kind, Mode, Number, Rule, State};
use crate::error::{fail, Code, Result};

/// A constant that marks a front: "katf". The front stores it before it allows an access.
const MAGIC: i32 = 0x6b61_7466;
/// The register of the program's argument.
const CONTEXT: Reg = 1;
/// The register of the frame pointer.
const FRAME: Reg = 10;
/// Offset of the copy of the argument from the frame pointer.
///
/// The verifier must not know the three values that are stored here. Kernels before 6.8 conclude
/// too much from a known value on the stack that is read through a register other than the frame
/// pointer, and remove code that does run. The verifier tracks a value only if its store begins at
/// a slot of the stack (8 bytes). Only the store of the major number does, at -8, and the store of
/// the minor number at -4 overwrites a part of that slot.
const COPY: i16 = -12;
/// Most exceptions of a front. The verifier's work grows with the square of their number.
const MOST_DEVICES: usize = 256;
/// Number of instructions that store the mark and return.
const ALLOW: usize = 3;

/// Another owner's program, with code in front that allows more devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fronted {
    /// The devices that the front allows, as exceptions.
    allowed: State,
    /// The other program's code.
    rest: Vec<Insn>,
}

impl Fronted {
    /// Splits a program into its front and the other program's code. A program without a front gets
    /// one without devices.
    pub fn new(code: &[Insn]) -> Fronted {
        let found = read(code).and_then(|allowed| {
            let front = write(&allowed);
            let rest = code.strip_prefix(&front[..])?.to_vec();
            Some(Fronted { allowed, rest })
        });
        found.unwrap_or_else(|| Fronted { allowed: State::all(Mode::Deny), rest: code.to_vec() })
    }

    /// Returns the other program's code.
    pub fn rest(&self) -> &[Insn] {
        &self.rest
    }

    /// Returns the devices that the front allows, as exceptions.
    pub fn allowed(&self) -> &State {
        &self.allowed
    }

    /// Applies a rule to the front. A device that the other program's code allows already gets no
    /// exception.
    ///
    /// # Errors
    /// As [`State::apply`]; the front would have more than 256 devices ([`Code::Value`]).
    pub fn apply(&mut self, rule: &Rule) -> Result<()> {
        let is_idle = rule.allow
            && rule.devices.is_some_and(|devices| {
                foreign::permits_all(&self.rest, &devices, rule.access) == Some(true)
            });
        if is_idle {
            return Ok(());
        }
        let mut allowed = self.allowed.clone();
        allowed.apply(rule)?;
        if allowed.exceptions().count() > MOST_DEVICES {
            let text =
                format!("device rule \"{rule}\": {MOST_DEVICES} devices are allowed already");
            return fail(Code::Value, format!("{text} in front of another's program, the most"));
        }
        self.allowed = allowed;
        Ok(())
    }

    /// Returns whether the front needs the copy of the argument, and the other program's code uses
    /// the stack too.
    pub fn collides(&self) -> bool {
        has_parts(&self.allowed) && foreign::uses_stack(&self.rest)
    }

    /// Returns the whole program. A front without devices has no code.
    pub fn to_code(&self) -> Vec<Insn> {
        match self.allowed.exceptions().next() {
            None => self.rest.clone(),
            Some(_) => [write(&self.allowed), self.rest.clone()].concat(),
        }
    }
}

/// Returns whether some exception has not all accesses.
fn has_parts(allowed: &State) -> bool {
    allowed.exceptions().any(|(_, access)| access != Access::ALL)
}

/// Returns the code that loads the argument into registers.
fn prologue() -> Vec<Insn> {
    let load = |dst, off| Insn { code: op::LDXW, dst, src: CONTEXT, off, imm: 0 };
    vec![
        load(ASKED, 0),
        Insn::reg(op::MOV_X, KIND, ASKED),
        Insn::imm(op::RSH_K, ASKED, 16),
        Insn::imm(op::AND_K, KIND, 0xffff),
        load(MAJOR, 4),
        load(MINOR, 8),
    ]
}

/// Returns the code that copies the argument, with only the accesses that are left, to the stack,
/// and makes the copy the argument.
fn copy() -> Vec<Insn> {
    let store = |src, off| Insn { code: op::STXW, dst: FRAME, src, off, imm: 0 };
    vec![
        Insn::imm(op::LSH_K, ASKED, 16),
        Insn::reg(op::OR_X, ASKED, KIND),
        store(ASKED, COPY),
        store(MAJOR, COPY + 4),
        store(MINOR, COPY + 8),
        Insn::reg(op::MOV_X, CONTEXT, FRAME),
        Insn::imm(op::ADD_K, CONTEXT, COPY.into()),
    ]
}

/// Returns the code of a front.
fn write(allowed: &State) -> Vec<Insn> {
    let mut code = prologue();
    let mut allows = Vec::new();
    for (devices, access) in allowed.exceptions() {
        let numbers = [(MAJOR, devices.major), (MINOR, devices.minor)];
        let mut tests = vec![Insn::imm(op::JNE32_K, KIND, number(devices.kind))];
        tests.extend(numbers.into_iter().filter_map(|(register, number)| match number {
            Number::Is(n) => Some(Insn::imm(op::JNE32_K, register, n.cast_signed())),
            Number::Any => None,
        }));
        let action: &[Insn] = match access {
            Access::ALL => &[Insn::imm(op::JA, 0, 0)],
            part => &[
                Insn::imm(op::AND_K, ASKED, Access::ALL.without(part).bits().into()),
                Insn::imm(op::JEQ_K, ASKED, 0),
            ],
        };
        let length = tests.len() + action.len();
        for (at, test) in tests.iter_mut().enumerate() {
            test.off = distance(at, length);
        }
        code.extend(tests.into_iter().chain(action.iter().copied()));
        allows.push(code.len() - 1);
    }
    if has_parts(allowed) {
        code.extend(copy());
    }
    code.push(Insn { off: distance(0, ALLOW + 1), ..Insn::imm(op::JA, 0, 0) });
    let allow = code.len();
    for at in allows {
        if let Some(insn) = code.get_mut(at) {
            insn.off = distance(at, allow);
        }
    }
    code.push(Insn::imm(op::MOV_K, RESULT, MAGIC));
    code.push(Insn::imm(op::MOV_K, RESULT, 1));
    code.push(Insn::imm(op::EXIT, 0, 0));
    code
}

/// Returns the offset of a jump from `from` to `to`. In a front that is too long for its jumps the
/// offset is -1, which the verifier refuses.
fn distance(from: usize, to: usize) -> i16 {
    i16::try_from(to - from - 1).unwrap_or(-1)
}

/// Reads the devices of a program's front. Returns None for a program without a front. The caller
/// checks that [`write`] makes the same code of these devices.
fn read(code: &[Insn]) -> Option<State> {
    let mut code = code.strip_prefix(&prologue()[..])?;
    let mut allowed = State::all(Mode::Deny);
    while let [kind, rest @ ..] = code {
        if kind.code != op::JNE32_K || kind.dst != KIND {
            break;
        }
        let kind = [Kind::Block, Kind::Char].into_iter().find(|k| number(*k) == kind.imm)?;
        let mut devices = Devices { major: Number::Any, minor: Number::Any, kind };
        code = rest;
        for register in [MAJOR, MINOR] {
            let [test, rest @ ..] = code else { return None };
            if test.code == op::JNE32_K && test.dst == register {
                let place = if register == MAJOR { &mut devices.major } else { &mut devices.minor };
                *place = Number::Is(test.imm.cast_unsigned());
                code = rest;
            }
        }
        let access = match code {
            [insn, rest @ ..] if insn.code == op::JA => {
                code = rest;
                Access::ALL
            }
            [insn, _, rest @ ..] => {
                code = rest;
                Access::ALL.without(Access::from_bits(u8::try_from(insn.imm).ok()?))
            }
            _ => return None,
        };
        allowed.except(devices, access);
    }
    Some(allowed).filter(|allowed| allowed.exceptions().next().is_some())
}
