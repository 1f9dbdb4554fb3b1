// SPDX-License-Identifier: Apache-2.0

//! Parses OCI resources from JSON.
//!
//! Each function takes one kind of document, refuses the others by name, and warns of members that
//! set nothing. OCI: runtime-spec config-linux.md "Control groups".

use std::collections::BTreeMap;

use oci_spec::runtime::{LinuxCpu, LinuxDeviceCgroup, LinuxResources};
use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::Value;

use super::decode::decode;
use super::notes::{Notes, Refuse, Unknown};
use crate::bytes::letters_changed;
use crate::error::{Code, Error, Result};

/// The members of `linux.resources`, except `devices`, which `linux` has, too.
const OF_RESOURCES: &[&str] =
    &["memory", "cpu", "pids", "blockIO", "hugepageLimits", "network", "rdma", "unified"];

/// Members that show that a document is a `config.json`, even without `linux`.
const OF_CONFIG: &[&str] = &["process", "root", "hostname", "mounts", "hooks", "domainname"];

/// Members that show that a document is a `linux` object, even if it says nothing about cgroups.
const OF_LINUX: &[&str] = &[
    "namespaces",
    "uidMappings",
    "gidMappings",
    "timeOffsets",
    "sysctl",
    "seccomp",
    "rootfsPropagation",
    "maskedPaths",
    "readonlyPaths",
    "mountLabel",
    "intelRdt",
    "memoryPolicy",
    "netDevices",
    "personality",
];

/// The first minor version of runtime-spec 1 in which `pids.limit` 0 is a limit.
const PIDS_LIMIT_OF_0: u32 = 3;

/// The parts of an OCI `linux` object that a cgroup manager uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Linux {
    /// `cgroupsPath`.
    pub cgroups_path: Option<String>,
    /// `resources`.
    pub resources: Option<LinuxResources>,
    /// `annotations` of the whole specification.
    #[serde(skip)]
    pub annotations: BTreeMap<String, String>,
    /// Warnings about members of the document that set nothing.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// A whole specification, or its `linux` object. A specification has a field `linux`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    linux: Option<Linux>,
    annotations: Option<BTreeMap<String, String>>,
    cgroups_path: Option<String>,
    resources: Option<LinuxResources>,
    oci_version: Option<String>,
    /// `linux.devices`, or the rules of a `linux.resources` object.
    devices: Option<Vec<Device>>,
}

/// An element of `linux.devices`, which has no `allow`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Device {
    #[serde(rename = "allow")]
    _allow: Option<Rule>,
}

/// The value of a member that only device rules have.
struct Rule;

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> std::result::Result<Self, D::Error> {
        Err(serde::de::Error::custom(IS_RESOURCES))
    }
}

const IS_CONFIG: &str = "this is a config.json; pass its linux.resources";
const IS_LINUX: &str = "this is the linux object of a config.json; pass its resources";
const IS_RESOURCES: &str = "this is a linux.resources object; pass the linux object that has it, \
                            or the whole config.json";

/// Refuses documents that are not a `linux.resources` object.
fn refuse_in_resources(member: &str) -> Option<&'static str> {
    match member {
        "ociVersion" | "linux" => Some(IS_CONFIG),
        "resources" | "cgroupsPath" => Some(IS_LINUX),
        _ => None,
    }
}

/// Refuses documents that are neither a `config.json` nor a `linux` object.
fn refuse_in_spec(member: &str) -> Option<&'static str> {
    OF_RESOURCES.contains(&member).then_some(IS_RESOURCES)
}

fn refuse_none(_: &str) -> Option<&'static str> {
    None
}

/// A decoded document and what was seen in it.
struct Read<T> {
    value: T,
    notes: Notes,
}

fn read<T: DeserializeOwned>(
    what: &str,
    json: &[u8],
    root: &str,
    refuse: Refuse,
) -> Result<Read<T>> {
    let mut notes = Notes::new(refuse);
    let mut text = serde_json::Deserializer::from_slice(json);
    let value = decode(&mut text, root, &mut notes);
    match value.and_then(|value| text.end().map(|()| value)) {
        Ok(value) => Ok(Read { value, notes }),
        Err(e) => Err(malformed(what, json, &e)),
    }
}

/// Returns the error for JSON that cannot be read. serde_json's text names line and column.
pub(crate) fn malformed(what: &str, json: &[u8], cause: &serde_json::Error) -> Error {
    let error = Error::new(Code::Json, format!("{what}: {cause}"));
    match json.last() {
        // C programs pass sizeof of a string literal, or strlen + 1.
        Some(0) => error.advice(
            "it ends in a NUL byte, which is not JSON: pass the length without the NUL \
             (in C strlen, or sizeof - 1)",
        ),
        None => error.advice("it is empty"),
        Some(_) => error,
    }
}

/// Reads JSON that holds resources, and accepts two values that the OCI types refuse.
///
/// A swappiness of -1 means "unset" to some callers. A huge page limit is unsigned in Go and may
/// exceed the signed type here.
fn read_relaxed<T: DeserializeOwned>(
    what: &str,
    json: &[u8],
    root: &str,
    refuse: Refuse,
) -> Result<Read<T>> {
    let error = match read(what, json, root, refuse) {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    let Ok(mut value) = serde_json::from_slice::<Value>(json) else { return Err(error) };
    let mut relaxed = false;
    for place in ["", "/resources", "/linux/resources"] {
        let Some(resources) = value.pointer_mut(place).and_then(Value::as_object_mut) else {
            continue;
        };
        // A limit above i64::MAX means "no limit", and so does i64::MAX.
        let pages = resources.get_mut("hugepageLimits").and_then(Value::as_array_mut);
        for limit in pages.into_iter().flatten().filter_map(|page| page.get_mut("limit")) {
            if limit.as_u64().is_some_and(|v| i64::try_from(v).is_err()) {
                *limit = Value::from(i64::MAX);
                relaxed = true;
            }
        }
        if let Some(memory) = resources.get_mut("memory").and_then(Value::as_object_mut) {
            if memory.get("swappiness") == Some(&Value::from(-1)) {
                relaxed |= memory.remove("swappiness").is_some();
            }
        }
    }
    // The first error has the line and column in the caller's own text.
    match read(what, value.to_string().as_bytes(), root, refuse) {
        Ok(found) if relaxed => Ok(found),
        _ => Err(error),
    }
}

/// Returns a warning for each member of resources that no type knows: a misspelt limit sets no
/// limit.
fn warnings(notes: &Notes, is_of_resources: impl Fn(&Unknown) -> bool) -> Vec<String> {
    let unknown = notes.unknown.iter().filter(|unknown| is_of_resources(unknown));
    let mut out: Vec<String> = unknown.map(unknown_member).collect();
    let more = notes.more_unknown.iter().filter(|(kind, _)| !is_frame(kind));
    match more.map(|(_, count)| count).sum::<usize>() {
        0 => {}
        more => out.push(format!("and {more} more unknown members; not applied")),
    }
    out
}

/// Whether a type is one of those around the resources. Most members of these types have nothing to
/// do with cgroups.
fn is_frame(kind: &str) -> bool {
    matches!(kind, "Spec" | "Linux" | "Device")
}

fn unknown_member(unknown: &Unknown) -> String {
    let Unknown { object, name, known, .. } = unknown;
    let nearest = known.iter().min_by_key(|known| letters_changed(name, known));
    let nearest = nearest.map(|known| format!("; the nearest known one is {known:?}"));
    let nearest = nearest.unwrap_or_default();
    format!("{object} has an unknown member {name:?}{nearest}; not applied")
}

/// Removes `pids` when it has no limit in the JSON: the OCI type reads that as a limit of 0.
/// `depth` is the depth of the resources in the document.
fn drop_absent_pids(resources: &mut LinuxResources, notes: &Notes, depth: usize) {
    if !notes.pids_limits.contains(&(depth + 2)) {
        resources.set_pids(None);
    }
}

/// Parses `linux.resources`.
pub fn resources(json: &[u8]) -> Result<LinuxResources> {
    resources_and_warnings(json).map(|(resources, _)| resources)
}

/// Parses `linux.resources`. Also returns warnings about members that set nothing.
///
/// Errors: malformed JSON, a value of another type, or another kind of document ([`Code::Json`]).
pub fn resources_and_warnings(json: &[u8]) -> Result<(LinuxResources, Vec<String>)> {
    let Read { mut value, notes } =
        read_relaxed("resources JSON", json, "linux.resources", refuse_in_resources)?;
    drop_absent_pids(&mut value, &notes, 0);
    Ok((value, warnings(&notes, |_| true)))
}

/// Parses `linux.resources.cpu`, or null.
pub fn cpu(json: &[u8]) -> Result<Option<LinuxCpu>> {
    Ok(read("cpu JSON", json, "cpu", refuse_none)?.value)
}

/// Parses an array of `linux.resources.cpu` objects and nulls.
pub fn cpus(json: &[u8]) -> Result<Vec<Option<LinuxCpu>>> {
    Ok(read("cpu array JSON", json, "cpus", refuse_none)?.value)
}

/// Parses an array of `linux.resources.devices`.
pub fn devices(json: &[u8]) -> Result<Vec<LinuxDeviceCgroup>> {
    Ok(read("device rules JSON", json, "devices", refuse_none)?.value)
}

/// Parses the `linux` object of a specification, or a whole `config.json` with a field `linux`.
///
/// Errors: as for [`resources_and_warnings`].
pub fn spec(json: &[u8]) -> Result<Linux> {
    let Read { value: spec, notes } = read_relaxed::<Spec>("spec JSON", json, "", refuse_in_spec)?;
    let whole = spec.linux.is_some();
    let mut warnings = misplaced(&spec, &notes);
    let Spec { linux, annotations, cgroups_path, resources, oci_version, devices: _ } = spec;
    let mut linux = linux.unwrap_or_else(|| Linux { cgroups_path, resources, ..Linux::default() });
    linux.annotations = annotations.unwrap_or_default();
    warnings.extend(self::warnings(&notes, |unknown| {
        // Resources beside `linux` are not used.
        !is_frame(unknown.kind) && unknown.object.starts_with("linux.") == whole
    }));
    if let Some(resources) = linux.resources.as_mut() {
        drop_absent_pids(resources, &notes, if whole { 2 } else { 1 });
        warnings.extend(drop_old_pids(resources, oci_version.as_deref()));
    }
    linux.warnings = warnings;
    Ok(linux)
}

/// Returns warnings about a document that has no resources, or has them in the wrong place.
fn misplaced(spec: &Spec, notes: &Notes) -> Vec<String> {
    let mut out = Vec::new();
    let has = |name: &&str| notes.unknown.iter().any(|u| u.kind == "Spec" && u.name == *name);
    let is_config = spec.oci_version.is_some() || OF_CONFIG.iter().any(has);
    if spec.linux.is_none() && is_config {
        out.push("the config.json has no linux object, and so no limits".to_owned());
    }
    let empty = spec.cgroups_path.is_none() && spec.resources.is_none() && spec.devices.is_none();
    let is_linux = || OF_LINUX.iter().any(has) || notes.unknown.is_empty();
    if spec.linux.is_none() && !is_config && empty && !is_linux() {
        out.push("the specification has no linux, resources or cgroupsPath".to_owned());
    }
    // The `linux` object itself: inside a config.json, or the document.
    let kind = if spec.linux.is_some() { "Linux" } else { "Spec" };
    let members =
        notes.unknown.iter().filter(|u| u.kind == kind && (kind == "Linux" || !is_config));
    for Unknown { name, .. } in members {
        if OF_RESOURCES.contains(&&**name) {
            out.push(format!("linux has {name:?}, which belongs in linux.resources; not applied"));
            continue;
        }
        let used = ["linux", "resources", "cgroupsPath"];
        if let Some(used) = used.iter().find(|used| letters_changed(name, used) <= 2) {
            out.push(format!(
                "unknown member {name:?}; the nearest known one is {used:?}; not applied"
            ));
        }
    }
    out
}

/// Removes a pids limit of 0 if `version` is a version of runtime-spec in which 0 means no limit.
/// Returns a warning if it did.
fn drop_old_pids(resources: &mut LinuxResources, version: Option<&str>) -> Option<String> {
    let version = version?;
    let mut numbers = version.split(['.', '-', '+']).map_while(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next()?, numbers.next()?);
    let is_old = (major, minor) < (1, PIDS_LIMIT_OF_0);
    if !is_old || resources.pids().is_none_or(|pids| pids.limit() != 0) {
        return None;
    }
    resources.set_pids(None);
    Some(format!(
        "pids.limit 0 means no limit in ociVersion {version:?}, and a limit only since \
         1.{PIDS_LIMIT_OF_0}; not applied"
    ))
}
