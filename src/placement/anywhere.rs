// SPDX-License-Identifier: Apache-2.0

//! Where the cgroup is in a hierarchy that it may not have joined.

use std::borrow::Cow;

use super::{below_mount, Placement};
use crate::host::HierarchyId;

impl Placement {
    /// Returns the hierarchy of a subsystem, and the path that the cgroup has there if another
    /// manager has joined it. None when no mount shows the place.
    ///
    /// A placement that was taken from saved directories does not know what they were derived from.
    /// It supposes the path of its first site.
    pub fn anywhere(&self, subsystem: &str) -> Option<(HierarchyId, Cow<'_, [u8]>)> {
        let id = self.info.find(subsystem)?;
        if let Some(site) = self.by_id(id) {
            return Some((id, Cow::Borrowed(&site.path)));
        }
        let path = match &self.place {
            Some(place) => {
                let hierarchy = self.info.hierarchy(id)?;
                Cow::Owned(below_mount(hierarchy, place, self.is_unified()).ok()?)
            }
            None => Cow::Borrowed(&self.sites.first()?.path[..]),
        };
        // The root is every cgroup's.
        (!path.is_empty()).then_some((id, path))
    }
}
