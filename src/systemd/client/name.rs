// SPDX-License-Identifier: Apache-2.0

//! Text that the client sends and reads: unit names, object paths, match rules, version numbers.
//!
//! systemd: bus_label_escape() in bus-label.c. D-Bus specification, "Match Rules".

use std::fmt::Write;

use crate::error::{fail, Code, Result};

/// Object path that all units are below.
const UNITS: &str = "/org/freedesktop/systemd1/unit/";

/// Refuses text that cannot be sent as a unit's name. systemd does the full check.
pub(super) fn check_unit(unit: &str) -> Result<()> {
    if unit.is_empty() || unit.len() > 255 || unit.contains(['\0', '/']) {
        return fail(Code::Argument, format!("{unit:?} is not a unit name"));
    }
    Ok(())
}

/// Returns the object path of a unit. Letters and digits stay; any other byte, and a digit in
/// front, becomes `_` and two hexadecimal digits (systemd's `bus_label_escape`).
pub(super) fn object_path(unit: &str) -> String {
    let mut path = UNITS.to_owned();
    for (i, byte) in unit.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (i > 0 && byte.is_ascii_digit()) {
            path.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(path, "_{byte:02x}");
        }
    }
    if unit.is_empty() {
        path.push('_');
    }
    path
}

/// Returns the version number in `252.39-1~deb12u1`, `v257.13`, `"245"` or `systemd 239`.
pub(super) fn version(text: &str) -> Option<u32> {
    let text = text.trim().trim_matches('"');
    let text = text.strip_prefix("systemd ").unwrap_or(text);
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// Returns the match rule for systemd's `JobRemoved` signals of a unit.
pub(super) fn job_removed_rule(unit: &str) -> String {
    // Between the quotes of a match rule only the apostrophe is special: it ends them.
    let unit = unit.replace('\'', r"'\''");
    format!(
        "type='signal',sender='org.freedesktop.systemd1',path='/org/freedesktop/systemd1',\
         interface='org.freedesktop.systemd1.Manager',member='JobRemoved',arg2='{unit}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_path_escapes_the_unit_name() {
        for (unit, want) in [
            ("a.scope", "a_2escope"),
            ("kata-1b2.scope", "kata_2d1b2_2escope"),
            ("1.scope", "_31_2escope"),
            ("-.slice", "_2d_2eslice"),
            ("a_b@c:d.slice", "a_5fb_40c_3ad_2eslice"),
            (r"x\x2dy.slice", "x_5cx2dy_2eslice"),
            ("é.scope", "_c3_a9_2escope"),
            ("", "_"),
        ] {
            assert_eq!(object_path(unit), format!("{UNITS}{want}"), "{unit}");
        }
    }

    #[test]
    fn version_reads_the_forms_of_distributions() {
        for (text, want) in [
            ("v252.39-1~deb12u1", Some(252)),
            ("252.38-1~deb12u1", Some(252)),
            ("257.13", Some(257)),
            ("\"245\"", Some(245)),
            ("245", Some(245)),
            ("systemd 239", Some(239)),
            ("249.11-0ubuntu3.16", Some(249)),
            ("v259~rc1", Some(259)),
            ("239 (239-78.el8)", Some(239)),
            ("", None),
            ("v", None),
            ("unknown", None),
            ("-1", None),
            ("99999999999999", None),
        ] {
            assert_eq!(version(text), want, "{text}");
        }
    }

    #[test]
    fn check_unit_refuses_names_that_cannot_be_sent() {
        assert!(check_unit("a.scope").is_ok() && check_unit(&"x".repeat(255)).is_ok());
        for bad in ["", "a\0b", "a/b", &"x".repeat(256)] {
            assert_eq!(check_unit(bad).unwrap_err().code(), Code::Argument);
        }
        assert!(job_removed_rule("a'b").ends_with(r"arg2='a'\''b'"));
    }
}
