// SPDX-License-Identifier: Apache-2.0
//! Device rules as a program of cgroup v2.
//!
//! A cgroup may have programs of others, systemd's for instance; all of them must allow an access.
//! This library has one program per cgroup, and finds it again by its name and a constant in it.
//! The kernel exchanges one program for another atomically: at every moment the rules are the old
//! ones or the new ones.

use std::sync::Arc;

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::last_program::LastProgram;
use super::scope::Scope;
use crate::cgroupfs::{bpf, Cgroup};
use crate::devices::{compile, decode, is_ours, Fronted, Insn, Mode, State};
use crate::error::{fail, Code, Error, Result};
use crate::host::HierarchyId;

/// Attempts to exchange a program that another process exchanges at the same time.
const TRIES: u32 = 5;
/// Bytes of the verifier's log in an error: its end says why.
const LOG_END: usize = 400;

const NEEDS: &str = "device programs need a kernel with CONFIG_CGROUP_BPF, and CAP_SYS_ADMIN (or \
                     CAP_BPF and CAP_NET_ADMIN) outside of user namespaces; without it, set the \
                     skip-devices flag";

const NEEDS_TO_OPEN: &str = "only a caller with CAP_SYS_ADMIN outside of user namespaces can open \
                             a program by its id; without it, set the skip-devices flag";

/// The programs before and after a change.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The program that is attached now; None where systemd enforces the rules.
    pub new: Option<Arc<OwnedFd>>,
    /// Programs of this library that were attached before.
    pub old: Vec<Arc<OwnedFd>>,
}

impl PartialEq for Exchange {
    fn eq(&self, other: &Exchange) -> bool {
        let same = |(a, b)| Arc::ptr_eq(a, b);
        self.new.as_ref().zip(other.new.as_ref()).is_some_and(same)
    }
}

/// The programs that are attached to a cgroup itself.
pub struct Found {
    /// Programs of this library.
    pub programs: Vec<bpf::Program>,
    /// Those of others, perhaps with code of this library in front.
    pub foreign: Vec<bpf::Program>,
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
        match (program.code.is_empty(), program.is_blinded) {
            (true, false) => {
                "the kernel hides its instructions from a caller without CAP_BPF or CAP_SYS_ADMIN"
            }
            _ => {
                "the kernel hides or changes its instructions (net.core.bpf_jit_harden, \
             kernel.kptr_restrict), or a newer version made it; set the whole list instead"
            }
        },
    )
}

/// Reads the rules in force on v2.
///
/// Errors: another program's device program is attached, whose rules cannot be read
/// ([`Code::Unsupported`]).
pub fn read_program(cgroup: Cgroup<'_>) -> Result<State> {
    let directory = open(cgroup)?;
    let found = retry(cgroup, || ours(&directory, cgroup))?;
    if let Some(other) = found.foreign.first() {
        let text = format!("the cgroup has {}, whose rules are not known", describe(other));
        let allowed = Fronted::new(&other.code);
        let mut front = allowed.allowed().exceptions().peekable();
        let error = Error::new(Code::Unsupported, text);
        return Err(match front.peek() {
            None => error,
            Some(_) => {
                let rules = front.map(|(devices, access)| format!("allow {devices} {access}"));
                let rules = rules.collect::<Vec<_>>().join(", ");
                error.advice(format!("this library has put \"{rules}\" in front of it"))
            }
        });
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

/// Says which program it is, by the name that its owner gave it.
pub fn describe(program: &bpf::Program) -> String {
    match program.name.as_str() {
        "" => format!("the device program with the id {}, which has no name", program.id),
        name => format!("the device program {name:?} (id {})", program.id),
    }
}

/// Loads the program of a state.
pub fn load(cgroup: Cgroup<'_>, wanted: &State) -> Result<OwnedFd> {
    load_code(cgroup, bpf::NAME, &compile(wanted))
}

/// Loads a program under a name.
pub fn load_code(cgroup: Cgroup<'_>, name: &str, code: &[Insn]) -> Result<OwnedFd> {
    bpf::load(name, code).map_err(|e| {
        let what = "load a device program for";
        if e.log.is_empty() {
            return failed(what, cgroup)(e.errno);
        }
        let start = e.log.len().saturating_sub(LOG_END);
        let end = e.log.get(start..).unwrap_or(&e.log).replace('\n', " | ");
        Error::system(what, &cgroup.absolute(""), e.errno).advice(format!("verifier: {end}"))
    })
}

/// Lists the attached programs: this library's, and all others.
pub fn ours(directory: &OwnedFd, cgroup: Cgroup<'_>) -> Result<Found> {
    find(&query(directory, cgroup)?, cgroup)
}

/// Finds the programs as [`ours`] does, for a change of rules. A program that the manager has
/// attached last need not be opened when no other is there.
pub fn find_known(directory: &OwnedFd, cgroup: Cgroup<'_>, last: &LastProgram) -> Result<Found> {
    let ids = query(directory, cgroup)?;
    let known = last.get().and_then(|fd| bpf::read(fd).ok());
    match known.filter(|program| ids == [program.id]) {
        Some(program) => Ok(Found { programs: vec![program], foreign: Vec::new() }),
        None => find(&ids, cgroup),
    }
}

fn query(directory: &OwnedFd, cgroup: Cgroup<'_>) -> Result<Vec<u32>> {
    bpf::query(directory).map_err(failed("query the device programs of", cgroup))
}

fn find(ids: &[u32], cgroup: Cgroup<'_>) -> Result<Found> {
    let mut found = Found { programs: Vec::new(), foreign: Vec::new() };
    for id in ids {
        match bpf::open(*id) {
            Ok(program) if program.name == bpf::NAME && may_be_ours(&program) => {
                found.programs.push(program);
            }
            Ok(program) => found.foreign.push(program),
            // ENOENT: it was detached since, and the caller looks again.
            Err(e) => {
                let what = "open a device program of";
                if e != Errno::PERM && e != Errno::ACCESS {
                    return Err(failed(what, cgroup)(e));
                }
                let error = Error::system(what, &cgroup.absolute(""), e);
                let error = error.context(format_args!("the device program with the id {id}"));
                return Err(error.with_code(Code::Unsupported).advice(NEEDS_TO_OPEN));
            }
        }
    }
    Ok(found)
}

/// Whether a program of our name has our mark, or instructions that cannot show the mark: hidden
/// ones, or blinded ones, which use the kernel's internal register 11.
fn may_be_ours(program: &bpf::Program) -> bool {
    let blinded = |insn: &Insn| insn.dst > 10 || insn.src > 10;
    program.code.is_empty() || is_ours(&program.code) || program.code.iter().any(blinded)
}

/// Explains why a program cannot be attached.
pub fn attached(cgroup: Cgroup<'_>) -> impl Fn(Errno) -> Error {
    let path = cgroup.absolute("");
    move |e| {
        let error = Error::system("attach a device program to", &path, e);
        match e {
            Errno::PERM => error.with_code(Code::Unsupported).advice(
                "a program that allows no other beside it is attached here or in an ancestor",
            ),
            Errno::NOSYS => error.with_code(Code::Unsupported).advice(NEEDS),
            Errno::TOOBIG => error.advice("the cgroup has 64 programs, the kernel's limit"),
            _ => error,
        }
    }
}

/// Attaches the new program in the place of the old one. Returns the old ones.
pub fn exchange(
    directory: &OwnedFd,
    cgroup: Cgroup<'_>,
    new: &OwnedFd,
    old: Vec<bpf::Program>,
) -> Result<Vec<Arc<OwnedFd>>> {
    match old.as_slice() {
        [one] => replace(directory, new, &one.fd).map_err(attached(cgroup))?,
        several => {
            bpf::attach(directory, new, None).map_err(attached(cgroup))?;
            let several: Vec<&OwnedFd> = several.iter().map(|program| &*program.fd).collect();
            detach_or_undo(directory, new, &several)
                .map_err(failed("detach a device program of", cgroup))?;
        }
    }
    Ok(old.into_iter().map(|program| program.fd).collect())
}

/// Detaches old programs beside a new one. If that fails, the old ones alone are attached again, as
/// far as the kernel lets it be.
fn detach_or_undo(
    directory: &OwnedFd,
    new: &OwnedFd,
    old: &[&OwnedFd],
) -> std::result::Result<(), Errno> {
    for (n, program) in old.iter().enumerate() {
        match bpf::detach(directory, program) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => {
                for detached in old.iter().take(n) {
                    let _ = bpf::attach(directory, detached, None);
                }
                let _ = bpf::detach(directory, new);
                return Err(e);
            }
        }
    }
    Ok(())
}

/// Attaches a program in the place of the one that was attached last, if that is known and still
/// attached. Returns the old one.
pub fn exchange_last(
    directory: &OwnedFd,
    new: &OwnedFd,
    last: &LastProgram,
) -> Option<Arc<OwnedFd>> {
    let old = last.get()?;
    // Whatever the reason of a refusal: the longer way meets it again and reports it.
    bpf::attach(directory, new, Some(&old)).ok().map(|()| old)
}

/// Attaches a program in the place of another. Kernels before 5.6 cannot do so at once: there both
/// programs decide for a moment, so that nothing denied opens.
pub fn replace(
    directory: &OwnedFd,
    new: &OwnedFd,
    old: &OwnedFd,
) -> std::result::Result<(), Errno> {
    match bpf::attach(directory, new, Some(old)) {
        Err(Errno::INVAL) => {
            bpf::attach(directory, new, None)?;
            detach_or_undo(directory, new, &[old])
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

/// Attaches the programs again that were attached before.
pub fn restore_program(scope: Scope<'_>, id: HierarchyId, programs: &Exchange) -> Result<()> {
    let cgroup = scope.cgroup(id)?;
    let directory = match open(cgroup) {
        // The program has gone with the unit.
        Err(e) if e.is(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    let failed = failed("restore the device program of", cgroup);
    scope.last_program.note(None);
    match (programs.old.as_slice(), &programs.new) {
        ([one], Some(new)) => replace(&directory, one, new).map_err(failed),
        (several, new) => {
            for old in several {
                bpf::attach(&directory, old, None).map_err(&failed)?;
            }
            match new {
                Some(new) => bpf::detach(&directory, new).map_err(failed),
                None => Ok(()),
            }
        }
    }
}
