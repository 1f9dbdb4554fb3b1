// SPDX-License-Identifier: Apache-2.0

//! The formats of interface files: cgroup-v2.rst, "Format".

use rustix::fs::OFlags;

use super::cgroup::Cgroup;
use super::removal::removed_or;
use crate::error::{fail, Code, Error, Result};
use crate::sys::read_at_once;

impl Cgroup<'_> {
    /// Reads a file of words between white space.
    pub fn words(&self, file: &str) -> Result<Vec<String>> {
        let failed = |what| move |e| Error::system(what, &self.absolute(file), e);
        let opened = self.open(file, OFlags::RDONLY).map_err(failed("open"));
        let fd = opened.map_err(|e| removed_or(*self, file, None, e))?;
        let text = read_at_once(&fd).map_err(failed("read"));
        let text = text.map_err(|e| removed_or(*self, file, Some(&fd), e))?;
        Ok(String::from_utf8_lossy(&text).split_whitespace().map(str::to_owned).collect())
    }

    /// Reads the value of `key` in a flat keyed file, which has lines of `key value`.
    pub fn flat_keyed(&self, file: &str, key: &str) -> Result<Option<u64>> {
        let text = self.read(file)?;
        let text = String::from_utf8_lossy(&text);
        Ok(text.lines().find_map(|line| {
            let (name, value) = line.split_once(' ')?;
            (name == key).then(|| value.trim().parse().ok())?
        }))
    }
}

/// Parses a list of task ids, one per line. Leaves out 0, which names no task: v2 shows a task of
/// another PID namespace as 0.
pub fn parse_ids(text: &[u8]) -> Result<Vec<i32>> {
    let text = String::from_utf8_lossy(text);
    let parse = |field: &str| match field.parse() {
        Ok(id) => Ok(id),
        Err(_) => fail(Code::System, format!("read a list of tasks: {field:?} is not a number")),
    };
    let ids: Result<Vec<i32>> = text.split_ascii_whitespace().map(parse).collect();
    Ok(ids?.into_iter().filter(|id| *id != 0).collect())
}
