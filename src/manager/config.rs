//! What a manager is made from.

use oci_spec::runtime::LinuxResources;

use crate::error::{Code, Error, Result};
use crate::kata::{gopath, path};
use crate::resources::Options;

/// Switches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Leave device rules alone; a v1 host without the devices controller is no error then.
    pub skip_devices: bool,
    /// What a layout has no file for is an error, where it would be a warning.
    pub strict: bool,
    /// A failed set leaves what it had written: saves reading each value first.
    pub no_rollback: bool,
    /// Join only hierarchies in which the cgroup is there already; none is an error.
    pub existing: bool,
}

impl Flags {
    pub(super) fn resource_options(self) -> Options {
        Options { skip_devices: self.skip_devices, strict: self.strict }
    }
}

/// A manager's configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The cgroup, from the hierarchies' roots when it starts with `/`, else below (v1) or
    /// beside (v2) the caller's own.
    pub path: Vec<u8>,
    /// v1: the subsystems to join; empty means all that runc's library joins.
    pub subsystems: Vec<String>,
    /// The resources that apply uses and that a set without any sets.
    pub resources: LinuxResources,
    /// Switches.
    pub flags: Flags,
    /// Nobody asked for this path (it was made from a name): a rootless caller that may not
    /// create it goes without, as long as no limits are asked for.
    pub implicit: bool,
    /// The user and group that the cgroup is delegated to.
    pub owner: Option<(u32, u32)>,
}

impl Config {
    /// Refuses what cannot be managed.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |why: &str| {
            let shown = self.path.get(..128).unwrap_or(&self.path);
            let text: [&[u8]; 4] = [b"cgroup path '", shown, b"' refused: ", why.as_bytes()];
            Err(Error::new(Code::Path, text.concat()))
        };
        if self.path.contains(&0) {
            return refuse("it has a NUL byte");
        }
        if path::is_systemd(&self.path) || path::is_systemd_slice(&self.path) {
            return refuse("it is a systemd path, and this version has no systemd driver")
                .map_err(|e: Error| e.with_code(Code::Unsupported));
        }
        // Dropping the hierarchy's root, or the caller's own cgroup, is never what is meant.
        if matches!(self.clean_path().as_slice(), b"/" | b"." | b"") {
            return refuse("it has no name of its own");
        }
        Ok(())
    }

    /// The path, cleaned so that `..` cannot lead out (as runc's CleanPath).
    pub fn clean_path(&self) -> Vec<u8> {
        gopath::clean_confined(&self.path)
    }
}
