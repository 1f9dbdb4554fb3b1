//! Section "kata": CPU sanity and subsystem sets.

use std::os::raw::{c_char, c_int};

use oci_spec::runtime::LinuxCpu;

use super::boundary::{bytes, guard, put, text};
use super::error::katacg_error;
use crate::error::{fail, Code, Error, Result};
use crate::kata::cpu;
use crate::kata::subsystems::Set;
use crate::resources::parse;

/// katacg_subsystems: those that may limit a hypervisor (cpuset, cpu, cpuacct).
pub const KATACG_SUBSYSTEMS_CONSTRAINTS: u32 = 1;
/// katacg_subsystems: those that must not (memory).
pub const KATACG_SUBSYSTEMS_NO_CONSTRAINTS: u32 = 2;
/// katacg_subsystems: every v1 subsystem, and the named hierarchy "systemd".
pub const KATACG_SUBSYSTEMS_ALL: u32 = 3;

fn json(cpu: Option<&LinuxCpu>) -> Result<Vec<u8>> {
    serde_json::to_vec(&cpu).map_err(|e| Error::new(Code::Json, format!("cpu JSON: {e}")))
}

/// What Kata does to CPU resources first: each of shares, quota, period, realtimeRuntime and
/// realtimePeriod that is below 1 becomes unset (so a quota of -1 is dropped).
///
/// cpu_json, len: an OCI linux.resources.cpu object, or null. buf, buf_len: the result, JSON, as
/// snprintf writes it; NULL and 0 ask for its length. Returns: the length without NUL, also when
/// it did not fit. Errors: -EINVAL (KATACG_ERR_JSON: malformed or out of range, with line and
/// column; KATACG_ERR_ARGUMENT: NULL). Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_cpu_validate(
    cpu_json: *const c_char,
    len: usize,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let cpu = parse::cpu(bytes(cpu_json, len, "cpu_json")?)?;
            put(&json(cpu.as_ref().map(cpu::validate).as_ref())?, buf, buf_len)
        })
    }
}

/// A sandbox's CPU resources from its containers': the largest shares and period, the sums of
/// quota and realtime values, all CPUs and memory nodes; then as katacg_cpu_validate. Shares and
/// period pass through a double, as they did in Go.
///
/// cpus_json, len: a JSON array of OCI linux.resources.cpu objects and nulls. buf, buf_len: the
/// result, JSON, as snprintf writes it; NULL and 0 ask for its length. Returns: the length
/// without NUL, also when it did not fit. Errors: as katacg_cpu_validate. Threads: any. Fork:
/// safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_cpu_aggregate(
    cpus_json: *const c_char,
    len: usize,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let cpus = parse::cpus(bytes(cpus_json, len, "cpus_json")?)?;
            put(&json(Some(&cpu::aggregate(cpus.iter().flatten())))?, buf, buf_len)
        })
    }
}

/// The subsystems of one of Kata's sets that a host has: those for which lstat(root/name)
/// succeeds.
///
/// root: the directory that holds the v1 hierarchies (katacg_v1_mountpoint). set: one of
/// KATACG_SUBSYSTEMS_*. buf, buf_len: the result, comma-separated, as snprintf writes it; NULL
/// and 0 ask for its length. Returns: the length without NUL, also when it did not fit; 0 when
/// there are none. Errors: -EINVAL (KATACG_ERR_ARGUMENT: NULL, an unknown set). Threads: any.
/// Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_subsystems(
    root: *const c_char,
    set: u32,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the caller's pointers, as the comment asks.
    unsafe {
        guard(err, || {
            let root = text(root, "root")?;
            let set = match set {
                KATACG_SUBSYSTEMS_CONSTRAINTS => Set::Constraints,
                KATACG_SUBSYSTEMS_NO_CONSTRAINTS => Set::NoConstraints,
                KATACG_SUBSYSTEMS_ALL => Set::All,
                other => return fail(Code::Argument, format!("unknown subsystem set {other}")),
            };
            put(set.present(root).join(",").as_bytes(), buf, buf_len)
        })
    }
}
