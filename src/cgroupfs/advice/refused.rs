// SPDX-License-Identifier: Apache-2.0

//! A write that the kernel refused, and the values that explain the refusal.

use crate::cgroupfs::cgroup::Cgroup;
use crate::sort::sort;

/// A write that the kernel refused.
pub(super) struct Refused<'a> {
    pub(super) cgroup: Cgroup<'a>,
    pub(super) file: &'a str,
    pub(super) value: &'a str,
}

impl Refused<'_> {
    /// Whether the file has this name. `*` at the end stands for any text.
    pub(super) fn is(&self, name: &str) -> bool {
        match name.strip_suffix('*') {
            Some(start) => self.file.starts_with(start),
            None => self.file == name,
        }
    }

    /// Returns the number that was to be written.
    pub(super) fn number(&self) -> Option<i64> {
        self.value.trim().parse().ok()
    }

    /// Returns the number in another file of the cgroup.
    pub(super) fn number_in(&self, file: &str) -> Option<i64> {
        number_in(self.cgroup, file)
    }

    /// Returns the first advice that a child of the cgroup gives.
    pub(super) fn each_child(
        &self,
        advice: impl Fn(Cgroup<'_>) -> Option<String>,
    ) -> Option<String> {
        let mut names = self.cgroup.children().ok()?;
        sort(&mut names);
        names.into_iter().find_map(|name| {
            let path = self.cgroup.child(&name);
            advice(self.cgroup.hierarchy().cgroup(&path))
        })
    }
}

/// Returns the text of a file, without white space around it.
pub(super) fn text_of(cgroup: Cgroup<'_>, file: &str) -> Option<String> {
    let text = cgroup.read(file).ok()?;
    Some(String::from_utf8_lossy(&text).trim().to_owned())
}

/// Returns the number in a file; `max` is -1.
pub(super) fn number_in(cgroup: Cgroup<'_>, file: &str) -> Option<i64> {
    match text_of(cgroup, file)?.as_str() {
        "max" => Some(-1),
        text => text.parse().ok(),
    }
}

/// Shows a cgroup's directory.
pub(super) fn shown(cgroup: Cgroup<'_>) -> String {
    String::from_utf8_lossy(&cgroup.absolute("")).into_owned()
}
