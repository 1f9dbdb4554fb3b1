// SPDX-License-Identifier: Apache-2.0

//! Statistics in lists: by device, page size, processor or NUMA node, or every value of a file.

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::core::Manager;
use crate::cgroupfs::interface_file::deleted;
use crate::cgroupfs::Cgroup;
use crate::error::{fail, Code, Error, Result};
use crate::stats::{fill, sizes, values, Entry, List, Text};
use crate::sys::{page_size, read_at_once};

impl Manager {
    /// Returns the entries of a list, in the order in which the kernel names them.
    ///
    /// If the cgroup has only some of the list's controllers, the manager warns.
    ///
    /// Errors: the cgroup does not exist ([`Code::Deleted`]) or has no controller of this list
    /// ([`Code::Controller`]).
    pub fn stats_list(&self, list: &'static List) -> Result<Vec<Entry>> {
        let main = self.main_site()?;
        let (mut out, mut chosen, page) = (Vec::new(), 0u32, page_size());
        let mut there: Vec<&str> = Vec::new();
        for source in list.sources {
            let site = self.placement.site(source.subsystem);
            let here = site.filter(|s| s.version == source.version && self.placement.is_live(s));
            let choice = 1 << source.either;
            let Some(site) = here.filter(|_| source.either == 0 || chosen & choice == 0) else {
                continue;
            };
            let cgroup = self.cgroup_at(site)?;
            let by_size = source.file.contains("<size>");
            let names = if by_size { sizes() } else { vec![String::new()] };
            for size in &names {
                let file = source.file.replace("<size>", size);
                let Some(bytes) = text(cgroup, &file)? else { continue };
                there.push(source.subsystem);
                if fill(list, source, Text { bytes: &bytes, size, page }, &mut out) {
                    chosen |= choice;
                }
            }
        }
        if there.is_empty() {
            let cgroup = self.cgroup_at(main)?;
            if !cgroup.exists()? {
                return Err(deleted(cgroup));
            }
            let names = subsystems(list, &[]).join(" or ");
            return fail(Code::Controller, format!("the cgroup has no files of {names} for this"));
        }
        let missing = subsystems(list, &there);
        // Only the list of rdma, misc and dmem has several controllers. The others have one, whose
        // name can differ between v1 and v2.
        if !missing.is_empty() && list.id_count == 0 {
            let text = format!("no statistics of {}", missing.join(" "));
            self.warn(vec![format!("{text}: the cgroup does not have them")]);
        }
        Ok(out)
    }

    /// Returns every value of one file of the cgroup, whatever its keys are.
    ///
    /// Errors: as for [`Manager::read`].
    pub fn stats_values(&self, subsystem: &str, file: &str) -> Result<Vec<Entry>> {
        self.read(subsystem, file).map(|text| values(&text))
    }
}

/// Returns the subsystems of a list's files that are not in `there`, each once.
fn subsystems(list: &List, there: &[&str]) -> Vec<&'static str> {
    let mut out: Vec<&'static str> = list.sources.iter().map(|source| source.subsystem).collect();
    out.dedup();
    out.retain(|name| !there.contains(name));
    out
}

/// Returns a file's text. Returns None if the cgroup or the kernel does not have the file, or if
/// the caller may not read it.
fn text(cgroup: Cgroup<'_>, file: &str) -> Result<Option<Vec<u8>>> {
    match cgroup.open(file, OFlags::RDONLY).and_then(read_at_once) {
        Ok(text) => Ok(Some(text)),
        Err(Errno::NOENT | Errno::NODEV | Errno::ACCESS | Errno::PERM | Errno::OPNOTSUPP) => {
            Ok(None)
        }
        Err(e) => Err(Error::system("read", &cgroup.absolute(file), e)),
    }
}
