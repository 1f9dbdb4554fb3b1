// SPDX-License-Identifier: Apache-2.0

//! What was read before systemd changes a unit.

use super::kept_files::KeptFiles;
use crate::systemd::Property;

/// The unit's properties before they are changed.
#[derive(Debug, Default)]
pub struct OldProperties {
    /// The old values, in the order in which systemd must get them: one list for each call.
    pub before: Vec<Vec<Property>>,
    /// Names of properties whose old value is not known.
    pub lost: Vec<String>,
}

/// What a look ahead found.
#[derive(Debug, Default)]
pub struct LookAhead {
    /// The journal's mark before old values were noted; None before the look ahead.
    pub mark: Option<usize>,
    /// The unit's properties.
    pub properties: OldProperties,
    /// Files that both systemd and later steps write.
    pub files: KeptFiles,
}
