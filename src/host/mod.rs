//! What this host offers, as one immutable value.
//!
//! [`Host::parse`] is pure: text of mountinfo and of /proc/self/cgroup in, facts out. So every
//! decision that depends on the host can be tested for any host. [`Host::read`] does the I/O.

pub mod mountinfo;
mod own;
mod select;
pub mod v1mount;

use std::collections::BTreeMap;

use rustix::fs::{Dir, Mode, OFlags};

use crate::error::{fail, Code, Error, Result};
use crate::kata::gopath;
use crate::sys::read_file;

/// How a host's hierarchies are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// v1 hierarchies alone.
    Legacy,
    /// v1 hierarchies with a cgroup2 mount beside them.
    Hybrid,
    /// cgroup2 alone, or in the place where v1 would be.
    Unified,
}

/// The two kinds of hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy for each set of controllers.
    V1,
    /// The single cgroup2 hierarchy.
    V2,
}

/// A mounted hierarchy, and the one of its mounts to work through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// v1 or v2.
    pub version: Version,
    /// v1: the controllers of the mount's super options, and its `name=`; v2: those of the
    /// mount's own `cgroup.controllers`.
    pub controllers: Vec<String>,
    /// Where it is mounted, unescaped.
    pub mountpoint: Vec<u8>,
    /// Which cgroup of the hierarchy the mount shows: `/`, unless bind-mounted or namespaced.
    pub root: Vec<u8>,
    /// The cgroup that this process is in, as /proc/self/cgroup has it.
    pub own: Option<Vec<u8>>,
    /// v1 cpuset mounted without its prefix: `cpus` instead of `cpuset.cpus`.
    pub noprefix: bool,
}

impl Hierarchy {
    /// This process's cgroup as a path below the mountpoint (no leading slash, `""` is the
    /// mount itself); none when the mount does not show it.
    pub fn own_below_mount(&self) -> Option<Vec<u8>> {
        self.below_mount(self.own.as_deref()?)
    }

    /// The same for any cgroup that /proc/PID/cgroup names. One outside the reader's cgroup
    /// namespace starts with `/..`, and no mount of ours shows it.
    pub fn below_mount(&self, cgroup: &[u8]) -> Option<Vec<u8>> {
        if cgroup == b"/.." || cgroup.starts_with(b"/../") {
            return None;
        }
        gopath::strip_root(&gopath::clean(cgroup), &self.root).map(<[u8]>::to_vec)
    }

    /// What /proc/PID/cgroup calls it.
    pub(crate) fn own_key(&self) -> &str {
        match self.version {
            Version::V2 => "",
            Version::V1 => self.controllers.first().map_or("", String::as_str),
        }
    }

    /// The first controller or name: what the hierarchy is called in messages.
    pub fn label(&self) -> &str {
        match self.version {
            Version::V2 => "cgroup2",
            Version::V1 => self.controllers.first().map_or("?", String::as_str),
        }
    }
}

/// The facts. Immutable: what was mounted when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// How the hierarchies are laid out.
    pub layout: Layout,
    /// Every usable hierarchy; on a unified host just the cgroup2 one.
    pub hierarchies: Vec<Hierarchy>,
    /// Neither real root nor a user namespace that maps everybody.
    pub rootless: bool,
    /// In a user namespace that does not map everybody.
    pub in_user_namespace: bool,
}

/// Raw material for [`Host::parse`].
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

impl Host {
    /// Reads the three files of /proc once each. The cgroup2 mount's controllers are not in them:
    /// see [`crate::cgroupfs::Trees::read`].
    pub fn read() -> Result<Host> {
        let mountinfo = read_file("/proc/self/mountinfo")?;
        let cgroup = read_file("/proc/self/cgroup")?;
        // A kernel without user namespaces has no uid_map: then this is the initial one.
        let uid_map = match read_file("/proc/self/uid_map") {
            Err(e) if e.is(rustix::io::Errno::NOENT) => Vec::new(),
            other => other?,
        };
        let euid = rustix::process::geteuid().as_raw();
        Host::parse(Sources {
            mountinfo: &mountinfo,
            cgroup: &cgroup,
            uid_map: &uid_map,
            euid,
            controllers: b"",
        })
    }

    /// The facts from their sources; no I/O.
    ///
    /// Errors: no cgroup file system is mounted ([`Code::NotMounted`]), or /proc/self/cgroup
    /// has a line that is not `id:controllers:path` ([`Code::System`] would hide that).
    pub fn parse(sources: Sources<'_>) -> Result<Host> {
        let own = own::parse(sources.cgroup)?;
        let mounts = select::cgroup_mounts(sources.mountinfo);
        let (layout, mut hierarchies) = select::hierarchies(&mounts, &own);
        for hierarchy in hierarchies.iter_mut().filter(|h| h.version == Version::V2) {
            hierarchy.controllers = words(sources.controllers);
        }
        if hierarchies.is_empty() {
            return fail(
                Code::NotMounted,
                "no cgroup file system in mountinfo; mount cgroup2 on /sys/fs/cgroup",
            );
        }
        let in_user_namespace = in_user_namespace(sources.uid_map);
        let rootless = sources.euid != 0 || in_user_namespace;
        Ok(Host { layout, hierarchies, rootless, in_user_namespace })
    }

    /// Whether the host is unified.
    pub fn is_unified(&self) -> bool {
        self.layout == Layout::Unified
    }

    /// The index of the hierarchy that has a v1 controller, or the one named `name=X`, also
    /// asked for as plain `X`; `""` is the cgroup2 hierarchy.
    pub fn find(&self, controller: &str) -> Option<usize> {
        let named = |c: &String| c.strip_prefix("name=").is_some_and(|n| n == controller);
        self.hierarchies.iter().position(|h| match h.version {
            Version::V2 => controller.is_empty(),
            Version::V1 => h.controllers.iter().any(|c| c == controller || named(c)),
        })
    }

    /// The cgroup2 hierarchy, if its mount has this controller.
    pub fn cgroup2_with(&self, controller: &str) -> Option<usize> {
        let has = |h: &Hierarchy| h.controllers.iter().any(|c| c == controller);
        self.find("").filter(|&index| self.hierarchies.get(index).is_some_and(has))
    }

    /// As [`Host::find`] for a controller that must be there. On a unified host every
    /// controller's mount is the cgroup2 mount.
    pub fn hierarchy(&self, controller: &str) -> Result<&Hierarchy> {
        let index = self.find(if self.is_unified() { "" } else { controller });
        match index.and_then(|i| self.hierarchies.get(i)) {
            Some(hierarchy) => Ok(hierarchy),
            None => Err(self.no_such_controller(controller)),
        }
    }

    pub(crate) fn no_such_controller(&self, controller: &str) -> Error {
        let what = if controller.is_empty() { "cgroup2" } else { controller };
        Error::new(Code::NotMounted, format!("no cgroup mount has {what}"))
            .advice(format!("mounted: {}", self.labels().join(" ")))
    }

    /// Whether the other's hierarchies are these, in the same order, whatever cgroup its caller is in.
    pub(crate) fn has_mounts_of(&self, other: &Host) -> bool {
        let mount = |h: &Hierarchy| (h.version, h.mountpoint.clone(), h.root.clone());
        self.hierarchies.iter().map(mount).eq(other.hierarchies.iter().map(mount))
    }

    /// Controllers of all v1 hierarchies, in mount order; `cgroup2` where that is mounted.
    pub fn labels(&self) -> Vec<&str> {
        let of = |h: &'_ Hierarchy| h.version == Version::V2;
        self.hierarchies
            .iter()
            .flat_map(|h| {
                let v1 = if of(h) { &[][..] } else { &h.controllers[..] };
                v1.iter().map(String::as_str).chain(of(h).then_some("cgroup2"))
            })
            .collect()
    }
}

/// Anything but "0 0 4294967295" alone maps only some of the host's users.
fn in_user_namespace(uid_map: &[u8]) -> bool {
    let fields: Vec<&[u8]> =
        uid_map.split(u8::is_ascii_whitespace).filter(|f| !f.is_empty()).collect();
    !(fields.is_empty() || fields == [&b"0"[..], b"0", b"4294967295"])
}

fn words(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).split_whitespace().map(str::to_owned).collect()
}

/// Controllers of v2 that no threaded cgroup has, nor the root of a threaded subtree for its children.
pub const DOMAIN_CONTROLLERS: &[&str] = &["memory", "io", "hugetlb", "rdma"];

/// The controllers of /proc/self/cgroup, each with this process's cgroup.
pub(crate) type Own = BTreeMap<String, Vec<u8>>;

/// Where a task is.
pub(crate) fn own_of(id: i32) -> Result<Own> {
    own::parse(&own_text(id)?)
}

/// The same as the kernel says it, for who may never need it.
pub(crate) fn own_text(id: i32) -> Result<Vec<u8>> {
    let path = format!("/proc/{id}/cgroup");
    let failed = |what, e| Error::system(what, path.as_bytes(), e);
    let fd = rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| failed("open", e))?;
    crate::sys::read_at_once(&fd).map_err(|e| failed("read", e))
}

/// Threads of a process that are elsewhere than the process is, whose text is given, and theirs.
pub(crate) fn threads_elsewhere(id: i32, text: &[u8]) -> Vec<(i32, Vec<u8>)> {
    let path = format!("/proc/{id}/task");
    // As many links as there are threads, and two.
    if rustix::fs::stat(&path).is_ok_and(|stat| stat.st_nlink <= 3) {
        return Vec::new();
    }
    // What cannot be listed or has ended cannot be put back.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let list = rustix::fs::open(&path, flags, Mode::empty()).and_then(Dir::new);
    let mut out = Vec::new();
    for entry in list.into_iter().flatten().flatten() {
        let Some(thread) = entry.file_name().to_str().ok().and_then(|name| name.parse().ok())
        else {
            continue;
        };
        match own_text(thread) {
            Ok(own) if thread != id && own != text => out.push((thread, own)),
            _ => {}
        }
    }
    out
}

/// The text's parts.
pub(crate) fn parse_own(text: &[u8]) -> Result<Own> {
    own::parse(text)
}
