//! Which hierarchies a manager joins, and where in each its cgroup lies. Pure.

use super::Config;
use crate::error::{fail, Code, Error, Result};
use crate::host::{Hierarchy, Host};
use crate::kata::gopath;

/// One subsystem of a manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// v1 controller or `name=X`; `""` for cgroup2. Two subsystems can share a hierarchy.
    pub subsystem: String,
    /// Index into [`Host::hierarchies`].
    pub hierarchy: usize,
    /// The cgroup below the hierarchy's mountpoint: clean, no leading slash.
    pub path: Vec<u8>,
}

/// The v1 subsystems that runc's library joins, in its order. `""` is the cgroup2 mount of a
/// hybrid host, joined so that the process is in the same place in all hierarchies.
const SUBSYSTEMS: &[&str] = &[
    "cpuset",
    "devices",
    "memory",
    "cpu",
    "cpuacct",
    "pids",
    "blkio",
    "hugetlb",
    "net_cls",
    "net_prio",
    "perf_event",
    "freezer",
    "rdma",
    "name=systemd",
    "misc",
    "",
];

/// Those in which systemd itself has a unit's processes, and `name=systemd` is where it finds them
/// to kill: a unit's manager joins them whatever it was asked for, or processes that it does not
/// see would be in the unit when it is stopped.
const SYSTEMDS: &[&str] =
    &["name=systemd", "", "devices", "memory", "cpu", "cpuacct", "pids", "blkio"];

/// Where a cgroup is.
pub(super) enum Place {
    /// A clean path, which is relative to the caller's own cgroup unless it starts with `/`.
    Path(Vec<u8>),
    /// A unit's cgroup, from the hierarchies' own root.
    Unit(Vec<u8>),
}

/// The manager's places, from the host and its path.
pub(super) fn derive(host: &Host, config: &Config, at_path: &Place) -> Result<Vec<Joined>> {
    if host.is_unified() {
        return Ok(vec![home(host, at_path)?]);
    }
    let chosen: Vec<&str> = if config.subsystems.is_empty() {
        SUBSYSTEMS.to_vec()
    } else {
        check_names(&config.subsystems)?;
        let unit = matches!(at_path, Place::Unit(_));
        let wanted = |name: &&&str| asked(config, name) || unit && SYSTEMDS.contains(*name);
        SUBSYSTEMS.iter().filter(wanted).copied().collect()
    };
    let mut out = Vec::new();
    for name in chosen {
        let Some(index) = host.find(name) else {
            // Without it a container would have every device; that is not for us to decide.
            let needed = name == "devices" && !config.flags.skip_devices;
            if needed || asked(config, name) {
                return Err(host.no_such_controller(name));
            }
            continue;
        };
        let Some(hierarchy) = host.hierarchies.get(index) else {
            continue;
        };
        out.push(Joined {
            subsystem: name.to_owned(),
            hierarchy: index,
            path: place(hierarchy, at_path, false)?,
        });
    }
    if out.is_empty() {
        return Err(Error::new(Code::NotMounted, "none of the subsystems is mounted")
            .advice(format!("mounted: {}", host.labels().join(" "))));
    }
    Ok(out)
}

/// The place in the hierarchy in which systemd has its units: a unified host's only one, else
/// `name=systemd`.
pub(super) fn home(host: &Host, at_path: &Place) -> Result<Joined> {
    let unified = host.is_unified();
    let subsystem = if unified { "" } else { "name=systemd" };
    let (index, hierarchy) = at(host, subsystem)?;
    let path = place(hierarchy, at_path, unified)?;
    Ok(Joined { subsystem: subsystem.to_owned(), hierarchy: index, path })
}

/// Kata's sets, and directories, say `systemd`.
fn canonical(name: &str) -> &str {
    match name {
        "systemd" => "name=systemd",
        name => name,
    }
}

fn asked(config: &Config, name: &str) -> bool {
    config.subsystems.iter().any(|s| canonical(s) == name)
}

fn check_names(names: &[String]) -> Result<()> {
    match names.iter().find(|name| !SUBSYSTEMS.contains(&canonical(name))) {
        Some(name) => fail(
            Code::Argument,
            format!("{name:?} is not a v1 subsystem; known: {}", SUBSYSTEMS.join(" ")),
        ),
        None => Ok(()),
    }
}

fn at<'h>(host: &'h Host, subsystem: &str) -> Result<(usize, &'h Hierarchy)> {
    host.find(subsystem)
        .and_then(|index| Some((index, host.hierarchies.get(index)?)))
        .ok_or_else(|| host.no_such_controller(subsystem))
}

/// A place below a mountpoint.
fn place(hierarchy: &Hierarchy, at: &Place, unified: bool) -> Result<Vec<u8>> {
    let path = match at {
        Place::Path(path) => path,
        Place::Unit(cgroup) => {
            return hierarchy.below_mount(cgroup).ok_or_else(|| {
                let text: [&[u8]; 5] = [
                    b"the ",
                    hierarchy.label().as_bytes(),
                    b" mount does not show ",
                    cgroup,
                    b", where systemd has the unit",
                ];
                Error::new(Code::NotMounted, text.concat())
            })
        }
    };
    if let Some(absolute) = path.strip_prefix(b"/") {
        return Ok(absolute.to_vec());
    }
    let Some(own) = hierarchy.own_below_mount() else {
        return fail(
            Code::NotMounted,
            format!(
                "the {} mount does not show the caller's own cgroup, so a relative path has no \
                 meaning; use an absolute one",
                hierarchy.label()
            ),
        );
    };
    let own = gopath::clean(&[b"/", &own[..]].concat());
    // Unified: a cgroup that holds processes cannot have children with controllers, and ours
    // holds us; its parent can.
    let base = if unified { gopath::dir(&own) } else { own };
    let joined = gopath::join(&[&base, path]);
    Ok(joined.strip_prefix(b"/").unwrap_or(&joined).to_vec())
}

/// The manager's places, from a saved map of subsystem to absolute path. Each must lie below
/// where the subsystem is mounted now.
pub(super) fn from_paths(host: &Host, paths: &[(String, Vec<u8>)]) -> Result<Vec<Joined>> {
    let mut out = Vec::new();
    for (subsystem, path) in paths {
        let (index, hierarchy) = at(host, subsystem)?;
        let cleaned = gopath::clean(path);
        let below = gopath::strip_root(&cleaned, &hierarchy.mountpoint).filter(|p| !p.is_empty());
        let Some(below) = below else {
            return fail(
                Code::Path,
                format!(
                    "saved path {} is not a cgroup below {}, where {} is mounted",
                    String::from_utf8_lossy(path),
                    String::from_utf8_lossy(&hierarchy.mountpoint),
                    hierarchy.label(),
                ),
            );
        };
        let subsystem = canonical(subsystem).to_owned();
        out.push(Joined { subsystem, hierarchy: index, path: below.to_vec() });
    }
    let rank = |j: &Joined| SUBSYSTEMS.iter().position(|s| *s == j.subsystem);
    out.sort_by_key(rank);
    Ok(out)
}
