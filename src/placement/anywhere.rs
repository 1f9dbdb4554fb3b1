// SPDX-License-Identifier: Apache-2.0

//! Where the cgroup is in a hierarchy that it may not have joined.

use std::borrow::Cow;

use super::locate::locate;
use super::Placement;
use crate::host::HierarchyId;

impl Placement {
    /// Returns the hierarchy of a subsystem, and the path that the cgroup has there if another
    /// manager has joined it. None when no mount shows the place.
    ///
    /// A placement from saved directories does not know what the directories were derived from. It
    /// assumes the path of its first site.
    pub fn anywhere(&self, subsystem: &str) -> Option<(HierarchyId, Cow<'_, [u8]>)> {
        let id = self.info.find(subsystem)?;
        if let Some(site) = self.by_id(id) {
            return Some((site.id, Cow::Borrowed(&site.path)));
        }
        let (id, path) = match &self.place {
            Some(place) => {
                let hierarchy = self.info.hierarchy(id)?;
                let location = locate(&self.info, id, hierarchy, place).ok()?;
                (location.id, Cow::Owned(location.path))
            }
            None => (id, Cow::Borrowed(&self.sites.first()?.path[..])),
        };
        // An empty path is the hierarchy's root, which all cgroups share.
        (!path.is_empty()).then_some((id, path))
    }
}
