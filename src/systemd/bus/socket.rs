//! A unix socket that never blocks but in poll(2), which has a deadline.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    connect as connect_to, send, socket_with, AddressFamily, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};

use super::address::Endpoint;
use super::{Deadline, Fault, Outcome};

/// A unix socket that is connected.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
}

impl Socket {
    /// A full backlog (EAGAIN: this family does not queue the connector) is waited for.
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

    /// See [`crate::sys::is_peer_elsewhere`].
    pub fn is_elsewhere(&self) -> bool {
        crate::sys::is_peer_elsewhere(&self.fd)
    }

    /// All of it. Never SIGPIPE: the caller's dispositions are not ours to rely on.
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

    /// Something more, behind what is there. A plain read: descriptors that were passed along
    /// are closed by the kernel.
    pub fn read_more(&self, into: &mut Vec<u8>, deadline: Deadline) -> Outcome<()> {
        let lost = |errno| Fault::Lost { sent: true, errno, when: "while an answer was awaited" };
        into.reserve(4096);
        loop {
            // An answer is never there yet.
            self.wait(PollFlags::IN, deadline)?;
            let room = rustix::buffer::spare_capacity(into);
            match rustix::io::read(&self.fd, room) {
                Ok(0) => return Err(lost(Errno::CONNRESET)),
                Ok(_) => return Ok(()),
                Err(Errno::INTR | Errno::AGAIN) => {}
                // Whatever it is: what was sent may be carried out.
                Err(errno) => return Err(lost(errno)),
            }
        }
    }

    /// Whether the other side has hung up; a look, no waiting.
    pub fn is_gone(&self) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let polled = rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, Some(&now)));
        let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        polled.is_err() || fds.iter().any(|fd| fd.revents().intersects(gone))
    }

    /// Waits; what then is wrong with the socket, the next call on it says.
    fn wait(&self, what: PollFlags, deadline: Deadline) -> Outcome<()> {
        loop {
            let late = deadline.has_passed();
            let left = Timespec::try_from(deadline.left()).ok();
            let mut fds = [PollFd::new(&self.fd, what)];
            match rustix::event::poll(&mut fds, left.as_ref()) {
                Ok(0) if late => return Err(Fault::Silent { seconds: deadline.seconds() }),
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => {
                    let sent = what == PollFlags::IN;
                    return Err(Fault::Lost { sent, errno, when: "while it was waited for" });
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
