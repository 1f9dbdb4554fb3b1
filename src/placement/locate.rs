// SPDX-License-Identifier: Apache-2.0

//! Through which mount a place is reached, and what its path is there.

use crate::error::{fail, Code, Error, Result};
use crate::host::{Hierarchy, HierarchyId, HostInfo};
use crate::path::lexical;

/// What decides where a cgroup is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A clean path. It is relative to the caller's own cgroup unless it starts with `/`.
    Path(Vec<u8>),
    /// A unit's cgroup, from the root of the hierarchies.
    Unit(Vec<u8>),
}

/// A hierarchy through one of its mounts, and a path below the mountpoint.
pub(super) struct Location<'h> {
    pub id: HierarchyId,
    pub hierarchy: &'h Hierarchy,
    pub path: Vec<u8>,
}

/// Returns where a place is in a hierarchy. The usual mount gives the path its meaning. When files
/// cannot be written there, a mount that shows the same cgroup writable is taken instead.
pub(super) fn locate<'h>(
    info: &'h HostInfo,
    id: HierarchyId,
    hierarchy: &'h Hierarchy,
    place: &Place,
) -> Result<Location<'h>> {
    let below = below_mount(hierarchy, place, info.is_unified());
    let cgroup = match (&below, place) {
        (Ok(path), _) if hierarchy.is_writable_at(path) => None,
        (Ok(path), _) => Some(hierarchy.cgroup_at(path)),
        (Err(_), Place::Unit(cgroup)) => Some(cgroup.clone()),
        (Err(_), Place::Path(_)) => None,
    };
    if let Some((id, path)) = cgroup.and_then(|cgroup| info.reach(id, &cgroup)) {
        if let Some(hierarchy) = info.hierarchy(id).filter(|_| id.mount() > 0) {
            return Ok(Location { id, hierarchy, path });
        }
    }
    Ok(Location { id, hierarchy, path: below? })
}

/// Returns the path of a place below a hierarchy's mountpoint.
fn below_mount(hierarchy: &Hierarchy, place: &Place, unified: bool) -> Result<Vec<u8>> {
    let path = match place {
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
    let own = lexical::clean(&[b"/", &own[..]].concat());
    // v2: a cgroup that holds processes cannot have children with controllers. The caller's own
    // cgroup holds the caller; its parent can have such children.
    let base = if unified { lexical::dir(&own) } else { own };
    let joined = lexical::join(&[&base, path]);
    Ok(joined.strip_prefix(b"/").unwrap_or(&joined).to_vec())
}

/// Returns the location of an absolute directory: below the usual mountpoint, or below another one.
pub(super) fn mounted_at<'h>(
    id: HierarchyId,
    usual: &'h Hierarchy,
    directory: &[u8],
) -> Option<Location<'h>> {
    let mounts = std::iter::once((id, usual)).chain(usual.others(id));
    let mut found: Vec<Location<'h>> = Vec::new();
    for (id, hierarchy) in mounts {
        let path = lexical::strip_root(directory, &hierarchy.mountpoint).map(<[u8]>::to_vec);
        found.extend(path.map(|path| Location { id, hierarchy, path }));
    }
    // A mount below another one's mountpoint covers it there.
    let deepest = found.into_iter().min_by_key(|location| location.path.len());
    deepest.filter(|location| !location.path.is_empty())
}
