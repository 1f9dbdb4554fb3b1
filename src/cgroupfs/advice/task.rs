// SPDX-License-Identifier: Apache-2.0

//! Processes and threads that cannot be moved.
//!
//! Kernel: kernel/cgroup/cgroup.c, `cgroup_procs_write_start`, `cgroup_attach_permissions`.

use rustix::io::Errno;

use super::refused::{number_in, shown};
use crate::cgroupfs::cgroup::Cgroup;
use crate::error::Error;
use crate::host::Version;
use crate::sys::read_file;

/// `PF_KTHREAD` in the flags of /proc/PID/stat: proc_pid_stat(5).
const KERNEL_THREAD: u64 = 0x0020_0000;
/// `SCHED_FIFO` and `SCHED_RR`: sched(7).
const REALTIME: [u64; 2] = [1, 2];

/// Adds advice to the error of a failed move. The file was open, so it exists.
pub(in crate::cgroupfs) fn explain(cgroup: Cgroup<'_>, id: &str, error: Error) -> Error {
    let v2 = cgroup.version() == Version::V2;
    let advice = match error.sys_errno() {
        Some(Errno::SRCH) => "it has ended".to_owned(),
        Some(Errno::NOSPC) => "the cpuset has no CPUs or no memory nodes".to_owned(),
        Some(Errno::BUSY) => "a cgroup with controllers turned on for its children takes no \
                              processes; use one of its leaves"
            .to_owned(),
        Some(Errno::OPNOTSUPP) => "threads move within one threaded subtree, processes into \
                                   domains; see cgroup.type"
            .to_owned(),
        Some(Errno::INVAL) => match invalid(cgroup, id) {
            Some(advice) => advice,
            None => return error,
        },
        Some(Errno::NOENT) if v2 && cgroup.exists().unwrap_or(false) => format!(
            "{id} is in a cgroup outside the caller's cgroup namespace, or {} is: with the mount \
             option nsdelegate, the namespace's root is a delegation boundary",
            shown(cgroup)
        ),
        Some(Errno::ACCESS | Errno::PERM) if v2 => format!(
            "the caller needs write access to cgroup.procs of the nearest cgroup above both {} \
             and the cgroup that {id} is in",
            shown(cgroup)
        ),
        _ => return error,
    };
    error.advice(advice)
}

fn invalid(cgroup: Cgroup<'_>, id: &str) -> Option<String> {
    let stat = String::from_utf8(read_file(&format!("/proc/{id}/stat")).ok()?).ok()?;
    let numbers = Numbers::parse(&stat)?;
    if numbers.flags & KERNEL_THREAD != 0 {
        return Some(format!("{id} is a kernel thread that the kernel does not allow to be moved"));
    }
    let without_realtime = number_in(cgroup, "cpu.rt_runtime_us") == Some(0);
    (without_realtime && REALTIME.contains(&numbers.policy)).then(|| {
        format!("{id} is a realtime process; give the cgroup a realtimeRuntime before it enters")
    })
}

/// Two fields of /proc/PID/stat.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) flags: u64,
    pub(super) policy: u64,
}

impl Numbers {
    /// Reads fields 9 and 41. Field 2, the name, may contain spaces and parentheses.
    pub(super) fn parse(stat: &str) -> Option<Numbers> {
        let after_name: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| after_name.get(number - 3)?.parse().ok();
        Some(Numbers { flags: field(9)?, policy: field(41)? })
    }
}
