// SPDX-License-Identifier: Apache-2.0

//! What a cgroup2 directory needs besides being created: controllers, a type, an owner.
//!
//! Kernel: admin-guide/cgroup-v2.rst, "Enabling and Disabling", "Threads", "Delegation".

use rustix::fs::{chownat, AtFlags, Gid, OFlags, Uid};
use rustix::io::Errno;

use super::cgroup::Cgroup;
use crate::error::{Code, Error, Result};
use crate::host::controllers;
use crate::resources::attribute;
use crate::sys::read_at_once;

/// Files that a delegated cgroup's owner gets on kernels without /sys/kernel/cgroup/delegate
/// (4.15).
const DELEGATE: &[&str] = &["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/// Controllers that were enabled for the children of an ancestor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enabled {
    /// Length of the ancestor's path.
    pub level: usize,
    /// The controllers.
    pub names: Vec<String>,
    /// The ancestor has processes, so it has become the root of a threaded subtree. No domain
    /// controller can be enabled in it while these are enabled.
    pub beside_processes: bool,
}

impl Cgroup<'_> {
    /// Enables the `wanted` controllers in all ancestors; limits need those in `needed`.
    ///
    /// Skips a controller that cannot be enabled: an ancestor has processes (EBUSY), realtime
    /// tasks are below it (EINVAL), or it is not delegated to the caller. The write of a limit
    /// reports it.
    ///
    /// Adds to `done` what was enabled in each ancestor. Returns whether the controllers prove that
    /// the cgroup is a domain.
    pub fn enable_controllers(
        &self,
        needed: &[String],
        wanted: &[String],
        done: &mut Vec<Enabled>,
    ) -> Result<bool> {
        let missing = |cgroup: Cgroup<'_>| -> Result<Vec<String>> {
            let on = cgroup.words("cgroup.subtree_control")?;
            Ok(wanted.iter().filter(|c| !on.contains(c)).cloned().collect())
        };
        // Usually an earlier call has prepared all ancestors; looking at the parent is enough.
        let Some(parent) = self.parent() else { return Ok(true) };
        if missing(parent)?.is_empty() {
            // Below an enabled domain controller the kernel allows no threaded cgroup.
            return Ok(controllers::domain_only().any(|name| wanted.iter().any(|c| c == name)));
        }
        for level in self.ancestors() {
            let mut wanted = missing(level)?;
            let mut beside_processes = false;
            let at = level.path().len();
            // All controllers in one write, or else one by one.
            match level.control('+', &wanted) {
                Ok(()) => {
                    done.push(Enabled { level: at, names: wanted, beside_processes });
                    continue;
                }
                // The level has processes. Enabling a threaded controller would make it the root
                // of a threaded subtree, without domain controllers from then on. So only needed
                // controllers are tried.
                Err(e) if e.is(Errno::BUSY) => {
                    wanted.retain(|c| needed.contains(c));
                    beside_processes = true;
                }
                Err(_) => {}
            }
            // Another process may have created the level below a threaded cgroup and left it
            // "domain invalid".
            level.settle_between();
            let on = |c: &String| level.control('+', std::slice::from_ref(c)).is_ok();
            let names = wanted.into_iter().filter(on).collect();
            done.push(Enabled { level: at, names, beside_processes });
        }
        Ok(false)
    }

    /// Enables (`+`) or disables (`-`) controllers for the children.
    pub fn control(&self, sign: char, controllers: &[String]) -> Result<()> {
        if controllers.is_empty() {
            return Ok(());
        }
        let words: Vec<String> = controllers.iter().map(|c| format!("{sign}{c}")).collect();
        self.write("cgroup.subtree_control", words.join(" ").as_bytes())
    }

    /// Disables controllers that were enabled for the cgroup's children, unless a child other than
    /// `own` uses them by now. Disabling a controller removes the limits of all children.
    pub fn turn_off(&self, controllers: &[String], own: &[u8]) -> Result<()> {
        for name in self.children()?.into_iter().filter(|name| name != own) {
            let path = self.child(&name);
            if !self.hierarchy().cgroup(&path).has_defaults(controllers)? {
                return Ok(());
            }
        }
        self.control('-', controllers)
    }

    /// Whether all files of these controllers hold the values of a new cgroup.
    fn has_defaults(&self, controllers: &[String]) -> Result<bool> {
        for file in self.files()? {
            if !controllers.iter().any(|name| name == attribute::controller_of(&file)) {
                continue;
            }
            // kernfs refuses to open a read-only file for writing.
            let Ok(fd) = self.open(&file, OFlags::RDWR) else { continue };
            let failed = |e| Error::system("read", &self.absolute(&file), e);
            let text = read_at_once(&fd).map_err(failed)?;
            if !attribute::is_default(&file, &String::from_utf8_lossy(&text)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives a new cgroup a type that takes processes.
    ///
    /// A cgroup below a threaded one is "domain invalid", and can only become threaded. `domain`
    /// is the controller of a limit that no threaded cgroup can have, if there is such a limit.
    ///
    /// Errors: the cgroup would have to be threaded, and has such a limit ([`Code::Unsupported`]).
    pub fn settle_type(&self, domain: Option<&str>) -> Result<()> {
        let found = match self.read("cgroup.type") {
            // The root cgroup and kernels before 4.14 have no cgroup.type.
            Err(e) if e.is(Errno::NOENT) => return Ok(()),
            other => other?,
        };
        let found = String::from_utf8_lossy(&found).trim().to_owned();
        match (found.as_str(), domain) {
            // The root of a threaded subtree is a domain with every controller.
            ("domain" | "domain threaded", _) | ("threaded", None) => Ok(()),
            ("domain invalid", None) => self.write("cgroup.type", b"threaded"),
            (kind, domain) => {
                let mut text = b"cannot use ".to_vec();
                text.extend_from_slice(&self.absolute(""));
                text.extend_from_slice(
                    format!(" with a {} limit: it is {kind}", domain.unwrap_or("such")).as_bytes(),
                );
                Err(Error::new(Code::Unsupported, text).advice(
                    "a threaded cgroup has cpu, cpuset, perf_event and pids alone; \
                     use a cgroup outside the threaded subtree",
                ))
            }
        }
    }

    /// Makes an ancestor threaded if it is "domain invalid".
    pub fn settle_between(&self) {
        if self.words("cgroup.type").is_ok_and(|kind| kind == ["domain", "invalid"]) {
            // If this fails, a later use of the cgroup itself reports the failure.
            let _ = self.write("cgroup.type", b"threaded");
        }
    }

    /// Gives the cgroup to a user: the directory, and the files that
    /// /sys/kernel/cgroup/delegate names.
    pub fn delegate(&self, uid: u32, gid: u32) -> Result<()> {
        let list = crate::sys::read_file("/sys/kernel/cgroup/delegate").unwrap_or_default();
        let list = String::from_utf8_lossy(&list).into_owned();
        let mut files: Vec<&str> = list.lines().filter(|f| !f.contains('/')).collect();
        if files.is_empty() {
            files = DELEGATE.to_vec();
        }
        for file in std::iter::once("").chain(files) {
            let failed = |e| Error::system("chown", &self.absolute(file), e);
            let fd = match self.open(file, OFlags::PATH) {
                // The list is for all cgroups; this cgroup may lack a file.
                Err(Errno::NOENT) if !file.is_empty() => continue,
                other => other.map_err(failed)?,
            };
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            chownat(&fd, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH).map_err(failed)?;
        }
        Ok(())
    }
}
