// SPDX-License-Identifier: Apache-2.0

//! The facts about a host, and how to look things up in them.

use super::hierarchy::{Access, Hierarchy, HierarchyId, Layout, Version};
use super::{controllers, mounts, proc_cgroup};
use crate::error::{fail, Code, Error, Result};
use crate::sys::read_file;

/// The facts about a host. Immutable: later mounts and unmounts change nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostInfo {
    /// How the hierarchies are laid out.
    pub layout: Layout,
    /// Every usable hierarchy; on a unified host only the cgroup2 one.
    pub hierarchies: Vec<Hierarchy>,
    /// Whether the caller lacks root, or is in a user namespace that maps only some users.
    pub rootless: bool,
    /// Whether the caller is in a user namespace that maps only some users.
    pub in_user_namespace: bool,
    /// The hierarchy of each subsystem, in the order of [`controllers::subsystems`].
    by_subsystem: Vec<Option<HierarchyId>>,
}

/// The texts that [`HostInfo::parse`] reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// /proc/self/mountinfo.
    pub mountinfo: &'a [u8],
    /// /proc/self/cgroup.
    pub cgroup: &'a [u8],
    /// /proc/self/uid_map; empty means the initial user namespace.
    pub uid_map: &'a [u8],
    /// Effective uid.
    pub euid: u32,
    /// `cgroup.controllers` of the cgroup2 mount.
    pub controllers: &'a [u8],
}

impl HostInfo {
    /// Reads mountinfo, cgroup and uid_map of /proc/self, once each. They do not contain the
    /// controllers of the cgroup2 mount; `Hierarchies::read` adds those.
    pub fn read() -> Result<HostInfo> {
        let mountinfo = read_file("/proc/self/mountinfo")?;
        let cgroup = read_file("/proc/self/cgroup")?;
        // A kernel without user namespaces has no uid_map.
        let uid_map = match read_file("/proc/self/uid_map") {
            Err(e) if e.is(rustix::io::Errno::NOENT) => Vec::new(),
            other => other?,
        };
        let euid = rustix::process::geteuid().as_raw();
        HostInfo::parse(Sources {
            mountinfo: &mountinfo,
            cgroup: &cgroup,
            uid_map: &uid_map,
            euid,
            controllers: b"",
        })
    }

    /// Parses the facts; does no I/O.
    ///
    /// Errors: no cgroup file system is mounted ([`Code::NotMounted`]); /proc/self/cgroup has a
    /// line that is not `id:controllers:path` ([`Code::System`]).
    pub fn parse(sources: Sources<'_>) -> Result<HostInfo> {
        let own = proc_cgroup::parse(sources.cgroup)?;
        let mounts = mounts::cgroup_mounts(sources.mountinfo);
        let (layout, mut hierarchies) = mounts::hierarchies(&mounts, &own);
        for hierarchy in hierarchies.iter_mut().filter(|h| h.version == Version::V2) {
            hierarchy.set_controllers(&words(sources.controllers));
        }
        if hierarchies.is_empty() {
            return fail(
                Code::NotMounted,
                "no cgroup file system in mountinfo; mount cgroup2 on /sys/fs/cgroup",
            );
        }
        let in_user_namespace = in_user_namespace(sources.uid_map);
        let rootless = sources.euid != 0 || in_user_namespace;
        let by_subsystem = controllers::subsystems().map(|name| search(&hierarchies, name));
        let by_subsystem = by_subsystem.collect();
        Ok(HostInfo { layout, hierarchies, rootless, in_user_namespace, by_subsystem })
    }

    /// Whether the host is unified.
    pub fn is_unified(&self) -> bool {
        self.layout == Layout::Unified
    }

    /// Returns the ids of all hierarchies.
    pub fn ids(&self) -> impl Iterator<Item = HierarchyId> + use<> {
        (0..self.hierarchies.len()).map(HierarchyId::new)
    }

    /// Returns the hierarchy with this id; None when the host has no such hierarchy or mount, as
    /// with the id of another host.
    pub fn hierarchy(&self, id: HierarchyId) -> Option<&Hierarchy> {
        let hierarchy = self.hierarchies.get(id.index())?;
        match id.mount().checked_sub(1) {
            None => Some(hierarchy),
            Some(other) => hierarchy.others.get(other),
        }
    }

    /// Returns the mount through which to reach a cgroup, and the cgroup's path below the mount's
    /// mountpoint. `cgroup` is a path from the hierarchy's root.
    ///
    /// Prefers a mount in which the cgroup is writable, and among equals the usual mount. None when
    /// no mount shows the cgroup.
    pub(crate) fn reach(&self, id: HierarchyId, cgroup: &[u8]) -> Option<(HierarchyId, Vec<u8>)> {
        let usual = self.hierarchies.get(id.index())?;
        let mut best: Option<(Access, HierarchyId, &[u8])> = None;
        for (id, hierarchy) in std::iter::once((id, usual)).chain(usual.others(id)) {
            let Some(path) = hierarchy.shown(cgroup) else { continue };
            let access = hierarchy.access(path);
            // A manager at a mountpoint would be taken for a manager of the hierarchy's root.
            let is_place = id.mount() == 0 || !path.is_empty();
            if is_place && access > best.map_or(Access::Covered, |(best, ..)| best) {
                best = Some((access, id, path));
            }
        }
        best.map(|(_, id, path)| (id, path.to_vec()))
    }

    /// Finds the hierarchy of a v1 controller, or the hierarchy named `name=X`. `""` finds the
    /// cgroup2 hierarchy.
    ///
    /// Plain `X` finds the hierarchy `name=X`, too, unless the kernel has a controller called `X`:
    /// a named hierarchy sets no limits.
    pub fn find(&self, controller: &str) -> Option<HierarchyId> {
        match controllers::subsystems().position(|name| name == controller) {
            Some(index) => self.by_subsystem.get(index).copied().flatten(),
            None => search(&self.hierarchies, controller),
        }
    }

    /// Returns the cgroup2 hierarchy, if its mount has this controller.
    pub fn cgroup2_with(&self, controller: &str) -> Option<HierarchyId> {
        let has = |h: &Hierarchy| h.controllers.iter().any(|c| c == controller);
        self.find("").filter(|&id| self.hierarchy(id).is_some_and(has))
    }

    /// Returns the hierarchy that a controller's files are in; on a unified host always cgroup2.
    pub fn hierarchy_of(&self, controller: &str) -> Result<&Hierarchy> {
        let id = self.find(if self.is_unified() { "" } else { controller });
        match id.and_then(|id| self.hierarchy(id)) {
            Some(hierarchy) => Ok(hierarchy),
            None => Err(self.no_such_controller(controller)),
        }
    }

    pub(crate) fn no_such_controller(&self, controller: &str) -> Error {
        let what = if controller.is_empty() { "cgroup2" } else { controller };
        Error::new(Code::NotMounted, format!("no cgroup mount has {what}"))
            .advice(format!("mounted: {}", self.labels().join(" ")))
    }

    /// Whether two hosts have the same hierarchies on the same usual mounts, in the same order. The
    /// callers' own cgroups may differ.
    pub(crate) fn has_mounts_of(&self, other: &HostInfo) -> bool {
        let mount = |h: &Hierarchy| (h.version, h.mountpoint.clone(), h.root.clone());
        self.hierarchies.iter().map(mount).eq(other.hierarchies.iter().map(mount))
    }

    /// Returns the controllers of all v1 hierarchies in mount order, and `cgroup2` where that is
    /// mounted.
    pub fn labels(&self) -> Vec<&str> {
        let is_v2 = |h: &'_ Hierarchy| h.version == Version::V2;
        self.hierarchies
            .iter()
            .flat_map(|h| {
                let v1 = if is_v2(h) { &[][..] } else { &h.controllers[..] };
                v1.iter().map(String::as_str).chain(is_v2(h).then_some("cgroup2"))
            })
            .collect()
    }
}

/// Whether `name` is `name=X` for the wanted `X`, and `X` is not a controller.
pub(crate) fn is_named(name: &str, wanted: &str) -> bool {
    // Most names differ in length, which is compared at once.
    name.len() == "name=".len() + wanted.len()
        && name.strip_prefix("name=") == Some(wanted)
        && !controllers::is_controller(wanted)
}

/// Does what [`HostInfo::find`] does, without its table.
fn search(hierarchies: &[Hierarchy], controller: &str) -> Option<HierarchyId> {
    let exact = |h: &Hierarchy| match h.version {
        Version::V2 => controller.is_empty(),
        Version::V1 => h.controllers.iter().any(|c| c == controller),
    };
    let named = |h: &Hierarchy| {
        h.version == Version::V1 && h.controllers.iter().any(|c| is_named(c, controller))
    };
    let index = hierarchies.iter().position(exact);
    index.or_else(|| hierarchies.iter().position(named)).map(HierarchyId::new)
}

/// Whether a uid_map maps only some of the host's users. An empty map and "0 0 4294967295" map all.
fn in_user_namespace(uid_map: &[u8]) -> bool {
    let fields: Vec<&[u8]> =
        uid_map.split(u8::is_ascii_whitespace).filter(|f| !f.is_empty()).collect();
    !(fields.is_empty() || fields == [&b"0"[..], b"0", b"4294967295"])
}

fn words(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).split_whitespace().map(str::to_owned).collect()
}
