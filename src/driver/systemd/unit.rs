// SPDX-License-Identifier: Apache-2.0

//! The unit of a configuration.

use std::os::unix::fs::{FileTypeExt, MetadataExt};

use crate::config::{Config, SystemdConfig};
use crate::error::{fail, Code, Error, Result};
use crate::host_handle::Host;
use crate::path::lexical;
use crate::placement::Placement;
use crate::systemd::{check_address, user_properties, Bus, SystemdUnit, Unit};

/// Returns the unit of a configuration whose path is systemd's.
///
/// Errors: a user's systemd on a host that is not unified ([`Code::Unsupported`]); a path, an
/// address or an annotation that systemd does not take.
pub fn unit(host: &Host, config: &Config) -> Result<SystemdUnit> {
    let SystemdConfig { bus, address, version, unit: name, annotations } = &config.systemd;
    let info = host.info();
    let own_systemd = || host.is_live() && has_own_systemd();
    let bus = bus.unwrap_or_else(|| match info.rootless && !own_systemd() {
        true => Bus::User,
        false => Bus::System,
    });
    if bus == Bus::User && !info.is_unified() {
        return fail(
            Code::Unsupported,
            "a user's systemd manages no cgroups on v1: it is delegated none there",
        );
    }
    let user = bus == Bus::User;
    let unit = match name {
        Some(name) => Unit::named(name, config.slice()?, user)?,
        None => Unit::parse(config.unit_path(), user)?,
    };
    address.as_deref().map_or(Ok(()), check_address)?;
    let annotations = annotations.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    let user_properties = user_properties(annotations)?;
    let client = host.systemd(bus, address.as_deref(), *version);
    let root = match bus {
        Bus::System => host.systemd_root().to_vec(),
        Bus::User => Vec::new(),
    };
    Ok(SystemdUnit { unit, bus, client, root, user_properties })
}

/// Whether the caller is root of a user namespace that has a systemd of its own, as a system
/// container has.
///
/// A process that only unshared its user namespace sees the socket of the host's systemd, which
/// belongs to nobody there. The directory that sd_booted(3) checks exists in some images without
/// systemd.
fn has_own_systemd() -> bool {
    let own = |socket: std::fs::Metadata| socket.file_type().is_socket() && socket.uid() == 0;
    rustix::process::geteuid().is_root()
        && std::fs::metadata("/run/systemd/system").is_ok()
        && std::fs::metadata("/run/systemd/private").is_ok_and(own)
}

/// Checks that saved sites are the unit's. For a user's systemd, which need not be running,
/// compares only the end of the path.
pub fn check_sites(unit: &SystemdUnit, placement: &Placement) -> Result<()> {
    for site in placement.live() {
        let found = [b"/", &site.path[..]].concat();
        let is_right = |cgroup: &Vec<u8>| match unit.bus {
            Bus::System => {
                let whole = lexical::join(&[b"/", &unit.root, cgroup]);
                let hierarchy = placement.info().hierarchy(site.id);
                hierarchy.and_then(|h| h.below_mount(&whole)) == Some(site.path.clone())
            }
            Bus::User => found.ends_with(cgroup),
        };
        if !unit.unit.cgroups().iter().any(is_right) {
            let name = unit.unit.name.as_bytes();
            let text: [&[u8]; 4] = [b"saved path ", &found, b" is not the cgroup of ", name];
            return Err(Error::new(Code::Path, text.concat()));
        }
    }
    Ok(())
}
