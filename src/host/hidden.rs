// SPDX-License-Identifier: Apache-2.0

//! Which mounts cannot be reached, because other mounts lie over them.
//!
//! Source: the path walk of the kernel (namei.c), which enters the latest mount on a directory, and
//! proc_pid_mountinfo(5) for ids and parents.

use std::borrow::Cow;
use std::collections::HashMap;

use super::mountinfo::{unescape, Mount};

/// linux/limits.h: no system call takes a longer path.
const PATH_MAX: usize = 4096;

/// The mounts of a mountinfo, indexed to tell which of them can be reached.
pub(super) struct Tree<'a> {
    mounts: Vec<Mount<'a>>,
    /// Index of each mount id.
    by_id: HashMap<&'a [u8], usize>,
    /// Index of the last mount with this parent on this directory.
    last: HashMap<(&'a [u8], Cow<'a, [u8]>), usize>,
    /// Whether each mount is hidden; None until that is known.
    hidden: Vec<Option<bool>>,
}

impl<'a> Tree<'a> {
    /// Indexes the mounts, which are in the order of the file.
    pub(super) fn new(mounts: Vec<Mount<'a>>) -> Tree<'a> {
        let by_id = mounts.iter().enumerate().map(|(i, m)| (m.id, i)).collect();
        let place = |m: &Mount<'a>| (m.parent, unescape(m.mountpoint));
        let last = mounts.iter().enumerate().map(|(i, m)| (place(m), i)).collect();
        let hidden = vec![None; mounts.len()];
        Tree { mounts, by_id, last, hidden }
    }

    /// Returns the mounts that can be reached and that `wanted` returns true for.
    pub(super) fn reachable(&mut self, wanted: impl Fn(&Mount<'_>) -> bool) -> Vec<Mount<'a>> {
        let mut out = Vec::new();
        for index in 0..self.mounts.len() {
            let Some(&mount) = self.mounts.get(index) else { break };
            if wanted(&mount) && !self.is_covered(&mount) && !self.is_hidden(index) {
                out.push(mount);
            }
        }
        out
    }

    /// Whether another mount lies on the root of this one.
    fn is_covered(&self, mount: &Mount<'_>) -> bool {
        self.last.contains_key(&(mount.id, unescape(mount.mountpoint)))
    }

    /// Whether a sibling hides the mount, or hides one of the mounts that this one is mounted on.
    fn is_hidden(&mut self, index: usize) -> bool {
        let mut chain = Vec::new();
        let mut at = index;
        let hidden = loop {
            match self.hidden.get(at) {
                Some(Some(known)) => break *known,
                Some(None) => {}
                None => break false,
            }
            chain.push(at);
            // In malformed text parents can form a cycle. This mark ends the loop.
            self.note(at, false);
            if self.is_below_later_sibling(at) {
                break true;
            }
            match self.mounts.get(at).and_then(|m| self.by_id.get(m.parent)) {
                Some(&parent) => at = parent,
                None => break false,
            }
        };
        for at in chain {
            self.note(at, hidden);
        }
        hidden
    }

    fn note(&mut self, index: usize, hidden: bool) {
        if let Some(place) = self.hidden.get_mut(index) {
            *place = Some(hidden);
        }
    }

    /// Whether a later mount with the same parent lies on the mountpoint, or on a directory above.
    fn is_below_later_sibling(&self, index: usize) -> bool {
        let Some(mount) = self.mounts.get(index) else { return false };
        let path = unescape(mount.mountpoint);
        if path.len() > PATH_MAX {
            return true;
        }
        let slashes = path.iter().enumerate().filter(|(_, &b)| b == b'/').map(|(i, _)| i.max(1));
        slashes.chain([path.len()]).any(|end| {
            let above = Cow::Borrowed(path.get(..end).unwrap_or_default());
            self.last.get(&(mount.parent, above)).is_some_and(|&last| last > index)
        })
    }
}
