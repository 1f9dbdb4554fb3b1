// SPDX-License-Identifier: Apache-2.0

//! CPUs and memory nodes.
//!
//! Kernel: kernel/cgroup/cpuset.c, `update_cpumask`, `validate_change`.

use super::refused::{shown, text_of, Refused};
use crate::cgroupfs::cgroup::Cgroup;
use crate::sys::read_file;
use crate::systemd::bitmask;

/// CPUs or memory nodes, as a bit mask.
struct Set(Vec<u8>);

impl Set {
    fn parse(list: &str) -> Option<Set> {
        bitmask(list).ok().map(Set)
    }

    fn of(cgroup: Cgroup<'_>, file: &str) -> Option<Set> {
        Set::parse(&text_of(cgroup, file)?)
    }

    fn is_in(&self, other: &Set) -> bool {
        let bits = other.0.iter().copied().chain(std::iter::repeat(0));
        self.0.iter().zip(bits).all(|(mine, other)| mine & !other == 0)
    }

    fn meets(&self, other: &Set) -> bool {
        self.0.iter().zip(&other.0).any(|(mine, other)| mine & other != 0)
    }
}

/// Returns what the file lists, and the kernel's file that lists what this host has online.
fn kind(refused: &Refused<'_>) -> (&'static str, &'static str) {
    match refused.file.ends_with("mems") {
        true => ("memory nodes", "/sys/devices/system/node/online"),
        false => ("CPUs", "/sys/devices/system/cpu/online"),
    }
}

/// The value is not a list, or names CPUs or nodes that this host does not have.
pub(super) fn not_on_this_host(refused: &Refused<'_>) -> Option<String> {
    let (what, list) = kind(refused);
    let Some(wanted) = Set::parse(refused.value) else {
        return Some(format!("{what} are a list such as 0-2,5"));
    };
    let online = String::from_utf8(read_file(list).ok()?).ok()?;
    let outside = !wanted.is_in(&Set::parse(online.trim())?);
    outside.then(|| format!("this host has the {what} {}", online.trim()))
}

/// v1: the cgroup or a sibling is exclusive, and the two would overlap.
pub(super) fn exclusive(refused: &Refused<'_>) -> Option<String> {
    let (what, _) = kind(refused);
    let wanted = Set::parse(refused.value)?;
    // `cpuset.cpu_exclusive`, or `cpu_exclusive` with noprefix.
    let stem = refused.file.strip_suffix('s')?;
    let name = format!("{stem}_exclusive");
    let is_exclusive = |cgroup: Cgroup<'_>| text_of(cgroup, &name).as_deref() == Some("1");
    let own = is_exclusive(refused.cgroup);
    let parent = refused.cgroup.parent()?;
    Refused { cgroup: parent, ..*refused }.each_child(|sibling| {
        if sibling.path() == refused.cgroup.path() || !own && !is_exclusive(sibling) {
            return None;
        }
        let has = text_of(sibling, refused.file)?;
        wanted.meets(&Set::parse(&has)?).then(|| {
            format!("{what} are exclusive ({name}): the sibling {} has {has}", shown(sibling))
        })
    })
}

/// v1: the parent does not have the CPUs or nodes.
pub(super) fn parent(refused: &Refused<'_>) -> Option<String> {
    let (what, _) = kind(refused);
    let parent = refused.cgroup.parent()?;
    let has = text_of(parent, refused.file)?;
    let outside = Set::parse(&has)
        .is_none_or(|set| Set::parse(refused.value).is_some_and(|wanted| !wanted.is_in(&set)));
    outside.then(|| match has.is_empty() {
        true => format!("the parent cgroup {} has no {what}", shown(parent)),
        false => format!("the parent cgroup {} has the {what} {has}", shown(parent)),
    })
}

/// v1: a child has CPUs or nodes that the new list lacks.
pub(super) fn child(refused: &Refused<'_>) -> Option<String> {
    let (what, _) = kind(refused);
    let wanted = Set::parse(refused.value)?;
    refused.each_child(|child| {
        let outside = !Set::of(child, refused.file)?.is_in(&wanted);
        let has = text_of(child, refused.file)?;
        outside.then(|| format!("the child cgroup {} has the {what} {has}", shown(child)))
    })
}

/// Processes would be left without CPUs or memory nodes.
pub(super) fn in_use(refused: &Refused<'_>) -> Option<String> {
    let (what, _) = kind(refused);
    let takes_away = Set::of(refused.cgroup, refused.file).is_some();
    takes_away.then(|| format!("a cgroup with processes cannot be left without {what}"))
}
