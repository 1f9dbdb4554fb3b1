// SPDX-License-Identifier: Apache-2.0

//! The systemd driver's plans. A case has `version` (default: 257), `path` and `known` (the
//! resources that were set before). A case with `pid` plans apply. Device rules are applied unless
//! the flags skip them.

use katacg::plan::Step;
use katacg::resources::parse;
use katacg::systemd::{Bus, Property};
use katacg::Code;
use katacg::{Config, Flags, SystemdConfig};
use serde_json::Value;

use super::{config, host, manager, outcome, table};

fn listed(properties: &[Property]) -> String {
    properties.iter().map(|p| format!(" {p}")).collect()
}

/// Returns the text of a step that only the systemd driver has, or None for another step.
pub fn step_text(step: &Step) -> Option<String> {
    Some(match step {
        Step::Start { unit, properties, resources } => {
            format!("start {unit}:{} |{}", listed(properties), listed(resources))
        }
        Step::SetProperties { unit, properties } => format!("{unit}:{}", listed(properties)),
        Step::Freeze => "freeze".to_owned(),
        Step::Thaw => "thaw".to_owned(),
        _ => return None,
    })
}

fn resources(case: &Value, key: &str) -> oci_spec::runtime::LinuxResources {
    let json = case.get(key).map_or_else(|| "{}".to_owned(), Value::to_string);
    parse::resources(json.as_bytes()).unwrap()
}

#[test]
fn systemd_plans_match_the_table() {
    table("systemd", |case, layout| {
        let host = host(layout);
        let version = case.get("version").map_or(257, |v| v.as_u64().unwrap());
        let annotations = case.get("annotations").map(|a| a.as_object().unwrap().clone());
        let annotations = annotations.unwrap_or_default().into_iter();
        let config = Config {
            path: case.get("path").map_or("kata.slice:p:x", |p| p.as_str().unwrap()).into(),
            resources: resources(case, "known"),
            systemd: SystemdConfig {
                version: Some(u32::try_from(version).unwrap()),
                annotations: annotations.map(|(k, v)| (k, v.as_str().unwrap().into())).collect(),
                ..SystemdConfig::default()
            },
            ..config(case)
        };
        let manager = match manager(host.clone(), config) {
            Ok(manager) => manager,
            Err(e) => return outcome(Err(e), &host),
        };
        let set = case.get("resources").map(|_| resources(case, "resources"));
        let plan = match case.get("pid").and_then(Value::as_i64) {
            Some(pid) => manager.plan_apply(i32::try_from(pid).unwrap(), set.as_ref()),
            None => manager.plan(&set.unwrap()),
        };
        outcome(plan, &host)
    });
}

/// The systemd of a system container accepts device rules but cannot apply them. The host's systemd
/// can. The library cannot tell the two apart.
#[test]
fn device_rules_in_a_user_namespace_warn_or_fail_in_strict_mode() {
    let mut host = host("unified");
    (host.rootless, host.in_user_namespace) = (true, true);
    for strict in [false, true] {
        let config = Config {
            path: "kata.slice:p:x".into(),
            flags: Flags { strict, ..Flags::default() },
            systemd: SystemdConfig {
                bus: Some(Bus::System),
                version: Some(257),
                ..SystemdConfig::default()
            },
            ..Config::default()
        };
        let manager = manager(host.clone(), config).unwrap();
        let rules = br#"{"devices":[{"allow":false,"access":"rwm"}]}"#;
        match manager.plan(&parse::resources(rules).unwrap()) {
            Ok(plan) if !strict => {
                assert!(plan.warnings.iter().any(|w| w.contains("user namespace")), "{plan:?}");
                let told = plan.steps.iter().filter_map(step_text);
                assert!(told.collect::<String>().contains("DevicePolicy='strict'"), "{plan:?}");
            }
            Err(e) if strict => assert_eq!(e.code(), Code::Unsupported, "{e}"),
            other => panic!("strict {strict}: {other:?}"),
        }
    }
}
