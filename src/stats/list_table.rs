// SPDX-License-Identifier: Apache-2.0

//! The table of lists: which file feeds which field of an entry, on v1 and v2, since which kernel.
//!
//! docs/kernel-features.md shows the same table; a test prints it and compares.

use super::scan::{device, number};
use crate::host::Version;
use crate::host::Version::{V1, V2};

/// A number of an entry: its name in C, and its bit of `valid` (0: always valid).
pub type Column = (&'static str, u64);

/// How a value of a file, with its name and key (see `keyed`), becomes a number of an entry.
#[derive(Clone, Copy, Debug)]
pub enum Pick {
    /// The name is the entry's. For each key: the column, and the factor of the value.
    ByKey(&'static [(&'static str, usize, u64)]),
    /// The key is the entry's name. For each name: the column, and the factor of the value, where 0
    /// stands for the size of a page.
    ByName(&'static [(&'static str, usize, u64)]),
    /// Each value is an entry's number in this column. The entry is that of the name and the key.
    /// If the name is empty, the entry's name is the key without this end.
    Each(usize, &'static str),
    /// One file for each size of huge pages, whose entry is that size. The number of this column is
    /// the file's one value, or the value of this key if the key is not empty.
    Size(usize, &'static str),
}

/// One row: a file, where it is, and the columns that it feeds.
#[derive(Clone, Copy, Debug)]
pub struct ListSource {
    /// v1: the subsystem that has the file. v2: the controller.
    pub subsystem: &'static str,
    /// The hierarchy's version.
    pub version: Version,
    /// The file's name.
    pub file: &'static str,
    /// The first kernel that has the file; empty for any kernel.
    #[cfg_attr(not(any(test, feature = "internals")), allow(dead_code))]
    pub since: &'static str,
    /// How the file's values become numbers.
    pub pick: Pick,
    /// Rows with the same number, unless it is 0, are alternatives. The first one that names an
    /// entry is used.
    pub either: u8,
}

/// One kind of list.
#[derive(Debug)]
pub struct List {
    /// The name of its C struct.
    pub name: &'static str,
    /// Sizes in bytes of the text members of the C struct; 0 for none.
    pub labels: [usize; 3],
    /// How many of the first columns come from the entry's name, by `ids`.
    pub id_count: usize,
    /// Returns the numbers of an entry's name; None for a name that is no entry, such as `Total`.
    pub ids: fn(&[u8]) -> Option<[u64; 2]>,
    /// The numbers of an entry, in the order of the C struct.
    pub columns: &'static [Column],
    /// The files.
    pub sources: &'static [ListSource],
}

const fn row(
    subsystem: &'static str,
    version: Version,
    file: &'static str,
    since: &'static str,
    pick: Pick,
) -> ListSource {
    ListSource { subsystem, version, file, since, pick, either: 0 }
}

const fn blkio(either: u8, file: &'static str, since: &'static str) -> ListSource {
    let pick = if either == 1 {
        Pick::ByKey(&[("Read", 2, 1), ("Write", 3, 1), ("Discard", 6, 1)])
    } else {
        Pick::ByKey(&[("Read", 4, 1), ("Write", 5, 1), ("Discard", 7, 1)])
    };
    ListSource { either, ..row("blkio", V1, file, since, pick) }
}

/// Nanoseconds of a microsecond.
const US: u64 = 1000;

/// Block I/O by device.
pub const IO: List = List {
    name: "katacg_io_stats",
    labels: [0; 3],
    id_count: 2,
    ids: |name| device(name).map(|(major, minor)| [major, minor]),
    columns: &[
        ("major", 0),
        ("minor", 0),
        ("read_bytes", 1),
        ("write_bytes", 1),
        ("read_ops", 2),
        ("write_ops", 2),
        ("discard_bytes", 4),
        ("discard_ops", 8),
        ("cost_usage_ns", 16),
        ("cost_wait_ns", 32),
        ("cost_indebt_ns", 32),
        ("cost_indelay_ns", 32),
    ],
    sources: &[
        row(
            "io",
            V2,
            "io.stat",
            "4.5",
            Pick::ByKey(&[
                ("rbytes", 2, 1),
                ("wbytes", 3, 1),
                ("rios", 4, 1),
                ("wios", 5, 1),
                ("dbytes", 6, 1),
                ("dios", 7, 1),
                ("cost.usage", 8, US),
                ("cost.wait", 9, US),
                ("cost.indebt", 10, US),
                ("cost.indelay", 11, US),
            ]),
        ),
        blkio(1, "blkio.bfq.io_service_bytes_recursive", "4.12"),
        blkio(1, "blkio.io_service_bytes_recursive", ""),
        blkio(1, "blkio.throttle.io_service_bytes_recursive", "4.16"),
        blkio(1, "blkio.throttle.io_service_bytes", ""),
        blkio(2, "blkio.bfq.io_serviced_recursive", "4.12"),
        blkio(2, "blkio.io_serviced_recursive", ""),
        blkio(2, "blkio.throttle.io_serviced_recursive", "4.16"),
        blkio(2, "blkio.throttle.io_serviced", ""),
    ],
};

const fn pages(
    version: Version,
    file: &'static str,
    since: &'static str,
    column: usize,
    key: &'static str,
) -> ListSource {
    row("hugetlb", version, file, since, Pick::Size(column, key))
}

/// Huge pages by page size.
pub const HUGETLB: List = List {
    name: "katacg_hugetlb_stats",
    labels: [16, 0, 0],
    id_count: 1,
    ids: |name| Some([page_size(name)?, 0]),
    columns: &[
        ("page_size", 0),
        ("usage", 1),
        ("peak", 2),
        ("limit", 4),
        ("failures", 8),
        ("reserved", 16),
        ("reserved_peak", 32),
        ("reserved_limit", 64),
        ("reserved_failures", 128),
    ],
    sources: &[
        pages(V2, "hugetlb.<size>.current", "5.6", 1, ""),
        pages(V2, "hugetlb.<size>.max", "5.6", 3, ""),
        pages(V2, "hugetlb.<size>.events", "5.6", 4, "max"),
        pages(V2, "hugetlb.<size>.rsvd.current", "5.7", 5, ""),
        pages(V2, "hugetlb.<size>.rsvd.max", "5.7", 7, ""),
        pages(V1, "hugetlb.<size>.usage_in_bytes", "", 1, ""),
        pages(V1, "hugetlb.<size>.max_usage_in_bytes", "", 2, ""),
        pages(V1, "hugetlb.<size>.limit_in_bytes", "", 3, ""),
        pages(V1, "hugetlb.<size>.failcnt", "", 4, ""),
        pages(V1, "hugetlb.<size>.rsvd.usage_in_bytes", "5.7", 5, ""),
        pages(V1, "hugetlb.<size>.rsvd.max_usage_in_bytes", "5.7", 6, ""),
        pages(V1, "hugetlb.<size>.rsvd.limit_in_bytes", "5.7", 7, ""),
        pages(V1, "hugetlb.<size>.rsvd.failcnt", "5.7", 8, ""),
    ],
};

/// Resources of rdma by device and object, of misc by resource, and of dmem by region.
pub const RESOURCES: List = List {
    name: "katacg_resource_stats",
    labels: [16, 64, 32],
    id_count: 0,
    ids: |_| Some([0; 2]),
    columns: &[("current", 1), ("peak", 2), ("limit", 4), ("events", 8)],
    sources: &[
        row("rdma", V2, "rdma.current", "4.11", Pick::Each(0, "")),
        row("rdma", V2, "rdma.max", "4.11", Pick::Each(2, "")),
        row("rdma", V1, "rdma.current", "4.11", Pick::Each(0, "")),
        row("rdma", V1, "rdma.max", "4.11", Pick::Each(2, "")),
        row("misc", V2, "misc.current", "5.13", Pick::Each(0, "")),
        row("misc", V2, "misc.peak", "6.11", Pick::Each(1, "")),
        row("misc", V2, "misc.max", "5.13", Pick::Each(2, "")),
        row("misc", V2, "misc.events", "5.16", Pick::Each(3, ".max")),
        row("misc", V1, "misc.current", "5.13", Pick::Each(0, "")),
        row("misc", V1, "misc.peak", "6.11", Pick::Each(1, "")),
        row("misc", V1, "misc.max", "5.13", Pick::Each(2, "")),
        row("misc", V1, "misc.events", "5.16", Pick::Each(3, ".max")),
        row("dmem", V2, "dmem.current", "6.14", Pick::Each(0, "")),
        row("dmem", V2, "dmem.max", "6.14", Pick::Each(2, "")),
    ],
};

/// CPU time by processor.
pub const CPUS: List = List {
    name: "katacg_cpu_stats",
    labels: [0; 3],
    id_count: 1,
    ids: |name| Some([number(name)?, 0]),
    columns: &[("cpu", 0), ("usage_ns", 1), ("user_ns", 2), ("system_ns", 2)],
    sources: &[
        row("cpuacct", V1, "cpuacct.usage_percpu", "", Pick::Each(1, "")),
        row(
            "cpuacct",
            V1,
            "cpuacct.usage_all",
            "4.8",
            Pick::ByKey(&[("user", 2, 1), ("system", 3, 1)]),
        ),
    ],
};

/// Memory by NUMA node.
pub const NODES: List = List {
    name: "katacg_numa_stats",
    labels: [0; 3],
    id_count: 1,
    ids: |name| Some([number(name.strip_prefix(b"N")?)?, 0]),
    columns: &[
        ("node", 0),
        ("anon", 1),
        ("file", 2),
        ("unevictable", 4),
        ("kernel_stack", 8),
        ("pagetables", 16),
        ("shmem", 32),
        ("file_mapped", 64),
        ("file_dirty", 128),
        ("file_writeback", 128),
        ("inactive_anon", 256),
        ("active_anon", 256),
        ("inactive_file", 256),
        ("active_file", 256),
        ("slab_reclaimable", 512),
        ("slab_unreclaimable", 512),
    ],
    sources: &[
        row(
            "memory",
            V2,
            "memory.numa_stat",
            "5.10",
            Pick::ByName(&[
                ("anon", 1, 1),
                ("file", 2, 1),
                ("unevictable", 3, 1),
                ("kernel_stack", 4, 1),
                ("pagetables", 5, 1),
                ("shmem", 6, 1),
                ("file_mapped", 7, 1),
                ("file_dirty", 8, 1),
                ("file_writeback", 9, 1),
                ("inactive_anon", 10, 1),
                ("active_anon", 11, 1),
                ("inactive_file", 12, 1),
                ("active_file", 13, 1),
                ("slab_reclaimable", 14, 1),
                ("slab_unreclaimable", 15, 1),
            ]),
        ),
        // These lines count the descendants too, as v2 does.
        row(
            "memory",
            V1,
            "memory.numa_stat",
            "",
            Pick::ByName(&[
                ("hierarchical_anon", 1, 0),
                ("hierarchical_file", 2, 0),
                ("hierarchical_unevictable", 3, 0),
            ]),
        ),
    ],
};

/// Every value of one file. The labels are the name, the key and the text.
pub const VALUES: List = List {
    name: "katacg_keyed_value",
    labels: [64, 64, 32],
    id_count: 0,
    ids: |_| Some([0; 2]),
    columns: &[("value", 1)],
    sources: &[],
};

/// The lists with rows in this table: all but [`VALUES`].
#[cfg(any(test, feature = "internals"))]
pub const LISTS: [&List; 5] = [&IO, &HUGETLB, &RESOURCES, &CPUS, &NODES];

/// Returns the bytes of a page size as the kernel spells it: `64KB`, `2MB`, `1GB`.
fn page_size(name: &[u8]) -> Option<u64> {
    let (digits, shift) = [(&b"KB"[..], 10), (b"MB", 20), (b"GB", 30)]
        .into_iter()
        .find_map(|(unit, shift)| Some((name.strip_suffix(unit)?, shift)))?;
    number(digits)?.checked_mul(1 << shift)
}

impl ListSource {
    /// Returns the columns that the file feeds, each with its key.
    #[cfg(any(test, feature = "internals"))]
    pub fn fields(&self) -> Vec<(usize, &'static str)> {
        match self.pick {
            Pick::ByKey(keys) | Pick::ByName(keys) => keys.iter().map(|k| (k.1, k.0)).collect(),
            Pick::Each(column, key) | Pick::Size(column, key) => vec![(column, key)],
        }
    }
}
