//! Huge pages: the limit on use and the one on reservations, together.

use oci_spec::runtime::LinuxResources;

use super::Target;
use crate::error::{fail, Code, Result};
use crate::plan::Plan;

pub(super) fn plan(r: &LinuxResources, target: Target<'_>, out: &mut Plan) -> Result<()> {
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
        let suffix = if target.v2("hugetlb", "hugetlb") { "max" } else { "limit_in_bytes" };
        out.write(target.write("hugetlb", format!("hugetlb.{size}.{suffix}"), limit.limit())?);
        // Without the reservation limit (before 5.7) a task could reserve all and be killed
        // by SIGBUS at first touch; with it mmap fails instead.
        let rsvd = format!("hugetlb.{size}.rsvd.{suffix}");
        out.write(target.write("hugetlb", rsvd, limit.limit())?.or_skip());
    }
    Ok(())
}

/// The name goes into a file name.
fn is_page_size(size: &str) -> bool {
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = size.strip_prefix(digits).unwrap_or_default();
    !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && matches!(unit, "KB" | "MB" | "GB")
}
