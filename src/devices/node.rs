// SPDX-License-Identifier: Apache-2.0
//! Devices by name: a node's path, or a kind and numbers.

use std::path::Path;

use oci_spec::runtime::LinuxDeviceCgroup;
use rustix::fs::{AtFlags, FileType, CWD};
use rustix::io::Errno;

use super::{to_oci, Access, Devices, Kind, Mode, Number, Rule, State};
use crate::error::{fail, Code, Error, Result};

/// Advice in an error about a device that is neither a node nor a rule.
const FORMS: &str = "give a node such as \"/dev/kvm\", or a rule such as \"c 10:232\" or \"b 8:*\"";

/// Nodes of the hypervisor's list. At least one of them must exist.
const REQUIRED: [&str; 2] = ["kvm", "mshv"];
/// Nodes of the hypervisor's list that may be missing.
const OPTIONAL: [&str; 4] = ["vhost-net", "vfio/vfio", "vhost-vsock", "vhost-vdpa-0"];

/// Returns the devices that a text names: the path of a node, or a rule such as `c 10:232`.
///
/// # Errors
/// [`Code::Argument`]: the text has neither form; the path is no device, or is a symbolic link.
/// [`Code::System`]: stat(2) of the node failed.
pub fn parse_devices(text: &str) -> Result<Devices> {
    if text.starts_with('/') {
        return node(Path::new(text));
    }
    let parsed = || {
        let (kind, numbers) = text.split_once(' ')?;
        let (major, minor) = numbers.split_once(':')?;
        let number = |text: &str| match text {
            "*" => Some(Number::Any),
            text if !text.bytes().all(|b| b.is_ascii_digit()) => None,
            text => text.parse().ok().filter(|n| *n != u32::MAX).map(Number::Is),
        };
        let kind = match kind {
            "b" => Kind::Block,
            "c" => Kind::Char,
            _ => return None,
        };
        Some(Devices { major: number(major)?, minor: number(minor)?, kind })
    };
    parsed().ok_or_else(|| Error::new(Code::Argument, format!("device {text:?}; {FORMS}")))
}

/// Parses the letters of an access. None means every access.
///
/// # Errors
/// [`Code::Argument`]: the text is empty or has a letter that is none of `rwm`.
pub fn parse_access(letters: Option<&str>) -> Result<Access> {
    let Some(letters) = letters else { return Ok(Access::ALL) };
    match Access::parse(letters) {
        Ok(access) if !access.is_empty() => Ok(access),
        _ => fail(Code::Argument, format!("device access {letters:?} is not some of \"rwm\"")),
    }
}

/// Returns the device of a node.
fn node(path: &Path) -> Result<Devices> {
    let name = path.as_os_str().as_encoded_bytes();
    let failed = |e| Error::system("stat", name, e);
    let stat = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::BlockDevice => Kind::Block,
        FileType::CharacterDevice => Kind::Char,
        other => {
            let what = if other == FileType::Symlink { "a symbolic link" } else { "no device" };
            let text = format!("{} is {what}; {FORMS}", path.display());
            return fail(Code::Argument, text);
        }
    };
    let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    Ok(Devices { major: Number::Is(major), minor: Number::Is(minor), kind })
}

/// Returns the rules that a hypervisor needs: kvm, mshv, vhost-net, VFIO's control node,
/// vhost-vsock and vhost-vdpa-0, as far as they exist in the directory `dev`.
///
/// # Errors
/// [`Code::Unsupported`]: the host has neither `kvm` nor `mshv`. Otherwise as [`parse_devices`].
pub fn hypervisor_rules(dev: &Path) -> Result<Vec<LinuxDeviceCgroup>> {
    let find = |name: &&str| match node(&dev.join(name)) {
        Err(e) if e.is(Errno::NOENT) || e.is(Errno::NOTDIR) => None,
        other => Some(other),
    };
    let mut found: Vec<Devices> = REQUIRED.iter().filter_map(find).collect::<Result<_>>()?;
    if found.is_empty() {
        let text = format!("{} has neither kvm nor mshv: no hypervisor can run", dev.display());
        return fail(Code::Unsupported, text);
    }
    for device in OPTIONAL.iter().filter_map(find) {
        found.push(device?);
    }
    let mut state = State::all(Mode::Deny);
    for devices in found {
        state.apply(&Rule { allow: true, devices: Some(devices), access: Access::ALL })?;
    }
    // The caller appends these rules to others, so the first rule, for all devices, is left out.
    Ok(to_oci(&state).into_iter().skip(1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_a_path_or_numbers() {
        let text = |text| parse_devices(text).map(|d| d.to_string());
        assert_eq!(text("c 10:232").unwrap(), "c 10:232");
        assert_eq!(text("b 8:*").unwrap(), "b 8:*");
        assert_eq!(text("/dev/null").unwrap(), "c 1:3");
        for wrong in ["", "null", "a *:*", "c 1", "c 1:", "c +1:3", "c 1:3 r", "c 4294967295:0"] {
            let error = text(wrong).unwrap_err();
            assert_eq!(error.code(), Code::Argument, "{wrong}");
            assert!(error.to_string().contains("/dev/kvm"), "{error}");
        }
    }

    #[test]
    fn links_directories_and_missing_nodes_are_no_devices() {
        for (path, why) in [("/dev/fd", "a symbolic link"), ("/proc/version", "no device")] {
            let error = parse_devices(path).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
        assert!(parse_devices("/dev/katacg-none").unwrap_err().is(Errno::NOENT));
    }

    #[test]
    fn a_host_without_a_hypervisors_device_is_an_error() {
        let error = hypervisor_rules(Path::new("/proc")).unwrap_err();
        assert_eq!(error.code(), Code::Unsupported);
        assert!(error.to_string().contains("neither kvm nor mshv"), "{error}");
    }

    #[test]
    fn access_is_all_unless_given() {
        assert_eq!(parse_access(None).unwrap(), Access::ALL);
        assert_eq!(parse_access(Some("mr")).unwrap().to_string(), "rm");
        assert!(parse_access(Some("")).is_err() && parse_access(Some("x")).is_err());
    }
}
