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

/// A hierarchy of a [`HostInfo`](super::HostInfo). Only a `HostInfo` makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HierarchyId(usize);

impl HierarchyId {
    /// Called by [`HostInfo`](super::HostInfo) only.
    pub(super) fn new(index: usize) -> HierarchyId {
        HierarchyId(index)
    }

    /// Index into [`HostInfo::hierarchies`](super::HostInfo::hierarchies).
    pub fn index(self) -> usize {
        self.0
    }
}

/// A bind mount of a hierarchy that lies below the hierarchy's own mountpoint, at the place that
/// its root names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Place below the hierarchy's mountpoint, without a leading slash.
    pub path: Vec<u8>,
    /// Id of the mount, as in mountinfo and statx(2).
    pub mount: u64,
    /// The mount shows another cgroup than the directory below it, so the cgroup is in the tree
    /// twice. A kind node mounts `/docker/ID` on the mountpoint, and again on `docker/ID` below.
    pub is_alias: bool,
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
    /// This process's cgroup, as /proc/self/cgroup has it.
    pub own: Option<Vec<u8>>,
    /// Whether a v1 cpuset is mounted without its prefix: `cpus` instead of `cpuset.cpus`.
    pub noprefix: bool,
    /// Bind mounts that paths may lead into, deepest first.
    pub parts: Vec<Part>,
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

    /// Returns the hierarchy's key in a parsed /proc/PID/cgroup.
    pub(crate) fn proc_key(&self) -> &str {
        match self.version {
            Version::V2 => "",
            Version::V1 => self.controllers.first().map_or("", String::as_str),
        }
    }

    /// Returns the name of the hierarchy in messages: its first controller or name.
    pub fn label(&self) -> &str {
        match self.version {
            Version::V2 => "cgroup2",
            Version::V1 => self.controllers.first().map_or("?", String::as_str),
        }
    }
}
