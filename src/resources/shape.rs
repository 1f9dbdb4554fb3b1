//! Checks that JSON has objects where OCI resources need objects.
//!
//! serde accepts an array for a struct, with the elements in the order of the fields. So every
//! place that must be an object is read a second time as a map, and a map accepts only an object.
//! The second reading also tells an absent limit from a limit of 0. It keeps no values and
//! allocates nothing.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::Deserialize;

/// A JSON object, read as `T`.
#[derive(Default)]
pub(super) struct Map<T>(pub T);

struct MapVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MapVisitor<T> {
    type Value = Map<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Map<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Map)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Map<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

/// An object of which only the presence of `limit` is read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    limit: Option<IgnoredAny>,
}

type Object = Map<Fields>;
type Objects = Option<Vec<Object>>;

/// A specification, or its `linux` object.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Spec {
    pub linux: Option<Map<Linux>>,
    pub resources: Option<Map<Resources>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Linux {
    pub resources: Option<Map<Resources>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Resources {
    #[serde(rename = "cpu")]
    _cpu: Option<Object>,
    #[serde(rename = "memory")]
    _memory: Option<Object>,
    pids: Option<Object>,
    #[serde(rename = "blockIO")]
    _block_io: Option<Map<BlockIo>>,
    #[serde(rename = "network")]
    _network: Option<Map<Network>>,
    #[serde(rename = "devices")]
    _devices: Objects,
    #[serde(rename = "hugepageLimits")]
    _hugepage_limits: Objects,
    #[serde(rename = "rdma")]
    _rdma: Option<HashMap<String, Object>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BlockIo {
    #[serde(rename = "weightDevice")]
    _weights: Objects,
    #[serde(rename = "throttleReadBpsDevice")]
    _read_bps: Objects,
    #[serde(rename = "throttleWriteBpsDevice")]
    _write_bps: Objects,
    #[serde(rename = "throttleReadIOPSDevice")]
    _read_iops: Objects,
    #[serde(rename = "throttleWriteIOPSDevice")]
    _write_iops: Objects,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Network {
    #[serde(rename = "priorities")]
    _priorities: Objects,
}

/// `linux.resources.cpu`, or null.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Cpu {
    _object: Option<Object>,
}

impl Resources {
    /// Returns whether the JSON sets a pids limit. `"pids": {}` keeps the current limit.
    pub(super) fn has_pids_limit(&self) -> bool {
        self.pids.as_ref().is_some_and(|Map(pids)| pids.limit.is_some())
    }
}
