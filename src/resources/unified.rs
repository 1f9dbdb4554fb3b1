//! The `unified` map: names of cgroup v2 files and the values to write to them.
//!
//! OCI: runtime-spec config-linux.md "Unified". Kernel: admin-guide/cgroup-v2.rst.

use oci_spec::runtime::LinuxResources;

use crate::error::{fail, Code, Result};
use crate::placement::Placement;
use crate::plan::{Plan, Write};

/// Adds the writes, sorted by file name, one for each line of a value: `io.max` and similar files
/// accept one device per write.
pub(super) fn plan(r: &LinuxResources, placement: &Placement, out: &mut Plan) -> Result<()> {
    let Some(map) = r.unified().as_ref().filter(|map| !map.is_empty()) else {
        return Ok(());
    };
    let Some(hierarchy) = placement.site("").map(|site| site.id) else {
        return fail(Code::Unsupported, "invalid configuration: cannot use unified on cgroup v1");
    };
    let mut keys: Vec<_> = map.iter().collect();
    keys.sort_by_key(|(key, _)| key.as_str());
    for (key, value) in keys {
        if key.contains('/') {
            return fail(
                Code::Value,
                format!("unified resource {key:?} must be a file name (no slashes)"),
            );
        }
        if !key.contains('.') || key.starts_with('.') || key.contains('\0') {
            return fail(
                Code::Value,
                format!("unified resource {key:?} must be in the form CONTROLLER.PARAMETER"),
            );
        }
        // A write of zero bytes never reaches the kernel. An empty line empties a cpuset.
        let value = match value.as_str() {
            "" if key.starts_with("cpuset.") => "\n",
            "" => {
                let text = format!("unified resource {key:?} is empty, which writes nothing");
                return fail(Code::Value, text);
            }
            value => value,
        };
        for line in value.split_inclusive('\n') {
            let write = Write::new(hierarchy, "unified", key.clone(), line);
            // The kernel refuses a quota below the old burst, and a burst above the old quota.
            let burst = key == "cpu.max" && map.contains_key("cpu.max.burst");
            out.write(write.retry_after("cpu.max.burst", burst));
        }
    }
    Ok(())
}
