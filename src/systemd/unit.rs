// SPDX-License-Identifier: Apache-2.0

//! Transient units: their names, their slices and where their cgroups are. Pure.
//!
//! systemd.unit(5), systemd.slice(5), systemd.scope(5); runc's docs/systemd.md for the form
//! `slice:prefix:name`.

use super::value::{Property, Value};
use crate::error::{fail, Code, Error, Result};
use crate::path::{lexical, slice};

/// systemd's limit for the length of a unit name, in bytes.
const NAME_LIMIT: usize = 255;
/// Slice of a scope whose path names no slice.
const SYSTEM_SLICE: &str = "system.slice";
/// The same for a unit of `systemd --user`.
const USER_SLICE: &str = "user.slice";

/// A transient scope or slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// `PREFIX-NAME.scope`, or `NAME.slice`.
    pub name: String,
    /// The slice that the unit is in, as a name: `a-b.slice`.
    pub slice: String,
    /// Path of the cgroup below systemd's root cgroup, not escaped.
    cgroup: Vec<u8>,
}

impl Unit {
    /// Returns the unit of a path `SLICE:PREFIX:NAME`.
    ///
    /// A `NAME` that ends in `.slice` is the unit. Any other name makes the scope
    /// `PREFIX-NAME.scope`, or `NAME.scope` when the prefix is empty. An empty slice means the
    /// parent that a slice's own name gives; for a scope it means `system.slice`, or `user.slice`
    /// when `user` says that the unit belongs to `systemd --user`.
    pub fn parse(path: &[u8], user: bool) -> Result<Unit> {
        let refuse = |why: &str| {
            let shown = path.get(..128).unwrap_or(path);
            let text: [&[u8]; 4] = [b"systemd path '", shown, b"' refused: ", why.as_bytes()];
            Err(Error::new(Code::Path, text.concat()))
        };
        let Some([slice, prefix, name]) = slice::split_triple(path) else {
            return refuse("expected to be of form 'slice:prefix:name'");
        };
        let name = match (prefix, name) {
            (_, b"" | b".slice") => return refuse("the name is empty"),
            (_, name) if name.ends_with(b".slice") => name.to_vec(),
            (b"", name) => [name, b".scope"].concat(),
            (prefix, name) => [prefix, b"-", name, b".scope"].concat(),
        };
        Unit::checked(slice, name, user, refuse)
    }

    /// Returns the unit with this full name. No path can give names such as `-x.scope` or
    /// `a:b.scope`. An empty slice means the same as for [`Unit::parse`].
    pub fn named(name: &str, slice: &[u8], user: bool) -> Result<Unit> {
        let refuse = |why: &str| {
            let shown: String = name.chars().take(128).collect();
            fail(Code::Path, format!("unit name '{shown}' refused: {why}"))
        };
        let stem = name.strip_suffix(".scope").or_else(|| name.strip_suffix(".slice"));
        if stem.is_none_or(str::is_empty) {
            return refuse("it must be NAME.scope or NAME.slice");
        }
        Unit::checked(slice, name.as_bytes().to_vec(), user, refuse)
    }

    fn checked(
        slice: &[u8],
        name: Vec<u8>,
        user: bool,
        refuse: impl Fn(&str) -> Result<Unit>,
    ) -> Result<Unit> {
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || b":_.-@\\".contains(b);
        let Some(name) = String::from_utf8(name).ok().filter(|n| n.bytes().all(|b| allowed(&b)))
        else {
            return refuse("a unit name may contain only ASCII letters, digits and :_.-@\\");
        };
        if name.len() > NAME_LIMIT {
            return refuse("a unit name may have at most 255 bytes");
        }
        let slice = match slice {
            b"" if is_slice(&name) => parent_slice(&name),
            b"" if user => USER_SLICE.to_owned(),
            b"" => SYSTEM_SLICE.to_owned(),
            slice => String::from_utf8_lossy(slice).into_owned(),
        };
        let inside = slice::expand(slice.as_bytes())?;
        let cgroup = match is_slice(&name) {
            // systemd derives the place of a slice from its name alone.
            true => slice::expand(name.as_bytes())?,
            false => lexical::join(&[&inside, name.as_bytes()]),
        };
        if cgroup == b"/" {
            return refuse("the root slice -.slice belongs to the whole system");
        }
        Ok(Unit { name, slice, cgroup })
    }

    /// Returns whether the unit is a slice.
    pub fn is_slice(&self) -> bool {
        is_slice(&self.name)
    }

    /// Returns the unit's type as D-Bus interfaces name it.
    pub fn kind(&self) -> &'static str {
        if self.is_slice() {
            "Slice"
        } else {
            "Scope"
        }
    }

    /// Returns the path of the unit's cgroup below systemd's root cgroup.
    ///
    /// Calls `version` only when the path depends on systemd's version, as that of `io.x.scope`
    /// does.
    pub fn cgroup(&self, version: impl FnOnce() -> Result<u32>) -> Result<Vec<u8>> {
        let [before, since] = self.cgroups();
        Ok(match before == since || version()? >= ESCAPES_PREFIXES {
            true => since,
            false => before,
        })
    }

    /// Returns the paths of the unit's cgroup before systemd 254, and since.
    pub fn cgroups(&self) -> [Vec<u8>; 2] {
        [is_escaped_before_254, is_escaped].map(|rule| escape(&self.cgroup, rule))
    }

    /// Returns the slice that the unit is in, in the form that [`Unit::parse`] reads. None
    /// when that slice is the root slice `-.slice`.
    pub fn parent(&self) -> Option<Vec<u8>> {
        let slice = match self.is_slice() {
            true => parent_slice(&self.name),
            false => self.slice.clone(),
        };
        (slice != "-.slice").then(|| format!("{}::{slice}", parent_slice(&slice)).into_bytes())
    }

    /// Returns the properties to create the unit with, apart from resources. systemd accepts no
    /// processes for a slice, so `pid` is ignored for one.
    pub fn creation(&self, pid: Option<u32>, unified: bool) -> Vec<Property> {
        let mut out =
            vec![Property::new("Description", Value::str(format!("katacg {}", self.name)))];
        if self.is_slice() {
            out.push(Property::new("Wants", Value::strs([&*self.slice])));
        } else {
            out.push(Property::new("Slice", Value::str(&*self.slice)));
            out.push(Property::new("Delegate", Value::Bool(true)));
            out.extend(pid.map(|pid| Property::new("PIDs", Value::u32s([pid]))));
        }
        let io = if unified { "IOAccounting" } else { "BlockIOAccounting" };
        for name in ["MemoryAccounting", "CPUAccounting", io, "TasksAccounting"] {
            out.push(Property::new(name, Value::Bool(true)));
        }
        out.push(Property::new("DefaultDependencies", Value::Bool(false)));
        out
    }
}

/// First version of systemd that escapes every name which starts with a controller and a dot:
/// `io.x.scope` becomes `_io.x.scope`. Earlier versions escape a name only when everything before
/// its last dot is a controller.
const ESCAPES_PREFIXES: u32 = 254;

/// The names that systemd treats as controllers: the kernel's controllers that it uses, and its own
/// bpf controllers. The names of interface files begin with a controller and a dot.
const CONTROLLERS: &[&[u8]] = &[
    b"cpu",
    b"cpuacct",
    b"cpuset",
    b"io",
    b"blkio",
    b"memory",
    b"devices",
    b"pids",
    b"bpf-firewall",
    b"bpf-devices",
    b"bpf-foreign",
    b"bpf-socket-bind",
    b"bpf-restrict-network-interfaces",
];

/// Returns whether systemd 254 or later escapes this name, so that no cgroup has the name of an
/// interface file (cg_needs_escape() in cgroup-util.c).
fn is_escaped(name: &[u8]) -> bool {
    let first = name.iter().position(|&b| b == b'.');
    has_escaped_start(name) || first.is_some_and(|dot| is_controller(name, dot))
}

/// Returns whether systemd before 254 escapes this name.
fn is_escaped_before_254(name: &[u8]) -> bool {
    let last = name.iter().rposition(|&b| b == b'.');
    has_escaped_start(name) || last.is_some_and(|dot| is_controller(name, dot))
}

/// Returns whether every version of systemd escapes this name because of its first characters.
fn has_escaped_start(name: &[u8]) -> bool {
    matches!(name.first(), Some(b'_' | b'.')) || name.starts_with(b"cgroup.")
}

fn is_controller(name: &[u8], end: usize) -> bool {
    name.get(..end).is_some_and(|part| CONTROLLERS.contains(&part))
}

/// Puts `_` in front of each component that `is_escaped` selects.
fn escape(path: &[u8], is_escaped: fn(&[u8]) -> bool) -> Vec<u8> {
    let parts = path.split(|&b| b == b'/').skip(1);
    let start = |name| if is_escaped(name) { &b"/_"[..] } else { b"/" };
    parts.map(|name| [start(name), name].concat()).collect::<Vec<_>>().concat()
}

fn is_slice(name: &str) -> bool {
    name.strip_suffix(".slice").is_some()
}

/// Returns the slice that contains a slice: `a.slice` for `a-b.slice`, `-.slice` for `a.slice`.
fn parent_slice(name: &str) -> String {
    let stem = name.strip_suffix(".slice").unwrap_or(name);
    match stem.rsplit_once('-') {
        Some((parent, last)) if !parent.is_empty() && !last.is_empty() => format!("{parent}.slice"),
        _ => "-.slice".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_slice_prefix_and_name() {
        for (path, user, name, slice, cgroup) in [
            (
                "system.slice:kata:x",
                false,
                "kata-x.scope",
                "system.slice",
                "/system.slice/kata-x.scope",
            ),
            (":kata:x", false, "kata-x.scope", "system.slice", "/system.slice/kata-x.scope"),
            (":kata:x", true, "kata-x.scope", "user.slice", "/user.slice/kata-x.scope"),
            ("a-b.slice::x", false, "x.scope", "a-b.slice", "/a.slice/a-b.slice/x.scope"),
            ("-.slice:p:x", false, "p-x.scope", "-.slice", "/p-x.scope"),
            ("a.slice:p:a-b.slice", false, "a-b.slice", "a.slice", "/a.slice/a-b.slice"),
            ("::a-b.slice", true, "a-b.slice", "a.slice", "/a.slice/a-b.slice"),
            ("::a.slice", false, "a.slice", "-.slice", "/a.slice"),
            ("io.slice::_x", false, "_x.scope", "io.slice", "/_io.slice/__x.scope"),
            (":a.b:c", false, "a.b-c.scope", "system.slice", "/system.slice/a.b-c.scope"),
            ("::cgroup.a.slice", false, "cgroup.a.slice", "-.slice", "/_cgroup.a.slice"),
            (
                ":bpf:devices",
                false,
                "bpf-devices.scope",
                "system.slice",
                "/system.slice/_bpf-devices.scope",
            ),
            ("iox.slice::x", false, "x.scope", "iox.slice", "/iox.slice/x.scope"),
        ] {
            let unit = Unit::parse(path.as_bytes(), user).unwrap();
            let at =
                String::from_utf8(unit.cgroup(|| panic!("version queried for {path}")).unwrap());
            let found = (&*unit.name, &*unit.slice, &*at.unwrap());
            assert_eq!(found, (name, slice, cgroup), "{path}");
        }
    }

    /// Seen with systemd 252 and 257.
    #[test]
    fn names_like_interface_files_are_escaped_since_254() {
        for (path, before, since) in [
            (":io.kata:x", "/system.slice/io.kata-x.scope", "/system.slice/_io.kata-x.scope"),
            ("::cpu.a.slice", "/cpu.a.slice", "/_cpu.a.slice"),
            ("io.x.slice::y", "/io.x.slice/y.scope", "/_io.x.slice/y.scope"),
        ] {
            let unit = Unit::parse(path.as_bytes(), false).unwrap();
            for (version, wanted) in [(239, before), (253, before), (254, since), (257, since)] {
                let found = unit.cgroup(|| Ok(version)).unwrap();
                assert_eq!(std::str::from_utf8(&found).unwrap(), wanted, "{version}");
            }
        }
    }

    #[test]
    fn parse_refuses_malformed_paths_and_names() {
        for path in [
            "a.slice:b",
            "a.slice:b:c:d",
            "a.slice:b:",
            "system:b:c",
            "a/b.slice:b:c",
            "a.slice:b:c/d",
            "a--b.slice:b:c",
            "a.slice:b:c d",
            "a.slice::.slice",
            "a.slice::-.slice",
            "a.slice:b:\u{e9}",
        ] {
            let error = Unit::parse(path.as_bytes(), false).unwrap_err();
            assert_eq!(error.code(), Code::Path, "{path}: {error}");
        }
        let long = format!("a.slice:b:{}", "x".repeat(250));
        assert!(Unit::parse(long.as_bytes(), false).is_err());
    }

    #[test]
    fn named_takes_names_that_no_path_gives() {
        for (name, slice, cgroup) in [
            ("-x.scope", "", "/system.slice/-x.scope"),
            ("a:b:c.scope", "a-b.slice", "/a.slice/a-b.slice/a:b:c.scope"),
            ("x.scope", "-.slice", "/x.scope"),
            ("a-b.slice", "", "/a.slice/a-b.slice"),
        ] {
            let unit = Unit::named(name, slice.as_bytes(), false).unwrap();
            assert_eq!(unit.name, name);
            let at = unit.cgroup(|| panic!("version queried for {name}")).unwrap();
            assert_eq!(std::str::from_utf8(&at).unwrap(), cgroup);
        }
        let long = format!("{}.scope", "x".repeat(250));
        for bad in ["", ".scope", "x", "x.service", "a/b.scope", "a b.scope", "-.slice", &long] {
            let error = Unit::named(bad, b"system.slice", false).unwrap_err();
            assert_eq!(error.code(), Code::Path, "{bad}: {error}");
        }
        assert!(Unit::named("x.scope", b"system", false).is_err());
    }

    #[test]
    fn parent_is_the_containing_slice() {
        let parent = |path: &str| Unit::parse(path.as_bytes(), false).unwrap().parent();
        assert_eq!(parent("a-b.slice:p:x"), Some(b"a.slice::a-b.slice".to_vec()));
        assert_eq!(parent("a.slice::a-b.slice"), Some(b"-.slice::a.slice".to_vec()));
        assert_eq!(parent("::a.slice"), None);
        assert_eq!(parent("-.slice:p:x"), None);
    }
}
