// SPDX-License-Identifier: Apache-2.0

//! The rules of Kata's Go code for cgroup paths, by generation.
//!
//! K0 (January 2020) is the default; K1 and K3 came later. Each function returns exactly what the
//! Go function returns, error texts included. [`super::strict`] refuses paths that these rules
//! accept by mistake.

use super::rules::{is_systemd, is_systemd_slice, Generation, Rules};
use super::strict;
use crate::error::{Code, Error, Result};
use crate::path::lexical;
use crate::path::slice::split_triple;

/// Parent of a relative path, and the default cgroup.
pub const DEFAULT_PATH: &[u8] = b"/vc";
/// Parent of the no-constraints cgroups.
pub const KATA_PATH: &[u8] = b"/kata/";
/// Prefix of the last element. Without it, cAdvisor would take the sandbox for a container.
pub const KATA_PREFIX: &[u8] = b"kata_";

/// Returns the path that Kata uses for the sandbox's cgroup.
pub fn validate(path: &[u8], rules: Rules) -> Result<Vec<u8>> {
    if rules.strict {
        strict::check(path, rules)?;
    }
    let triple = match rules.generation {
        Generation::K0 => is_systemd(path),
        Generation::K1 | Generation::K3 { .. } => is_systemd_slice(path),
    };
    if triple {
        return Ok(match rules.generation {
            Generation::K3 { unified: true } => lexical::join(&[b"/", path]),
            _ => path.to_vec(),
        });
    }
    if rules.systemd {
        let text: [&[u8]; 3] =
            [b"malformed systemd path '", path, b"': expected to be of form 'slice:prefix:name'"];
        return Err(Error::original(Code::Path, text.concat()));
    }
    let mut cleaned = if path.first() == Some(&b'/') {
        lexical::clean_below(b"", path)
    } else {
        // A relative path cannot climb out of the default path.
        lexical::clean_below(DEFAULT_PATH, path)
    };
    if matches!(rules.generation, Generation::K0 | Generation::K1) {
        // The same as [`rename`], for a path that is absolute and clean.
        let name = cleaned.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
        cleaned.splice(name..name, KATA_PREFIX.iter().copied());
    }
    Ok(cleaned)
}

/// Puts `kata_` before the last element, as K0 and K1 do. The empty path is an error.
pub fn rename(path: &[u8]) -> Result<Vec<u8>> {
    if path.is_empty() {
        return Err(Error::new(Code::Path, "Cgroup path is empty"));
    }
    let name = [KATA_PREFIX, lexical::base(path)].concat();
    Ok(lexical::join(&[&lexical::dir(path), &name]))
}

/// Does what [`rename`] does, but `""` and `"."` stand for the default path, as in K3.
pub fn rename_k3(path: &[u8]) -> Result<Vec<u8>> {
    match path {
        b"" | b"." => rename(DEFAULT_PATH),
        path => rename(path),
    }
}

/// Returns the path of a sandbox's unconstrained cgroup: `/kata/` and the path, joined and cleaned.
pub fn no_constraints(path: &[u8]) -> Vec<u8> {
    lexical::join(&[KATA_PATH, path])
}

/// Returns the parent of a path. A path without a leading `/` is taken as one below `/`.
pub fn parent(path: &[u8]) -> Vec<u8> {
    lexical::dir(&[b"/", path].concat())
}

/// Returns the path to use inside the guest: `/prefix/name` of a systemd triple, else the path
/// itself.
pub fn guest(path: &[u8]) -> Vec<u8> {
    match split_triple(path) {
        Some([_, prefix, name]) if is_systemd(path) => lexical::join(&[b"/", prefix, name]),
        _ => path.to_vec(),
    }
}

/// Returns the cgroup's directory in a subsystem's hierarchy, joined as containerd's library does.
pub fn subsystem_path(root: &[u8], subsystem: &[u8], path: &[u8]) -> Vec<u8> {
    lexical::join(&[root, subsystem, path])
}

/// Splits `slice:prefix:name` into the slice and the scope's unit name, as K3 does.
pub fn slice_and_unit_k3(path: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    match split_triple(path) {
        Some([slice, prefix, name]) if is_systemd_slice(path) => {
            Ok((slice.to_vec(), [prefix, b"-", name, b".scope"].concat()))
        }
        _ => {
            let text: [&[u8]; 3] = [b"Path: ", path, b" is not valid systemd's cgroups path"];
            Err(Error::original(Code::Path, text.concat()))
        }
    }
}
