// SPDX-License-Identifier: Apache-2.0

//! A non-blocking unix socket; every wait is a poll(2) with a deadline.
//!
//! unix(7), poll(2).

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    connect as connect_to, send, socket_with, AddressFamily, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};

use super::address::Endpoint;
use super::deadline::Deadline;
use super::fault::{Fault, Outcome};

/// A connected unix socket.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
}

impl Socket {
    /// Connects. While the listener's backlog is full, unix sockets return EAGAIN instead of
    /// waiting, so this function tries again until the deadline.
    pub fn connect(endpoint: &Endpoint, deadline: Deadline) -> Result<Socket, Errno> {
        let address = match endpoint {
            Endpoint::Path(path) => SocketAddrUnix::new(path.as_slice())?,
            Endpoint::Abstract(name) => SocketAddrUnix::new_abstract_name(name)?,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let mut pause = Duration::from_millis(1);
        loop {
            match connect_to(&fd, &address) {
                Ok(()) => return Ok(Socket { fd }),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if !deadline.sleep(pause) {
                        return Err(Errno::TIMEDOUT);
                    }
                    pause = (pause * 2).min(Duration::from_millis(100));
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Returns whether the other side is in another PID namespace.
    pub fn is_peer_in_other_pid_namespace(&self) -> bool {
        crate::sys::is_peer_elsewhere(&self.fd)
    }

    /// Sends all bytes. MSG_NOSIGNAL prevents SIGPIPE, which could end the caller's process.
    pub fn write_all(&self, mut bytes: &[u8], deadline: Deadline) -> Outcome<()> {
        while !bytes.is_empty() {
            match send(&self.fd, bytes, SendFlags::NOSIGNAL) {
                Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, deadline)?,
                Err(errno @ (Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN)) => {
                    return Err(Fault::Lost { sent: false, errno, when: "while sending" });
                }
                Err(e) => return Err(Fault::system("send to", e)),
            }
        }
        Ok(())
    }

    /// Appends received bytes to `into`; waits until there are some. With read(2) instead of
    /// recvmsg(2) the kernel closes file descriptors that the other side sends along.
    pub fn read_more(&self, into: &mut Vec<u8>, deadline: Deadline) -> Outcome<()> {
        let lost = |errno| Fault::Lost { sent: true, errno, when: "while waiting for the reply" };
        into.reserve(4096);
        loop {
            // Poll first: the reply to a request that was just sent has hardly ever arrived.
            self.wait(PollFlags::IN, deadline)?;
            let room = rustix::buffer::spare_capacity(into);
            match rustix::io::read(&self.fd, room) {
                Ok(0) => return Err(lost(Errno::CONNRESET)),
                Ok(_) => return Ok(()),
                Err(Errno::INTR | Errno::AGAIN) => {}
                // Whatever the error is, the request was sent and may be carried out.
                Err(errno) => return Err(lost(errno)),
            }
        }
    }

    /// Returns whether the other side has closed the connection. Does not wait.
    pub fn is_closed(&self) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let polled = rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, Some(&now)));
        let closed = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        polled.is_err() || fds.iter().any(|fd| fd.revents().intersects(closed))
    }

    /// Waits for an event. An error on the socket also ends the wait; the next read or write
    /// reports it.
    fn wait(&self, event: PollFlags, deadline: Deadline) -> Outcome<()> {
        loop {
            let passed = deadline.has_passed();
            let timeout = Timespec::try_from(deadline.remaining()).ok();
            let mut fds = [PollFd::new(&self.fd, event)];
            match rustix::event::poll(&mut fds, timeout.as_ref()) {
                Ok(0) if passed => {
                    return Err(Fault::Timeout { seconds: deadline.timeout_seconds() })
                }
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => {
                    let sent = event == PollFlags::IN;
                    return Err(Fault::Lost { sent, errno, when: "while waiting on the socket" });
                }
            }
        }
    }
}

impl rustix::fd::AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
