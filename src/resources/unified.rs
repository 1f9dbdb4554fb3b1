// SPDX-License-Identifier: Apache-2.0

//! The `unified` map: names of cgroup v2 files and the values to write to them.
//!
//! OCI: runtime-spec config-linux.md "Unified". Kernel: admin-guide/cgroup-v2.rst.

use oci_spec::runtime::LinuxResources;

use super::attribute;
use crate::error::{fail, Code, Result};
use crate::placement::Placement;
use crate::plan::{Plan, Write};
use crate::sort::sort;

/// Adds the writes, sorted by file name. The map is for resources: the name of a file that takes
/// commands is refused.
pub(super) fn plan(r: &LinuxResources, placement: &Placement, out: &mut Plan) -> Result<()> {
    let Some(map) = r.unified().as_ref().filter(|map| !map.is_empty()) else {
        return Ok(());
    };
    let hierarchy = match placement.site("") {
        Some(site) => site.id,
        None if placement.info().find("").is_some() => {
            return Err(placement.missing("unified", "cgroup2"));
        }
        None => {
            let text = "invalid configuration: cannot use unified on cgroup v1";
            return fail(Code::Unsupported, text);
        }
    };
    let mut keys: Vec<_> = map.iter().collect();
    sort(&mut keys);
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
        if !attribute::is_resource(key) {
            return fail(
                Code::Value,
                format!(
                    "unified resource {key:?} is not a limit but a command; write the file itself \
                     if that is meant"
                ),
            );
        }
        for line in texts(key, value)? {
            let write = Write::new(hierarchy, "unified", key.clone(), line);
            // The kernel refuses a quota below the old burst, and a burst above the old quota.
            let burst = key == "cpu.max" && map.contains_key("cpu.max.burst");
            out.write(write.retry_after("cpu.max.burst", burst));
        }
    }
    Ok(())
}

/// Returns the texts to write, one for each write.
///
/// A file of one value gets its text in one write, without the white space around it: the kernel
/// reads a blank line as 0 in some files and as an empty list in others. A file of lines gets a
/// write for each line that is not blank. A file that the table does not know counts as a file of
/// lines if the value has several.
fn texts<'v>(key: &str, value: &'v str) -> Result<Vec<&'v str>> {
    // A write of zero bytes never reaches the kernel. An empty line empties a cpuset.
    match value {
        "" if key.starts_with("cpuset.") => return Ok(vec!["\n"]),
        "" => {
            let text = format!("unified resource {key:?} is empty, which writes nothing");
            return fail(Code::Value, text);
        }
        _ => {}
    }
    let lines: Vec<&str> =
        value.split_inclusive('\n').filter(|line| !line.trim().is_empty()).collect();
    match (attribute::holds_one_value(key), lines.len()) {
        (_, 0) => {
            fail(Code::Value, format!("unified resource {key:?} is blank, which sets nothing"))
        }
        (Some(false), _) | (None, 2..) => Ok(lines),
        (_, 1) => Ok(vec![value.trim()]),
        (Some(true), _) => fail(
            Code::Value,
            format!("unified resource {key:?} holds one value, not several lines: {value:?}"),
        ),
    }
}
