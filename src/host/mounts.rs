//! Which of many cgroup mounts to work through.
//!
//! A host can show a hierarchy many times: bind mounts into containers' root file systems, a
//! second mount of the whole, a mount that another one now covers. lxcfs is no cgroup mount at
//! all, whatever its path says. The super options alone tell which controllers a mount has:
//! directory names are only names.

use std::collections::HashMap;

use super::hierarchy::{Hierarchy, Layout, Version};
use super::mountinfo::{lines, parse, unescape, Mount};
use super::proc_cgroup::ProcCgroup;
use crate::path::lexical;

/// A mount of type cgroup or cgroup2.
pub(crate) struct Candidate {
    id: Vec<u8>,
    version: Version,
    controllers: Vec<String>,
    noprefix: bool,
    mountpoint: Vec<u8>,
    root: Vec<u8>,
    covered: bool,
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

/// All cgroup mounts, with those marked that another mount covers.
pub(crate) fn cgroup_mounts(mountinfo: &[u8]) -> Vec<Candidate> {
    let cgroup = |m: &Mount<'_>| matches!(m.fs_type, b"cgroup" | b"cgroup2");
    let mut out: Vec<Candidate> =
        lines(mountinfo).filter_map(parse).filter(cgroup).map(candidate).collect();
    if out.is_empty() {
        return out;
    }
    // By id, since a host with a thousand containers has ten thousand cgroup mounts.
    let ids: HashMap<Vec<u8>, usize> =
        out.iter().enumerate().map(|(i, c)| (c.id.clone(), i)).collect();
    for mount in lines(mountinfo).filter_map(parse) {
        // Something mounted on the very mountpoint of a mount hides it.
        if let Some(below) = ids.get(mount.parent).and_then(|&i| out.get_mut(i)) {
            below.covered |= unescape(mount.mountpoint).as_ref() == below.mountpoint;
        }
    }
    out
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
    Candidate {
        id: mount.id.to_vec(),
        version: if mount.fs_type == b"cgroup2" { Version::V2 } else { Version::V1 },
        controllers,
        noprefix,
        mountpoint: unescape(mount.mountpoint).into_owned(),
        root: unescape(mount.root).into_owned(),
        covered: false,
    }
}

/// The layout, and one hierarchy for each distinct set of controllers.
pub(crate) fn hierarchies(mounts: &[Candidate], own: &ProcCgroup) -> (Layout, Vec<Hierarchy>) {
    let mut all: Vec<Hierarchy> = Vec::new();
    let mut known: HashMap<(bool, &[String]), usize> = HashMap::new();
    for mount in mounts.iter().filter(|m| !m.covered) {
        let v1 = mount.version == Version::V1;
        if v1 && mount.controllers.is_empty() {
            continue;
        }
        let mut hierarchy = Hierarchy {
            version: mount.version,
            controllers: mount.controllers.clone(),
            mountpoint: mount.mountpoint.clone(),
            root: mount.root.clone(),
            own: None,
            noprefix: mount.noprefix,
        };
        hierarchy.own = own.get(hierarchy.proc_key()).cloned();
        let next = all.len();
        let index = *known.entry((v1, &mount.controllers)).or_insert(next);
        match all.get_mut(index) {
            None => all.push(hierarchy),
            Some(old) if rank(&hierarchy) < rank(old) => *old = hierarchy,
            Some(_) => {}
        }
    }
    let layout = layout(&all);
    if layout == Layout::Unified {
        all.retain(|h| h.version == Version::V2);
    }
    (layout, all)
}

/// Smaller is better: shows our own cgroup; stands at the place that every library agrees on;
/// shows more of the hierarchy; shorter path. The first of equals wins.
fn rank(h: &Hierarchy) -> (bool, bool, usize, usize) {
    let usual = lexical::strip_root(&h.mountpoint, b"/sys/fs/cgroup").is_some();
    let root = if h.root == b"/" { 0 } else { h.root.len() };
    (h.own_below_mount().is_none(), !usual, root, h.mountpoint.len())
}

fn layout(all: &[Hierarchy]) -> Layout {
    let v2 = all.iter().find(|h| h.version == Version::V2);
    let v1 = all.iter().any(|h| h.version == Version::V1);
    match v2 {
        // A v1 hierarchy mounted elsewhere on a unified host does not make it hybrid.
        Some(h) if !v1 || h.mountpoint == b"/sys/fs/cgroup" => Layout::Unified,
        Some(_) => Layout::Hybrid,
        None => Layout::Legacy,
    }
}
