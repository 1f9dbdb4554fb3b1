//! Writing a knob so that its old value, and what the kernel changes along with it, is not lost.

use rustix::io::Errno;

use super::execute::Run;
use super::knob::{put, put_open};
use super::restore;
use super::told::Before;
use crate::cgroupfs::Cgroup;
use crate::error::{fail, Code, Result};
use crate::plan::{Missing, Write};

impl Run<'_> {
    /// One write. What the kernel changes along with it and was not asked for is as before then.
    pub(super) fn put(&mut self, cgroup: Cgroup<'_>, write: &Write) -> Result<()> {
        let along = along(cgroup, write);
        self.put_kept(cgroup, write, &along)?;
        match is_bfq_default(write) {
            true => along.iter().try_for_each(|device| put(cgroup, device, None)),
            false => Ok(()),
        }
    }

    /// The old value is kept when that is wanted and the directory is not ours to remove.
    fn put_kept(&mut self, cgroup: Cgroup<'_>, write: &Write, along: &[Write]) -> Result<()> {
        let made = self
            .created
            .iter()
            .any(|(h, _, c)| *h == write.hierarchy && c.0.last() == Some(&cgroup.len()));
        match self.before(write) {
            Before::Open(fd) => {
                return match put_open(cgroup, write, fd) {
                    // systemd has made the cgroup anew, or the file could only be read.
                    Err(e) if e.is(Errno::NODEV) || e.is(Errno::BADF) => put(cgroup, write, None),
                    done => done,
                };
            }
            Before::Absent => return put(cgroup, write, None),
            Before::Unseen => {}
        }
        if !self.keep || made {
            return put(cgroup, write, None);
        }
        let mut old = None;
        let result = put(cgroup, write, Some(&mut old));
        // A value that the kernel changed was written all the same.
        if result.as_ref().map_or_else(|e| e.code() == Code::Clamped, |()| true) {
            match old {
                Some(old) => {
                    let old = String::from_utf8_lossy(&old);
                    self.keep_value(write, restore::value(&write.file, &write.value, &old), along);
                }
                None => self.old.push((write.clone(), None)),
            }
        }
        result
    }

    /// Keeps the old value of a file that is about to be written.
    pub(super) fn remember_value(
        &mut self,
        cgroup: Cgroup<'_>,
        write: &Write,
        old: Option<String>,
    ) {
        self.keep_value(write, old, &along(cgroup, write));
    }

    /// Undone in reverse: what changes along with a file comes back after the file.
    fn keep_value(&mut self, write: &Write, old: Option<String>, along: &[Write]) {
        let kept = along.iter().map(|other| (other.clone(), Some(other.value.clone())));
        self.old.extend(kept);
        self.old.push((write.clone(), old));
    }

    /// What was asked for is not in force: a warning, or, when strict, an error.
    pub(super) fn without_effect(&mut self, write: &Write, why: &str) -> Result<()> {
        let text = format!("{} {why}; {:?} is not applied", write.file, write.value);
        if self.manager.config.flags.strict {
            return fail(Code::Unsupported, text);
        }
        self.warnings.push(text);
        Ok(())
    }
}

/// Whether a knob that had better take devices, and need not, has one number for all of them.
pub(super) fn takes_one_number(cgroup: Cgroup<'_>, write: &Write) -> bool {
    let is_number = |text: Vec<u8>| String::from_utf8_lossy(&text).trim().parse::<u64>().is_ok();
    write.missing == Missing::Warn && cgroup.read(&write.file).is_ok_and(is_number)
}

/// BFQ's weight for all devices.
fn is_bfq_default(write: &Write) -> bool {
    write.file.ends_with(".bfq.weight") && !write.value.contains(':')
}

/// Writes that put back what the kernel changes along with this one.
fn along(cgroup: Cgroup<'_>, write: &Write) -> Vec<Write> {
    let text = |file: &str| {
        let text = cgroup.read(file).ok()?;
        Some(String::from_utf8_lossy(&text).trim().to_owned())
    };
    let write_of = |file: &'static str, value: &str| {
        Write::new(write.hierarchy, write.controller, file, value)
    };
    let whole = |file: &'static str| text(file).map(|value| write_of(file, &value));
    match write.file.as_ref() {
        // Idle has no weight; who is no longer idle has the default.
        "cpu.idle" if text("cpu.idle").as_deref() == Some("0") => {
            ["cpu.weight", "cpu.shares"].into_iter().filter_map(whole).collect()
        }
        // 40 steps for 10,000 weights.
        "cpu.weight.nice" => whole("cpu.weight").into_iter().collect(),
        // The weight of all devices is also that of those that have one of their own
        // (bfq_io_set_weight_legacy).
        _ if is_bfq_default(write) => {
            let file = match write.file.as_ref() {
                "io.bfq.weight" => "io.bfq.weight",
                _ => "blkio.bfq.weight_device",
            };
            let text = text(file).unwrap_or_default();
            let devices = text.lines().filter(|line| line.contains(':'));
            devices.map(|line| write_of(file, line)).collect()
        }
        _ => Vec::new(),
    }
}
