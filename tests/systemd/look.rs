// SPDX-License-Identifier: Apache-2.0

//! Looks at the machine without the library: systemctl, /proc and the cgroup file system.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::fixture::systemctl;

/// Returns properties of units, as systemctl prints them.
pub fn properties(units: &[&str], names: &[&str]) -> BTreeMap<String, BTreeMap<String, String>> {
    let list = format!("Id,{}", names.join(","));
    let text = systemctl(&[&["show", "-p", &list], units].concat());
    let unit = |block: &str| {
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in block.lines().filter_map(|line| line.split_once('=')) {
            // systemctl prints a line for each element of a list.
            let known = all.entry(name.to_owned()).or_default();
            *known = format!("{known} {value}").trim().to_owned();
        }
        (all.get("Id").cloned().unwrap_or_default(), all)
    };
    text.split("\n\n").map(unit).collect()
}

/// Returns every directory of that name in every hierarchy.
pub fn directories(name: &str) -> Vec<PathBuf> {
    fn walk(at: &Path, name: &str, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(at).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                if entry.file_name().to_string_lossy() == name {
                    out.push(entry.path());
                }
                walk(&entry.path(), name, out);
            }
        }
    }
    let mut out = Vec::new();
    walk(Path::new("/sys/fs/cgroup"), name, &mut out);
    out
}

/// Returns the cgroup of a task in each hierarchy, as the hierarchy's controllers and the path.
pub fn cgroups_of(pid: i32) -> Vec<(String, String)> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let line = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1).map(str::to_owned);
        Some((fields.next()?, fields.next()?))
    };
    text.lines().map(|l| line(l).unwrap()).collect()
}

/// Returns the cgroup of a task in systemd's own hierarchy. In other hierarchies systemd moves
/// tasks when units start and stop.
pub fn home_of(pid: i32) -> String {
    let all = cgroups_of(pid);
    let named = all.iter().find(|(name, _)| name == "name=systemd");
    named.or(all.iter().find(|(name, _)| name.is_empty())).unwrap().1.clone()
}

pub fn alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
