//! Parses OCI resources from JSON.
//!
//! The OCI types alone accept arrays for objects and read an absent limit as 0; the module shape
//! tells these apart. OCI: runtime-spec config-linux.md "Control groups".

use std::collections::BTreeMap;

use oci_spec::runtime::{LinuxCpu, LinuxDeviceCgroup, LinuxResources};
use serde::Deserialize;
use serde_json::Value;

use super::shape::{self, Map};
use crate::error::{Code, Error, Result};

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
}

/// A whole specification, or its `linux` object. A specification has a field `linux`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    linux: Option<Linux>,
    annotations: Option<BTreeMap<String, String>>,
    cgroups_path: Option<String>,
    resources: Option<LinuxResources>,
}

fn read<'a, T: Deserialize<'a>>(what: &str, json: &'a [u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|e| {
        // serde_json's text ends in "at line L column C".
        Error::new(Code::Json, format!("{what}: {e}"))
    })
}

/// Reads JSON that holds resources, and accepts three values that the OCI types refuse.
///
/// A swappiness of -1 and a pids limit of null mean "unset" to some callers. A huge page limit is
/// unsigned in Go and may exceed the signed type here.
fn read_relaxed<T: for<'a> Deserialize<'a>>(what: &str, json: &[u8]) -> Result<T> {
    let error = match read(what, json) {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    let Ok(mut value) = serde_json::from_slice::<Value>(json) else { return Err(error) };
    let mut relaxed = false;
    for place in ["", "/resources", "/linux/resources"] {
        let Some(resources) = value.pointer_mut(place).and_then(Value::as_object_mut) else {
            continue;
        };
        if resources.get("pids").is_some_and(|pids| pids.get("limit") == Some(&Value::Null)) {
            relaxed |= resources.remove("pids").is_some();
        }
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
    // The first error names the line and column, which a parsed value has lost.
    match serde_json::from_value(value) {
        Ok(found) if relaxed => Ok(found),
        _ => Err(error),
    }
}

/// Removes `pids` when the JSON has no limit in it: the OCI type reads that as a limit of 0.
fn drop_absent_pids(resources: &mut LinuxResources, shape: &shape::Resources) {
    if !shape.has_pids_limit() {
        resources.set_pids(None);
    }
}

/// Parses `linux.resources`. Unknown fields are accepted, as the specification requires.
pub fn resources(json: &[u8]) -> Result<LinuxResources> {
    let mut out: LinuxResources = read_relaxed("resources JSON", json)?;
    let Map(shape) = read("resources JSON", json)?;
    drop_absent_pids(&mut out, &shape);
    Ok(out)
}

/// Parses `linux.resources.cpu`, or null.
pub fn cpu(json: &[u8]) -> Result<Option<LinuxCpu>> {
    let _: shape::Cpu = read("cpu JSON", json)?;
    read("cpu JSON", json)
}

/// Parses an array of `linux.resources.cpu` objects and nulls.
pub fn cpus(json: &[u8]) -> Result<Vec<Option<LinuxCpu>>> {
    let _: Vec<shape::Cpu> = read("cpu array JSON", json)?;
    read("cpu array JSON", json)
}

/// Parses an array of `linux.resources.devices`.
pub fn devices(json: &[u8]) -> Result<Vec<LinuxDeviceCgroup>> {
    read("device rules JSON", json)
}

/// Parses the `linux` object of a specification, or a whole `config.json` with a field `linux`.
pub fn spec(json: &[u8]) -> Result<Linux> {
    let spec: Spec = read_relaxed("spec JSON", json)?;
    let Map::<shape::Spec>(shape) = read("spec JSON", json)?;
    let (mut linux, shape) = match spec.linux {
        Some(linux) => (linux, shape.linux.unwrap_or_default().0.resources),
        None => {
            let (cgroups_path, resources) = (spec.cgroups_path, spec.resources);
            let linux = Linux { cgroups_path, resources, ..Linux::default() };
            (linux, shape.resources)
        }
    };
    linux.annotations = spec.annotations.unwrap_or_default();
    if let Some(resources) = linux.resources.as_mut() {
        drop_absent_pids(resources, &shape.unwrap_or_default().0);
    }
    Ok(linux)
}
