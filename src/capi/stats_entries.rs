// SPDX-License-Identifier: Apache-2.0

//! Header section "Statistics: entries".
//!
//! The entries of the lists: numbers for each device, page size, processor or NUMA node, and every
//! value of a file by name. docs/kernel-features.md names the file behind each field.
//!
//! A number whose bit is not in valid has no meaning. New versions add fields at the end only.

use std::os::raw::c_char;

/// Bit of katacg_io_stats.valid: read_bytes, write_bytes.
pub const KATACG_IO_HAS_BYTES: u64 = 1;
/// Bit of katacg_io_stats.valid: read_ops, write_ops.
pub const KATACG_IO_HAS_OPS: u64 = 2;
/// Bit of katacg_io_stats.valid: discard_bytes.
pub const KATACG_IO_HAS_DISCARD_BYTES: u64 = 4;
/// Bit of katacg_io_stats.valid: discard_ops.
pub const KATACG_IO_HAS_DISCARD_OPS: u64 = 8;
/// Bit of katacg_io_stats.valid: cost_usage_ns.
pub const KATACG_IO_HAS_COST_USAGE: u64 = 16;
/// Bit of katacg_io_stats.valid: cost_wait_ns, cost_indebt_ns, cost_indelay_ns.
pub const KATACG_IO_HAS_COST_WAIT: u64 = 32;

/// Block I/O of one device.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_io_stats {
    /// KATACG_IO_HAS_* combined with |: the fields that were read. major and minor are always
    /// valid.
    pub valid: u64,
    /// The device's major number.
    pub major: u64,
    /// The device's minor number.
    pub minor: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Number of reads.
    pub read_ops: u64,
    /// Number of writes.
    pub write_ops: u64,
    /// Bytes discarded. Linux 4.19.
    pub discard_bytes: u64,
    /// Number of discards. Linux 4.19.
    pub discard_ops: u64,
    /// Time of the device that the io.cost model charges to the cgroup. v2, Linux 5.10.
    pub cost_usage_ns: u64,
    /// Time for which I/O waited because of the io.cost model. v2, Linux 5.10, if the kernel's
    /// blkcg_debug_stats is on, as the next two.
    pub cost_wait_ns: u64,
    /// Time for which the cgroup owed the io.cost model time of the device.
    pub cost_indebt_ns: u64,
    /// Time for which the kernel delayed the cgroup's processes because of that debt.
    pub cost_indelay_ns: u64,
}

/// Bit of katacg_hugetlb_stats.valid: usage.
pub const KATACG_HUGETLB_HAS_USAGE: u64 = 1;
/// Bit of katacg_hugetlb_stats.valid: peak.
pub const KATACG_HUGETLB_HAS_PEAK: u64 = 2;
/// Bit of katacg_hugetlb_stats.valid: limit.
pub const KATACG_HUGETLB_HAS_LIMIT: u64 = 4;
/// Bit of katacg_hugetlb_stats.valid: failures.
pub const KATACG_HUGETLB_HAS_FAILURES: u64 = 8;
/// Bit of katacg_hugetlb_stats.valid: reserved.
pub const KATACG_HUGETLB_HAS_RESERVED: u64 = 16;
/// Bit of katacg_hugetlb_stats.valid: reserved_peak.
pub const KATACG_HUGETLB_HAS_RESERVED_PEAK: u64 = 32;
/// Bit of katacg_hugetlb_stats.valid: reserved_limit.
pub const KATACG_HUGETLB_HAS_RESERVED_LIMIT: u64 = 64;
/// Bit of katacg_hugetlb_stats.valid: reserved_failures.
pub const KATACG_HUGETLB_HAS_RESERVED_FAILURES: u64 = 128;

/// Huge pages of one size.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_hugetlb_stats {
    /// KATACG_HUGETLB_HAS_* combined with |: the fields that were read. size and page_size are
    /// always valid.
    pub valid: u64,
    /// The size as the kernel spells it, such as 2MB.
    pub size: [c_char; 16],
    /// The size in bytes.
    pub page_size: u64,
    /// Bytes in use.
    pub usage: u64,
    /// The highest value that usage had. v1.
    pub peak: u64,
    /// The limit in bytes, or KATACG_STATS_MAX_VALUE.
    pub limit: u64,
    /// How often the limit refused a page.
    pub failures: u64,
    /// Bytes reserved, whether in use or not. Linux 5.7, as the next three.
    pub reserved: u64,
    /// The highest value that reserved had. v1.
    pub reserved_peak: u64,
    /// The limit of reservations in bytes, or KATACG_STATS_MAX_VALUE.
    pub reserved_limit: u64,
    /// How often the limit refused a reservation. v1.
    pub reserved_failures: u64,
}

/// Bit of katacg_resource_stats.valid: current.
pub const KATACG_RESOURCE_HAS_CURRENT: u64 = 1;
/// Bit of katacg_resource_stats.valid: peak.
pub const KATACG_RESOURCE_HAS_PEAK: u64 = 2;
/// Bit of katacg_resource_stats.valid: limit.
pub const KATACG_RESOURCE_HAS_LIMIT: u64 = 4;
/// Bit of katacg_resource_stats.valid: events.
pub const KATACG_RESOURCE_HAS_EVENTS: u64 = 8;

/// A resource of the controllers rdma, misc or dmem.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_resource_stats {
    /// KATACG_RESOURCE_HAS_* combined with |: the numbers that were read.
    pub valid: u64,
    /// "rdma", "misc" or "dmem".
    pub controller: [c_char; 16],
    /// rdma: the device. misc: the resource. dmem: the region of device memory. A name of more than
    /// 63 bytes is cut.
    pub name: [c_char; 64],
    /// rdma: the object, hca_handle or hca_object. misc and dmem: empty.
    pub resource: [c_char; 32],
    /// How much is in use. dmem: in bytes. rdma and misc: a number of objects.
    pub current: u64,
    /// The highest value that current had. misc, Linux 6.11.
    pub peak: u64,
    /// The limit, in the unit of current, or KATACG_STATS_MAX_VALUE.
    pub limit: u64,
    /// How often usage was about to exceed the limit. misc, Linux 5.16.
    pub events: u64,
}

/// Bit of katacg_cpu_stats.valid: usage_ns.
pub const KATACG_CPU_HAS_USAGE: u64 = 1;
/// Bit of katacg_cpu_stats.valid: user_ns, system_ns.
pub const KATACG_CPU_HAS_TIMES: u64 = 2;

/// CPU time on one processor.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_cpu_stats {
    /// KATACG_CPU_HAS_* combined with |: the times that were read.
    pub valid: u64,
    /// The processor's number. The kernel lists usage_ns without numbers: there, this is the
    /// processor's place among the possible processors, from 0.
    pub cpu: u64,
    /// CPU time in user space and in the kernel.
    pub usage_ns: u64,
    /// CPU time in user space. Linux 4.8.
    pub user_ns: u64,
    /// CPU time in the kernel. Linux 4.8.
    pub system_ns: u64,
}

/// Bit of katacg_numa_stats.valid: anon.
pub const KATACG_NUMA_HAS_ANON: u64 = 1;
/// Bit of katacg_numa_stats.valid: file.
pub const KATACG_NUMA_HAS_FILE: u64 = 2;
/// Bit of katacg_numa_stats.valid: unevictable.
pub const KATACG_NUMA_HAS_UNEVICTABLE: u64 = 4;
/// Bit of katacg_numa_stats.valid: kernel_stack.
pub const KATACG_NUMA_HAS_KERNEL_STACK: u64 = 8;
/// Bit of katacg_numa_stats.valid: pagetables.
pub const KATACG_NUMA_HAS_PAGETABLES: u64 = 16;
/// Bit of katacg_numa_stats.valid: shmem.
pub const KATACG_NUMA_HAS_SHMEM: u64 = 32;
/// Bit of katacg_numa_stats.valid: file_mapped.
pub const KATACG_NUMA_HAS_FILE_MAPPED: u64 = 64;
/// Bit of katacg_numa_stats.valid: file_dirty, file_writeback.
pub const KATACG_NUMA_HAS_FILE_DIRTY: u64 = 128;
/// Bit of katacg_numa_stats.valid: inactive_anon, active_anon, inactive_file, active_file.
pub const KATACG_NUMA_HAS_LRU: u64 = 256;
/// Bit of katacg_numa_stats.valid: slab_reclaimable, slab_unreclaimable.
pub const KATACG_NUMA_HAS_SLAB: u64 = 512;

/// Memory on one NUMA node, in bytes, with the descendants.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_numa_stats {
    /// KATACG_NUMA_HAS_* combined with |: the numbers that were read. v1 has the first three.
    pub valid: u64,
    /// The node's number.
    pub node: u64,
    /// Anonymous memory.
    pub anon: u64,
    /// Page cache.
    pub file: u64,
    /// Memory that cannot be reclaimed.
    pub unevictable: u64,
    /// Kernel stacks.
    pub kernel_stack: u64,
    /// Page tables. Linux 5.11.
    pub pagetables: u64,
    /// Shared memory and tmpfs.
    pub shmem: u64,
    /// Page cache that processes have mapped.
    pub file_mapped: u64,
    /// Page cache that is still to be written to storage.
    pub file_dirty: u64,
    /// Page cache that is being written to storage.
    pub file_writeback: u64,
    /// Anonymous memory on the inactive list.
    pub inactive_anon: u64,
    /// Anonymous memory on the active list.
    pub active_anon: u64,
    /// Page cache on the inactive list.
    pub inactive_file: u64,
    /// Page cache on the active list.
    pub active_file: u64,
    /// Slab memory that can be reclaimed.
    pub slab_reclaimable: u64,
    /// Slab memory that cannot be reclaimed.
    pub slab_unreclaimable: u64,
}

/// Bit of katacg_keyed_value.valid: value.
pub const KATACG_KEYED_HAS_VALUE: u64 = 1;

/// One value of a file. Strings that are longer than their arrays are cut.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct katacg_keyed_value {
    /// KATACG_KEYED_HAS_VALUE if text is a number or "max".
    pub valid: u64,
    /// The device or other first word of a line with several values. Empty in files of one value,
    /// and in files of lines with a key and a value.
    pub name: [c_char; 64],
    /// The key. Empty in files of one value.
    pub key: [c_char; 64],
    /// The value as the kernel writes it.
    pub text: [c_char; 32],
    /// The number of text; KATACG_STATS_MAX_VALUE for "max".
    pub value: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{List, CPUS, HUGETLB_SIZES, IO_DEVICES, NODES, RESOURCES, VALUES};

    /// The fields of the structs, as read from this file, are in the order of the table's columns.
    #[test]
    fn the_structs_have_the_fields_of_the_table_in_order() {
        let source = include_str!("stats_entries.rs");
        let known: [(&List, usize); 6] = [
            (&IO_DEVICES, size_of::<katacg_io_stats>()),
            (&HUGETLB_SIZES, size_of::<katacg_hugetlb_stats>()),
            (&RESOURCES, size_of::<katacg_resource_stats>()),
            (&CPUS, size_of::<katacg_cpu_stats>()),
            (&NODES, size_of::<katacg_numa_stats>()),
            (&VALUES, size_of::<katacg_keyed_value>()),
        ];
        for (list, size) in known {
            let start = format!("pub struct {} {{", list.name);
            let (_, rest) = source.split_once(&start).unwrap();
            let (body, _) = rest.split_once("\n}").unwrap();
            let fields = body.lines().filter_map(|line| line.trim().strip_prefix("pub "));
            let (numbers, labels): (Vec<&str>, Vec<&str>) =
                fields.map(|line| line.trim_end_matches(',')).partition(|f| f.ends_with("u64"));
            let names: Vec<&str> = numbers.iter().filter_map(|f| f.strip_suffix(": u64")).collect();
            let columns: Vec<&str> = list.columns.iter().map(|column| column.0).collect();
            assert_eq!(names[1..], columns, "{}", list.name);
            let rooms: Vec<usize> = list.labels.iter().copied().filter(|&room| room > 0).collect();
            assert_eq!(labels.len(), rooms.len(), "{}", list.name);
            for (label, room) in labels.iter().zip(&rooms) {
                assert!(label.ends_with(&format!("[c_char; {room}]")), "{label}");
            }
            assert_eq!(size, 8 * names.len() + rooms.iter().sum::<usize>(), "{}", list.name);
        }
    }

    /// Each constant's documentation names the fields of its bit.
    #[test]
    fn the_bits_are_those_of_the_columns() {
        let source = include_str!("stats_entries.rs");
        for list in [&IO_DEVICES, &HUGETLB_SIZES, &RESOURCES, &CPUS, &NODES, &VALUES] {
            let mut bits = 0;
            for (i, _) in list.columns.iter().enumerate() {
                let bit = list.columns[i].1;
                if bit & bits != 0 || bit == 0 {
                    continue;
                }
                bits |= bit;
                let of =
                    list.columns.iter().filter(|column| column.1 == bit).map(|column| column.0);
                let doc = format!(
                    "/// Bit of {}.valid: {}.",
                    list.name,
                    of.collect::<Vec<_>>().join(", ")
                );
                let (_, rest) = source.split_once(&doc).unwrap_or_else(|| panic!("no {doc}"));
                let line = rest.lines().nth(1).unwrap();
                assert!(line.ends_with(&format!(": u64 = {bit};")), "{line}");
            }
        }
    }
}
