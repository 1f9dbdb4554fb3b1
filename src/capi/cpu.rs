// SPDX-License-Identifier: Apache-2.0

//! Header section "Kata's rules: CPU".

use std::os::raw::{c_char, c_int};

use oci_spec::runtime::LinuxCpu;

use super::error::katacg_error;
use super::ffi::{bytes, check_flags, guard, put};
use crate::error::{Code, Error, Result};
use crate::kata::cpu;
use crate::resources::parse;

fn json(cpu: Option<&LinuxCpu>) -> Result<Vec<u8>> {
    serde_json::to_vec(&cpu).map_err(|e| Error::new(Code::Json, format!("cpu JSON: {e}")))
}

/// Cleans CPU resources as Kata does first.
///
/// Each of shares, quota, period, realtimeRuntime and realtimePeriod that is below 1 becomes unset.
/// A quota of -1 is therefore dropped.
///
/// @param cpu_json  an OCI linux.resources.cpu object, or null
/// @param len       its length in bytes
/// @param buf       receives the result; may be NULL if buf_len is 0
/// @param buf_len   size of buf in bytes; 0 asks for the length only
/// @param err       filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit. The result is JSON.
/// Errors:
///   -EINVAL  (KATACG_ERR_JSON)      the JSON is malformed or a number is out of range; the message
///                                   has line and column
///   -EINVAL  (KATACG_ERR_ARGUMENT)  an argument is NULL
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_cpu_validate(
    cpu_json: *const c_char,
    len: usize,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let cpu = parse::cpu(bytes(cpu_json, len, "cpu_json")?)?;
            put(&json(cpu.as_ref().map(cpu::validate).as_ref())?, buf, buf_len)
        })
    }
}

/// Flag of katacg_cpu_aggregate_with: a container without a quota makes a sandbox without a quota.
pub const KATACG_CPU_UNLIMITED: u32 = 1;

/// Computes the CPU resources of a sandbox from those of its containers.
///
/// Shares and period are the largest values. Quota and realtime values are sums. CPUs and memory
/// nodes are joined. The result is then cleaned as by katacg_cpu_validate. Shares and period pass
/// through a double, as they do in Kata's Go code.
///
/// As in Kata's Go code, a quota of -1 (no limit) is added like any other number: -1 and 50000 make
/// 49999, so the unlimited container is throttled. katacg_cpu_aggregate_with can do otherwise.
///
/// @param cpus_json  a JSON array of OCI linux.resources.cpu objects and nulls
/// @param len        its length in bytes
/// @param buf        receives the result; may be NULL if buf_len is 0
/// @param buf_len    size of buf in bytes; 0 asks for the length only
/// @param err        filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit. The result is JSON.
/// Errors: as for katacg_cpu_validate.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_cpu_aggregate(
    cpus_json: *const c_char,
    len: usize,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            let cpus = parse::cpus(bytes(cpus_json, len, "cpus_json")?)?;
            put(&json(Some(&cpu::aggregate(cpus.iter().flatten())))?, buf, buf_len)
        })
    }
}

/// Computes the CPU resources of a sandbox as katacg_cpu_aggregate does, with flags.
///
/// With KATACG_CPU_UNLIMITED an unlimited container makes an unlimited sandbox: the result has a
/// quota of -1 if some container has no quota, a quota below 1, or no CPU resources (null). Leave
/// out a container that needs no CPU time, such as a pod's pause container.
///
/// @param cpus_json  a JSON array of OCI linux.resources.cpu objects and nulls
/// @param len        its length in bytes
/// @param flags      KATACG_CPU_UNLIMITED or 0
/// @param buf        receives the result; may be NULL if buf_len is 0
/// @param buf_len    size of buf in bytes; 0 asks for the length only
/// @param err        filled in on failure; may be NULL
///
/// Return: the length of the result without its NUL, even if it did not fit. The result is JSON.
/// Errors: as for katacg_cpu_validate, and -EINVAL (KATACG_ERR_ARGUMENT) for an unknown flag.
/// Threads: any. Fork: safe.
#[no_mangle]
#[must_use]
pub unsafe extern "C" fn katacg_cpu_aggregate_with(
    cpus_json: *const c_char,
    len: usize,
    flags: u32,
    buf: *mut c_char,
    buf_len: usize,
    err: *mut katacg_error,
) -> c_int {
    // SAFETY: the header tells the caller what the pointers must be.
    unsafe {
        guard(err, || {
            check_flags(flags.into(), KATACG_CPU_UNLIMITED.into())?;
            let cpus = parse::cpus(bytes(cpus_json, len, "cpus_json")?)?;
            let sandbox = match flags & KATACG_CPU_UNLIMITED {
                0 => cpu::aggregate(cpus.iter().flatten()),
                _ => cpu::aggregate_unlimited(&cpus),
            };
            put(&json(Some(&sandbox))?, buf, buf_len)
        })
    }
}
