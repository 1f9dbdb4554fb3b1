//! What a unit is called, and where its cgroup is. Pure.

use super::value::{Property, Value};
use crate::error::{Code, Error, Result};
use crate::path::{lexical, slice};

/// systemd's limit of a unit's name.
const NAME_LIMIT: usize = 255;
/// Where a scope goes when its path names no slice.
const SYSTEM_SLICE: &str = "system.slice";
const USER_SLICE: &str = "user.slice";

/// A transient scope or slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// `PREFIX-NAME.scope`, or `NAME.slice`.
    pub name: String,
    /// The slice that it is in, not expanded: `a-b.slice`.
    pub slice: String,
    /// From the root of systemd's own, not escaped.
    cgroup: Vec<u8>,
}

impl Unit {
    /// The unit of `SLICE:PREFIX:NAME`: `NAME` itself when it ends in `.slice`, else the scope
    /// `PREFIX-NAME.scope` (`NAME.scope` without a prefix). No slice means `system.slice`,
    /// `user.slice` of a user's manager.
    pub fn parse(path: &[u8], of_user: bool) -> Result<Unit> {
        let refuse = |why: &str| {
            let shown = path.get(..128).unwrap_or(path);
            let text: [&[u8]; 4] = [b"systemd path '", shown, b"' refused: ", why.as_bytes()];
            Err(Error::new(Code::Path, text.concat()))
        };
        let Some([slice, prefix, name]) = slice::split_triple(path) else {
            return refuse("expected to be of form 'slice:prefix:name'");
        };
        let name = match (prefix, name) {
            (_, b"" | b".slice") => return refuse("it has no name"),
            (_, name) if name.ends_with(b".slice") => name.to_vec(),
            (b"", name) => [name, b".scope"].concat(),
            (prefix, name) => [prefix, b"-", name, b".scope"].concat(),
        };
        let word = |b: &u8| b.is_ascii_alphanumeric() || b":_.-@\\".contains(b);
        let Some(name) = String::from_utf8(name).ok().filter(|n| n.bytes().all(|b| word(&b)))
        else {
            return refuse("a unit's name is of ASCII letters, digits and :_.-@\\");
        };
        if name.len() > NAME_LIMIT {
            return refuse("a unit's name has at most 255 bytes");
        }
        let slice = match slice {
            b"" if is_slice(&name) => parent_slice(&name),
            b"" if of_user => USER_SLICE.to_owned(),
            b"" => SYSTEM_SLICE.to_owned(),
            slice => String::from_utf8_lossy(slice).into_owned(),
        };
        let inside = slice::expand(slice.as_bytes())?;
        let cgroup = match is_slice(&name) {
            // systemd places a slice by its name alone.
            true => slice::expand(name.as_bytes())?,
            false => lexical::join(&[&inside, name.as_bytes()]),
        };
        if cgroup == b"/" {
            return refuse("the root slice is shared by all");
        }
        Ok(Unit { name, slice, cgroup })
    }

    /// Whether it is a slice.
    pub fn is_slice(&self) -> bool {
        is_slice(&self.name)
    }

    /// As the bus calls its type.
    pub fn kind(&self) -> &'static str {
        if self.is_slice() {
            "Slice"
        } else {
            "Scope"
        }
    }

    /// Its cgroup, from the root of systemd's own, as this version calls it. The version is asked
    /// for when it matters, which it does for names like `io.x.scope`.
    pub fn cgroup(&self, version: impl FnOnce() -> Result<u32>) -> Result<Vec<u8>> {
        let [before, since] = self.cgroups();
        Ok(match before == since || version()? >= ESCAPES_PREFIXES {
            true => since,
            false => before,
        })
    }

    /// The same of versions before 254, and since.
    pub fn cgroups(&self) -> [Vec<u8>; 2] {
        [is_special_before_254, is_special].map(|special| escape(&self.cgroup, special))
    }

    /// The path of its slice, as [`Unit::parse`] takes it; none for the root slice.
    pub fn parent(&self) -> Option<Vec<u8>> {
        let slice = match self.is_slice() {
            true => parent_slice(&self.name),
            false => self.slice.clone(),
        };
        (slice != "-.slice").then(|| format!("{}::{slice}", parent_slice(&slice)).into_bytes())
    }

    /// What it is made with, besides resources. A slice takes no processes at its making.
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

/// Since then a name is escaped that begins like a file of the kernel's, before only one that
/// consists of a controller and a suffix: `io.x.scope` is `_io.x.scope` or itself.
const ESCAPES_PREFIXES: u32 = 254;

/// What files of the kernel's begin with, up to a dot, for systemd: its own controllers, and those
/// of its making.
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

/// systemd's cg_needs_escape, so that no cgroup looks like a file of the kernel's.
fn is_special(name: &[u8]) -> bool {
    let first = name.iter().position(|&b| b == b'.');
    begins_special(name) || first.is_some_and(|dot| is_controller(name, dot))
}

fn is_special_before_254(name: &[u8]) -> bool {
    let last = name.iter().rposition(|&b| b == b'.');
    begins_special(name) || last.is_some_and(|dot| is_controller(name, dot))
}

fn begins_special(name: &[u8]) -> bool {
    matches!(name.first(), Some(b'_' | b'.')) || name.starts_with(b"cgroup.")
}

fn is_controller(name: &[u8], end: usize) -> bool {
    name.get(..end).is_some_and(|part| CONTROLLERS.contains(&part))
}

fn escape(path: &[u8], is_special: fn(&[u8]) -> bool) -> Vec<u8> {
    let parts = path.split(|&b| b == b'/').skip(1);
    let mark = |name| if is_special(name) { &b"/_"[..] } else { b"/" };
    parts.map(|name| [mark(name), name].concat()).collect::<Vec<_>>().concat()
}

fn is_slice(name: &str) -> bool {
    name.strip_suffix(".slice").is_some()
}

/// `a-b.slice` is in `a.slice`, and that in `-.slice`.
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
    fn paths_to_units() {
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
            let at = String::from_utf8(unit.cgroup(|| panic!("asked for {path}")).unwrap());
            let found = (&*unit.name, &*unit.slice, &*at.unwrap());
            assert_eq!(found, (name, slice, cgroup), "{path}");
        }
    }

    /// As systemd 252 and 257 do it.
    #[test]
    fn names_that_begin_like_a_file() {
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
    fn what_is_no_unit() {
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
    fn parents() {
        let parent = |path: &str| Unit::parse(path.as_bytes(), false).unwrap().parent();
        assert_eq!(parent("a-b.slice:p:x"), Some(b"a.slice::a-b.slice".to_vec()));
        assert_eq!(parent("a.slice::a-b.slice"), Some(b"-.slice::a.slice".to_vec()));
        assert_eq!(parent("::a.slice"), None);
        assert_eq!(parent("-.slice:p:x"), None);
    }
}
