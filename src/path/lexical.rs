// SPDX-License-Identifier: Apache-2.0

//! Go's `path/filepath` on bytes, for Unix: `Clean`, `Dir`, `Base`, `Join`.
//!
//! Kata's path rules are defined by these functions, down to their corner cases. Golden data and
//! an independent model test them. Every function is linear in the length of its input.

use memchr::memchr;

/// Returns the shortest equivalent path, as `filepath.Clean` does; `""` becomes `"."`.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.first() == Some(&b'/');
    let mut out: Vec<u8> = Vec::with_capacity(path.len().max(1));
    if rooted {
        out.push(b'/');
    }
    clean_onto(&mut out, path, rooted);
    if out.is_empty() {
        out.push(b'.');
    }
    out
}

/// Returns `Join(prefix, Clean("/" + path))`: the path cannot climb above the prefix. The prefix is
/// clean and absolute, or empty.
pub fn clean_below(prefix: &[u8], path: &[u8]) -> Vec<u8> {
    // Room for a slash, and for the `kata_` that kata::path puts before the last element.
    let mut out = Vec::with_capacity(prefix.len() + path.len() + 8);
    out.extend_from_slice(prefix);
    out.push(b'/');
    clean_onto(&mut out, path, true);
    if out.len() == prefix.len() + 1 && !prefix.is_empty() {
        out.pop();
    }
    out
}

/// Appends the cleaned elements of `path` to `out`, which is empty or ends in a slash.
///
/// A `..` never removes what `out` held before the call. A `..` that would climb above the start of
/// `path` is dropped if `rooted`, and kept otherwise.
fn clean_onto(out: &mut Vec<u8>, path: &[u8], rooted: bool) {
    let start = out.len();
    // Bytes of `out` that a later ".." must not remove.
    let mut floor = start;
    let mut rest = path;
    while !rest.is_empty() {
        let end = memchr(b'/', rest).unwrap_or(rest.len());
        let (part, tail) = rest.split_at(end);
        rest = tail.get(1..).unwrap_or_default();
        match part {
            b"" | b"." => {}
            b".." => {
                if out.len() > floor {
                    let own = out.get(floor..).unwrap_or_default();
                    let cut = own.iter().rposition(|&b| b == b'/').unwrap_or(0);
                    out.truncate(floor + cut);
                } else if !rooted {
                    if out.len() > start {
                        out.push(b'/');
                    }
                    out.extend_from_slice(b"..");
                    floor = out.len();
                }
            }
            _ => {
                if out.len() > start {
                    out.push(b'/');
                }
                out.extend_from_slice(part);
            }
        }
    }
}

/// Returns everything before the last slash, cleaned, as `filepath.Dir` does.
pub fn dir(path: &[u8]) -> Vec<u8> {
    match path.iter().rposition(|&b| b == b'/') {
        Some(slash) => clean(path.get(..=slash).unwrap_or(path)),
        None => b".".to_vec(),
    }
}

/// Returns the last element, as `filepath.Base` does: `"."` for an empty path, `"/"` for slashes
/// only.
pub fn base(path: &[u8]) -> &[u8] {
    if path.is_empty() {
        return b".";
    }
    let Some(last) = path.iter().rposition(|&b| b != b'/') else {
        return b"/";
    };
    let path = path.get(..=last).unwrap_or(path);
    match path.iter().rposition(|&b| b == b'/') {
        Some(slash) => path.get(slash + 1..).unwrap_or(path),
        None => path,
    }
}

/// Returns the non-empty elements joined and cleaned, as `filepath.Join` does; `""` when all are
/// empty.
pub fn join(elements: &[&[u8]]) -> Vec<u8> {
    let mut joined: Vec<u8> = Vec::new();
    for element in elements.iter().filter(|e| !e.is_empty()) {
        if !joined.is_empty() {
            joined.push(b'/');
        }
        joined.extend_from_slice(element);
    }
    if joined.is_empty() {
        joined
    } else {
        clean(&joined)
    }
}

/// Returns `path` relative to `root`, without a leading slash; None when `path` is not `root` or
/// below it. Both are clean.
pub fn strip_root<'a>(path: &'a [u8], root: &[u8]) -> Option<&'a [u8]> {
    if root == b"/" {
        return path.strip_prefix(b"/");
    }
    let rest = path.strip_prefix(root)?;
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix(b"/")
}

/// Does what [`clean`] does, but a relative path cannot climb above its start: runc's `CleanPath`.
/// The empty path stays empty.
pub fn clean_confined(path: &[u8]) -> Vec<u8> {
    if path.is_empty() {
        return Vec::new();
    }
    let cleaned = clean(path);
    if cleaned.first() == Some(&b'/') {
        return cleaned;
    }
    let rooted = clean(&[b"/", &cleaned[..]].concat());
    match rooted.strip_prefix(b"/") {
        None | Some(b"") => b".".to_vec(),
        Some(rest) => rest.to_vec(),
    }
}
