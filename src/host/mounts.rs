// SPDX-License-Identifier: Apache-2.0

//! Chooses the mount of each hierarchy.
//!
//! A hierarchy can be mounted many times: by bind mounts into containers' root file systems, by a
//! second mount of the whole hierarchy, by a mount that a later mount covers. lxcfs is not a cgroup
//! mount, whatever its path. Only the super options say which controllers a mount has; the names of
//! directories do not.
//!
//! One mount gives paths their meaning, and is usually the mount to work through. The others are
//! kept for cgroups that the usual mount does not show, or shows read-only.

use std::collections::HashMap;

use super::hidden::Tree;
use super::hierarchy::{below_root, Hierarchy, Layout, Part, Version};
use super::mountinfo::{lines, parse, unescape, Mount};
use super::proc_cgroup::ProcCgroup;
use crate::path::lexical;
use crate::sort::sort_by;

/// Where cgroup file systems are mounted by convention.
const USUAL: &[u8] = b"/sys/fs/cgroup";

/// Greatest number of other mounts that are kept for a hierarchy.
const MOST_OTHERS: usize = 32;

/// The mounts that matter, in the order of the file. All of them can be reached.
pub(crate) struct Mounts {
    /// Mounts of type cgroup or cgroup2.
    cgroup: Vec<Candidate>,
    /// Mountpoints of other file systems below a cgroup mount.
    foreign: Vec<Vec<u8>>,
}

/// A mount of type cgroup or cgroup2 that can be reached.
struct Candidate {
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

/// Returns the cgroup mounts that can be reached, and what is mounted below them.
pub(crate) fn cgroup_mounts(mountinfo: &[u8]) -> Mounts {
    let is_cgroup = |m: &Mount<'_>| matches!(m.fs_type, b"cgroup" | b"cgroup2");
    let mounts: Vec<Mount<'_>> = lines(mountinfo).filter_map(parse).collect();
    let tops = Tops::new(mounts.iter().filter(|m| is_cgroup(m)).map(|m| m.mountpoint).collect());
    let mut out = Mounts { cgroup: Vec::new(), foreign: Vec::new() };
    if tops.0.is_empty() {
        return out;
    }
    let matters = |m: &Mount<'_>| is_cgroup(m) || tops.are_above(m.mountpoint);
    for mount in Tree::new(mounts).reachable(matters) {
        if is_cgroup(&mount) {
            out.cgroup.push(candidate(mount));
        } else {
            out.foreign.push(unescape(mount.mountpoint).into_owned());
        }
    }
    out
}

/// Mountpoints that are not below each other, sorted so that a search finds the one above a path.
struct Tops<'a>(Vec<&'a [u8]>);

impl<'a> Tops<'a> {
    fn new(mut mountpoints: Vec<&'a [u8]>) -> Tops<'a> {
        sort_by(&mut mountpoints, |a, b| Tops::order(a, b));
        mountpoints.dedup_by(|next, top| lexical::strip_root(next, top).is_some());
        Tops(mountpoints)
    }

    /// Sorts the paths below a directory directly after the directory.
    fn order(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        let slash_first = |b: &u8| if *b == b'/' { 0 } else { *b };
        a.iter().map(slash_first).cmp(b.iter().map(slash_first))
    }

    fn are_above(&self, path: &[u8]) -> bool {
        let next = self.0.partition_point(|top| Tops::order(top, path).is_le());
        let top = next.checked_sub(1).and_then(|index| self.0.get(index));
        top.is_some_and(|top| lexical::strip_root(path, top).is_some())
    }
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
            writable: self.writable,
            parts: Vec::new(),
            covered: Vec::new(),
            others: Vec::new(),
        };
        hierarchy.own = own.get(hierarchy.proc_key()).cloned();
        hierarchy
    }

    /// Returns another mount as a part of this one, if it is a mount of the same super block at the
    /// path below this mount that its root names.
    fn part(&self, other: &Candidate) -> Option<Part> {
        let path = lexical::strip_root(&other.mountpoint, &self.mountpoint)?;
        if path.is_empty() || other.device != self.device || other.version != self.version {
            return None;
        }
        // A mount that shows a different cgroup than the directory that it covers is an alias. It
        // is a part only if its path, taken from the hierarchy's root, names the cgroup it shows.
        let is_alias = other.root != below_root(&self.root, path);
        // A root outside the reader's cgroup namespace has no known name.
        let is_named = lexical::strip_root(&self.root, b"/..").is_none();
        let agrees = !is_alias || is_named && other.root == below_root(b"/", path);
        let writable = other.writable;
        agrees.then(|| Part { path: path.to_vec(), mount: other.id, is_alias, writable })
    }
}

/// The mounts that can be reached, and the mount on each directory.
struct Reachable<'a> {
    all: &'a Mounts,
    on: HashMap<&'a [u8], &'a Candidate>,
}

impl<'a> Reachable<'a> {
    fn new(all: &'a Mounts) -> Reachable<'a> {
        Reachable { all, on: all.cgroup.iter().map(|c| (&c.mountpoint[..], c)).collect() }
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

    /// Returns a mount with what is mounted below it.
    fn with_inner(&self, mount: &Candidate, own: &ProcCgroup) -> Hierarchy {
        let mut hierarchy = mount.hierarchy(own);
        let below = |path: &'a [u8]| lexical::strip_root(path, &mount.mountpoint);
        let strictly = |path: &'a [u8]| below(path).filter(|path| !path.is_empty());
        for other in &self.all.cgroup {
            let Some(path) = strictly(&other.mountpoint) else { continue };
            match mount.part(other) {
                Some(part) => hierarchy.parts.push(part),
                None => hierarchy.covered.push(path.to_vec()),
            }
        }
        let foreign = self.all.foreign.iter().filter_map(|path| strictly(path));
        hierarchy.covered.extend(foreign.map(<[u8]>::to_vec));
        sort_by(&mut hierarchy.parts, |a, b| b.path.len().cmp(&a.path.len()));
        hierarchy
    }

    /// Chooses the usual mount among those of one hierarchy, and keeps the others.
    ///
    /// The first choice decides which mount gives paths their meaning. It prefers, in this order, a
    /// mount that shows the caller's own cgroup, a mount at the usual place, and a mount that shows
    /// more of the hierarchy. The second choice is among the mounts with the same root. It prefers
    /// a mount in which the own cgroup is writable, then a mount at the usual place. Among equals
    /// the first in mountinfo wins.
    fn choose(&self, mounts: &[&'a Candidate], own: &ProcCgroup) -> Option<Hierarchy> {
        let usual = |mount: &Candidate| lexical::strip_root(&mount.mountpoint, USUAL).is_some();
        let own_in = |mount: &Candidate| mount.hierarchy(own).own_below_mount();
        let meaning = mounts.iter().min_by_key(|mount| {
            let size = if mount.root == b"/" { 0 } else { mount.root.len() };
            (own_in(mount).is_none(), !usual(mount), size)
        })?;
        let own_path = own_in(meaning).unwrap_or_default();
        let is_alike =
            |mount: &&&Candidate| mount.root == meaning.root && meaning.part(mount).is_none();
        let alike = mounts.iter().filter(is_alike);
        let mount =
            alike.min_by_key(|mount| (!self.is_writable_at(mount, &own_path), !usual(mount)))?;
        let mut others: Vec<&Candidate> =
            mounts.iter().copied().filter(|other| !std::ptr::eq(*other, *mount)).collect();
        // The mount itself shows what its parts show, except those that are aliases.
        others.retain(|other| mount.part(other).is_none_or(|part| part.is_alias));
        let rank = |mount: &Candidate| (!mount.writable, !usual(mount));
        sort_by(&mut others, |a, b| rank(a).cmp(&rank(b)));
        others.truncate(MOST_OTHERS);
        let mut hierarchy = self.with_inner(mount, own);
        hierarchy.others = others.into_iter().map(|other| self.with_inner(other, own)).collect();
        Some(hierarchy)
    }
}

/// Returns the layout, and one hierarchy for each distinct set of controllers.
pub(crate) fn hierarchies(mounts: &Mounts, own: &ProcCgroup) -> (Layout, Vec<Hierarchy>) {
    let mut groups: Vec<Vec<&Candidate>> = Vec::new();
    let mut known: HashMap<(bool, &[String]), usize> = HashMap::new();
    for mount in &mounts.cgroup {
        let v1 = mount.version == Version::V1;
        if v1 && mount.controllers.is_empty() {
            continue;
        }
        let next = groups.len();
        let index = *known.entry((v1, &mount.controllers)).or_insert(next);
        match groups.get_mut(index) {
            None => groups.push(vec![mount]),
            Some(group) => group.push(mount),
        }
    }
    let reachable = Reachable::new(mounts);
    let chosen = groups.iter().filter_map(|group| reachable.choose(group, own));
    let mut all: Vec<Hierarchy> = chosen.collect();
    let layout = layout(&mounts.cgroup, &all);
    if layout == Layout::Unified {
        all.retain(|h| h.version == Version::V2);
    }
    (layout, all)
}

fn layout(mounts: &[Candidate], all: &[Hierarchy]) -> Layout {
    let v1 = all.iter().any(|h| h.version == Version::V1);
    let v2 = all.iter().any(|h| h.version == Version::V2);
    // All mounts count: the chosen one may be elsewhere, because it is the writable one.
    let usual = mounts.iter().any(|m| m.version == Version::V2 && m.mountpoint == USUAL);
    match v2 {
        // A v1 hierarchy mounted elsewhere on a unified host does not make it hybrid.
        true if !v1 || usual => Layout::Unified,
        true => Layout::Hybrid,
        false => Layout::Legacy,
    }
}
