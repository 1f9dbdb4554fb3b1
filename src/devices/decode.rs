// SPDX-License-Identifier: Apache-2.0
//! Reads a state back from a device program of this library.

use super::insn::{op, Insn};
use super::program::{self, BY_MINOR, DENIED, KIND, MAGIC, MAJOR, MINOR, RESULT};
use super::{Access, Devices, Kind, Mode, Number, State};

/// Returns whether a program has this library's mark.
pub fn is_ours(code: &[Insn]) -> bool {
    let end = code.len().saturating_sub(3);
    code.get(end).is_some_and(|insn| *insn == Insn::imm(op::MOV_K, RESULT, MAGIC))
}

/// Returns the state that a program of this library enforces. Returns None for any other program,
/// and for a program of a newer version of this library that compiles states in another way.
pub fn decode(code: &[Insn]) -> Option<State> {
    let [.., mark, default, exit] = code else { return None };
    if *mark != Insn::imm(op::MOV_K, RESULT, MAGIC) || exit.code != op::EXIT {
        return None;
    }
    let mode = if default.imm == 0 { Mode::Deny } else { Mode::Allow };
    let mut reader = Reader { code, at: 0, kind: None, major: Number::Any, end: 0, found: vec![] };
    while reader.at + 3 < code.len() {
        let before = reader.at;
        reader.step()?;
        // A program that is not this library's may jump back.
        if reader.at <= before {
            return None;
        }
    }
    let mut state = State::all(mode);
    for (devices, allowed) in reader.found {
        let access = match mode {
            Mode::Deny => allowed,
            Mode::Allow => Access::ALL.without(allowed),
        };
        state.except(devices, access);
    }
    // The state is right if it compiles to the same program.
    (program::compile(&state) == code).then_some(state)
}

struct Reader<'a> {
    code: &'a [Insn],
    /// Index of the next instruction to read.
    at: usize,
    /// The kind of the section.
    kind: Option<Kind>,
    /// The major number of the group.
    major: Number,
    /// Index behind the segment.
    end: usize,
    /// Devices and their allowed accesses.
    found: Vec<(Devices, Access)>,
}

impl Reader<'_> {
    fn insn(&self, at: usize) -> Option<Insn> {
        self.code.get(at).copied()
    }

    /// Returns the index that the jump at `at` leads to.
    fn target(&self, at: usize) -> Option<usize> {
        let off = usize::try_from(self.insn(at)?.off).ok()?;
        Some(at + 1 + off)
    }

    /// Reads one element of the program. None: this library does not make such code.
    fn step(&mut self) -> Option<()> {
        let at = self.at;
        let insn = self.insn(at)?;
        self.at += 1;
        let is_joined = || self.insn(at + 1).is_some_and(|next| next.code == op::AND_X);
        match (insn.code, insn.dst) {
            (op::JNE_K, KIND) => {
                self.end = self.target(at)?;
                self.major = Number::Any;
                self.kind = match insn.imm {
                    BY_MINOR => self.kind,
                    n => [Kind::Block, Kind::Char].into_iter().find(|k| program::number(*k) == n),
                };
            }
            (op::LDDW, RESULT) => {
                let jump = self.insn(at + 2)?;
                self.compare(at + 2, jump, insn.imm)?;
            }
            (op::JNE_K | op::JEQ_K, MAJOR | MINOR) => self.compare(at, insn, insn.imm)?,
            (op::JA, _) => {
                let target = self.target(at)?;
                match self.verdict(target) {
                    Some(allowed) if target < self.end => self.group_ends(allowed),
                    _ => self.at = self.end,
                }
            }
            (op::MOV_K, DENIED) if self.kind.is_some() => {
                let allowed = program::allowed_by(insn.imm)?;
                let was_last = self.major == Number::Any;
                self.group_ends(allowed);
                self.at = if was_last { self.end } else { at + 3 };
            }
            _ if self.kind.is_none() => {}
            (op::LDXW, program::ASKED) if is_joined() => self.at = self.end,
            _ => {
                let allowed = self.verdict(at)?;
                let was_last = self.major == Number::Any;
                self.group_ends(allowed);
                self.at = if was_last { self.end } else { at + 2 };
            }
        }
        Some(())
    }

    /// Reads a comparison with `imm`, whose jump is at `at`.
    fn compare(&mut self, at: usize, jump: Insn, imm: i32) -> Option<()> {
        self.at = at + 1;
        let value = imm.cast_unsigned();
        match (jump.code, jump.dst) {
            (op::JNE_K | op::JNE_X, MAJOR) => self.major = Number::Is(value),
            (op::JNE_K | op::JNE_X, MINOR) => {
                self.at = at + 2;
                self.add(Number::Is(value), self.verdict(self.target(at + 1)?)?)?;
            }
            (op::JEQ_K | op::JEQ_X, MINOR) => {
                self.add(Number::Is(value), self.verdict(self.target(at)?)?)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn add(&mut self, minor: Number, allowed: Access) -> Option<()> {
        self.found.push((Devices { major: self.major, minor, kind: self.kind? }, allowed));
        Some(())
    }

    /// Notes the accesses of the group's other minor numbers.
    fn group_ends(&mut self, allowed: Access) {
        let _ = self.add(Number::Any, allowed);
        self.major = Number::Any;
    }

    /// Returns the accesses that the verdict at `at` allows.
    fn verdict(&self, at: usize) -> Option<Access> {
        let insn = self.insn(at)?;
        match (insn.code, insn.dst) {
            (op::MOV_K, RESULT) if insn.imm == 0 => Some(Access::NONE),
            (op::MOV_K, RESULT) => Some(Access::ALL),
            (op::LDXW, program::ASKED) => program::allowed_by(self.insn(at + 1)?.imm),
            (op::AND_K | op::OR_K, DENIED) => program::allowed_by(insn.imm),
            _ => None,
        }
    }
}
