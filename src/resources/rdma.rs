//! RDMA handles and objects; the same file on v1 and v2.

use oci_spec::runtime::LinuxResources;

use super::Target;
use crate::error::{fail, Code, Result};
use crate::plan::Plan;

pub(super) fn plan(r: &LinuxResources, target: Target<'_>, out: &mut Plan) -> Result<()> {
    let Some(rdma) = r.rdma() else { return Ok(()) };
    // A map has no order of its own; a plan has.
    let mut devices: Vec<_> = rdma.iter().collect();
    devices.sort_by_key(|(name, _)| name.as_str());
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
            out.write(target.write("rdma", "rdma.max", value)?);
        }
    }
    Ok(())
}
