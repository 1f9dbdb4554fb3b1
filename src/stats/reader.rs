// SPDX-License-Identifier: Apache-2.0

//! Keeps the statistics files of a cgroup open, and reads each with one pread(2).

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::hugepages;
use super::parse::{parse, Found};
use super::table::{Format, Source, CGROUP, HUGETLB};
use super::values::Stats;
use crate::cgroupfs::Cgroup;
use crate::error::{Error, Result};
use crate::host::Version;

/// Room for a file in one read; it grows when a file needs more.
const ROOM: usize = 8192;
/// A file of this size is not read: its fields stay not valid. No statistics file is as large.
const MOST: usize = 1 << 24;

/// One row of the table, and the cgroup that has the file.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The row.
    pub source: &'static Source,
    /// The cgroup.
    pub cgroup: Cgroup<'a>,
}

impl Source {
    /// Returns whether the file only adds to what a file of cgroup2 says, so that it is not read
    /// without one. v1's freezer.state is such a file.
    pub fn needs_cgroup2(&self) -> bool {
        self.controller == CGROUP && self.version == Version::V1
    }
}

impl Part<'_> {
    /// Returns whether the cgroup has the file; of huge pages, the file of the first page size.
    pub fn is_there(&self) -> bool {
        let name = match self.source.file.contains("<size>") {
            true => hugepages::sizes().first().map(|size| self.source.file.replace("<size>", size)),
            false => Some(self.source.file.to_owned()),
        };
        name.is_some_and(|name| self.cgroup.open(&name, OFlags::PATH).is_ok())
    }
}

#[derive(Debug)]
struct OpenFile {
    fd: OwnedFd,
    source: &'static Source,
    /// The file has named a device, so its alternatives are closed.
    settled: bool,
}

/// Open statistics files of one cgroup.
#[derive(Debug, Default)]
pub struct Reader {
    files: Vec<OpenFile>,
    buffer: Vec<u8>,
    controllers: u64,
}

/// The files must be opened anew: the cgroup of a file was removed, or a settled file names no
/// device any more.
#[derive(Debug)]
pub struct Gone;

impl Reader {
    /// Opens the files that are there.
    ///
    /// Errors: a file cannot be opened for a reason other than that the cgroup or the kernel does
    /// not have it, or that the caller may not read it.
    pub fn open<'a>(controllers: u64, parts: impl Iterator<Item = Part<'a>>) -> Result<Reader> {
        let sizes = if controllers & HUGETLB == 0 { Vec::new() } else { hugepages::sizes() };
        let mut files: Vec<OpenFile> = Vec::new();
        for Part { source, cgroup } in parts {
            if files.last().is_some_and(|last| contains(last.source, source)) {
                continue;
            }
            if !matches!(source.format, Format::Sum(_) | Format::SumKeyed(..)) {
                files.extend(open(cgroup, source, source.file)?);
                continue;
            }
            for size in &sizes {
                files.extend(open(cgroup, source, &source.file.replace("<size>", size))?);
            }
        }
        Ok(Reader { files, buffer: vec![0; ROOM], controllers })
    }

    /// Whether no file is open: the cgroup does not exist, or has no controller that was asked for.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Reads every file.
    ///
    /// Errors: the cgroup of a file was removed since the file was opened, or an alternative that
    /// named devices names none any more.
    pub fn read(&mut self, out: &mut Stats) -> std::result::Result<(), Gone> {
        out.reset();
        let Reader { files, buffer, controllers } = self;
        let (mut present, mut chosen, mut found_device) = (0, 0u64, false);
        for file in files.iter_mut() {
            let choice = 1 << file.source.either;
            if file.source.either != 0 && chosen & choice != 0 {
                continue;
            }
            match pread(&file.fd, buffer) {
                Ok(length) => {
                    present |= file.source.controller;
                    let text = buffer.get(..length).unwrap_or_default();
                    let found = parse(file.source.format, text, out);
                    if file.source.either != 0 && found == Found::Values {
                        chosen |= choice;
                        found_device |= !file.settled;
                        file.settled = true;
                    } else if file.settled {
                        // The device has another scheduler now, or is gone.
                        return Err(Gone);
                    }
                }
                Err(Errno::NODEV) => return Err(Gone),
                // The fields of a file that cannot be read stay not valid.
                Err(_) => {}
            }
        }
        if found_device {
            // Closes the alternatives to a file that names devices.
            files.retain(|file| file.settled || chosen & (1 << file.source.either) == 0);
        }
        out.missing = *controllers & !present;
        out.complete();
        Ok(())
    }
}

/// Returns whether an open file of block I/O counts all that another file counts: it is the
/// `_recursive` one of the two, which also counts descendants.
fn contains(open: &Source, other: &Source) -> bool {
    open.either != 0 && open.file.strip_suffix("_recursive") == Some(other.file)
}

fn open(cgroup: Cgroup<'_>, source: &'static Source, name: &str) -> Result<Option<OpenFile>> {
    match cgroup.open(name, OFlags::RDONLY) {
        Ok(fd) => Ok(Some(OpenFile { fd, source, settled: false })),
        Err(Errno::NOENT | Errno::NODEV | Errno::ACCESS | Errno::PERM | Errno::OPNOTSUPP) => {
            Ok(None)
        }
        Err(e) => Err(Error::system("open", &cgroup.absolute(name), e)),
    }
}

/// Reads a file from its start. A read that fills the buffer may have been cut short, so the buffer
/// grows and the file is read again.
fn pread(fd: &OwnedFd, buffer: &mut Vec<u8>) -> std::result::Result<usize, Errno> {
    loop {
        let length = rustix::io::retry_on_intr(|| rustix::io::pread(fd, &mut buffer[..], 0))?;
        if length < buffer.len() {
            return Ok(length);
        }
        if length >= MOST {
            return Err(Errno::FBIG);
        }
        buffer.resize(buffer.len() * 2, 0);
    }
}
