// SPDX-License-Identifier: Apache-2.0
//! Device rules as a program of cgroup v2.
//!
//! A cgroup may have programs of others, systemd's for instance; all of them must allow an access.
//! This library has one program per cgroup, and finds it again by its name and a constant in it.
//! The kernel exchanges a program for another at once: no device is denied or allowed in between
//! that is not so before or afterwards.

use std::sync::Arc;

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::scope::Scope;
use crate::cgroupfs::{bpf, Cgroup};
use crate::devices::{compile, decode, is_ours, Insn, Mode, State};
use crate::error::{fail, Code, Error, Result};
use crate::host::HierarchyId;

/// Attempts to exchange a program that another process exchanges as well.
const TRIES: u32 = 5;
/// Bytes of the verifier's log in an error: its end says why.
const LOG_END: usize = 400;

const NEEDS: &str = "device programs need a kernel with CONFIG_CGROUP_BPF, and CAP_SYS_ADMIN (or \
                     CAP_BPF and CAP_NET_ADMIN) outside of user namespaces; without it, set the \
                     skip-devices flag";

/// The programs before and after a change.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The program that is attached now.
    pub new: Arc<OwnedFd>,
    /// Programs of this library that it took the place of.
    pub old: Vec<Arc<OwnedFd>>,
}

impl PartialEq for Exchange {
    fn eq(&self, other: &Exchange) -> bool {
        Arc::ptr_eq(&self.new, &other.new)
    }
}

/// The programs that are attached to a cgroup itself.
pub struct Found {
    /// Those of this library.
    pub programs: Vec<bpf::Program>,
    /// Names of others' programs, with their ids.
    pub foreign: Vec<String>,
}

impl Found {
    /// Returns the rules of this library's program. Without one, all is allowed.
    pub fn state(&self, cgroup: Cgroup<'_>) -> Result<State> {
        match self.programs.as_slice() {
            [] => Ok(State::all(Mode::Allow)),
            [one] => decode(&one.code).ok_or_else(|| unreadable(cgroup, one)),
            _ => fail(Code::Unsupported, "the cgroup has several device programs of this library"),
        }
    }
}

fn unreadable(cgroup: Cgroup<'_>, program: &bpf::Program) -> Error {
    let path = String::from_utf8_lossy(&cgroup.absolute("")).into_owned();
    let text = format!("device program {} of {path} cannot be read back", program.id);
    Error::new(Code::Unsupported, text).advice(
        "the kernel hides or changes its instructions (net.core.bpf_jit_harden, \
         kernel.kptr_restrict), or a newer version made it; set the whole list instead",
    )
}

/// Reads the rules in force on v2.
///
/// Errors: there is a program of others, whose rules have no form ([`Code::Unsupported`]).
pub fn read_program(cgroup: Cgroup<'_>) -> Result<State> {
    let found = ours(&open(cgroup)?, cgroup)?;
    if let Some(other) = found.foreign.first() {
        let text = format!("the cgroup has the device program {other}, whose rules are not known");
        return fail(Code::Unsupported, text);
    }
    found.state(cgroup)
}

/// Opens the cgroup's directory.
pub fn open(cgroup: Cgroup<'_>) -> Result<OwnedFd> {
    cgroup
        .open("", OFlags::RDONLY | OFlags::DIRECTORY)
        .map_err(|e| Error::system("open", &cgroup.absolute(""), e))
}

fn failed(what: &'static str, cgroup: Cgroup<'_>) -> impl Fn(Errno) -> Error {
    let path = cgroup.absolute("");
    move |e| {
        let error = Error::system(what, &path, e);
        match e {
            Errno::PERM | Errno::ACCESS | Errno::NOSYS | Errno::INVAL => {
                error.with_code(Code::Unsupported).advice(NEEDS)
            }
            _ => error,
        }
    }
}

/// Loads the program of a state.
pub fn load(cgroup: Cgroup<'_>, wanted: &State) -> Result<OwnedFd> {
    let code = compile(wanted);
    bpf::load(&code).map_err(|e| {
        let what = "load the device program of";
        if e.log.is_empty() {
            return failed(what, cgroup)(e.errno);
        }
        let start = e.log.len().saturating_sub(LOG_END);
        let end = e.log.get(start..).unwrap_or(&e.log).replace('\n', " | ");
        Error::system(what, &cgroup.absolute(""), e.errno).advice(format!("verifier: {end}"))
    })
}

/// Finds the programs of this library, and those of others.
pub fn ours(directory: &OwnedFd, cgroup: Cgroup<'_>) -> Result<Found> {
    let mut found = Found { programs: Vec::new(), foreign: Vec::new() };
    for id in bpf::query(directory).map_err(failed("query the device programs of", cgroup))? {
        match bpf::open(id) {
            Ok(program) if program.name == bpf::NAME && may_be_ours(&program) => {
                found.programs.push(program);
            }
            Ok(program) => found.foreign.push(format!("{:?} (id {id})", program.name)),
            // It was detached since.
            Err(Errno::NOENT) => {}
            Err(e) => return Err(failed("open a device program of", cgroup)(e)),
        }
    }
    Ok(found)
}

/// Whether a program of our name has our mark, or has instructions that do not show it: hidden
/// ones, or blinded ones, which use the kernel's own register 11.
fn may_be_ours(program: &bpf::Program) -> bool {
    let blinded = |insn: &Insn| insn.dst > 10 || insn.src > 10;
    program.code.is_empty() || is_ours(&program.code) || program.code.iter().any(blinded)
}

/// Attaches the new program in the place of the old one. Returns the old ones.
pub fn exchange(
    directory: &OwnedFd,
    cgroup: Cgroup<'_>,
    new: &OwnedFd,
    old: Vec<bpf::Program>,
) -> Result<Vec<Arc<OwnedFd>>> {
    let attached = |e: Errno| {
        let error = Error::system("attach a device program to", &cgroup.absolute(""), e);
        match e {
            Errno::PERM => error.with_code(Code::Unsupported).advice(
                "a program that allows no other beside it is attached here or in an ancestor",
            ),
            Errno::TOOBIG => error.advice("the cgroup has 64 programs, the kernel's limit"),
            _ => error,
        }
    };
    match old.as_slice() {
        [one] => replace(directory, new, &one.fd).map_err(attached)?,
        several => {
            bpf::attach(directory, new, None).map_err(attached)?;
            for program in several {
                let _ = bpf::detach(directory, &program.fd);
            }
        }
    }
    Ok(old.into_iter().map(|program| Arc::new(program.fd)).collect())
}

/// Attaches a program in the place of another. Kernels before 5.6 cannot do so at once: there both
/// programs decide for a moment, so that nothing denied opens.
fn replace(directory: &OwnedFd, new: &OwnedFd, old: &OwnedFd) -> std::result::Result<(), Errno> {
    match bpf::attach(directory, new, Some(old)) {
        Err(Errno::INVAL) => {
            bpf::attach(directory, new, None)?;
            bpf::detach(directory, old)
        }
        other => other,
    }
}

/// Tries again when another process has exchanged the program in between.
pub fn retry<T>(cgroup: Cgroup<'_>, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 1..TRIES {
        match attempt() {
            Err(e) if e.is(Errno::NOENT) && cgroup.exists()? => {}
            other => return other,
        }
    }
    attempt()
}

/// Brings the programs back that were attached before.
pub fn restore_program(scope: Scope<'_>, id: HierarchyId, programs: &Exchange) -> Result<()> {
    let cgroup = scope.cgroup(id)?;
    let directory = open(cgroup)?;
    let failed = failed("restore the device program of", cgroup);
    match programs.old.as_slice() {
        [one] => replace(&directory, one, &programs.new).map_err(failed),
        several => {
            for old in several {
                bpf::attach(&directory, old, None).map_err(&failed)?;
            }
            bpf::detach(&directory, &programs.new).map_err(failed)
        }
    }
}
