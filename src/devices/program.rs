// SPDX-License-Identifier: Apache-2.0
//! Compiles a state to a cgroup v2 device program.
//!
//! The kernel runs the program at each open(2) and mknod(2) of a device and passes the kind, the
//! accesses and both numbers. The program has a section for each kind, a section has a group for
//! each major number, and a group has a comparison for each minor number. A matching comparison
//! jumps to the verdict. So no path continues with a known number, and the verifier's work grows
//! linearly with the number of rules. In a program with one test per rule, as other runtimes make
//! it, the work grows with the square: the limit is near 990 rules of distinct major numbers.
//! Kernel: include/uapi/linux/bpf.h `struct bpf_cgroup_dev_ctx`, kernel/bpf/verifier.c.

use std::collections::BTreeMap;

use super::insn::{op, Insn, Reg};
use super::table::{Major, Table};
use super::{Access, Kind, Mode, State};

/// A constant that marks this library's programs: "katc". It is stored near the end of the program,
/// which only devices of a kind without rules reach.
pub const MAGIC: i32 = 0x6b61_7463;

/// The register of the return value; also used for long constants.
pub(super) const RESULT: Reg = 0;
/// The register of the program's argument, `struct bpf_cgroup_dev_ctx`.
const CONTEXT: Reg = 1;
/// The register of the accesses that are asked for. A program of this library loads the argument's
/// first word only where a verdict needs it, with the accesses at [`SHIFT`].
pub(super) const ASKED: Reg = 2;
/// The register of the kind of device; holds [`BY_MINOR`] after the last group.
pub(super) const KIND: Reg = 3;
/// The register of the device's major number.
pub(super) const MAJOR: Reg = 4;
/// The register of the device's minor number.
pub(super) const MINOR: Reg = 5;
/// The register of the accesses that the device's major number denies. The comparisons by minor
/// number alone (`*:m`) join theirs to it.
pub(super) const DENIED: Reg = 6;

/// Value of [`KIND`] once the major number has been compared; only `*:m` is still to be compared.
pub(super) const BY_MINOR: i32 = 3;

/// How far left the accesses are in the argument's first word; the kind is in the bits below.
pub(super) const SHIFT: u32 = 16;

/// Instructions in a segment after which a new segment begins. Jumps reach 32,767 instructions.
const SEGMENT: usize = 12_000;
/// Most minor numbers in one group. The others go to another group of the same major number.
const GROUP: usize = 4_000;
/// Most comparisons in a row that jump when they match. The verifier remembers each such jump until
/// the row has ended, and 8,192 at most.
const JUMPS: usize = 1_000;

/// Returns the kernel's number of a kind.
pub(super) fn number(kind: Kind) -> i32 {
    match kind {
        Kind::Block => 1,
        Kind::Char => 2,
    }
}

/// Returns a program that allows what the state allows.
pub fn compile(state: &State) -> Vec<Insn> {
    let mode = state.mode();
    let tables = [Kind::Char, Kind::Block].map(|kind| (kind, Table::new(state, kind)));
    let mut out = Builder { mode, code: Vec::new(), stubs: BTreeMap::new() };
    out.prologue(tables.iter().any(|(_, table)| !table.minors.is_empty()));
    for (kind, table) in &tables {
        if !table.is_default(mode) {
            out.section(*kind, table);
        }
    }
    let result = i32::from(mode == Mode::Allow);
    out.push(Insn::imm(op::MOV_K, RESULT, MAGIC));
    out.push(Insn::imm(op::MOV_K, RESULT, result));
    out.push(Insn::imm(op::EXIT, 0, 0));
    out.code
}

/// Code at the end of a segment that jumps lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stub {
    /// The verdict for devices with these allowed accesses (the kernel's bits).
    Verdict(u8),
    /// The verdict for devices with these allowed accesses joined with [`DENIED`].
    Joined(u8),
    /// The next segment, or the default.
    End,
}

struct Builder {
    mode: Mode,
    code: Vec<Insn>,
    /// The jumps to each stub. Their offsets are set at the end of the segment.
    stubs: BTreeMap<Stub, Vec<usize>>,
}

/// Returns the accesses that are not allowed, as a mask for the argument's first word.
fn denied(allowed: Access) -> i32 {
    i32::from(Access::ALL.without(allowed).bits()) << SHIFT
}

/// Returns the accesses that a mask of [`denied`] leaves allowed.
pub(super) fn allowed_by(denied: i32) -> Option<Access> {
    let bits = u8::try_from(denied >> SHIFT).ok()?;
    Some(Access::ALL.without(Access::from_bits(bits)))
}

/// Returns an instruction that loads a word of the argument.
fn load(dst: Reg, off: i16) -> Insn {
    Insn { code: op::LDXW, dst, src: CONTEXT, off, imm: 0 }
}

impl Builder {
    fn push(&mut self, insn: Insn) {
        self.code.push(insn);
    }

    fn prologue(&mut self, by_minor: bool) {
        self.push(load(KIND, 0));
        self.push(Insn::imm(op::AND_K, KIND, 0xffff));
        self.push(load(MAJOR, 4));
        self.push(load(MINOR, 8));
        if by_minor {
            // The verifier refuses a register that is not set on every path.
            self.push(Insn::imm(op::MOV_K, DENIED, denied(Access::NONE)));
        }
    }

    /// Adds a comparison that jumps to a stub.
    fn jump(&mut self, insn: Insn, stub: Stub) {
        self.stubs.entry(stub).or_default().push(self.code.len());
        self.push(insn);
    }

    /// Adds a comparison with a number. Returns the index of its jump, whose offset is set later.
    fn compare(&mut self, register: Reg, value: u32, jumps_when_equal: bool) -> usize {
        let (short, long) = match jumps_when_equal {
            true => (op::JEQ_K, op::JEQ_X),
            false => (op::JNE_K, op::JNE_X),
        };
        let bits = value.cast_signed();
        if bits >= 0 {
            self.push(Insn::imm(short, register, bits));
        } else {
            // The short form would sign-extend the constant.
            self.push(Insn::imm(op::LDDW, RESULT, bits));
            self.push(Insn::imm(0, 0, 0));
            self.push(Insn::reg(long, register, RESULT));
        }
        self.code.len() - 1
    }

    /// Sets the offset of the jump at `at`, so that it leads to the next instruction to be added.
    fn land(&mut self, at: usize) {
        let distance = self.code.len() - at - 1;
        if let (Some(insn), Ok(off)) = (self.code.get_mut(at), i16::try_from(distance)) {
            insn.off = off;
        }
    }

    /// Adds the section of a kind.
    fn section(&mut self, kind: Kind, table: &Table) {
        let by_minor = !table.minors.is_empty();
        let mut start = self.begin(number(kind));
        for (major, entry) in &table.majors {
            for (minors, is_last) in chunks(entry) {
                if self.code.len() - start > SEGMENT {
                    self.jump(Insn::imm(op::JA, 0, 0), Stub::End);
                    self.end();
                    start = self.begin(number(kind));
                }
                let next = self.compare(MAJOR, *major, false);
                self.minors(&minors, Stub::Verdict);
                if is_last {
                    self.rest(entry.rest.unwrap_or(table.rest), by_minor);
                }
                self.land(next);
            }
        }
        if !by_minor {
            self.verdict(table.rest);
            self.end();
            return;
        }
        self.rest(table.rest, true);
        self.end();
        let all: Vec<(u32, Access)> = table.minors.iter().map(|(m, a)| (*m, *a)).collect();
        start = self.begin(BY_MINOR);
        for minors in all.chunks(GROUP) {
            if self.code.len() - start > SEGMENT {
                self.jump(Insn::imm(op::JA, 0, 0), Stub::End);
                self.end();
                start = self.begin(BY_MINOR);
            }
            self.minors(minors, Stub::Joined);
        }
        self.joined_verdict();
        self.end();
    }

    /// Begins a segment with a jump over it for devices of another kind. Returns its first index.
    fn begin(&mut self, kind: i32) -> usize {
        let start = self.code.len();
        self.jump(Insn::imm(op::JNE_K, KIND, kind), Stub::End);
        start
    }

    /// Ends a segment: adds the stubs that its jumps lead to.
    fn end(&mut self) {
        for (stub, mut jumps) in std::mem::take(&mut self.stubs) {
            // The kernel removes a jump to the next instruction. The program that is read back
            // would then differ from the one that was loaded.
            let last = self.code.len().checked_sub(1);
            let is_jump = self.code.last().is_some_and(|insn| insn.code == op::JA);
            if stub == Stub::End && is_jump && jumps.last().copied() == last {
                jumps.pop();
                self.code.pop();
            }
            for at in jumps {
                self.land(at);
            }
            match stub {
                Stub::Verdict(allowed) => self.verdict(Access::from_bits(allowed)),
                Stub::Joined(allowed) => {
                    let code = if self.mode == Mode::Deny { op::AND_K } else { op::OR_K };
                    self.push(Insn::imm(code, DENIED, denied(Access::from_bits(allowed))));
                    self.joined_verdict();
                }
                // Sorted last. The other stubs end in a return, so nothing falls through to here.
                Stub::End => {}
            }
        }
    }

    /// Adds comparisons with minor numbers.
    fn minors(&mut self, minors: &[(u32, Access)], stub: fn(u8) -> Stub) {
        for (minor, allowed) in minors {
            let stub = stub(allowed.bits());
            if minors.len() > JUMPS {
                let next = self.compare(MINOR, *minor, false);
                self.jump(Insn::imm(op::JA, 0, 0), stub);
                self.land(next);
            } else {
                let at = self.compare(MINOR, *minor, true);
                self.stubs.entry(stub).or_default().push(at);
            }
        }
    }

    /// Adds the end of a group, for devices whose minor number has not matched.
    fn rest(&mut self, allowed: Access, by_minor: bool) {
        if by_minor {
            self.push(Insn::imm(op::MOV_K, DENIED, denied(allowed)));
            self.push(Insn::imm(op::MOV_K, KIND, BY_MINOR));
            self.jump(Insn::imm(op::JA, 0, 0), Stub::End);
        } else if allowed == Access::ALL || allowed.is_empty() {
            self.verdict(allowed);
        } else {
            self.jump(Insn::imm(op::JA, 0, 0), Stub::Verdict(allowed.bits()));
        }
    }

    /// Adds a return from the program: 1 if all accesses that are asked for are allowed, else 0.
    fn verdict(&mut self, allowed: Access) {
        if allowed == Access::ALL || allowed.is_empty() {
            self.push(Insn::imm(op::MOV_K, RESULT, i32::from(!allowed.is_empty())));
            self.push(Insn::imm(op::EXIT, 0, 0));
            return;
        }
        self.push(load(ASKED, 0));
        self.push(Insn::imm(op::AND_K, ASKED, denied(allowed)));
        self.none_left();
    }

    /// Adds a return from the program: 1 if [`DENIED`] has none of the accesses, else 0.
    fn joined_verdict(&mut self) {
        self.push(load(ASKED, 0));
        self.push(Insn::reg(op::AND_X, ASKED, DENIED));
        self.none_left();
    }

    /// Adds a return from the program: 1 if no bit of [`ASKED`] is left, else 0.
    fn none_left(&mut self) {
        self.push(Insn::imm(op::MOV_K, RESULT, 1));
        self.push(Insn { off: 1, ..Insn::imm(op::JEQ_K, ASKED, 0) });
        self.push(Insn::imm(op::MOV_K, RESULT, 0));
        self.push(Insn::imm(op::EXIT, 0, 0));
    }
}

/// Splits the minor numbers of a major number into groups. The flag marks the last group.
fn chunks(entry: &Major) -> Vec<(Vec<(u32, Access)>, bool)> {
    let all: Vec<(u32, Access)> = entry.minors.iter().map(|(m, a)| (*m, *a)).collect();
    let count = all.len().div_ceil(GROUP).max(1);
    let chunk = |i: usize| all.iter().skip(i * GROUP).take(GROUP).copied().collect();
    (0..count).map(|i| (chunk(i), i + 1 == count)).collect()
}
