// SPDX-License-Identifier: Apache-2.0
//! Allowed devices as code in front of another's device program.
//!
//! All programs of a cgroup must allow an access, so a program beside another cannot allow what the
//! other denies. Code in front of the other's can. A call that asks for allowed accesses only
//! returns there. A call that asks for others as well goes on with the rest of them: the other's
//! code then reads a copy of its argument.
//!
//! ```text
//! kind, accesses and numbers into registers
//! for each exception: if kind, major and minor fit: remove its accesses; if none is left, allow
//! the copy of the argument, if an exception has not all accesses
//! goto the other's code
//! allow: the mark, return 1
//! ```

use super::insn::{op, Insn, Reg};
use super::program::{number, ASKED, KIND, MAJOR, MINOR, RESULT};
use super::{foreign, Access, Devices, Kind, Mode, Number, Rule, State};
use crate::error::{fail, Code, Result};

/// A constant that marks a front: "katf". It is stored where an access is allowed.
const MAGIC: i32 = 0x6b61_7466;
const CONTEXT: Reg = 1;
const FRAME: Reg = 10;
/// Where the copy of the argument is, from the frame pointer.
///
/// Only the store of the major number is to a whole slot of the stack (8 bytes), and the store of
/// the minor number overwrites a part of that slot. So the verifier takes all three for unknown
/// values. Of a value that it knows, kernels before 6.8 conclude too much when it is read by
/// another register than the frame pointer: they remove code that does run.
const COPY: i16 = -12;
/// Most exceptions of a front. The verifier's work grows with their square.
const MOST_DEVICES: usize = 256;
/// Instructions of the mark and the return.
const ALLOW: usize = 3;

/// Another's program, with devices that this library allows before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fronted {
    /// The devices, as exceptions.
    allowed: State,
    /// The other's code.
    rest: Vec<Insn>,
}

impl Fronted {
    /// Takes a program apart. The front of a program without one has no devices.
    pub fn new(code: &[Insn]) -> Fronted {
        let found = read(code).and_then(|allowed| {
            let front = write(&allowed);
            let rest = code.strip_prefix(&front[..])?.to_vec();
            Some(Fronted { allowed, rest })
        });
        found.unwrap_or_else(|| Fronted { allowed: State::all(Mode::Deny), rest: code.to_vec() })
    }

    /// The other's code.
    pub fn rest(&self) -> &[Insn] {
        &self.rest
    }

    /// The devices of the front.
    pub fn allowed(&self) -> &State {
        &self.allowed
    }

    /// Applies a rule. A device that the other's code allows by itself gets no exception.
    ///
    /// # Errors
    /// As [`State::apply`]; too many devices ([`Code::Value`]).
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

    /// Whether the copy of the argument would lie where the other's code has values.
    pub fn collides(&self) -> bool {
        has_parts(&self.allowed) && foreign::uses_stack(&self.rest)
    }

    /// Returns the whole program; the other's alone when the front has no devices.
    pub fn to_code(&self) -> Vec<Insn> {
        match self.allowed.exceptions().next() {
            None => self.rest.clone(),
            Some(_) => [write(&self.allowed), self.rest.clone()].concat(),
        }
    }
}

/// Whether an exception has some accesses and not all.
fn has_parts(allowed: &State) -> bool {
    allowed.exceptions().any(|(_, access)| access != Access::ALL)
}

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

/// Makes a copy of the argument with the accesses that are left, and passes it on.
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

/// Returns how far a jump at `from` goes to `to`. A front that is too long for its jumps does not
/// pass the verifier.
fn distance(from: usize, to: usize) -> i16 {
    i16::try_from(to - from - 1).unwrap_or(-1)
}

/// Reads the devices of the front of a program. None for a program without one; the caller checks
/// that the devices lead to the same code.
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
