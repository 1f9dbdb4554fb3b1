//! Undoing what a failed call did, newest first.

use rustix::io::Errno;

use super::execute::Run;
use super::knob::put;
use super::restore;
use crate::error::{Code, Error, Result};
use crate::host;
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
        let told = self.undo_told(&mut failed);
        let mut restored = self.restore(&mut failed);
        restored.extend(told);
        for (hierarchy, path, created) in std::mem::take(&mut self.created).into_iter().rev() {
            let Ok(cgroup) = self.manager.shared.cgroup(hierarchy, &path) else { continue };
            // One rmdir a level: somebody else may have come to use an ancestor that we made.
            for level in created.0.into_iter().rev() {
                match cgroup.prefix(level).rmdir() {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(Errno::BUSY | Errno::NOTEMPTY) if level < path.len() => {}
                    Err(e) => {
                        let left = cgroup.prefix(level).absolute("");
                        failed.push(Error::system("rmdir", &left, e).to_string());
                    }
                }
            }
        }
        for (hierarchy, level, names) in std::mem::take(&mut self.enabled).into_iter().rev() {
            let Ok(cgroup) = self.cgroup(hierarchy) else { continue };
            // Turning one off takes the limits of children away that have come to use it.
            if cgroup.prefix(level).children().is_ok_and(|children| children.is_empty()) {
                let _ = cgroup.prefix(level).control('-', &names);
            }
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
            if self.holds(&write, &value) {
                restored.push(write.file.into_owned());
                continue;
            }
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

    /// Whether a file has its old value: never written, or put back by systemd.
    fn holds(&self, write: &Write, value: &str) -> bool {
        let now = self.cgroup(write.hierarchy).and_then(|cgroup| cgroup.read(&write.file));
        let now = now.map(|now| String::from_utf8_lossy(&now).into_owned());
        now.is_ok_and(|now| {
            restore::value(&write.file, &write.value, &now).as_deref() == Some(value)
        })
    }

    fn write_back(&self, write: &Write) -> Result<()> {
        let cgroup = self.cgroup(write.hierarchy)?;
        match put(cgroup, write, None) {
            // A cpuset with processes cannot be emptied again: all that its parent has, then.
            Err(e) if e.is(Errno::NOSPC) && write.controller == "cpuset" => {
                let file = format!("{}.effective", write.file);
                let all = cgroup.parent().and_then(|parent| parent.read(&file).ok()).ok_or(e)?;
                let value = String::from_utf8_lossy(&all).trim().to_owned();
                put(cgroup, &Write { value, ..write.clone() }, None)
            }
            other => other,
        }
    }

    /// Where it was; a process's threads, where each of them was.
    pub(super) fn put_back(&self, hierarchy: usize, kind: Kind, id: i32) -> Result<()> {
        let Some(facts) = self.manager.shared.host().hierarchies.get(hierarchy) else {
            return Ok(());
        };
        let place = |text: &[u8]| {
            let own = host::parse_own(text).ok()?;
            facts.below_mount(own.get(facts.own_key())?)
        };
        let Some(home) = self.origin.get(&id).and_then(|text| place(text)) else {
            let text = format!("where task {id} was in {} is not known", facts.label());
            return Err(Error::new(Code::System, text));
        };
        let attach = |path: &[u8], kind, id| {
            let cgroup = self.manager.shared.cgroup(hierarchy, path)?;
            cgroup.attach(facts.version, kind, &[id], |_| {})
        };
        attach(&home, kind, id)?;
        for (_, thread, text) in self.apart.iter().filter(|(of, _, _)| *of == id) {
            let Some(path) = place(text).filter(|path| *path != home) else { continue };
            match attach(&path, Kind::Thread, *thread) {
                Err(e) if e.is(Errno::SRCH) => {}
                other => other?,
            }
        }
        Ok(())
    }
}
