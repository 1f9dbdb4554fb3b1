// SPDX-License-Identifier: Apache-2.0

//! Header section "Statistics: reader".
//!
//! A reader reads one cgroup's statistics again and again. It keeps the files open, so each reading
//! costs one pread(2) for each file.

use std::os::raw::c_int;

use super::error::katacg_error;
use super::ffi::{check_out, free, give, guard, handle};
use super::manager::katacg_manager;
use super::stats::{check_size, katacg_stats, write};
use crate::error::{fail, Code};
use crate::manager::StatsReader;
use crate::stats::Stats;

/// Open statistics files of one cgroup.
///
/// A reader has a descriptor (close-on-exec) for each file: for memory on v1 some 20. A reader may
/// outlive its manager and its host.
pub struct katacg_stats_reader {
    reader: StatsReader,
    last: Stats,
}

/// Opens the files of the statistics.
///
/// @param manager      the manager
/// @param controllers  KATACG_STATS_CPU to KATACG_STATS_CGROUP combined with |, or 0 for all; with
///                     KATACG_STATS_BRIEF to read few files
/// @param out          receives the new reader; NULL on failure
/// @param err          filled in on failure; may be NULL
///
/// Return: 0 on success.
/// Errors:
///   -ENOENT  (KATACG_ERR_DELETED)   the cgroup does not exist
///   -EPERM   (KATACG_ERR_ROOTLESS)  the manager has no cgroup (see katacg_manager_apply)
///   -EINVAL  (KATACG_ERR_ARGUMENT)  manager or out is NULL, or a bit is unknown
///   -errno   (KATACG_ERR_SYSTEM)    openat2(2) failed, for instance with EMFILE
/// Ownership: free the reader with katacg_stats_reader_free.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_stats_reader_open(
    manager: *const katacg_manager,
    controllers: u64,
    out: *mut *mut katacg_stats_reader,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            check_out(out)?;
            let reader = handle(manager, "manager")?.0.stats_reader(controllers)?;
            Ok(give(out, katacg_stats_reader { reader, last: Stats::default() }))
        })
    }
}

/// Reads the statistics, with one pread(2) for each file.
///
/// The call returns 1 if it has opened the files anew. Counts may then start from 0 again. The
/// reasons are: the cgroup was removed and made again (on v1, in at least one hierarchy); a v2
/// controller or pressure was turned off, or on again; the v1 file of I/O no longer names a device,
/// for instance because the device has another I/O scheduler.
///
/// If the cgroup loses a controller, the controller is in out->missing, and each reading looks for
/// its files, which costs an openat2(2) for each. The reader does not look for a controller that
/// the cgroup did not have when the reader was opened: open another reader.
///
/// @param reader    the reader
/// @param out       receives the statistics; not written on failure
/// @param out_size  sizeof(struct katacg_stats). No more than this is written.
/// @param err       filled in on failure; may be NULL
///
/// Return: 0, or 1 if the files were opened anew since the last call.
/// Errors:
///   -ENODEV  (KATACG_ERR_DELETED)   the cgroup was removed. A later call succeeds if the cgroup
///                                   exists again.
///   -EINVAL  (KATACG_ERR_ARGUMENT)  reader or out is NULL, or out_size is not a multiple of 8 from
///                                   16 to 4096
///   -errno   (KATACG_ERR_SYSTEM)    openat2(2) failed when the files were opened anew
/// Threads: one at a time for one reader. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_stats_reader_read(
    reader: *mut katacg_stats_reader,
    out: *mut katacg_stats,
    out_size: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    let result = unsafe {
        guard(err, || {
            let Some(this) = reader.as_mut() else {
                return fail(Code::Argument, "reader is NULL");
            };
            check_size(out, out_size)?;
            let again = this.reader.read(&mut this.last)?;
            write(&this.last, out, out_size);
            Ok(c_int::from(again))
        })
    };
    // ENODEV is the errno of pread(2) for a removed cgroup. Nothing else causes ENOENT here.
    if result == -libc::ENOENT {
        return -libc::ENODEV;
    }
    result
}

/// Frees a reader and closes its descriptors.
///
/// @param reader  the reader, not to be used again; NULL does nothing
///
/// Errors: none.
/// Threads: no other call on this reader at the same time. Fork: safe.
#[no_mangle]
pub unsafe extern "C" fn katacg_stats_reader_free(reader: *mut katacg_stats_reader) {
    // SAFETY: the header asks for a handle of this library or NULL.
    unsafe { free(reader) }
}
