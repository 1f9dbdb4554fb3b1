// SPDX-License-Identifier: Apache-2.0

//! Writing one interface file, and the errors of cgroups that have been removed.

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::cgroup::Cgroup;
use super::removal::removed_or;
use crate::error::{Code, Error, Result};
use crate::plan::Write;
use crate::resources::attribute;
use crate::sys::write_all;

/// Writes a value. Reads the old value first if the caller wants it. Reads the new value back
/// where the kernel is known to replace a value silently.
pub(crate) fn put(
    cgroup: Cgroup<'_>,
    write: &Write,
    old: Option<&mut Option<Vec<u8>>>,
) -> Result<()> {
    let failed = |e| Error::write(&cgroup.absolute(&write.file), write.value.as_bytes(), e);
    let reads = write.exact || old.is_some();
    let flags = if reads { OFlags::RDWR } else { OFlags::WRONLY };
    let opened = match cgroup.open(&write.file, flags) {
        // A write-only file has no old value.
        Err(Errno::ACCESS | Errno::INVAL) if reads && !write.exact => {
            cgroup.open(&write.file, OFlags::WRONLY)
        }
        other => other,
    };
    let fd = opened.map_err(failed).map_err(|e| removed_or(cgroup, &write.file, None, e))?;
    if let Some(old) = old {
        *old = read(&fd).ok();
    }
    put_open(cgroup, write, &fd)
}

/// Writes to an interface file that is open.
pub(crate) fn put_open(cgroup: Cgroup<'_>, write: &Write, fd: &OwnedFd) -> Result<()> {
    write_all(fd, write.value.as_bytes())
        .map_err(|e| Error::write(&cgroup.absolute(&write.file), write.value.as_bytes(), e))
        .map_err(|e| removed_or(cgroup, &write.file, Some(fd), e))?;
    if write.exact {
        clamped(write, String::from_utf8_lossy(&read(fd).unwrap_or_default()).trim())?;
    }
    Ok(())
}

/// Opens an interface file to be written later. Returns it with its current value.
pub(crate) fn open(cgroup: Cgroup<'_>, file: &str) -> Result<(OwnedFd, Vec<u8>)> {
    let failed = |what| move |e| Error::system(what, &cgroup.absolute(file), e);
    let fd = match cgroup.open(file, OFlags::RDWR) {
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::INVAL) => {
            cgroup.open(file, OFlags::RDONLY)
        }
        other => other,
    };
    let fd = fd.map_err(failed("open"))?;
    let text = read(&fd).map_err(failed("read"))?;
    Ok((fd, text))
}

/// Returns the file's value. The kernel returns it in one piece if the buffer has room. The
/// descriptor's offset does not change, so the next write is at the start.
fn read(fd: &OwnedFd) -> std::result::Result<Vec<u8>, Errno> {
    let mut out = Vec::new();
    let mut buffer = [0u8; 256];
    loop {
        let offset = u64::try_from(out.len()).unwrap_or(u64::MAX);
        let length = rustix::io::pread(fd, &mut buffer, offset)?;
        out.extend_from_slice(buffer.get(..length).unwrap_or_default());
        // A read that does not fill the buffer has reached the end.
        if length < buffer.len() {
            return Ok(out);
        }
    }
}

/// Returns the error for a value that the kernel clamped, in runc's words. The kernel clamps no
/// value in its range: if the file then holds another value, another process has written it since.
fn clamped(write: &Write, took: &str) -> Result<()> {
    let (Ok(asked), Ok(took)) = (write.value.parse::<u64>(), took.parse::<u64>()) else {
        return Ok(());
    };
    if attribute::is_in_range(&write.file, asked) {
        return Ok(());
    }
    let which = match asked.cmp(&took) {
        std::cmp::Ordering::Equal => return Ok(()),
        std::cmp::Ordering::Greater => "maximum",
        std::cmp::Ordering::Less => "minimum",
    };
    let name = write.file.replace('.', "-");
    Err(Error::new(Code::Clamped, format!("the {which} allowed {name} is {took}, not {asked}")))
}

/// Returns the error as [`Code::Deleted`] if it comes from the cgroup's removal, else unchanged.
pub(crate) fn deleted_or(cgroup: Cgroup<'_>, error: Error) -> Error {
    let missing = error.is(Errno::NOENT) || error.is(Errno::NODEV);
    if missing && !cgroup.exists().unwrap_or(true) {
        return deleted(cgroup);
    }
    error
}

pub(crate) fn deleted(cgroup: Cgroup<'_>) -> Error {
    Error::system("open", &cgroup.absolute(""), Errno::NOENT)
        .with_code(Code::Deleted)
        .advice("the cgroup does not exist: it was never created, or it was removed; apply first")
}
