// SPDX-License-Identifier: Apache-2.0
//! One BPF instruction: its fields, its bytes and its text.
//!
//! Kernel: Documentation/bpf/standardization/instruction-set.rst.

use std::fmt;

/// A register.
pub type Reg = u8;

/// Operations, in the kernel's encoding. `_K` uses the constant, `_X` the source register.
pub mod op {
    /// Loads a constant of 64 bits: the low half from this instruction, the high half from the
    /// next.
    pub const LDDW: u8 = 0x18;
    /// Loads 32 bits of memory.
    pub const LDXW: u8 = 0x61;
    /// Loads 16 bits of memory.
    pub const LDXH: u8 = 0x69;
    /// Loads 8 bits of memory.
    pub const LDXB: u8 = 0x71;
    /// Stores 32 bits.
    pub const STXW: u8 = 0x63;
    /// `dst += imm`
    pub const ADD_K: u8 = 0x07;
    /// `dst = imm`
    pub const MOV_K: u8 = 0xb7;
    /// `dst = src`
    pub const MOV_X: u8 = 0xbf;
    /// `dst &= imm`
    pub const AND_K: u8 = 0x57;
    /// `dst &= src`
    pub const AND_X: u8 = 0x5f;
    /// `dst |= imm`
    pub const OR_K: u8 = 0x47;
    /// `dst |= src`
    pub const OR_X: u8 = 0x4f;
    /// `dst <<= imm`
    pub const LSH_K: u8 = 0x67;
    /// `dst >>= imm`
    pub const RSH_K: u8 = 0x77;
    /// Jumps always.
    pub const JA: u8 = 0x05;
    /// Jumps when `dst == imm`.
    pub const JEQ_K: u8 = 0x15;
    /// Jumps when `dst == src`.
    pub const JEQ_X: u8 = 0x1d;
    /// Jumps when `dst != imm`.
    pub const JNE_K: u8 = 0x55;
    /// Jumps when `dst != src`.
    pub const JNE_X: u8 = 0x5d;
    /// Jumps when the low 32 bits of `dst` differ from `imm`.
    pub const JNE32_K: u8 = 0x56;
    /// Calls a function of the kernel or of the program.
    pub const CALL: u8 = 0x85;
    /// Continues in another program. The kernel translates a call of bpf_tail_call to this
    /// operation.
    pub const TAIL_CALL: u8 = 0xf0;
    /// Returns r0.
    pub const EXIT: u8 = 0x95;
}

/// One instruction, `struct bpf_insn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insn {
    /// The operation.
    pub code: u8,
    /// The destination register.
    pub dst: Reg,
    /// The source register.
    pub src: Reg,
    /// How many instructions a jump skips, or the offset in memory.
    pub off: i16,
    /// The constant.
    pub imm: i32,
}

/// Size of one instruction in bytes.
pub const INSN_SIZE: usize = 8;

impl Insn {
    /// Returns an instruction with a constant.
    pub fn imm(code: u8, dst: Reg, imm: i32) -> Insn {
        Insn { code, dst, src: 0, off: 0, imm }
    }

    /// Returns an instruction with a source register.
    pub fn reg(code: u8, dst: Reg, src: Reg) -> Insn {
        Insn { code, dst, src, off: 0, imm: 0 }
    }

    /// Returns the bytes that the kernel takes. The two registers share a byte; which half is whose
    /// depends on the machine's byte order.
    pub fn to_bytes(self) -> [u8; INSN_SIZE] {
        let [o0, o1] = self.off.to_ne_bytes();
        let [i0, i1, i2, i3] = self.imm.to_ne_bytes();
        let regs = match cfg!(target_endian = "little") {
            true => self.src << 4 | self.dst & 15,
            false => self.dst << 4 | self.src & 15,
        };
        [self.code, regs, o0, o1, i0, i1, i2, i3]
    }

    /// Returns the instruction of bytes that the kernel gave.
    pub fn from_bytes(bytes: [u8; INSN_SIZE]) -> Insn {
        let [code, regs, o0, o1, i0, i1, i2, i3] = bytes;
        let (low, high) = (regs & 15, regs >> 4);
        let (dst, src) = if cfg!(target_endian = "little") { (low, high) } else { (high, low) };
        let (off, imm) = (i16::from_ne_bytes([o0, o1]), i32::from_ne_bytes([i0, i1, i2, i3]));
        Insn { code, dst, src, off, imm }
    }
}

/// Writes the instruction much as bpftool does.
impl fmt::Display for Insn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Insn { code, dst, src, off, imm } = *self;
        match code {
            op::LDDW => write!(f, "r{dst} = {} ll", imm.cast_unsigned()),
            op::LDXW => write!(f, "r{dst} = *(u32 *)(r{src} +{off})"),
            op::MOV_K => write!(f, "r{dst} = {imm}"),
            op::MOV_X => write!(f, "r{dst} = r{src}"),
            op::AND_K => write!(f, "r{dst} &= {imm}"),
            op::AND_X => write!(f, "r{dst} &= r{src}"),
            op::OR_K => write!(f, "r{dst} |= {imm}"),
            op::RSH_K => write!(f, "r{dst} >>= {imm}"),
            op::JA => write!(f, "goto {off:+}"),
            op::JEQ_K => write!(f, "if r{dst} == {imm} goto {off:+}"),
            op::JEQ_X => write!(f, "if r{dst} == r{src} goto {off:+}"),
            op::JNE_K => write!(f, "if r{dst} != {imm} goto {off:+}"),
            op::JNE_X => write!(f, "if r{dst} != r{src} goto {off:+}"),
            op::EXIT => f.write_str("exit"),
            0 => write!(f, "(high half {imm})"),
            other => write!(f, "(code {other:#04x})"),
        }
    }
}
