// SPDX-License-Identifier: Apache-2.0

//! K0's lookup of the directory that holds the v1 hierarchies.
//!
//! Callers may depend on how it differs from [`super::HostInfo`]: the first line of type `cgroup`
//! decides, wherever it is mounted, and a line without the ` - ` separator is read from its third
//! byte on. Unlike the original, this takes lines of any length, survives malformed lines, and
//! decodes escapes.

use memchr::memmem;

use super::mountinfo::{lines, unescape};
use crate::bytes::Lossless;
use crate::error::{fail, Code, Error, Result};
use crate::path::lexical;

/// Returns the parent directory of the first v1 mount in a mountinfo.
pub fn find(mountinfo: &[u8]) -> Result<Vec<u8>> {
    first(mountinfo, &[b"cgroup"])
}

#[cfg(any(test, feature = "internals"))]
/// Does what [`find`] does, but a cgroup2 mount counts, too: runc's older lookup.
pub fn find_any(mountinfo: &[u8]) -> Result<Vec<u8>> {
    first(mountinfo, &[b"cgroup", b"cgroup2"])
}

fn first(mountinfo: &[u8], types: &[&[u8]]) -> Result<Vec<u8>> {
    let separator = memmem::Finder::new(b" - ");
    for line in lines(mountinfo) {
        // Without a separator the original's index is -1, and it reads on three bytes later.
        let start = separator.find(line).map_or(2, |at| at + 3);
        let mut fields = fields(line.get(start..).unwrap_or_default());
        let Some(fs_type) = fields.next() else {
            let shown = Lossless(line.get(..300).unwrap_or(line));
            return fail(Code::NotMounted, format!("Found no fields post '-' in {shown}"));
        };
        if !types.contains(&fs_type) {
            continue;
        }
        if fields.nth(1).is_none() {
            let shown = Lossless(line.get(..300).unwrap_or(line));
            let text = format!("Error found less than 3 fields post '-' in {shown}");
            return fail(Code::NotMounted, text);
        }
        let Some(mountpoint) = line.split(|&b| b == b' ').nth(4) else {
            let shown = Lossless(line.get(..300).unwrap_or(line));
            return fail(Code::NotMounted, format!("found no mount point in {shown}"));
        };
        return Ok(lexical::dir(&unescape(mountpoint)));
    }
    Err(Error::new(Code::NotMounted, "cgroups: cgroup mountpoint does not exist"))
}

/// Splits at ASCII white space, as Go's `strings.Fields` does.
fn fields(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let space = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    text.split(space).filter(|field| !field.is_empty())
}

/// Does what [`find`] does, with this process's own mountinfo.
pub fn find_own() -> Result<Vec<u8>> {
    find(&crate::sys::read_file("/proc/self/mountinfo")?)
}
