//! systemd slice and scope names, as runc's library derives them.

use super::path::{is_systemd_slice, split_triple};
use crate::error::{Code, Error, Result};

const SUFFIX: &[u8] = b".slice";

/// `a-b-c.slice` to `/a.slice/a-b.slice/a-b-c.slice`; `-.slice` is the root, `/`.
///
/// Errors: no `.slice` suffix, nothing before it, a `/`, an empty part between dashes; also a
/// name so long that its expansion could not be a path (each dash repeats all before it).
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
        // Quadratic growth ends here: no path that long exists.
        if out.len() > 1 << 16 {
            return invalid();
        }
        end += 1;
    }
    Ok(out)
}

/// K3's split of `slice:prefix:name` into the slice and the scope's unit name.
pub fn slice_and_unit_k3(path: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    match split_triple(path) {
        Some([slice, prefix, name]) if is_systemd_slice(path) => {
            Ok((slice.to_vec(), [prefix, b"-", name, b".scope"].concat()))
        }
        _ => {
            let text: [&[u8]; 3] = [b"Path: ", path, b" is not valid systemd's cgroups path"];
            Err(Error::new(Code::Path, text.concat()))
        }
    }
}
