// SPDX-License-Identifier: Apache-2.0

//! Header section "Statistics: lists".
//!
//! The caller passes an array, the number of its entries, and the size of one entry in the caller's
//! program. A newer library fills the smaller structs of an older program.
//!
//! Like snprintf(3), the functions return how many entries there are, and fill in as many as fit.
//! Each call reads the files anew, so the next call may find more entries.

use std::os::raw::{c_char, c_int};

use super::error::katacg_error;
use super::ffi::{guard, handle, name};
use super::manager::katacg_manager;
use super::stats_entries::{
    katacg_cpu_stats, katacg_hugetlb_stats, katacg_io_stats, katacg_keyed_value, katacg_numa_stats,
    katacg_resource_stats,
};
use crate::error::{fail, Code, Result};
use crate::stats::{Entry, List, CPUS, HUGETLB_SIZES, IO_DEVICES, NODES, RESOURCES, VALUES};

const WORD: usize = size_of::<u64>();
/// Bytes that are enough for any entry of this version.
const ROOM: usize = 512;

/// The caller's array.
struct Place {
    out: *mut u8,
    entry_size: usize,
    n: usize,
}

impl Place {
    /// Refuses an array at NULL, an entry size that no version of the struct has, and an array that
    /// is larger than memory.
    fn check(&self) -> Result<()> {
        if self.out.is_null() && self.n > 0 {
            return fail(Code::Argument, format!("out is NULL and n is {}", self.n));
        }
        let size = self.entry_size;
        if size < 2 * WORD || !size.is_multiple_of(WORD) || size > 1 << 12 {
            return fail(Code::Argument, format!("entry_size {size} is no version's size"));
        }
        match self.n.checked_mul(size) {
            Some(bytes) if isize::try_from(bytes).is_ok() => Ok(()),
            _ => fail(Code::Argument, format!("n {} is too large", self.n)),
        }
    }

    /// Writes as many entries as fit. Of each entry, writes the fields that the caller's struct
    /// has, and zeros for fields that only newer versions know. Returns how many entries there are.
    unsafe fn write(&self, list: &List, entries: &[Entry]) -> Result<c_int> {
        let Ok(count) = c_int::try_from(entries.len()) else {
            return fail(Code::Value, "more entries than an int can count");
        };
        for (i, entry) in entries.iter().take(self.n).enumerate() {
            let image = image(list, entry, self.entry_size);
            let length = image.len().min(self.entry_size);
            // SAFETY: the caller says that n entries of entry_size bytes can be written.
            // `check` has refused NULL. `image` is memory of this library.
            unsafe {
                let place = self.out.add(i * self.entry_size);
                std::ptr::copy_nonoverlapping(image.as_ptr(), place, length);
                place.add(length).write_bytes(0, self.entry_size - length);
            }
        }
        Ok(count)
    }
}

/// Returns the bytes of an entry's C struct. valid has no bit of a number that is beyond `size`.
fn image(list: &List, entry: &Entry, size: usize) -> Vec<u8> {
    let head = WORD + list.labels.iter().sum::<usize>();
    let fitting = size.saturating_sub(head) / WORD;
    let mut out = Vec::with_capacity(ROOM);
    out.extend_from_slice(&entry.valid(list, fitting).to_ne_bytes());
    for (label, &room) in entry.labels.iter().zip(&list.labels) {
        let end = out.len() + room;
        let text = label.get(..room.saturating_sub(1)).unwrap_or(label);
        out.extend(text.iter().take(room));
        out.resize(end, 0);
    }
    for number in entry.numbers().iter().take(list.columns.len()) {
        out.extend_from_slice(&number.to_ne_bytes());
    }
    out
}

/// What the functions of a list have in common.
unsafe fn listed(
    manager: *const katacg_manager,
    list: &'static List,
    place: &Place,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            place.check()?;
            place.write(list, &handle(manager, "manager")?.0.stats_list(list)?)
        })
    }
}

/// Lists block I/O by device.
///
/// v1 has several files for the same numbers. The first one that names a device is used, in this
/// order: the files of BFQ, of CFQ, and of the throttling layer, with descendants before without
/// (docs/kernel-features.md). A device that the cgroup has not used is not listed.
///
/// @param manager     the manager
/// @param out         receives the entries; may be NULL if n is 0
/// @param entry_size  sizeof(struct katacg_io_stats)
/// @param n           how many entries out has room for; 0 asks for the number only
/// @param err         filled in on failure; may be NULL
///
/// Return: how many entries there are, even if they did not fit.
/// Errors:
///   -ENOENT      (KATACG_ERR_DELETED)     the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)  the cgroup has no io or blkio controller
///   -EPERM       (KATACG_ERR_ROOTLESS)    the manager has no cgroup (see katacg_manager_apply)
///   -EINVAL      (KATACG_ERR_ARGUMENT)    manager or out is NULL, or entry_size is not a multiple
///                                         of 8 from 16 to 4096
///   -errno       (KATACG_ERR_SYSTEM)      openat2(2) or read(2) failed, for instance with EMFILE
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_io_stats(
    manager: *const katacg_manager,
    out: *mut katacg_io_stats,
    entry_size: usize,
    n: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { listed(manager, &IO_DEVICES, &Place { out: out.cast(), entry_size, n }, err) }
}

/// Lists huge pages by page size.
///
/// @param manager     the manager
/// @param out         receives the entries; may be NULL if n is 0
/// @param entry_size  sizeof(struct katacg_hugetlb_stats)
/// @param n           how many entries out has room for; 0 asks for the number only
/// @param err         filled in on failure; may be NULL
///
/// Return: how many entries there are, even if they did not fit.
/// Errors:
///   -ENOENT      (KATACG_ERR_DELETED)     the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)  the cgroup has no hugetlb controller
///   -EPERM       (KATACG_ERR_ROOTLESS)    the manager has no cgroup (see katacg_manager_apply)
///   -EINVAL      (KATACG_ERR_ARGUMENT)    manager or out is NULL, or entry_size is not a multiple
///                                         of 8 from 16 to 4096
///   -errno       (KATACG_ERR_SYSTEM)      openat2(2) or read(2) failed, for instance with EMFILE
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_hugetlb_stats(
    manager: *const katacg_manager,
    out: *mut katacg_hugetlb_stats,
    entry_size: usize,
    n: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { listed(manager, &HUGETLB_SIZES, &Place { out: out.cast(), entry_size, n }, err) }
}

/// Lists the resources of three controllers: rdma by device and object, misc by resource, and dmem
/// by region of device memory.
///
/// If the cgroup has some but not all of the three controllers, the call warns (see
/// katacg_manager_log).
///
/// @param manager     the manager
/// @param out         receives the entries; may be NULL if n is 0
/// @param entry_size  sizeof(struct katacg_resource_stats)
/// @param n           how many entries out has room for; 0 asks for the number only
/// @param err         filled in on failure; may be NULL
///
/// Return: how many entries there are, even if they did not fit.
/// Errors:
///   -ENOENT      (KATACG_ERR_DELETED)     the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)  the cgroup has none of rdma, misc and dmem
///   -EPERM       (KATACG_ERR_ROOTLESS)    the manager has no cgroup (see katacg_manager_apply)
///   -EINVAL      (KATACG_ERR_ARGUMENT)    manager or out is NULL, or entry_size is not a multiple
///                                         of 8 from 16 to 4096
///   -errno       (KATACG_ERR_SYSTEM)      openat2(2) or read(2) failed, for instance with EMFILE
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_resource_stats(
    manager: *const katacg_manager,
    out: *mut katacg_resource_stats,
    entry_size: usize,
    n: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { listed(manager, &RESOURCES, &Place { out: out.cast(), entry_size, n }, err) }
}

/// Lists CPU time by processor. Only v1 counts it.
///
/// @param manager     the manager
/// @param out         receives the entries; may be NULL if n is 0
/// @param entry_size  sizeof(struct katacg_cpu_stats)
/// @param n           how many entries out has room for; 0 asks for the number only
/// @param err         filled in on failure; may be NULL
///
/// Return: how many entries there are, even if they did not fit.
/// Errors:
///   -ENOENT      (KATACG_ERR_DELETED)     the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)  the cgroup has no v1 cpuacct controller; cgroup2
///                                         does not count by processor
///   -EPERM       (KATACG_ERR_ROOTLESS)    the manager has no cgroup (see katacg_manager_apply)
///   -EINVAL      (KATACG_ERR_ARGUMENT)    manager or out is NULL, or entry_size is not a multiple
///                                         of 8 from 16 to 4096
///   -errno       (KATACG_ERR_SYSTEM)      openat2(2) or read(2) failed, for instance with EMFILE
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_cpu_stats(
    manager: *const katacg_manager,
    out: *mut katacg_cpu_stats,
    entry_size: usize,
    n: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { listed(manager, &CPUS, &Place { out: out.cast(), entry_size, n }, err) }
}

/// Lists memory by NUMA node.
///
/// @param manager     the manager
/// @param out         receives the entries; may be NULL if n is 0
/// @param entry_size  sizeof(struct katacg_numa_stats)
/// @param n           how many entries out has room for; 0 asks for the number only
/// @param err         filled in on failure; may be NULL
///
/// Return: how many entries there are, even if they did not fit.
/// Errors:
///   -ENOENT      (KATACG_ERR_DELETED)     the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)  the cgroup has no memory controller, or the kernel
///                                         has no memory.numa_stat
///   -EPERM       (KATACG_ERR_ROOTLESS)    the manager has no cgroup (see katacg_manager_apply)
///   -EINVAL      (KATACG_ERR_ARGUMENT)    manager or out is NULL, or entry_size is not a multiple
///                                         of 8 from 16 to 4096
///   -errno       (KATACG_ERR_SYSTEM)      openat2(2) or read(2) failed, for instance with EMFILE
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_numa_stats(
    manager: *const katacg_manager,
    out: *mut katacg_numa_stats,
    entry_size: usize,
    n: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe { listed(manager, &NODES, &Place { out: out.cast(), entry_size, n }, err) }
}

/// Lists every value of one file by name, even of keys that this library does not know.
///
/// For memory.stat, each entry has a key and a value. For io.stat, each entry has a device as its
/// name, a key and a value. For pids.current, the one entry has a value, and neither name nor key.
/// The file may have any format of cgroup-v2.rst, or be one of v1's statistics.
///
/// @param manager     the manager
/// @param subsystem   as for katacg_manager_path
/// @param file        the name of the file, without a slash
/// @param out         receives the values; may be NULL if n is 0
/// @param entry_size  sizeof(struct katacg_keyed_value)
/// @param n           how many entries out has room for; 0 asks for the number only
/// @param err         filled in on failure; may be NULL
///
/// Return: how many values there are, even if they did not fit.
/// Errors:
///   -ENOENT      (KATACG_ERR_NOT_MOUNTED)  the manager has not joined this subsystem
///   -ENOENT      (KATACG_ERR_DELETED)      the cgroup does not exist
///   -EOPNOTSUPP  (KATACG_ERR_CONTROLLER)   the file's controller is not available in the cgroup
///   -EINVAL      (KATACG_ERR_ARGUMENT)     an argument is NULL, file is not a file name, or
///                                          entry_size is not a multiple of 8 from 16 to 4096
///   -errno       (KATACG_ERR_SYSTEM)       openat2(2) or read(2) failed
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_manager_read_keyed(
    manager: *const katacg_manager,
    subsystem: *const c_char,
    file: *const c_char,
    out: *mut katacg_keyed_value,
    entry_size: usize,
    n: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let place = Place { out: out.cast(), entry_size, n };
            place.check()?;
            let manager = &handle(manager, "manager")?.0;
            let (subsystem, file) = (name(subsystem, "subsystem")?, name(file, "file")?);
            place.write(&VALUES, &manager.stats_values(subsystem, file)?)
        })
    }
}
