// SPDX-License-Identifier: Apache-2.0
//! bpf(2), as far as device programs of cgroup v2 need it.
//!
//! Kernel: include/uapi/linux/bpf.h, kernel/bpf/{syscall,cgroup}.c; man bpf(2).
//! Every call passes a zeroed attribute of [`ATTR_SIZE`] bytes: kernels from 6.17 to 7.1 write the
//! revision of a query at offset 56, whatever size the caller says.

use std::sync::Arc;

use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use rustix::io::Errno;

use crate::devices::{Insn, INSN_SIZE};
use crate::sys::read_file;

/// The name of this library's programs.
pub const NAME: &str = "katacg_devices";

const CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
const ALLOW_MULTI: u32 = 2;
const REPLACE: u32 = 4;

/// Larger than any kernel's `union bpf_attr`. The kernel accepts zeros beyond its own size.
const ATTR_SIZE: usize = 256;
/// Most programs that a cgroup can have (BPF_CGROUP_MAX_PROGS).
const MOST_PROGRAMS: usize = 64;
/// Longest name of a program (BPF_OBJ_NAME_LEN, without the NUL).
const NAME_LENGTH: usize = 15;
/// Attempts of a load, which fails with EAGAIN while a signal is pending.
const TRIES: u32 = 5;
const LOG_SIZE: usize = 256 * 1024;

#[derive(Clone, Copy)]
#[repr(u32)]
enum Command {
    Load = 5,
    Attach = 8,
    Detach = 9,
    FdById = 13,
    Info = 15,
    Query = 16,
}

/// An attribute; a field is set by its offset.
#[repr(C, align(8))]
struct Attr([u8; ATTR_SIZE]);

impl Attr {
    fn new() -> Attr {
        Attr([0; ATTR_SIZE])
    }

    fn set(mut self, offset: usize, value: &[u8]) -> Attr {
        if let Some(place) = self.0.get_mut(offset..offset + value.len()) {
            place.copy_from_slice(value);
        }
        self
    }

    fn number(self, offset: usize, value: u32) -> Attr {
        self.set(offset, &value.to_ne_bytes())
    }

    fn fd(self, offset: usize, fd: &impl AsFd) -> Attr {
        self.set(offset, &fd.as_fd().as_raw_fd().to_ne_bytes())
    }

    fn pointer<T>(self, offset: usize, pointer: *const T) -> Attr {
        let address = u64::try_from(pointer.addr()).unwrap_or(0);
        self.set(offset, &address.to_ne_bytes())
    }

    fn read(&self, offset: usize) -> u32 {
        let bytes = self.0.get(offset..offset + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_ne_bytes)
    }
}

#[allow(unsafe_code)]
fn bpf(command: Command, attr: &mut Attr) -> Result<libc::c_long, Errno> {
    // SAFETY: the attribute is memory of the size that is passed, and can be written. The pointers
    // in it are to memory that lives in the caller's frame, with its length beside it.
    let done =
        unsafe { libc::syscall(libc::SYS_bpf, command as u32, attr.0.as_mut_ptr(), ATTR_SIZE) };
    if done >= 0 {
        return Ok(done);
    }
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    Err(Errno::from_raw_os_error(errno))
}

/// Calls bpf(2) with a command that returns a descriptor, which the kernel opens close-on-exec.
#[allow(unsafe_code)]
fn bpf_fd(command: Command, attr: &mut Attr) -> Result<OwnedFd, Errno> {
    let fd = i32::try_from(bpf(command, attr)?).map_err(|_| Errno::BADF)?;
    // SAFETY: the kernel has just opened it, and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Why a program was not loaded.
#[derive(Debug)]
pub struct LoadError {
    /// The kernel's answer.
    pub errno: Errno,
    /// What the verifier says; empty when it does not say anything.
    pub log: String,
}

/// Loads a device program. The kernel keeps it while it is attached or its descriptor is open.
pub fn load(name: &str, code: &[Insn]) -> Result<OwnedFd, LoadError> {
    let bytes: Vec<u8> = code.iter().flat_map(|insn| insn.to_bytes()).collect();
    // Without a log first: the log of a long program is larger than a buffer (ENOSPC).
    let mut errno = match load_bytes(name, &bytes, &mut []) {
        Ok(fd) => return Ok(fd),
        Err(errno) => errno,
    };
    if errno == Errno::PERM && raise_memlock() {
        errno = match load_bytes(name, &bytes, &mut []) {
            Ok(fd) => return Ok(fd),
            Err(errno) => errno,
        };
    }
    let mut log = Vec::new();
    if errno == Errno::INVAL || errno == Errno::ACCESS {
        log.resize(LOG_SIZE, 0);
        if let Ok(fd) = load_bytes(name, &bytes, &mut log) {
            return Ok(fd);
        }
    }
    let text = log.split(|b| *b == 0).next().unwrap_or_default();
    Err(LoadError { errno, log: String::from_utf8_lossy(text).trim().to_owned() })
}

fn load_bytes(name: &str, code: &[u8], log: &mut [u8]) -> Result<OwnedFd, Errno> {
    let count = u32::try_from(code.len() / INSN_SIZE).map_err(|_| Errno::TOOBIG)?;
    let license = c"Apache-2.0";
    let mut tries = 0;
    let mut no_signals = None;
    loop {
        tries += 1;
        let mut attr = Attr::new()
            .number(0, CGROUP_DEVICE)
            .number(4, count)
            .pointer(8, code.as_ptr())
            .pointer(16, license.as_ptr())
            .set(48, name.as_bytes().get(..name.len().min(NAME_LENGTH)).unwrap_or_default())
            .number(68, ATTACH_CGROUP_DEVICE);
        if !log.is_empty() {
            let size = u32::try_from(log.len()).unwrap_or(0);
            attr = attr.number(24, 1).number(28, size).pointer(32, log.as_mut_ptr());
        }
        match bpf_fd(Command::Load, &mut attr) {
            // A long program that is interrupted at regular times, as by a profiler, would never be
            // loaded.
            Err(Errno::AGAIN | Errno::INTR) if tries < TRIES => {
                no_signals = no_signals.or_else(|| Some(NoSignals::new()));
            }
            other => return other,
        }
    }
}

/// Blocks all signals to this thread until it is dropped.
struct NoSignals {
    before: libc::sigset_t,
    is_set: bool,
}

impl NoSignals {
    #[allow(unsafe_code)]
    fn new() -> NoSignals {
        // SAFETY: a set is plain memory, and the calls write both sets.
        unsafe {
            let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
            libc::sigfillset(&raw mut all);
            let result = libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
            NoSignals { before, is_set: result == 0 }
        }
    }
}

impl Drop for NoSignals {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        if self.is_set {
            // SAFETY: the set is one that the kernel has returned.
            unsafe {
                let before = &raw const self.before;
                libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut());
            }
        }
    }
}

/// Raises the limit of locked memory, to which kernels before 5.11 charge programs. Returns whether
/// it was raised.
fn raise_memlock() -> bool {
    use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
    let release = read_file("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = String::from_utf8_lossy(&release).into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let now = getrlimit(Resource::Memlock);
    if version >= (5, 11) || now.current.is_none() {
        return false;
    }
    let none = Rlimit { current: None, maximum: None };
    let most = Rlimit { current: now.maximum, ..now };
    setrlimit(Resource::Memlock, none).or_else(|_| setrlimit(Resource::Memlock, most)).is_ok()
}

/// Attaches a program beside others; in the place of `old`, at once, when that is given.
pub fn attach(cgroup: &impl AsFd, program: &impl AsFd, old: Option<&OwnedFd>) -> Result<(), Errno> {
    let attr = Attr::new().fd(0, cgroup).fd(4, program).number(8, ATTACH_CGROUP_DEVICE);
    let mut attr = match old {
        None => attr.number(12, ALLOW_MULTI),
        Some(old) => attr.number(12, ALLOW_MULTI | REPLACE).fd(16, old),
    };
    bpf(Command::Attach, &mut attr).map(drop)
}

/// Detaches a program.
pub fn detach(cgroup: &impl AsFd, program: &impl AsFd) -> Result<(), Errno> {
    let attr = Attr::new().fd(0, cgroup).fd(4, program).number(8, ATTACH_CGROUP_DEVICE);
    bpf(Command::Detach, &mut { attr }).map(drop)
}

/// Returns the ids of the device programs that are attached to the cgroup itself.
pub fn query(cgroup: &impl AsFd) -> Result<Vec<u32>, Errno> {
    let mut ids = [0u32; MOST_PROGRAMS];
    let count = u32::try_from(ids.len()).unwrap_or(0);
    let attr = Attr::new().fd(0, cgroup).number(4, ATTACH_CGROUP_DEVICE);
    let mut attr = attr.pointer(16, ids.as_mut_ptr()).number(24, count);
    bpf(Command::Query, &mut attr)?;
    let count = usize::try_from(attr.read(24)).unwrap_or(0);
    Ok(ids.into_iter().take(count).collect())
}

/// A program that is loaded.
#[derive(Debug)]
pub struct Program {
    /// Its descriptor.
    pub fd: Arc<OwnedFd>,
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its instructions; empty where the kernel hides them.
    pub code: Vec<Insn>,
    /// The kernel tells their number, but not them: they are blinded, and kernel.kptr_restrict
    /// hides such code. Without a number, the caller lacks the privilege.
    pub is_blinded: bool,
}

/// Opens a program by its id.
pub fn open(id: u32) -> Result<Program, Errno> {
    read(Arc::new(bpf_fd(Command::FdById, &mut Attr::new().number(0, id))?))
}

/// Reads what an open program is.
pub fn read(fd: Arc<OwnedFd>) -> Result<Program, Errno> {
    // Room for a list of usual length, so that one call is enough.
    let mut code = vec![0u8; 128 * INSN_SIZE];
    let mut info = read_info(&fd, &mut code)?;
    let length = usize::try_from(info.read(20)).unwrap_or(0);
    if length > code.len() {
        code.resize(length, 0);
        info = read_info(&fd, &mut code)?;
    }
    // Hidden instructions have no address.
    let is_hidden = info.0.get(32..40).is_some_and(|p| p.iter().all(|b| *b == 0));
    code.truncate(if is_hidden { 0 } else { length.min(code.len()) });
    let name = info.0.get(64..80).unwrap_or_default().split(|b| *b == 0).next();
    let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
    let insns = code.chunks_exact(INSN_SIZE).filter_map(|b| b.try_into().ok());
    let (code, is_blinded) = (insns.map(Insn::from_bytes).collect(), is_hidden && length > 0);
    Ok(Program { fd, id: info.read(4), name, code, is_blinded })
}

fn read_info(fd: &OwnedFd, code: &mut [u8]) -> Result<Attr, Errno> {
    let length = u32::try_from(code.len()).unwrap_or(0);
    let mut info = Attr::new().number(20, length).pointer(32, code.as_mut_ptr());
    let size = u32::try_from(ATTR_SIZE).unwrap_or(0);
    let mut attr = Attr::new().fd(0, fd).number(4, size).pointer(8, info.0.as_mut_ptr());
    bpf(Command::Info, &mut attr)?;
    Ok(info)
}
