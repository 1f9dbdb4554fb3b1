// SPDX-License-Identifier: Apache-2.0

//! RDMA handles and objects. v1 and v2 have the same file.
//!
//! Kernel: admin-guide/cgroup-v1/rdma.rst, admin-guide/cgroup-v2.rst "RDMA".

use oci_spec::runtime::LinuxResources;

use crate::error::{fail, Code, Result};
use crate::placement::Placement;
use crate::plan::{Plan, Write};
use crate::sort::sort_by;

/// Adds one write for each device.
pub(super) fn plan(r: &LinuxResources, placement: &Placement, out: &mut Plan) -> Result<()> {
    let Some(rdma) = r.rdma() else { return Ok(()) };
    // Sorted by name, so that the same resources always give the same plan.
    let mut devices: Vec<_> = rdma.iter().collect();
    sort_by(&mut devices, |a, b| a.0.cmp(b.0));
    for (device, limits) in devices {
        if device.is_empty() || device.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return fail(Code::Value, format!("rdma device {device:?} is not a device name"));
        }
        let mut value = device.clone();
        if let Some(handles) = limits.hca_handles() {
            value += " hca_handle=";
            value += &handles.to_string();
        }
        if let Some(objects) = limits.hca_objects() {
            value += " hca_object=";
            value += &objects.to_string();
        }
        if value.len() > device.len() {
            out.write(Write::limit(placement, "rdma", "rdma.max", value)?);
        }
    }
    Ok(())
}
