// SPDX-License-Identifier: Apache-2.0

//! One write to one interface file.

use std::borrow::Cow;
use std::fmt;

use crate::error::Result;
use crate::host::HierarchyId;
use crate::placement::Placement;

/// What to do when an interface file does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// Fail, naming the controller that would have it.
    #[default]
    Fail,
    /// Go on. A kernel without the file already does what the value asks for.
    Skip,
    /// Go on with a warning: the value is not in force.
    Warn,
    /// Write another file instead, such as an I/O scheduler's own weight.
    Instead(Box<Write>),
}

/// One write of one value to one file of one cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The hierarchy that has the file.
    pub hierarchy: HierarchyId,
    /// The controller that the file belongs to; `unified` for a file of OCI's unified map.
    pub controller: &'static str,
    /// File name, without a slash.
    pub file: Cow<'static, str>,
    /// The text to write, in one `write(2)`.
    pub value: String,
    /// What to do when the file does not exist.
    pub missing: Missing,
    /// On EINVAL, write again after this file. The kernel checks each of the two values against the
    /// old value of the other.
    pub retry_after: Option<&'static str>,
    /// Read the file back, and fail when the kernel took another value.
    pub exact: bool,
}

impl Write {
    /// Makes a write that must succeed.
    pub fn new(
        hierarchy: HierarchyId,
        controller: &'static str,
        file: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        Write {
            hierarchy,
            controller,
            file: file.into(),
            value: value.into(),
            missing: Missing::Fail,
            retry_after: None,
            exact: false,
        }
    }

    /// Makes a write of a limit, in the hierarchy of its controller.
    ///
    /// Errors: the cgroup has no such controller.
    pub fn limit(
        placement: &Placement,
        controller: &'static str,
        file: impl Into<Cow<'static, str>>,
        value: impl fmt::Display,
    ) -> Result<Write> {
        Ok(Write::new(placement.require(controller)?.id, controller, file, value.to_string()))
    }

    /// Returns the controller in the file's name. Writes of the unified map name their controller
    /// only there.
    pub fn file_controller(&self) -> &str {
        self.file.split('.').next().unwrap_or_default()
    }

    /// Tolerates a missing file.
    #[must_use]
    pub fn or_skip(mut self) -> Self {
        self.missing = Missing::Skip;
        self
    }

    /// Warns about a missing file.
    #[must_use]
    pub fn or_warn(mut self) -> Self {
        self.missing = Missing::Warn;
        self
    }

    /// Writes `other` when the file is missing.
    #[must_use]
    pub fn or(mut self, other: Write) -> Self {
        self.missing = Missing::Instead(Box::new(other));
        self
    }

    /// Retries after `file` on EINVAL, if `other_is_set`.
    #[must_use]
    pub fn retry_after(mut self, file: &'static str, other_is_set: bool) -> Self {
        self.retry_after = other_is_set.then_some(file);
        self
    }

    /// Reads the file back and compares.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }
}
