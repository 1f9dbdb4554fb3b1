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
    /// The journal's mark before the look; None when there was no look.
    pub mark: Option<usize>,
    /// The unit's properties.
    pub properties: OldProperties,
    /// The files that systemd may write, too.
    pub files: KeptFiles,
}
