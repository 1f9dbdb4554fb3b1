//! Which JSON is an object. serde would take an array for one, its elements in the order of the
//! type's fields; so every place that must be an object is read once more as a map, which takes
//! nothing else. It also tells an absent limit from 0. Nothing is kept, so nothing is allocated.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::Deserialize;

/// A map, read as `T`.
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

/// An object whose fields are not looked into, but for a limit.
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

/// One `linux.resources.cpu`, or null.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Cpu {
    _object: Option<Object>,
}

impl Resources {
    /// A `"pids": {}` keeps what is set, where the OCI type has a limit of 0, which means 1.
    pub(super) fn has_pids_limit(&self) -> bool {
        self.pids.as_ref().is_some_and(|Map(pids)| pids.limit.is_some())
    }
}
