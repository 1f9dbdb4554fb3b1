// SPDX-License-Identifier: Apache-2.0

//! systemd's slice names and the `slice:prefix:name` form of a cgroup path.
//!
//! Source: runc's ExpandSlice, systemd.slice(5).

use crate::error::{Code, Error, Result};

const SUFFIX: &[u8] = b".slice";

/// Longest expansion that [`expand`] returns, in bytes. Each dash repeats everything before it, so
/// an expansion grows quadratically; no path can be this long.
const LONGEST: usize = 1 << 16;

/// Splits `a:b:c` into its three parts; None when there are more or fewer.
pub fn split_triple(path: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts = path.split(|&b| b == b':');
    let triple = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(triple)
}

/// Expands `a-b-c.slice` to `/a.slice/a-b.slice/a-b-c.slice`; `-.slice` is the root, `/`.
///
/// Errors: the name has no `.slice` suffix, nothing before the suffix, a `/`, or an empty part
/// between dashes; or the expansion would be longer than any path.
pub fn expand(slice: &[u8]) -> Result<Vec<u8>> {
    let invalid = || {
        let shown = slice.get(..400).unwrap_or(slice);
        Err(Error::new(Code::Path, [b"invalid slice name: ", shown].concat()))
    };
    let Some(name) = slice.strip_suffix(SUFFIX).filter(|name| !name.is_empty()) else {
        return invalid();
    };
    if name.contains(&b'/') {
        return invalid();
    }
    if name == b"-" {
        return Ok(b"/".to_vec());
    }
    let mut out = Vec::new();
    let mut end = 0;
    for part in name.split(|&b| b == b'-') {
        if part.is_empty() {
            return invalid();
        }
        end += part.len();
        let prefix = name.get(..end).unwrap_or(name);
        out.push(b'/');
        out.extend_from_slice(prefix);
        out.extend_from_slice(SUFFIX);
        if out.len() > LONGEST {
            return invalid();
        }
        // Past the dash.
        end += 1;
    }
    Ok(out)
}
