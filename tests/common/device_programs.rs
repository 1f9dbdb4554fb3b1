// SPDX-License-Identifier: Apache-2.0

//! Makes device programs as runc, crun and systemd make them, and has their default rules.
//!
//! The sources of the forms: runc's libcontainer/specconv and devicefilter, crun's cgroup-resources
//! and ebpf, systemd's bpf-devices.
#![allow(dead_code)]

/// A rule: `allow c 1:3 rwm`. Type `a` has no numbers.
#[derive(Clone, Copy, Debug)]
pub struct PeerRule {
    pub allow: bool,
    /// 1 is block, 2 is character, 0 is every device.
    pub kind: i32,
    pub major: Option<u32>,
    pub minor: Option<u32>,
    /// The kernel's bits: m 1, r 2, w 4.
    pub access: i32,
}

pub fn rule(text: &str) -> PeerRule {
    let mut parts = text.split([' ', ':']);
    let mut next = || parts.next().unwrap();
    let (allow, kind) = (next() == "allow", next());
    let (major, minor) = (next().parse().ok(), next().parse().ok());
    let bit = |letter| match letter {
        'm' => 1,
        'r' => 2,
        _ => 4,
    };
    let access = next().chars().map(bit).sum();
    let kind = ["a", "b", "c"].iter().position(|k| *k == kind).unwrap();
    PeerRule { allow, kind: i32::try_from(kind).unwrap(), major, minor, access }
}

pub fn list(rules: &[&str]) -> Vec<PeerRule> {
    rules.iter().map(|text| rule(text)).collect()
}

/// The rules that runc appends to a specification's rules (specconv.AllowedDevices).
pub const RUNC: [&str; 11] = [
    "allow c *:* m",
    "allow b *:* m",
    "allow c 1:3 rwm",
    "allow c 1:8 rwm",
    "allow c 1:7 rwm",
    "allow c 5:0 rwm",
    "allow c 1:5 rwm",
    "allow c 1:9 rwm",
    "allow c 136:* rwm",
    "allow c 5:2 rwm",
    "allow c 10:200 rwm",
];

/// The rules that crun 1.21 appends to a specification's rules. crun 1.8.1 does not have 10:200.
pub const CRUN: [&str; 12] = [
    "allow c *:* m",
    "allow b *:* m",
    "allow c 1:3 rwm",
    "allow c 1:8 rwm",
    "allow c 1:7 rwm",
    "allow c 5:0 rwm",
    "allow c 1:5 rwm",
    "allow c 1:9 rwm",
    "allow c 5:1 rwm",
    "allow c 136:* rwm",
    "allow c 5:2 rwm",
    "allow c 10:200 rwm",
];

/// An instruction's bytes on a little-endian machine.
pub type Bytes = [u8; 8];

fn insn(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Bytes {
    let (o, i) = (off.to_le_bytes(), imm.to_le_bytes());
    [code, src << 4 | dst, o[0], o[1], i[0], i[1], i[2], i[3]]
}

/// Loads the kind to r2, the accesses to r3 and the numbers to r4 and r5, as all three do.
fn prologue() -> Vec<Bytes> {
    let load = |dst, off| insn(0x61, dst, 1, off, 0);
    let (and, shift) = (insn(0x54, 2, 0, 0, 0xffff), insn(0x74, 3, 0, 0, 16));
    vec![load(2, 0), and, load(3, 0), shift, load(4, 4), load(5, 8)]
}

/// Compares the accesses, and jumps by `off` if one that is asked for is not in the mask.
fn mask_test(access: i32, off: usize) -> [Bytes; 3] {
    let off = i16::try_from(off).unwrap();
    [insn(0xbc, 1, 3, 0, 0), insn(0x54, 1, 0, 0, access), insn(0x5d, 1, 3, off, 0)]
}

/// One rule as runc and crun compile it; `mov` is the operation that sets r0.
fn block(rule: &PeerRule, mov: u8) -> Vec<Bytes> {
    let mut tests = Vec::new();
    let number = |n: u32| n.cast_signed();
    let compare = |register, value| vec![insn(0x55, register, 0, 0, value)];
    if rule.kind != 0 {
        tests.extend(compare(2, rule.kind));
    }
    if rule.access != 7 {
        tests.extend(mask_test(rule.access, 1));
    }
    tests.extend(rule.major.iter().flat_map(|n| compare(4, number(*n))));
    tests.extend(rule.minor.iter().flat_map(|n| compare(5, number(*n))));
    let end = tests.len() + 2;
    for (at, test) in tests.iter_mut().enumerate() {
        if matches!(test[0], 0x55 | 0x5d) {
            test[2..4].copy_from_slice(&i16::try_from(end - at - 1).unwrap().to_le_bytes());
        }
    }
    tests.extend([insn(mov, 0, 0, 0, rule.allow.into()), insn(0x95, 0, 0, 0, 0)]);
    tests
}

/// Returns runc's program of exceptions to a default.
pub fn runc(default: bool, exceptions: &[PeerRule]) -> Vec<Bytes> {
    let mut code = prologue();
    code.extend(exceptions.iter().flat_map(|rule| block(rule, 0xb4)));
    code.extend([insn(0xb4, 0, 0, 0, default.into()), insn(0x95, 0, 0, 0, 0)]);
    code
}

/// Returns crun's program of a specification's rules: crun's defaults are tested first, then the
/// rules from the last to the first. A rule for all devices and accesses ends the program.
pub fn crun(defaults: &[PeerRule], rules: &[PeerRule]) -> Vec<Bytes> {
    let mut code = prologue();
    for rule in defaults.iter().rev().chain(rules.iter().rev()) {
        code.extend(block(rule, 0xb7));
        if (rule.kind, rule.access, rule.major, rule.minor) == (0, 7, None, None) {
            return code;
        }
    }
    code.extend([insn(0xb7, 0, 0, 0, 0), insn(0x95, 0, 0, 0, 0)]);
    code
}

/// Returns systemd's program of allowed devices, in which a match jumps to the end.
pub fn systemd(allowed: &[PeerRule]) -> Vec<Bytes> {
    let mut code = prologue();
    let mut jumps = Vec::new();
    for rule in allowed {
        let numbers = [(2, Some(rule.kind.cast_unsigned())), (4, rule.major), (5, rule.minor)];
        let known: Vec<_> = numbers.iter().filter_map(|(r, n)| Some((*r, (*n)?))).collect();
        if rule.access != 7 {
            code.extend(mask_test(rule.access, known.len() + 1));
        }
        for (at, (register, n)) in known.iter().enumerate() {
            let off = i16::try_from(known.len() - at).unwrap();
            code.push(insn(0x55, *register, 0, off, n.cast_signed()));
        }
        jumps.push(code.len());
        code.push(insn(0x05, 0, 0, 0, 0));
    }
    code.extend([insn(0xb7, 0, 0, 0, 0), insn(0x05, 0, 0, 1, 0)]);
    for at in jumps {
        let off = i16::try_from(code.len() - at - 1).unwrap();
        code[at][2..4].copy_from_slice(&off.to_le_bytes());
    }
    code.extend([insn(0xb7, 0, 0, 0, 1), insn(0x95, 0, 0, 0, 0)]);
    code
}

/// Returns a program of each, with the form and length of those of real containers and units.
pub fn examples() -> [(&'static str, Vec<Bytes>); 3] {
    let more = list(&["deny a *:* rwm", "allow c 10:229 rwm", "allow c 10:232 rwm"]);
    let runcs = [&list(&RUNC)[..], &list(&["allow c 10:* r"])].concat();
    let units = list(&["allow c 1:3 rw", "allow c 1:5 r"]);
    [("sd_devices", systemd(&units)), ("", crun(&list(&CRUN), &more)), ("", runc(false, &runcs))]
}

/// Returns the answer of runc's and crun's programs: the first matching rule decides. A rule
/// matches, even one that denies, if it has all accesses that are asked for.
pub fn first_fit(
    rules: &[PeerRule],
    kind: i32,
    major: u32,
    minor: u32,
    asked: i32,
) -> Option<bool> {
    let fits = |rule: &&PeerRule| {
        (rule.kind == 0 || rule.kind == kind)
            && rule.access & asked == asked
            && rule.major.is_none_or(|n| n == major)
            && rule.minor.is_none_or(|n| n == minor)
    };
    rules.iter().find(fits).map(|rule| rule.allow)
}
