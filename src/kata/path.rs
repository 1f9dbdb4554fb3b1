//! The rules that Kata's Go code applies to a cgroup path, as its generations had them.
//!
//! K0 (January 2020) is the default; K1 and K3 are the later generations. Each function gives
//! the Go function's exact answer, error text included; [`super::strict`] is the mode that
//! refuses what those rules let through.

use super::{gopath, strict};
use crate::error::{Code, Error, Result};

/// Where a relative path ends up, and the default cgroup.
pub const DEFAULT_PATH: &[u8] = b"/vc";
/// The no-constraints cgroups live below this one.
pub const KATA_PATH: &[u8] = b"/kata/";
/// Put before the last element, so that cAdvisor does not take the sandbox for a container.
pub const KATA_PREFIX: &[u8] = b"kata_";

/// Which generation of Kata's rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// virtcontainers/cgroups.go of January 2020.
    #[default]
    K0,
    /// Kata 1.x's last virtcontainers/pkg/cgroups.
    K1,
    /// Kata 3.x's pkg/resourcecontrol.
    K3 {
        /// The host is unified (K3 makes a systemd triple absolute there).
        unified: bool,
    },
}

/// How [`validate`] treats a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The generation to follow.
    pub generation: Generation,
    /// The runtime was told to use systemd: a path that is no systemd triple is an error.
    pub systemd: bool,
    /// Refuse what the generations let through although it cannot be meant.
    pub strict: bool,
}

/// K0's test: the whole path is `slice:prefix:name`, each part of letters, digits and dots.
///
/// It takes no `-`, `_` or `@`, so every real kubelet slice fails it; that is K0's rule. The
/// original compiles a regular expression at every call; the tests hold this against it.
pub fn is_systemd(path: &[u8]) -> bool {
    let word = |part: &[u8]| {
        !part.is_empty() && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.')
    };
    split_triple(path).is_some_and(|parts| parts.into_iter().all(word))
}

/// K1's and K3's test: exactly three parts, the first ending in `.slice`.
pub fn is_systemd_slice(path: &[u8]) -> bool {
    split_triple(path).is_some_and(|[slice, _, _]| slice.ends_with(b".slice"))
}

/// The three parts of `a:b:c`; none when there are more or fewer.
pub fn split_triple(path: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts = path.split(|&b| b == b':');
    let triple = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(triple)
}

/// The path that Kata uses for the sandbox's cgroup.
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
            Generation::K3 { unified: true } => gopath::join(&[b"/", path]),
            _ => path.to_vec(),
        });
    }
    if rules.systemd {
        let text: [&[u8]; 3] =
            [b"malformed systemd path '", path, b"': expected to be of form 'slice:prefix:name'"];
        return Err(Error::new(Code::Path, text.concat()));
    }
    let mut cleaned = if path.first() == Some(&b'/') {
        gopath::clean_below(b"", path)
    } else {
        // Cleaned from the root first, so that it cannot climb out of the default.
        gopath::clean_below(DEFAULT_PATH, path)
    };
    if matches!(rules.generation, Generation::K0 | Generation::K1) {
        // [`rename`] of a path that is absolute and clean.
        let name = cleaned.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
        cleaned.splice(name..name, KATA_PREFIX.iter().copied());
    }
    Ok(cleaned)
}

/// K0's and K1's rename: `kata_` before the last element. The empty path is an error.
pub fn rename(path: &[u8]) -> Result<Vec<u8>> {
    if path.is_empty() {
        return Err(Error::new(Code::Path, "Cgroup path is empty"));
    }
    let name = [KATA_PREFIX, gopath::base(path)].concat();
    Ok(gopath::join(&[&gopath::dir(path), &name]))
}

/// K3's rename: as [`rename`], but `""` and `"."` stand for the default path.
pub fn rename_k3(path: &[u8]) -> Result<Vec<u8>> {
    match path {
        b"" | b"." => rename(DEFAULT_PATH),
        path => rename(path),
    }
}

/// Where the unconstrained part of a sandbox goes: the path below `/kata`, cleanly joined.
pub fn no_constraints(path: &[u8]) -> Vec<u8> {
    gopath::join(&[KATA_PATH, path])
}

/// The parent of a path, which is taken from the root whether it starts with `/` or not.
pub fn parent(path: &[u8]) -> Vec<u8> {
    gopath::dir(&[b"/", path].concat())
}

/// The path to use inside the guest: `/prefix/name` of a systemd triple, else unchanged.
pub fn guest(path: &[u8]) -> Vec<u8> {
    match split_triple(path) {
        Some([_, prefix, name]) if is_systemd(path) => gopath::join(&[b"/", prefix, name]),
        _ => path.to_vec(),
    }
}

/// The cgroup's directory in a subsystem's hierarchy, as containerd's library joins it.
pub fn subsystem_path(root: &[u8], subsystem: &[u8], path: &[u8]) -> Vec<u8> {
    gopath::join(&[root, subsystem, path])
}
