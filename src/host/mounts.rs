// SPDX-License-Identifier: Apache-2.0

//! Chooses the mount of each hierarchy.
//!
//! A hierarchy can be mounted many times: by bind mounts into containers' root file systems, by a
//! second mount of the whole, below a mount that now covers it. lxcfs is no cgroup mount, whatever
//! its path is. Only the super options say which controllers a mount has; the names of directories
//! do not.

use std::collections::HashMap;

use super::hidden::Tree;
use super::hierarchy::{Hierarchy, Layout, Part, Version};
use super::mountinfo::{lines, parse, unescape, Mount};
use super::proc_cgroup::ProcCgroup;
use crate::path::lexical;

/// Where cgroup file systems are mounted by convention.
const USUAL: &[u8] = b"/sys/fs/cgroup";

/// A mount of type cgroup or cgroup2 that can be reached.
pub(crate) struct Candidate {
    id: u64,
    device: Vec<u8>,
    controllers: Vec<String>,
    noprefix: bool,
    version: Version,
    mountpoint: Vec<u8>,
    root: Vec<u8>,
    writable: bool,
}

/// Options of a v1 super block that are not controllers.
const FLAGS: &[&str] = &[
    "rw",
    "ro",
    "none",
    "all",
    "noprefix",
    "clone_children",
    "cpuset_v2_mode",
    "xattr",
    "favordynmods",
    "nofavordynmods",
    "nodev",
    "nosuid",
    "noexec",
    "seclabel",
    "sync",
    "dirsync",
    "mand",
    "lazytime",
];

/// Returns the cgroup mounts that can be reached, in the order of the file.
pub(crate) fn cgroup_mounts(mountinfo: &[u8]) -> Vec<Candidate> {
    let is_cgroup = |m: &Mount<'_>| matches!(m.fs_type, b"cgroup" | b"cgroup2");
    let mounts: Vec<Mount<'_>> = lines(mountinfo).filter_map(parse).collect();
    if !mounts.iter().any(is_cgroup) {
        return Vec::new();
    }
    Tree::new(mounts).reachable(is_cgroup).into_iter().map(candidate).collect()
}

fn candidate(mount: Mount<'_>) -> Candidate {
    let options = String::from_utf8_lossy(mount.super_options);
    let mut controllers = Vec::new();
    let mut noprefix = false;
    if mount.fs_type == b"cgroup" {
        for option in options.split(',').filter(|o| !o.is_empty()) {
            noprefix |= option == "noprefix";
            let named = option.starts_with("name=");
            let plain = !option.contains('=') && !FLAGS.contains(&option);
            if named || plain {
                controllers.push(option.to_owned());
            }
        }
    }
    let id = std::str::from_utf8(mount.id).ok().and_then(|id| id.parse().ok());
    Candidate {
        id: id.unwrap_or_default(),
        device: mount.device.to_vec(),
        version: if mount.fs_type == b"cgroup2" { Version::V2 } else { Version::V1 },
        controllers,
        noprefix,
        mountpoint: unescape(mount.mountpoint).into_owned(),
        root: unescape(mount.root).into_owned(),
        writable: mount.is_writable(),
    }
}

impl Candidate {
    fn hierarchy(&self, own: &ProcCgroup) -> Hierarchy {
        let mut hierarchy = Hierarchy {
            version: self.version,
            controllers: self.controllers.clone(),
            mountpoint: self.mountpoint.clone(),
            root: self.root.clone(),
            own: None,
            noprefix: self.noprefix,
            parts: Vec::new(),
        };
        hierarchy.own = own.get(hierarchy.proc_key()).cloned();
        hierarchy
    }

    /// Returns another mount as a part of this one: a mount of the same super block, at the place
    /// below this one that its root names.
    fn part(&self, other: &Candidate) -> Option<Part> {
        let path = lexical::strip_root(&other.mountpoint, &self.mountpoint)?;
        if path.is_empty() || other.device != self.device || other.version != self.version {
            return None;
        }
        // What is below the other mount, and what the path means from the hierarchy's root.
        let below = lexical::join(&[&self.root, path]);
        let from_root = lexical::join(&[b"/", path]);
        let is_alias = other.root != below;
        let agrees = !is_alias || other.root == from_root;
        agrees.then(|| Part { path: path.to_vec(), mount: other.id, is_alias })
    }
}

/// The mounts that can be reached, and which of them is on which directory.
struct Reachable<'a> {
    all: &'a [Candidate],
    on: HashMap<&'a [u8], &'a Candidate>,
}

impl<'a> Reachable<'a> {
    fn new(all: &'a [Candidate]) -> Reachable<'a> {
        Reachable { all, on: all.iter().map(|c| (&c.mountpoint[..], c)).collect() }
    }

    /// Whether files can be written at a path below a mountpoint. The path may lead into a part.
    fn is_writable_at(&self, mount: &Candidate, below: &[u8]) -> bool {
        let mut path = lexical::join(&[&mount.mountpoint, below]);
        while path.len() > mount.mountpoint.len() {
            let inner = self.on.get(&path[..]).filter(|inner| mount.part(inner).is_some());
            if let Some(inner) = inner {
                return inner.writable;
            }
            path = lexical::dir(&path);
        }
        mount.writable
    }

    /// Returns the parts of a mount, deepest first.
    fn parts(&self, mount: &Candidate) -> Vec<Part> {
        let mut parts: Vec<Part> = self.all.iter().filter_map(|other| mount.part(other)).collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.path.len()));
        parts
    }

    /// Returns the rank of a mount; smaller is better.
    ///
    /// A mount that shows the caller's own cgroup is better than one that does not. Then a mount in
    /// which that cgroup is writable is better, then one at the usual place, then one that shows
    /// more of the hierarchy. The first of equals wins.
    fn rank(&self, mount: &Candidate, h: &Hierarchy) -> (bool, bool, bool, usize) {
        let own = h.own_below_mount();
        let writable = self.is_writable_at(mount, own.as_deref().unwrap_or_default());
        let usual = lexical::strip_root(&h.mountpoint, USUAL).is_some();
        let root = if h.root == b"/" { 0 } else { h.root.len() };
        (own.is_none(), !writable, !usual, root)
    }
}

/// Returns the layout, and one hierarchy for each distinct set of controllers.
pub(crate) fn hierarchies(mounts: &[Candidate], own: &ProcCgroup) -> (Layout, Vec<Hierarchy>) {
    let reachable = Reachable::new(mounts);
    let mut all: Vec<(&Candidate, Hierarchy)> = Vec::new();
    let mut known: HashMap<(bool, &[String]), usize> = HashMap::new();
    for mount in mounts {
        let v1 = mount.version == Version::V1;
        if v1 && mount.controllers.is_empty() {
            continue;
        }
        let hierarchy = mount.hierarchy(own);
        let next = all.len();
        let index = *known.entry((v1, &mount.controllers)).or_insert(next);
        let rank = |mount, hierarchy| reachable.rank(mount, hierarchy);
        match all.get_mut(index) {
            None => all.push((mount, hierarchy)),
            Some(old) if rank(mount, &hierarchy) < rank(old.0, &old.1) => *old = (mount, hierarchy),
            Some(_) => {}
        }
    }
    let layout = layout(mounts, &all);
    if layout == Layout::Unified {
        all.retain(|(_, h)| h.version == Version::V2);
    }
    let with_parts = |(mount, mut hierarchy): (&Candidate, Hierarchy)| {
        hierarchy.parts = reachable.parts(mount);
        hierarchy
    };
    (layout, all.into_iter().map(with_parts).collect())
}

fn layout(mounts: &[Candidate], all: &[(&Candidate, Hierarchy)]) -> Layout {
    let v1 = all.iter().any(|(_, h)| h.version == Version::V1);
    let v2 = all.iter().any(|(_, h)| h.version == Version::V2);
    // Another mount of the hierarchy may be writable, and is then used.
    let usual = mounts.iter().any(|m| m.version == Version::V2 && m.mountpoint == USUAL);
    match v2 {
        // A v1 hierarchy mounted elsewhere on a unified host does not make it hybrid.
        true if !v1 || usual => Layout::Unified,
        true => Layout::Hybrid,
        false => Layout::Legacy,
    }
}
