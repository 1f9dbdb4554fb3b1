//! What a cgroup2 directory needs besides being made: controllers, a type, an owner.
//!
//! Kernel: admin-guide/cgroup-v2.rst, "Enabling and Disabling", "Threads", "Delegation".

use rustix::fs::{chownat, AtFlags, Gid, OFlags, Uid};
use rustix::io::Errno;

use super::cgroup::Cgroup;
use crate::error::{Code, Error, Result};
use crate::host::controllers;

/// Files that go to the owner of a delegated cgroup, where the kernel has no list of them.
const DELEGATE: &[&str] = &["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

impl Cgroup<'_> {
    /// Turns on, in all the cgroup's ancestors, the `wanted` controllers; `needed` are those of
    /// them that limits need. One that cannot be turned on (processes inside an ancestor: EBUSY;
    /// realtime tasks below: EINVAL; not delegated to us) is left: the write of a limit that needs
    /// it says so.
    ///
    /// What was turned on is told to `done`: the length of the ancestor's path, the controllers.
    /// Returns whether the cgroup is known to be a domain by that.
    pub fn enable_controllers(
        &self,
        needed: &[String],
        wanted: &[String],
        done: &mut Vec<(usize, Vec<String>)>,
    ) -> Result<bool> {
        let missing = |cgroup: Cgroup<'_>| -> Result<Vec<String>> {
            let on = cgroup.words("cgroup.subtree_control")?;
            Ok(wanted.iter().filter(|c| !on.contains(c)).cloned().collect())
        };
        // Usually the ancestors have long been prepared; the nearest one tells.
        let Some(parent) = self.parent() else { return Ok(true) };
        if missing(parent)?.is_empty() {
            // With one of these on, the kernel lets nothing below be threaded.
            return Ok(controllers::domain_only().any(|name| wanted.iter().any(|c| c == name)));
        }
        for level in self.ancestors() {
            let mut wanted = missing(level)?;
            // Together, or else one by one; who needs what stays off will say so.
            match level.control('+', &wanted) {
                Ok(()) => {
                    done.push((level.path().len(), wanted));
                    continue;
                }
                // Processes inside. Those that threads can share could be turned on all the same,
                // which makes it a threaded subtree, and whose it is could use no others any more:
                // only for who cannot do without.
                Err(e) if e.is(Errno::BUSY) => wanted.retain(|c| needed.contains(c)),
                Err(_) => {}
            }
            // Somebody may have made it below a threaded cgroup and left it "domain invalid".
            level.settle_between();
            let on = |c: &String| level.control('+', std::slice::from_ref(c)).is_ok();
            done.push((level.path().len(), wanted.into_iter().filter(on).collect()));
        }
        Ok(false)
    }

    /// Turns controllers on (`+`) or off (`-`) for the children.
    pub fn control(&self, sign: char, controllers: &[String]) -> Result<()> {
        if controllers.is_empty() {
            return Ok(());
        }
        let words: Vec<String> = controllers.iter().map(|c| format!("{sign}{c}")).collect();
        self.write("cgroup.subtree_control", words.join(" ").as_bytes())
    }

    /// Brings a new cgroup into a type that takes processes. `domain` says which of the limits
    /// to come belong to controllers that no threaded cgroup has.
    ///
    /// "domain invalid": made below a threaded cgroup; it can only become threaded.
    pub fn settle_type(&self, domain: Option<&str>) -> Result<()> {
        let found = match self.read("cgroup.type") {
            // The root has none, nor have kernels before 4.14.
            Err(e) if e.is(Errno::NOENT) => return Ok(()),
            other => other?,
        };
        let found = String::from_utf8_lossy(&found).trim().to_owned();
        match (found.as_str(), domain) {
            // The root of a threaded subtree is a domain itself, with every controller.
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

    /// The same for a level between, which only has to become threaded where it must.
    pub fn settle_between(&self) {
        if self.words("cgroup.type").is_ok_and(|kind| kind == ["domain", "invalid"]) {
            // What does not work here shows at the cgroup itself.
            let _ = self.write("cgroup.type", b"threaded");
        }
    }

    /// Gives the cgroup to a user: the directory and the files that the kernel's delegation
    /// contract names.
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
                // The list is the kernel's for all cgroups; this one may lack a file.
                Err(Errno::NOENT) if !file.is_empty() => continue,
                other => other.map_err(failed)?,
            };
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            chownat(&fd, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH).map_err(failed)?;
        }
        Ok(())
    }
}
