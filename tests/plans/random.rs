// SPDX-License-Identifier: Apache-2.0

//! Plans random resources: planning must never panic and must be repeatable.

use katacg::plan::{Missing, Write};
use katacg::resources::parse;
use katacg::{Config, Flags};
use proptest::prelude::*;
use serde_json::Value;

use super::{host, manager, LAYOUTS};

/// Generates numbers, edge cases more often than others.
fn number() -> impl Strategy<Value = Value> {
    let edges = [0i64, 1, -1, 2, -2, 10, 100, 1024, 100_000, i64::MAX, i64::MIN];
    prop_oneof![
        proptest::sample::select(edges.to_vec()).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<u16>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "",
            ".",
            "..",
            "/",
            "memory.max",
            "a/b",
            "2MB",
            "1GB",
            "\0",
            "x\ny",
            "0-1",
            "é",
            "\n\n",
            "io.max",
            "cgroup.procs",
            "a.\0",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn object(fields: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let field = proptest::option::weighted(0.4, number());
    proptest::collection::vec(field, fields.len()).prop_map(move |values| {
        let present = fields.iter().zip(values).filter_map(|(k, v)| Some((k.to_string(), v?)));
        Value::Object(present.collect())
    })
}

fn list(item: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::collection::vec(item, 0..3).prop_map(Value::Array)
}

fn named(key: &'static str, item: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    (word(), item).prop_map(move |(name, mut value)| {
        value[key] = name.into();
        value
    })
}

fn resources() -> impl Strategy<Value = Value> {
    let cpu = object(&[
        "shares",
        "quota",
        "period",
        "burst",
        "idle",
        "realtimeRuntime",
        "realtimePeriod",
    ]);
    let cpu = (named("cpus", cpu), word()).prop_map(|(mut cpu, mems)| {
        cpu["mems"] = mems.into();
        cpu
    });
    let memory = object(&["limit", "swap", "reservation", "kernel", "kernelTCP", "swappiness"]);
    let memory = (memory, any::<[bool; 2]>()).prop_map(|(mut memory, [oom, check])| {
        memory["disableOOMKiller"] = oom.into();
        memory["checkBeforeUpdate"] = check.into();
        memory
    });
    let throttles = || list(object(&["major", "minor", "rate"]));
    let io = (
        object(&["weight", "leafWeight"]),
        list(object(&["major", "minor", "weight", "leafWeight"])),
        proptest::collection::vec(throttles(), 4),
    );
    let io = io.prop_map(|(mut io, weights, throttles)| {
        io["weightDevice"] = weights;
        for (kind, list) in ["ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS"].iter().zip(throttles) {
            io[format!("throttle{kind}Device")] = list;
        }
        io
    });
    let network = (object(&["classID"]), list(named("name", object(&["priority"]))));
    let network = network.prop_map(|(mut network, priorities)| {
        network["priorities"] = priorities;
        network
    });
    let rdma = proptest::collection::hash_map(word(), object(&["hcaHandles", "hcaObjects"]), 0..3);
    let unified = proptest::collection::hash_map(word(), word(), 0..3);
    let parts = (
        cpu,
        memory,
        io,
        object(&["limit"]),
        list(named("pageSize", object(&["limit"]))),
        network,
        rdma,
        unified,
    );
    (parts, any::<u8>()).prop_map(
        |((cpu, memory, io, pids, huge, network, rdma, unified), keep)| {
            let all = [
                ("cpu", cpu),
                ("memory", memory),
                ("blockIO", io),
                ("pids", pids),
                ("hugepageLimits", huge),
                ("network", network),
                ("rdma", rdma.into_iter().collect()),
                ("unified", unified.into_iter().map(|(k, v)| (k, Value::from(v))).collect()),
            ];
            let kept = all.into_iter().enumerate().filter(|(i, _)| keep >> i & 1 == 1);
            Value::Object(kept.map(|(_, (k, v))| (k.to_owned(), v)).collect())
        },
    )
}

fn check_write(write: &Write) {
    let file = write.file.as_ref();
    assert!(!file.is_empty() && !matches!(file, "." | ".."), "{write:?}");
    assert!(!file.contains(['/', '\0']), "{write:?}");
    if let Missing::Instead(other) = &write.missing {
        check_write(other);
    }
}

/// Plans resources for each layout, checks the plans, and returns how many were accepted.
fn check_plans(json: &Value) -> usize {
    let Ok(resources) = parse::resources(json.to_string().as_bytes()) else {
        return 0;
    };
    let mut planned = 0;
    for layout in LAYOUTS {
        for strict in [false, true] {
            let host = host(layout);
            let flags = Flags { strict, ..Flags::default() };
            let manager = manager(host.clone(), Config { flags, ..Config::default() }).unwrap();
            let plan = manager.plan(&resources);
            // A second plan must be equal, also for resources that were parsed again, because a
            // new map has another order.
            let again = parse::resources(json.to_string().as_bytes()).unwrap();
            let again = manager.plan(&again);
            assert_eq!(plan.is_ok(), again.is_ok());
            if let (Ok(plan), Ok(again)) = (&plan, &again) {
                assert_eq!(plan, again);
                plan.writes().for_each(check_write);
                let _ = (plan.to_json(&host), plan.to_text(&host));
                planned += 1;
            }
            let apply = manager.plan_apply(1, Some(&resources));
            assert_eq!(apply.is_ok(), plan.is_ok());
        }
    }
    planned
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn planning_random_resources_never_panics_and_is_repeatable(json in resources()) {
        check_plans(&json);
        for (key, part) in json.as_object().unwrap() {
            check_plans(&serde_json::json!({key: part}));
        }
    }
}

/// Whole resources are almost never accepted, so this test counts accepted parts.
#[test]
fn random_resources_include_acceptable_ones() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let tree = || resources().new_tree(&mut runner).unwrap().current();
    let planned: usize = std::iter::repeat_with(tree)
        .take(300)
        .map(|json| {
            let parts = json.as_object().unwrap().clone();
            parts.into_iter().map(|(k, v)| check_plans(&serde_json::json!({k: v}))).sum::<usize>()
        })
        .sum();
    assert!(planned > 300, "{planned}");
}
