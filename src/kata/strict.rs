// SPDX-License-Identifier: Apache-2.0

//! Strict mode: refuses paths that Kata's rules accept although no caller can have meant them.
//!
//! `""`, `.`, `/` and `..` all collapse onto a cgroup that is shared with every other sandbox
//! that was started the same way. Deleting one of these sandboxes moves the processes of the others
//! out of the cgroup, too.

use super::rules::{is_systemd, is_systemd_slice, Rules};
use crate::error::{Code, Error, Result};
use crate::path::slice::split_triple;

/// The kernel's NAME_MAX, 255, less the five bytes of `kata_`, which is put before the name.
const NAME_LIMIT: usize = 250;

fn refuse(path: &[u8], why: &str) -> Result<()> {
    // The path may be a megabyte long; its start is enough to recognise it.
    let shown = path.get(..128).unwrap_or(path);
    let text: [&[u8]; 4] = [b"cgroup path '", shown, b"' refused: ", why.as_bytes()];
    Err(Error::new(Code::Path, text.concat()))
}

/// Checks a path against the strict rules.
///
/// Errors: the path breaks one of them ([`Code::Path`]); the message says which.
pub fn check(path: &[u8], rules: Rules) -> Result<()> {
    if path.iter().any(|&b| b < 0x20 || b == 0x7f) {
        return refuse(path, "it has a control byte; use printable names");
    }
    let looks_like_triple = is_systemd(path) || is_systemd_slice(path);
    match (rules.systemd, looks_like_triple) {
        (false, true) => refuse(path, "it is a systemd path, but systemd was not requested"),
        (false, false) => check_file_path(path),
        (true, true) => check_triple(path),
        // `validate` reports a path that is not a triple, in the generation's words.
        (true, false) => Ok(()),
    }
}

fn check_triple(path: &[u8]) -> Result<()> {
    for part in path.split(|&b| b == b':') {
        if matches!(part, b"." | b"..") {
            return refuse(path, "'.' and '..' cannot be part of a systemd path");
        }
        if part.contains(&b'/') {
            return refuse(path, "a part of a systemd path cannot hold '/'");
        }
        if part.len() > NAME_LIMIT {
            return refuse(path, "a name is longer than 250 bytes");
        }
    }
    match split_triple(path) {
        Some([_, _, b""]) => refuse(path, "the systemd path has no name"),
        _ => Ok(()),
    }
}

fn check_file_path(path: &[u8]) -> Result<()> {
    if path.split(|&b| b == b'/').any(|part| part.len() > NAME_LIMIT) {
        return refuse(path, "a name is longer than 250 bytes");
    }
    match depth(path) {
        None => refuse(path, "'..' leads out of it"),
        Some(0) => refuse(path, "it has no name of its own, so other sandboxes would share it"),
        Some(_) => Ok(()),
    }
}

/// Whether `..` leads above the start of the path, wherever the path ends.
pub fn climbs_out(path: &[u8]) -> bool {
    depth(path).is_none()
}

/// Returns how deep below its start the path ends; None when it climbs above its start.
fn depth(path: &[u8]) -> Option<usize> {
    path.split(|&b| b == b'/').try_fold(0usize, |depth, part| match part {
        b"" | b"." => Some(depth),
        b".." => depth.checked_sub(1),
        _ => Some(depth + 1),
    })
}
