// SPDX-License-Identifier: Apache-2.0

//! A poll(2) whose result is kept: the kernel's asynchronous poll (IOCB_CMD_POLL, Linux 4.19).
//!
//! A PSI trigger forgets its event as soon as anybody polls it. The caller may put the watch's
//! epoll descriptor into an epoll descriptor of its own, which then polls everything in the inner
//! one. So the event of a trigger in the inner one could be lost between the wake and the reading.
//! The asynchronous poll takes the event once, and adds 1 to an eventfd, which stays readable.
//! Kernel: `psi_trigger_poll`, `__ep_eventpoll_poll`, `aio_poll`.

use rustix::event::{eventfd, EventfdFlags, PollFlags};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;

const IOCB_CMD_POLL: u16 = 5;
const IOCB_FLAG_RESFD: u32 = 1;

/// `struct iocb` of <linux/aio_abi.h>. On big-endian machines `key` and `rw_flags` are in the other
/// order, which does not matter: both are 0.
#[repr(C)]
#[derive(Default)]
struct Iocb {
    data: u64,
    key: u32,
    rw_flags: i32,
    opcode: u16,
    priority: i16,
    fd: u32,
    events: u64,
    length: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    eventfd: u32,
}

/// `struct io_event`.
#[repr(C)]
#[derive(Default)]
struct IoEvent {
    data: u64,
    object: u64,
    result: i64,
    result2: i64,
}

/// An asynchronous poll that can be started again after each result.
#[derive(Debug)]
pub(super) struct AsyncPoll {
    /// The kernel's context of io_setup(2).
    context: libc::c_ulong,
    /// An eventfd that is readable when there is a result.
    pub(super) signal: OwnedFd,
}

impl AsyncPoll {
    pub(super) fn new() -> Result<AsyncPoll, Errno> {
        let signal = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let mut context = 0;
        io_setup(1, &mut context)?;
        Ok(AsyncPoll { context, signal })
    }

    /// Starts one poll for POLLPRI. If the event has happened already, the result is there at once.
    pub(super) fn start(&self, fd: &OwnedFd) -> Result<(), Errno> {
        let number = |fd: &OwnedFd| u32::try_from(fd.as_raw_fd()).map_err(|_| Errno::BADF);
        let iocb = Iocb {
            opcode: IOCB_CMD_POLL,
            fd: number(fd)?,
            events: u64::from((PollFlags::PRI | PollFlags::ERR).bits()),
            flags: IOCB_FLAG_RESFD,
            eventfd: number(&self.signal)?,
            ..Iocb::default()
        };
        io_submit(self.context, iocb)
    }

    /// Takes the result, if there is one.
    pub(super) fn take(&self) -> Option<PollFlags> {
        let mut word = [0; 8];
        let _ = rustix::io::read(&self.signal, &mut word);
        let bits = io_getevent(self.context)?.result;
        // A negative result is an error number.
        Some(u16::try_from(bits).map_or(PollFlags::ERR, PollFlags::from_bits_retain))
    }
}

impl Drop for AsyncPoll {
    /// Ends the poll, and waits until the kernel no longer uses the descriptor (a grace period of
    /// RCU). In a forked child the context does not exist, so io_destroy(2) fails and nothing ends.
    fn drop(&mut self) {
        io_destroy(self.context);
    }
}

/// Returns a system call's result, or its errno.
fn result(returned: libc::c_long) -> Result<libc::c_long, Errno> {
    if returned >= 0 {
        return Ok(returned);
    }
    let errno = std::io::Error::last_os_error().raw_os_error();
    Err(errno.map_or(Errno::IO, Errno::from_raw_os_error))
}

#[allow(unsafe_code)]
fn io_setup(events: libc::c_uint, context: &mut libc::c_ulong) -> Result<(), Errno> {
    // SAFETY: the kernel writes one word to `context`, which must be 0 before, and is.
    result(unsafe { libc::syscall(libc::SYS_io_setup, events, &raw mut *context) }).map(drop)
}

#[allow(unsafe_code)]
fn io_submit(context: libc::c_ulong, mut iocb: Iocb) -> Result<(), Errno> {
    let one: libc::c_long = 1;
    let mut list = [&raw mut iocb];
    // SAFETY: the list has one pointer to a whole iocb, which the kernel reads, and whose key it
    // writes, during the call. A poll has no buffer.
    result(unsafe { libc::syscall(libc::SYS_io_submit, context, one, list.as_mut_ptr()) }).map(drop)
}

#[allow(unsafe_code)]
fn io_getevent(context: libc::c_ulong) -> Option<IoEvent> {
    let mut event = IoEvent::default();
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let (least, most): (libc::c_long, libc::c_long) = (0, 1);
    // SAFETY: the kernel writes at most one event, for which there is room, and reads the time.
    let count = unsafe {
        libc::syscall(libc::SYS_io_getevents, context, least, most, &raw mut event, &raw mut now)
    };
    (count == 1).then_some(event)
}

#[allow(unsafe_code)]
fn io_destroy(context: libc::c_ulong) {
    // SAFETY: the context is not used again. The kernel checks that it is one of this process.
    unsafe { libc::syscall(libc::SYS_io_destroy, context) };
}
