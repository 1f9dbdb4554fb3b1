// SPDX-License-Identifier: Apache-2.0

//! /proc/PID/cgroup: which cgroup a task is in, per hierarchy.
//!
//! Source: cgroups(7). Each line is `id:controller,controller:path`.

use std::collections::BTreeMap;

use rustix::fs::{Dir, Mode, OFlags};

use crate::bytes::Lossless;
use crate::error::{fail, Code, Error, Result};

/// The cgroup in each hierarchy, by controller: its v1 name, `name=X`, or `""` for cgroup2.
pub(crate) type ProcCgroup = BTreeMap<String, Vec<u8>>;

/// Parses the text of a /proc/PID/cgroup.
///
/// A path may contain colons. The path of a removed cgroup ends in " (deleted)", which is kept.
pub(crate) fn parse(text: &[u8]) -> Result<ProcCgroup> {
    let mut out = ProcCgroup::new();
    for line in text.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let mut fields = line.splitn(3, |&b| b == b':');
        let (Some(_), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return fail(
                Code::System,
                format!("read /proc/PID/cgroup: {} is not id:controllers:path", Lossless(line)),
            );
        };
        for controller in controllers.split(|&b| b == b',') {
            out.insert(String::from_utf8_lossy(controller).into_owned(), path.to_vec());
        }
    }
    Ok(out)
}

/// Reads which cgroups a task is in.
pub(crate) fn of_task(id: i32) -> Result<ProcCgroup> {
    parse(&text_of_task(id)?)
}

/// Reads a task's /proc/PID/cgroup without parsing it: most callers only need it after a failure.
pub(crate) fn text_of_task(id: i32) -> Result<Vec<u8>> {
    let path = format!("/proc/{id}/cgroup");
    let failed = |what, e| Error::system(what, path.as_bytes(), e);
    let fd = rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| failed("open", e))?;
    crate::sys::read_at_once(&fd).map_err(|e| failed("read", e))
}

/// Whether the text can be that of a zombie: every v1 hierarchy shows an ended process in its root.
/// False on a host without v1 hierarchies, where the text does not tell.
pub(crate) fn may_be_zombie(text: &[u8]) -> bool {
    let lines = text.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    let mut v1 = lines.filter(|line| !line.starts_with(b"0::")).peekable();
    v1.peek().is_some() && v1.all(|line| line.ends_with(b":/"))
}

/// Returns the threads of a process that are in other cgroups than the process, each with the text
/// of its own /proc/TID/cgroup. `text` is the process's /proc/PID/cgroup.
pub(crate) fn threads_elsewhere(id: i32, text: &[u8]) -> Vec<(i32, Vec<u8>)> {
    let path = format!("/proc/{id}/task");
    // The directory has one link per thread, and two of its own.
    if rustix::fs::stat(&path).is_ok_and(|stat| stat.st_nlink <= 3) {
        return Vec::new();
    }
    // A thread that cannot be listed, or that has ended, cannot be put back.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let list = rustix::fs::open(&path, flags, Mode::empty()).and_then(Dir::new);
    let mut out = Vec::new();
    for entry in list.into_iter().flatten().flatten() {
        let Some(thread) = entry.file_name().to_str().ok().and_then(|name| name.parse().ok())
        else {
            continue;
        };
        match text_of_task(thread) {
            Ok(own) if thread != id && own != text => out.push((thread, own)),
            _ => {}
        }
    }
    out
}
