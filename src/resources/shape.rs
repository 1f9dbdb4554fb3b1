//! Which JSON is an object. serde would take an array for one, its elements in the order of the
//! type's fields; so every place that must be an object is read once more as a map, which takes
//! nothing else. It also tells an absent limit from 0.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde::Deserialize;

type Object = HashMap<String, Option<IgnoredAny>>;
type Objects = Option<Vec<Object>>;

/// A specification, or its `linux` object. The flattened rest is what makes each a map.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Spec {
    pub linux: Option<Linux>,
    pub resources: Option<Resources>,
    #[serde(flatten)]
    _rest: Object,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Linux {
    pub resources: Option<Resources>,
    #[serde(flatten)]
    _rest: Object,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Resources {
    cpu: Option<Object>,
    memory: Option<Object>,
    pids: Option<Object>,
    #[serde(rename = "blockIO")]
    block_io: Option<BlockIo>,
    network: Option<Network>,
    devices: Objects,
    hugepage_limits: Objects,
    rdma: Option<HashMap<String, Object>>,
    #[serde(flatten)]
    _rest: Object,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BlockIo {
    weight_device: Objects,
    throttle_read_bps_device: Objects,
    throttle_write_bps_device: Objects,
    #[serde(rename = "throttleReadIOPSDevice")]
    throttle_read_iops_device: Objects,
    #[serde(rename = "throttleWriteIOPSDevice")]
    throttle_write_iops_device: Objects,
    #[serde(flatten)]
    _rest: Object,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Network {
    priorities: Objects,
    #[serde(flatten)]
    _rest: Object,
}

/// One `linux.resources.cpu`.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Cpu {
    _object: Option<Object>,
}

impl Resources {
    /// A `"pids": {}` keeps what is set, where the OCI type has a limit of 0, which means 1.
    pub(super) fn has_pids_limit(&self) -> bool {
        self.pids.as_ref().is_some_and(|pids| pids.get("limit").is_some_and(Option::is_some))
    }
}
