// SPDX-License-Identifier: Apache-2.0

//! One mounted cgroup hierarchy.

use crate::path::lexical;

/// How a host's hierarchies are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// v1 hierarchies only.
    Legacy,
    /// v1 hierarchies with a cgroup2 mount beside them.
    Hybrid,
    /// cgroup2 only, or cgroup2 on `/sys/fs/cgroup`.
    Unified,
}

/// The two kinds of hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy per set of controllers.
    V1,
    /// The single cgroup2 hierarchy.
    V2,
}

/// A hierarchy of a [`HostInfo`](super::HostInfo), and one of its mounts. Only a `HostInfo` makes
/// ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HierarchyId {
    // Small, because most steps of a plan have an id.
    index: u32,
    mount: u32,
}

impl HierarchyId {
    /// Called by [`HostInfo`](super::HostInfo) only.
    pub(super) fn new(index: usize) -> HierarchyId {
        HierarchyId { index: small(index), mount: 0 }
    }

    /// Returns the same hierarchy through one of its other mounts, which are counted from 1; 0 is
    /// the usual one.
    pub(super) fn through(self, mount: usize) -> HierarchyId {
        HierarchyId { mount: small(mount), ..self }
    }

    /// Index into [`HostInfo::hierarchies`](super::HostInfo::hierarchies).
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// Index into [`Hierarchy::others`], from 1; 0 is the usual mount.
    pub fn mount(self) -> usize {
        self.mount as usize
    }

    /// Whether both ids name the same hierarchy, through the same or different mounts.
    pub fn is_same(self, other: HierarchyId) -> bool {
        self.index == other.index
    }
}

/// Converts an index for an id. No host has more than u32::MAX hierarchies; an id with a larger
/// index finds no hierarchy.
fn small(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// A bind mount of a hierarchy, below the hierarchy's own mountpoint. Its path below the mountpoint
/// is the cgroup that it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Place below the hierarchy's mountpoint, without a leading slash.
    pub path: Vec<u8>,
    /// Id of the mount, as in mountinfo and statx(2).
    pub mount: u64,
    /// The mount shows a different cgroup than the directory that it covers, so its cgroup is in
    /// the tree twice. A kind node mounts `/docker/ID` on the mountpoint, and again on `docker/ID`
    /// below.
    pub is_alias: bool,
    /// Whether files can be written through the mount.
    pub writable: bool,
}

/// What a mount offers at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    /// Something else is mounted there, or on a directory above.
    Covered,
    /// The mount shows the cgroup, and is read-only there.
    ReadOnly,
    /// The mount shows the cgroup, and its files can be written.
    Writable,
}

/// A mounted hierarchy, and the mount to work through.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hierarchy {
    /// v1 or v2.
    pub version: Version,
    /// v1: the controllers and the `name=` of the mount's super options. v2: the words of the
    /// mount's `cgroup.controllers`.
    pub controllers: Vec<String>,
    /// Directory that the hierarchy is mounted on, unescaped.
    pub mountpoint: Vec<u8>,
    /// Cgroup that the mount shows: `/`, unless it is a bind mount or in a cgroup namespace.
    pub root: Vec<u8>,
    /// This process's cgroup, as in /proc/self/cgroup.
    pub own: Option<Vec<u8>>,
    /// Whether a v1 cpuset is mounted without its prefix: `cpus` instead of `cpuset.cpus`.
    pub noprefix: bool,
    /// Whether files can be written through the mount, outside its parts.
    pub writable: bool,
    /// Bind mounts that paths may lead into, deepest first.
    pub parts: Vec<Part>,
    /// Paths below the mountpoint where a mount that is not a part lies.
    pub covered: Vec<Vec<u8>>,
    /// Other mounts of the hierarchy, for cgroups that this mount does not show or shows read-only.
    pub others: Vec<Hierarchy>,
}

impl Hierarchy {
    /// Returns this process's cgroup as a path below the mountpoint, without a leading slash; `""`
    /// is the mountpoint. None when the mount does not show the cgroup.
    pub fn own_below_mount(&self) -> Option<Vec<u8>> {
        self.below_mount(self.own.as_deref()?)
    }

    /// Returns a cgroup of /proc/PID/cgroup as a path below the mountpoint.
    ///
    /// A cgroup outside the reader's cgroup namespace starts with `/..`; no mount shows it.
    pub fn below_mount(&self, cgroup: &[u8]) -> Option<Vec<u8>> {
        if cgroup == b"/.." || cgroup.starts_with(b"/../") {
            return None;
        }
        lexical::strip_root(&lexical::clean(cgroup), &self.root).map(<[u8]>::to_vec)
    }

    /// Returns the other mounts with their ids. `id` is the id of the hierarchy.
    pub(crate) fn others(
        &self,
        id: HierarchyId,
    ) -> impl Iterator<Item = (HierarchyId, &Hierarchy)> {
        self.others.iter().enumerate().map(move |(index, other)| (id.through(index + 1), other))
    }

    /// Whether files can be written at a path below the mountpoint.
    pub(crate) fn is_writable_at(&self, path: &[u8]) -> bool {
        self.access(path) == Access::Writable
    }

    /// Returns a cgroup's path below the mountpoint, if the mount's root is the cgroup or one of
    /// its ancestors. `cgroup` is clean, except that a cgroup outside the cgroup namespace starts
    /// with `/..`.
    pub(super) fn shown<'a>(&self, cgroup: &'a [u8]) -> Option<&'a [u8]> {
        let path = lexical::strip_root(cgroup, &self.root)?;
        (!is_below(path, b"..")).then_some(path)
    }

    /// Sets the controllers of cgroup2, which are the same in all its mounts.
    pub(crate) fn set_controllers(&mut self, controllers: &[String]) {
        controllers.clone_into(&mut self.controllers);
        for other in &mut self.others {
            controllers.clone_into(&mut other.controllers);
        }
    }

    /// Returns the path from the hierarchy's root of the cgroup at a path below the mountpoint.
    pub(crate) fn cgroup_at(&self, path: &[u8]) -> Vec<u8> {
        if self.parts.iter().any(|part| part.is_alias && is_below(path, &part.path)) {
            return [b"/", path].concat();
        }
        below_root(&self.root, path)
    }

    /// Returns what the mount offers at a path below its mountpoint.
    pub(crate) fn access(&self, path: &[u8]) -> Access {
        let part = self.parts.iter().find(|part| is_below(path, &part.path));
        let covered = self.covered.iter().filter(|place| is_below(path, place));
        let covered = covered.map(Vec::len).max();
        match part {
            _ if covered > part.map(|part| part.path.len()) => Access::Covered,
            Some(Part { writable: true, .. }) => Access::Writable,
            None if self.writable => Access::Writable,
            _ => Access::ReadOnly,
        }
    }

    /// Returns the hierarchy's key in a parsed /proc/PID/cgroup.
    pub(crate) fn proc_key(&self) -> &str {
        match self.version {
            Version::V2 => "",
            Version::V1 => self.controllers.first().map_or("", String::as_str),
        }
    }

    /// Returns what messages call the hierarchy: `cgroup2`, or a v1 hierarchy's first controller or
    /// name.
    pub fn label(&self) -> &str {
        match self.version {
            Version::V2 => "cgroup2",
            Version::V1 => self.controllers.first().map_or("?", String::as_str),
        }
    }
}

/// Joins a mount's root, which the kernel has cleaned, and a clean path below its mountpoint. A
/// root outside the reader's cgroup namespace keeps its `/..`.
pub(super) fn below_root(root: &[u8], path: &[u8]) -> Vec<u8> {
    match (root, path) {
        (root, b"") => root.to_vec(),
        (b"/", path) => [b"/", path].concat(),
        (root, path) => [root, b"/", path].concat(),
    }
}

/// Whether a path is `place` or below it.
fn is_below(path: &[u8], place: &[u8]) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
