//! Section "kata": CPU sanity and subsystem sets.

use std::os::raw::{c_char, c_int};

use oci_spec::runtime::LinuxCpu;

use super::error::katacg_error;
use super::ffi::{bytes, guard, put};
use crate::error::{Code, Error, Result};
use crate::kata::cpu;
use crate::resources::parse;

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
