//! Ending a unit. `StopUnit` kills who is inside, so it comes last, when nobody can be.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::unit::OnSystemd;
use super::{Joined, Manager};
use crate::cgroupfs::{Cgroup, PATIENCE};
use crate::error::{fail, Code, Error, Result};
use crate::systemd::Value;

impl Manager {
    /// [`Manager::destroy`] through systemd. Processes inside are an error, as with the cgroupfs
    /// driver; so are other units inside a slice.
    pub(super) fn stop(&self, on: &OnSystemd) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(1);
        loop {
            let inside = self.inside()?;
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
        let home = self.home()?;
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
        }
        if let Some(warning) = on.client.stop(&on.unit.name)? {
            self.warn(vec![warning]);
        }
        Ok(())
    }

    fn not_elsewhere(&self, on: &OnSystemd) -> Result<()> {
        let interface = format!("org.freedesktop.systemd1.{}", on.unit.kind());
        let at = match on.client.property(&on.unit.name, &interface, "ControlGroup") {
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

    /// The cgroup in the hierarchy that systemd has units in.
    pub(super) fn home_joined(&self) -> Result<&Joined> {
        let unified = self.shared.host().is_unified();
        let name = if unified { "" } else { "name=systemd" };
        match self.joined.iter().find(|j| j.subsystem == name) {
            Some(joined) => Ok(joined),
            None => fail(Code::NotMounted, "systemd's own hierarchy is not mounted here"),
        }
    }

    fn home(&self) -> Result<Cgroup<'_>> {
        let joined = self.home_joined()?;
        self.shared.cgroup(joined.hierarchy, &joined.path)
    }

    /// All processes of the cgroup and below, in every hierarchy.
    fn inside(&self) -> Result<Vec<i32>> {
        let mut all = BTreeSet::new();
        for joined in self.each() {
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
