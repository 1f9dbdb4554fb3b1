// SPDX-License-Identifier: Apache-2.0
//! The devices that a runtime allows to every container whose specification has device rules.
//!
//! runc allows the same set. OCI: runtime-spec config-linux.md "Default Devices".

use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType, LinuxResources};

/// Kind, major, minor and access; -1 means every number.
const DEFAULTS: [(LinuxDeviceType, i64, i64, &str); 11] = [
    // Every mknod(2) is allowed: making a node gives no access to the device.
    (LinuxDeviceType::C, -1, -1, "m"),
    (LinuxDeviceType::B, -1, -1, "m"),
    // null, zero, full, random, urandom, tty
    (LinuxDeviceType::C, 1, 3, "rwm"),
    (LinuxDeviceType::C, 1, 5, "rwm"),
    (LinuxDeviceType::C, 1, 7, "rwm"),
    (LinuxDeviceType::C, 1, 8, "rwm"),
    (LinuxDeviceType::C, 1, 9, "rwm"),
    (LinuxDeviceType::C, 5, 0, "rwm"),
    // Pseudo-terminals, ptmx and tun.
    (LinuxDeviceType::C, 136, -1, "rwm"),
    (LinuxDeviceType::C, 5, 2, "rwm"),
    (LinuxDeviceType::C, 10, 200, "rwm"),
];

/// Returns the rules that a runtime appends to a specification's own rules.
pub fn runtime_defaults() -> Vec<LinuxDeviceCgroup> {
    let rule = |(kind, major, minor, access): (_, _, _, &str)| {
        let mut rule = LinuxDeviceCgroup::default();
        rule.set_allow(true).set_typ(Some(kind));
        rule.set_major(Some(major)).set_minor(Some(minor)).set_access(Some(access.to_owned()));
        rule
    };
    DEFAULTS.into_iter().map(rule).collect()
}

/// Appends the runtime's rules to a specification's own rules. A specification without device rules
/// leaves the cgroup's devices as they are, so it gets none.
pub fn append_runtime_defaults(resources: &mut LinuxResources) {
    let Some(rules) = resources.devices().clone().filter(|rules| !rules.is_empty()) else {
        return;
    };
    resources.set_devices(Some([rules, runtime_defaults()].concat()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::{Mode, State};

    fn state(rules: &str) -> State {
        let text = format!("{{\"devices\":{rules}}}");
        let mut resources: LinuxResources = serde_json::from_str(&text).unwrap();
        append_runtime_defaults(&mut resources);
        let rules = resources.devices().clone().unwrap_or_default();
        State::from_rules(&rules, &mut Vec::new()).unwrap()
    }

    #[test]
    fn a_specification_that_denies_all_leaves_the_runtimes_devices() {
        let state = state(r#"[{"allow":false,"access":"rwm"}]"#);
        assert_eq!(state.mode(), Mode::Deny);
        let rules = state.exceptions().map(|(devices, access)| format!("{devices} {access}"));
        let mut rules: Vec<String> = rules.collect();
        rules.sort();
        let mut expected = [
            "c *:* m",
            "b *:* m",
            "c 1:3 rwm",
            "c 1:5 rwm",
            "c 1:7 rwm",
            "c 1:8 rwm",
            "c 1:9 rwm",
            "c 5:0 rwm",
            "c 136:* rwm",
            "c 5:2 rwm",
            "c 10:200 rwm",
        ];
        expected.sort_unstable();
        assert_eq!(rules, expected);
    }

    #[test]
    fn a_specification_that_allows_all_stays_so() {
        let state = state(r#"[{"allow":true,"access":"rwm"}]"#);
        assert_eq!((state.mode(), state.exceptions().count()), (Mode::Allow, 0));
    }

    #[test]
    fn a_specification_without_rules_stays_without() {
        for text in ["{}", "{\"devices\":[]}", "{\"pids\":{\"limit\":5}}"] {
            let before: LinuxResources = serde_json::from_str(text).unwrap();
            let mut after = before.clone();
            append_runtime_defaults(&mut after);
            assert_eq!(after, before);
        }
    }
}
