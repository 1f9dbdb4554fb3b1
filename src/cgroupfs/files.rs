// SPDX-License-Identifier: Apache-2.0

//! Reading and writing whole files.

use rustix::fs::OFlags;

use super::cgroup::Cgroup;
use super::removal::removed_or;
use crate::error::{Error, Result};
use crate::sys::{read_to_end, write_all};

impl Cgroup<'_> {
    /// Reads a whole file.
    pub fn read(&self, file: &str) -> Result<Vec<u8>> {
        let failed = |what| move |e| Error::system(what, &self.absolute(file), e);
        let opened = self.open(file, OFlags::RDONLY).map_err(failed("open"));
        let fd = opened.map_err(|e| removed_or(*self, file, None, e))?;
        let text = read_to_end(&fd, 4096).map_err(failed("read"));
        text.map_err(|e| removed_or(*self, file, Some(&fd), e))
    }

    /// Writes a value in one `write(2)`: interface files take whole values.
    pub fn write(&self, file: &str, value: &[u8]) -> Result<()> {
        let failed = |e| Error::write(&self.absolute(file), value, e);
        let opened = self.open(file, OFlags::WRONLY).map_err(failed);
        let fd = opened.map_err(|e| removed_or(*self, file, None, e))?;
        write_all(&fd, value).map_err(failed).map_err(|e| removed_or(*self, file, Some(&fd), e))
    }
}
