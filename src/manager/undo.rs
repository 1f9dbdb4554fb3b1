//! Undoing what a failed call did, newest first.

use std::time::Instant;

use rustix::io::Errno;

use super::execute::Run;
use super::knob::put;
use crate::cgroupfs::PATIENCE;
use crate::error::{Code, Error, Result};
use crate::kata::gopath;
use crate::plan::{Kind, Write};

impl Run<'_> {
    /// Puts tasks back where they were, knobs back to what they held, and removes what was
    /// made. The error says what was restored and what could not be.
    pub(super) fn undo(&mut self, error: Error) -> Error {
        let mut failed: Vec<String> = Vec::new();
        for (hierarchy, kind, id) in std::mem::take(&mut self.moved).into_iter().rev() {
            match self.put_back(hierarchy, kind, id) {
                // One that has ended is nowhere.
                Err(e) if e.is(Errno::SRCH) => {}
                Err(e) => failed.push(e.to_string()),
                Ok(()) => {}
            }
        }
        let restored = self.restore(&mut failed);
        let end = Instant::now() + PATIENCE;
        for (hierarchy, path, created) in std::mem::take(&mut self.created).into_iter().rev() {
            let Ok(cgroup) = self.manager.trees.cgroup(hierarchy, &path) else { continue };
            for level in created.0.into_iter().rev() {
                if let Err(e) = cgroup.prefix(level).remove(end) {
                    failed.push(e.to_string());
                }
            }
        }
        for (hierarchy, end, names) in std::mem::take(&mut self.enabled).into_iter().rev() {
            // Refused where somebody else's cgroup has come to use them: then they stay.
            let Ok(cgroup) = self.cgroup(hierarchy) else { continue };
            let _ = cgroup.prefix(end).control('-', &names);
        }
        let error = match restored.as_slice() {
            [] => error,
            files => error.advice(format!("restored: {}", files.join(" "))),
        };
        match failed.as_slice() {
            [] => error,
            failed => error.advice(format!("could not be undone: {}", failed.join(", "))),
        }
    }

    /// Knobs, newest first. Those that are refused while another one still has its new value
    /// (EINVAL) go again after the others. Returns the files that hold their old value.
    fn restore(&mut self, failed: &mut Vec<String>) -> Vec<String> {
        let mut restored = Vec::new();
        let mut again: Vec<Write> = Vec::new();
        for (write, old) in std::mem::take(&mut self.old).into_iter().rev() {
            let Some(value) = old else {
                failed.push(format!("{} (its old value is not known)", write.file));
                continue;
            };
            let write = Write { value, exact: false, ..write };
            match self.write_back(&write) {
                Ok(()) => restored.push(write.file.into_owned()),
                Err(e) if e.is(Errno::INVAL) || e.is(Errno::BUSY) => again.push(write),
                Err(e) => failed.push(e.to_string()),
            }
        }
        for write in again {
            match self.write_back(&write) {
                Ok(()) => restored.push(write.file.into_owned()),
                Err(e) => failed.push(e.to_string()),
            }
        }
        restored
    }

    fn write_back(&self, write: &Write) -> Result<()> {
        put(self.cgroup(write.hierarchy)?, write, None)
    }

    fn put_back(&self, hierarchy: usize, kind: Kind, id: i32) -> Result<()> {
        let Some(facts) = self.manager.trees.host().hierarchies.get(hierarchy) else {
            return Ok(());
        };
        let key = facts.own_key();
        let was = self.origin.get(&id).and_then(|own| own.get(key)).map(|path| gopath::clean(path));
        match was.as_deref().and_then(|path| gopath::strip_root(path, &facts.root)) {
            Some(path) => self.manager.trees.cgroup(hierarchy, path)?.attach(
                facts.version,
                kind,
                &[id],
                |_| {},
            ),
            None => Err(Error::new(
                Code::System,
                format!("where task {id} was in {} is not known", facts.label()),
            )),
        }
    }
}
