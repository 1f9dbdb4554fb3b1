// SPDX-License-Identifier: Apache-2.0

//! Parsing mountinfo, one line at a time and without copying: proc_pid_mountinfo(5).

use std::borrow::Cow;

use memchr::{memchr, memmem};

/// One mount. The fields are as in the file, still escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// Mount id.
    pub id: &'a [u8],
    /// Id of the mount that this one is mounted on.
    pub parent: &'a [u8],
    /// Device number of the super block, `major:minor`.
    pub device: &'a [u8],
    /// The directory of the file system that is mounted.
    pub root: &'a [u8],
    /// The directory that it is mounted on.
    pub mountpoint: &'a [u8],
    /// Options of this mount alone.
    pub options: &'a [u8],
    /// File system type.
    pub fs_type: &'a [u8],
    /// Options of the super block. Only they name a v1 hierarchy's controllers.
    pub super_options: &'a [u8],
}

impl Mount<'_> {
    /// Whether files can be written through this mount: neither the mount nor its super block is
    /// read-only.
    pub fn is_writable(&self) -> bool {
        let read_only = |options: &[u8]| options.split(|&b| b == b',').any(|o| o == b"ro");
        !read_only(self.options) && !read_only(self.super_options)
    }
}

/// Returns the lines of a mountinfo without `\n`, and without one `\r` before it.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        let line = if let Some(end) = memchr(b'\n', text) {
            rest = text.get(end + 1..).filter(|rest| !rest.is_empty());
            text.get(..end)?
        } else {
            rest = None;
            text
        };
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// Parses a line; None when it is not a mountinfo line. Skips the optional fields.
pub fn parse(line: &[u8]) -> Option<Mount<'_>> {
    let separator = memmem::find(line, b" - ")?;
    let (before, after) = (line.get(..separator)?, line.get(separator + 3..)?);
    let mut before = before.split(|&b| b == b' ');
    let (id, parent) = (before.next()?, before.next()?);
    let device = before.next()?;
    let (root, mountpoint) = (before.next()?, before.next()?);
    let options = before.next().unwrap_or_default();
    let mut after = after.split(|&b| b == b' ');
    let fs_type = after.next()?;
    let _source = after.next()?;
    let super_options = after.next().unwrap_or_default();
    Some(Mount { id, parent, device, root, mountpoint, options, fs_type, super_options })
}

/// Decodes a field. The kernel writes space, tab, newline and backslash as `\` and three octal
/// digits.
pub fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\\', field).is_none() {
        return Cow::Borrowed(field);
    }
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        if let (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) =
            (first, tail)
        {
            out.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
            rest = after;
        } else {
            out.push(first);
            rest = tail;
        }
    }
    Cow::Owned(out)
}
