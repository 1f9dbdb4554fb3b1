// SPDX-License-Identifier: Apache-2.0

//! Joining between fork and exec, and starting a child inside a cgroup.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use katacg::capi::{katacg_attach, katacg_attach_self, KATACG_ATTACH_MAX};
use katacg::NOBODY;

use crate::fixture::*;

/// The child only writes to descriptors that its parent has opened.
#[test]
fn attach_self_works_between_fork_and_exec() {
    let mut s = Sandbox::empty("{}");
    let fds = s.manager.attach_fds(false).unwrap();
    let mut attach = katacg_attach { count: 0, reserved: 0, fds: [-1; KATACG_ATTACH_MAX] };
    attach.count = u32::try_from(fds.len()).unwrap();
    for (place, fd) in attach.fds.iter_mut().zip(&fds) {
        *place = fd.as_raw_fd();
    }
    let mut command = Command::new("sleep");
    command.arg("600");
    // SAFETY: the function is async-signal-safe, as its documentation promises.
    unsafe {
        command.pre_exec(move || match katacg_attach_self(&raw const attach) {
            0 => Ok(()),
            e => Err(std::io::Error::from_raw_os_error(-e)),
        });
    }
    let pid = s.spawn(&mut command);
    for (subsystem, _) in s.manager.paths() {
        assert_eq!(Sandbox::cgroup_of(pid, subsystem), s.name, "{subsystem}");
    }
    // exec has closed the descriptors.
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = open.flatten().filter_map(|e| std::fs::read_link(e.path()).ok());
    assert!(!links.into_iter().any(|l| l.to_string_lossy().contains("katacg-test")));
}

/// Uses the directory descriptor of the manager.
#[test]
fn clone_into_cgroup_starts_a_child_inside() {
    let host = katacg::host::HostInfo::read().unwrap();
    let s = Sandbox::planned("", "{}");
    s.manager.apply(NOBODY, false).unwrap();
    if host.find("").is_none() {
        assert_eq!(s.manager.directory().unwrap_err().code(), katacg::Code::Unsupported);
        return;
    }
    let fd = s.manager.directory().unwrap();
    let mut args = [0u64; 11];
    let mut pidfd: i32 = -1;
    args[0] = (libc::CLONE_PIDFD as u64) | 0x2_0000_0000; // CLONE_INTO_CGROUP
    args[1] = (&raw mut pidfd) as u64;
    args[4] = libc::SIGCHLD as u64;
    args[10] = u64::try_from(fd.as_raw_fd()).unwrap();
    // SAFETY: a clone without CLONE_VM is a fork; the child only pauses.
    let pid = unsafe {
        let pid = libc::syscall(libc::SYS_clone3, args.as_mut_ptr(), size_of_val(&args));
        if pid == 0 {
            loop {
                libc::pause();
            }
        }
        pid
    };
    assert!(pid > 0, "{}", std::io::Error::last_os_error());
    let pid = i32::try_from(pid).unwrap();
    // SAFETY: the kernel has returned this descriptor, and nothing else owns it.
    let _pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let cgroup = Sandbox::cgroup_of(pid, "");
    // SAFETY: the process is this process's child.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
    assert_eq!(cgroup, s.name);
}
