//! The `unified` map: cgroup v2 files by name, written as they are.

use oci_spec::runtime::LinuxResources;

use super::Target;
use crate::error::{fail, Code, Result};
use crate::plan::{Plan, Write};

/// Keys in order of name (a map has none), one write for each line of the value: `io.max` and
/// its like take one device a write.
pub(super) fn plan(r: &LinuxResources, target: Target<'_>, out: &mut Plan) -> Result<()> {
    let Some(map) = r.unified().as_ref().filter(|map| !map.is_empty()) else {
        return Ok(());
    };
    let Some(hierarchy) = target.cgroup2() else {
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
        // Of nothing the kernel is not even told: an empty line empties a cpuset.
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
            // A burst above the new limit is refused, one above the old limit, too.
            let burst = key == "cpu.max" && map.contains_key("cpu.max.burst");
            out.write(write.retry_after("cpu.max.burst", burst));
        }
    }
    Ok(())
}
