// SPDX-License-Identifier: Apache-2.0
//! One more device rule on top of the programs of a cgroup.
//!
//! A cgroup that another program has made (runc, crun, podman, systemd) has that program's device
//! programs. All of them must allow an access. So a device is allowed by code in front of each that
//! denies it ([`Fronted`]). It is denied by removing that code, and by a program of this library
//! beside them where they allow the device by themselves.

use std::sync::Arc;

use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::device_program::{self as program, describe, Found};
use super::unit_rules::is_named_by_systemd;
use crate::cgroupfs::{bpf, Cgroup};
use crate::devices::{foreign, Fronted, Rule, State};
use crate::error::{fail, Code, Error, Result};

/// A program to be attached in the place of others.
pub struct Exchanged {
    /// The new program.
    pub new: Arc<OwnedFd>,
    /// Those that it takes the place of.
    pub old: Vec<Arc<OwnedFd>>,
    /// Whether it is this library's own.
    pub is_own: bool,
}

/// What a rule comes to.
pub struct Change {
    own: Option<(State, Vec<bpf::Program>)>,
    fronts: Vec<(bpf::Program, Fronted)>,
}

impl Change {
    /// Decides what the rule changes.
    ///
    /// # Errors
    /// The rule concerns a part of what a wider rule says ([`Code::Value`]); another's program
    /// would have to be extended and cannot be ([`Code::Unsupported`]).
    pub fn new(cgroup: Cgroup<'_>, found: Found, rule: &Rule) -> Result<Change> {
        let now = found.state(cgroup)?;
        let Found { programs, foreign: others } = found;
        let is_alone = others.is_empty();
        let (mut fronts, mut is_denied) = (Vec::new(), false);
        for other in others {
            let obstacle = foreign::obstacle(&other.code);
            let mut front = Fronted::new(&other.code);
            let before = front.allowed().clone();
            front.apply(rule)?;
            if !rule.allow {
                let denies = |devices| foreign::denies_all(front.rest(), &devices, rule.access);
                is_denied |= rule.devices.and_then(denies) == Some(true);
            }
            if *front.allowed() == before {
                continue;
            }
            if let Some(why) = obstacle.or(front
                .collides()
                .then_some("it keeps values on its stack; allow all of \"rwm\" instead of a part"))
            {
                return refuse(cgroup, &other, rule, why_hidden(&other).unwrap_or(why));
            }
            fronts.push((other, front));
        }
        // A program beside others can only take away.
        let is_wanted = !programs.is_empty() || is_alone || !rule.allow && !is_denied;
        let mut wanted = now.clone();
        if is_wanted {
            wanted.apply(rule)?;
        }
        Ok(Change { own: (wanted != now).then_some((wanted, programs)), fronts })
    }

    /// Whether a program of systemd's is extended.
    pub fn extends_systemds(&self) -> bool {
        self.fronts.iter().any(|(other, _)| is_named_by_systemd(&other.name))
    }

    /// Attaches the new programs, all of which are loaded first. Tells each exchange.
    pub fn carry_out(
        self,
        cgroup: Cgroup<'_>,
        directory: &OwnedFd,
        mut done: impl FnMut(Exchanged),
    ) -> Result<()> {
        let own = match self.own {
            Some((state, old)) => Some((program::load(cgroup, &state)?, old)),
            None => None,
        };
        let load = |(other, front): (bpf::Program, Fronted)| {
            let new = load_front(cgroup, &other, &front)?;
            Ok((new, other))
        };
        let fronts: Vec<_> = self.fronts.into_iter().map(load).collect::<Result<_>>()?;
        if let Some((new, old)) = own {
            let old = program::exchange(directory, cgroup, &new, old)?;
            done(Exchanged { new: Arc::new(new), old, is_own: true });
        }
        for (new, other) in fronts {
            program::replace(directory, &new, &other.fd).map_err(|e| {
                let error = program::attached(cgroup)(e);
                match e {
                    Errno::NOENT => error.advice(format!(
                        "{} is gone, or its owner holds it by a BPF link, which only the owner can \
                         change",
                        describe(&other)
                    )),
                    _ => error,
                }
            })?;
            done(Exchanged { new, old: vec![other.fd], is_own: false });
        }
        Ok(())
    }
}

/// Loads another's program with code in front, and checks that the kernel has it as it was given: a
/// verifier that removes instructions has concluded more than it may.
fn load_front(cgroup: Cgroup<'_>, other: &bpf::Program, front: &Fronted) -> Result<Arc<OwnedFd>> {
    let code = front.to_code();
    let context = |e: Error| e.context("code in front of another's program");
    let new = Arc::new(program::load_code(cgroup, &other.name, &code).map_err(context)?);
    match bpf::read(Arc::clone(&new)) {
        Ok(read) if read.code == code => Ok(new),
        Ok(_) => fail(
            Code::Unsupported,
            format!("{}: the kernel changes it when it is loaded again", describe(other)),
        ),
        Err(e) => Err(Error::system("read a device program for", &cgroup.absolute(""), e)),
    }
}

/// Says why the kernel does not show a program.
fn why_hidden(program: &bpf::Program) -> Option<&'static str> {
    match (program.code.is_empty(), program.is_blinded) {
        (false, _) => None,
        (true, true) => Some(
            "its instructions are blinded and hidden (net.core.bpf_jit_harden, \
             kernel.kptr_restrict)",
        ),
        (true, false) => Some("the kernel hides its instructions from a caller without CAP_BPF"),
    }
}

fn refuse<T>(cgroup: Cgroup<'_>, other: &bpf::Program, rule: &Rule, why: &str) -> Result<T> {
    let path = String::from_utf8_lossy(&cgroup.absolute("")).into_owned();
    let text = format!(
        "device rule \"{rule}\": {path} has {}, which must allow it too and cannot be extended: \
         {why}",
        describe(other)
    );
    let error: Result<T> = fail(Code::Unsupported, text);
    error.map_err(|e: Error| e.advice("tell the owner of that program"))
}
