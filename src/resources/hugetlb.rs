// SPDX-License-Identifier: Apache-2.0

//! Huge pages: one limit on use and one on reservations, set to the same value.
//!
//! Kernel: admin-guide/cgroup-v1/hugetlb.rst, admin-guide/cgroup-v2.rst "HugeTLB".

use oci_spec::runtime::LinuxResources;

use crate::error::{fail, Code, Result};
use crate::placement::Placement;
use crate::plan::{Plan, Write};

/// Adds both writes for each page size.
pub(super) fn plan(r: &LinuxResources, placement: &Placement, out: &mut Plan) -> Result<()> {
    for limit in r.hugepage_limits().iter().flatten() {
        let size = limit.page_size();
        if !is_page_size(size) {
            return fail(
                Code::Value,
                format!("huge page size {size:?} is not of the form 64KB, 2MB, 1GB"),
            );
        }
        if limit.limit() < 0 {
            return fail(
                Code::Value,
                format!("huge page limit {} for {size} is below 0", limit.limit()),
            );
        }
        let suffix = if placement.is_v2("hugetlb", "hugetlb") { "max" } else { "limit_in_bytes" };
        out.write(Write::limit(
            placement,
            "hugetlb",
            format!("hugetlb.{size}.{suffix}"),
            limit.limit(),
        )?);
        // With the reservation limit mmap fails. Without it (kernels before 5.7) mmap succeeds
        // beyond the limit, and the first access raises SIGBUS.
        let rsvd = format!("hugetlb.{size}.rsvd.{suffix}");
        out.write(Write::limit(placement, "hugetlb", rsvd, limit.limit())?.or_skip());
    }
    Ok(())
}

/// Returns whether the size has the kernel's form; it becomes part of a file name.
fn is_page_size(size: &str) -> bool {
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = size.strip_prefix(digits).unwrap_or_default();
    !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && matches!(unit, "KB" | "MB" | "GB")
}
