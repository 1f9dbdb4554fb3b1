//! JSON to OCI types, with what the types alone would lose.

use oci_spec::runtime::{LinuxCpu, LinuxResources};
use serde::Deserialize;

use crate::error::{Code, Error, Result};

/// The parts of an OCI `linux` object that a cgroup manager uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Linux {
    /// `cgroupsPath`.
    pub cgroups_path: Option<String>,
    /// `resources`.
    pub resources: Option<LinuxResources>,
}

/// A limit that is present, whatever it is, and one that is absent are not the same: a
/// `"pids": {}` keeps what is set, where the OCI type has a limit of 0, which means 1.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PidsProbe {
    pids: Option<PidsLimit>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PidsLimit {
    limit: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LinuxProbe {
    resources: Option<PidsProbe>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SpecProbe {
    linux: Option<Linux>,
}

fn read<'a, T: Deserialize<'a>>(what: &str, json: &'a [u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|e| {
        // serde_json's text ends in "at line L column C".
        Error::new(Code::Json, format!("{what}: {e}"))
    })
}

fn drop_absent_pids(resources: &mut LinuxResources, probe: Option<PidsProbe>) {
    let limit = probe.unwrap_or_default().pids.and_then(|pids| pids.limit);
    if limit.is_none() {
        resources.set_pids(None);
    }
}

/// `linux.resources`. Unknown fields are accepted, as the specification asks.
pub fn resources(json: &[u8]) -> Result<LinuxResources> {
    let mut out: LinuxResources = read("resources JSON", json)?;
    drop_absent_pids(&mut out, Some(read("resources JSON", json)?));
    Ok(out)
}

/// `linux.resources.cpu`, or null.
pub fn cpu(json: &[u8]) -> Result<Option<LinuxCpu>> {
    read("cpu JSON", json)
}

/// An array of `linux.resources.cpu` objects and nulls.
pub fn cpus(json: &[u8]) -> Result<Vec<Option<LinuxCpu>>> {
    read("cpu array JSON", json)
}

/// The `linux` object of a spec, or a whole `config.json` that has it under `linux`.
pub fn spec(json: &[u8]) -> Result<Linux> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct WholeProbe {
        linux: Option<LinuxProbe>,
        resources: Option<PidsProbe>,
    }
    let whole: SpecProbe = read("spec JSON", json)?;
    let (mut linux, probe) = if let Some(linux) = whole.linux {
        let probe: WholeProbe = read("spec JSON", json)?;
        (linux, probe.linux.unwrap_or_default().resources)
    } else {
        let probe: WholeProbe = read("spec JSON", json)?;
        (read("spec JSON", json)?, probe.resources)
    };
    if let Some(resources) = linux.resources.as_mut() {
        drop_absent_pids(resources, probe);
    }
    Ok(linux)
}
