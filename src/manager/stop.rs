//! Ending a unit. `StopUnit` kills who is inside, so it comes last, when nobody can be.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::join::{self, Place};
use super::unit::OnSystemd;
use super::{Joined, Manager};
use crate::cgroupfs::{Cgroup, PATIENCE};
use crate::error::{Code, Error, Result};
use crate::systemd::Value;

impl Manager {
    /// [`Manager::destroy`] through systemd. Processes inside are an error, as with the cgroupfs
    /// driver; so are other units inside a slice.
    pub(super) fn stop(&self, on: &OnSystemd) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(1);
        loop {
            let inside = self.inside(on)?;
            let Some(pid) = inside.first() else { break };
            if Instant::now() >= end {
                let text = format!(
                    "cannot stop {}: {} processes are in it, the first is {pid}",
                    on.unit.name,
                    inside.len()
                );
                return Err(Error::new(Code::Busy, text).advice("kill or move them first"));
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        self.stop_empty(on)
    }

    /// The directories first: that a cgroup can be removed is the kernel's own word that nobody is
    /// inside, in whatever PID namespace, nor can be a moment later.
    pub(super) fn stop_empty(&self, on: &OnSystemd) -> Result<()> {
        let home = self.home(on)?;
        let home = self.shared.cgroup(home.hierarchy, &home.path)?;
        if on.unit.is_slice() {
            if let Some(child) = home.children()?.first() {
                let child = String::from_utf8_lossy(child);
                let text = format!("cannot stop {}: {child} is in it", on.unit.name);
                return Err(Error::new(Code::Busy, text).advice("stop what is in the slice first"));
            }
        }
        let was_there = home.exists()?;
        self.remove()?;
        if !was_there {
            if !on.client.is_loaded(&on.unit.name)? {
                return Ok(());
            }
            // About to go by itself; or a unit of that name is elsewhere, and is somebody else's.
            self.not_elsewhere(on)?;
            nobody_unseen(on)?;
        }
        if let Some(warning) = on.client.stop(&on.unit.name)? {
            self.warn(vec![warning]);
        }
        Ok(())
    }

    fn not_elsewhere(&self, on: &OnSystemd) -> Result<()> {
        let interface = format!("org.freedesktop.systemd1.{}", on.unit.kind());
        let at = match on.client.property(&on.unit.name, &interface, "ControlGroup", None) {
            Ok(Value::Str(at)) => at,
            Err(e) if e.code() != Code::Deleted => return Err(e),
            _ => return Ok(()),
        };
        if at.is_empty() || at.as_bytes() == on.cgroup(&self.shared)? {
            return Ok(());
        }
        let text = format!("cannot stop {}: its cgroup is {at}, not this manager's", on.unit.name);
        Err(Error::new(Code::Busy, text).advice("the unit is another one of the same name"))
    }

    /// The place in the hierarchy that systemd has units in; also of a manager that has not joined
    /// it, because only other hierarchies' directories were left.
    pub(super) fn home(&self, on: &OnSystemd) -> Result<Joined> {
        let name = if self.shared.host().is_unified() { "" } else { "name=systemd" };
        match self.joined.iter().find(|j| j.subsystem == name) {
            Some(joined) => Ok(joined.clone()),
            None => join::home(self.shared.host(), &Place::Unit(on.cgroup(&self.shared)?)),
        }
    }

    /// All processes of the cgroup and below, in every hierarchy.
    fn inside(&self, on: &OnSystemd) -> Result<Vec<i32>> {
        let mut all = BTreeSet::new();
        let home = self.home(on)?;
        let home = Some(&home).filter(|home| self.each().all(|j| j.hierarchy != home.hierarchy));
        for joined in self.each().chain(home) {
            let cgroup = self.shared.cgroup(joined.hierarchy, &joined.path)?;
            let mut list = |cgroup: Cgroup<'_>| {
                all.extend(cgroup.pids()?);
                Ok(())
            };
            match cgroup.walk(&mut list) {
                // systemd removes it as well.
                Err(e) if e.is(Errno::NOENT) || e.is(Errno::NODEV) => {}
                other => other?,
            }
        }
        Ok(all.into_iter().collect())
    }
}

/// Its directory is not there, for us: who is in a cgroup namespace of its own, or has other
/// mounts than systemd, would end a unit that is in use.
fn nobody_unseen(on: &OnSystemd) -> Result<()> {
    let count = on.client.processes(&on.unit.name)?;
    if count == 0 {
        return Ok(());
    }
    let text = format!(
        "cannot stop {}: systemd has {count} processes in it, which cannot be seen from here",
        on.unit.name
    );
    Err(Error::new(Code::Busy, text)
        .advice("do it in the cgroup namespace and with the cgroup mounts that systemd has"))
}
