// SPDX-License-Identifier: Apache-2.0

//! Notes that the decoder takes about a document: unknown members, and where they are.

use std::collections::BTreeMap;
use std::fmt;

/// Greatest number of unknown members noted for each type; a hostile document could have millions.
const MOST_UNKNOWN: usize = 32;
/// Greatest number of characters that are kept of an unknown member's name.
const MOST_CHARS: usize = 64;

/// Returns why a member of the outermost object shows that the document is of another kind; None
/// when it does not.
pub(super) type Refuse = fn(member: &str) -> Option<&'static str>;

/// Notes about a document, taken while it is decoded.
pub(super) struct Notes {
    /// Checks the members of the outermost object that its type does not know.
    refuse: Refuse,
    /// Members that no type knows.
    pub unknown: Vec<Unknown>,
    /// Number of further unknown members, by the name of the object's type.
    pub more_unknown: BTreeMap<&'static str, usize>,
    /// Depths of the members `pids.limit` that have a value: the OCI type reads an absent limit
    /// as 0.
    pub pids_limits: Vec<usize>,
}

/// A member of an object that its type does not know.
pub(super) struct Unknown {
    /// The object, such as `linux.resources.memory`.
    pub object: String,
    /// The name of the object's type.
    pub kind: &'static str,
    /// The member's name.
    pub name: String,
    /// The members that the type knows.
    pub known: &'static [&'static str],
}

impl Notes {
    pub(super) fn new(refuse: Refuse) -> Notes {
        Notes {
            refuse,
            unknown: Vec::new(),
            more_unknown: BTreeMap::new(),
            pids_limits: Vec::new(),
        }
    }

    /// Notes a member that the object's type does not know, or returns why the document is refused.
    pub(super) fn note(
        &mut self,
        at: Place<'_>,
        kind: &'static str,
        known: &'static [&'static str],
        name: &str,
    ) -> Result<(), &'static str> {
        if let Some(why) = (self.refuse)(name).filter(|_| at.is_root()) {
            return Err(why);
        }
        if self.unknown.iter().filter(|unknown| unknown.kind == kind).count() == MOST_UNKNOWN {
            *self.more_unknown.entry(kind).or_default() += 1;
            return Ok(());
        }
        let (object, name) = (at.to_string(), name.chars().take(MOST_CHARS).collect());
        self.unknown.push(Unknown { object, kind, name, known });
        Ok(())
    }
}

/// Where in the document a value is.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    part: Part<'p>,
    pub(super) depth: usize,
    /// Whether the value is `pids.limit`.
    pub(super) is_pids_limit: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Part<'p> {
    Name(&'p str),
    Element(usize),
}

impl<'p> Place<'p> {
    /// The outermost value, which has this name in messages.
    pub(super) fn root(name: &'p str) -> Place<'p> {
        Place { parent: None, part: Part::Name(name), depth: 0, is_pids_limit: false }
    }

    pub(super) fn is_root(&self) -> bool {
        self.parent.is_none()
    }

    pub(super) fn below(&'p self, part: Part<'p>) -> Place<'p> {
        Place { parent: Some(self), part, depth: self.depth + 1, is_pids_limit: false }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parent = self.parent.map(ToString::to_string).unwrap_or_default();
        f.write_str(&parent)?;
        let name = match self.part {
            // A name in a map can be any text.
            Part::Name(name) => name.chars().take(MOST_CHARS).flat_map(char::escape_debug),
            Part::Element(index) => return write!(f, "[{index}]"),
        };
        let dot = if parent.is_empty() { "" } else { "." };
        write!(f, "{dot}{}", name.collect::<String>())
    }
}
