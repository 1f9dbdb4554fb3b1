// SPDX-License-Identifier: Apache-2.0

//! The sizes of huge pages that this host has, as the names of hugetlb's files spell them.

use rustix::fs::{Dir, Mode, OFlags};

use super::scan::number;
use crate::sort::sort;

/// Returns the sizes, such as `2MB`, the smallest first. Empty where the kernel has no huge pages.
pub fn sizes() -> Vec<String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open("/sys/kernel/mm/hugepages", flags, Mode::empty());
    let Ok(dir) = opened.and_then(Dir::new) else { return Vec::new() };
    let mut found: Vec<u64> =
        dir.flatten().filter_map(|entry| kilobytes(entry.file_name().to_bytes())).collect();
    sort(&mut found);
    found.into_iter().map(spelled).collect()
}

/// Returns the size in kilobytes of a directory such as `hugepages-2048kB`.
fn kilobytes(name: &[u8]) -> Option<u64> {
    number(name.strip_prefix(b"hugepages-")?.strip_suffix(b"kB")?)
}

/// Returns the kernel's spelling of a size: mm/hugetlb_cgroup.c `mem_fmt`.
fn spelled(kilobytes: u64) -> String {
    if kilobytes >= 1 << 20 {
        format!("{}GB", kilobytes >> 20)
    } else if kilobytes >= 1 << 10 {
        format!("{}MB", kilobytes >> 10)
    } else {
        format!("{kilobytes}KB")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_spelled_as_the_kernel_spells_them() {
        let spelled = |name: &[u8]| super::kilobytes(name).map(super::spelled);
        assert_eq!(spelled(b"hugepages-2048kB").as_deref(), Some("2MB"));
        assert_eq!(spelled(b"hugepages-1048576kB").as_deref(), Some("1GB"));
        assert_eq!(spelled(b"hugepages-64kB").as_deref(), Some("64KB"));
        assert_eq!(spelled(b"hugepages-x"), None);
    }
}
