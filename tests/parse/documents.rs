// SPDX-License-Identifier: Apache-2.0

//! Which documents are accepted, and what is said of members that set nothing.

use super::*;

/// A limit in the wrong place would be no limit, in silence.
#[test]
fn documents_of_another_shape_are_refused_by_name() {
    let resources = |json: &str| parse::resources(json.as_bytes()).unwrap_err();
    for (json, wanted) in [
        (r#"{"ociVersion":"1.2.0","linux":{}}"#, "this is a config.json; pass its linux.resources"),
        (r#"{"linux":{"resources":{}}}"#, "this is a config.json; pass its linux.resources"),
        (r#"{"memory":{"limit":5},"resources":{}}"#, "this is the linux object of a config.json"),
        (r#"{"cgroupsPath":"/a"}"#, "this is the linux object of a config.json"),
    ] {
        let error = resources(json);
        check_error(&error, json.as_bytes());
        assert!(error.to_string().contains(wanted), "{error}");
    }
    for json in [
        r#"{"memory":{"limit":5}}"#,
        r#"{"cgroupsPath":"/a","memory":{"limit":5}}"#,
        r#"{"unified":{"memory.max":"5"}}"#,
        r#"{"devices":[{"allow":false,"access":"rwm"}]}"#,
    ] {
        let error = parse::spec(json.as_bytes()).unwrap_err();
        check_error(&error, json.as_bytes());
        assert!(error.to_string().contains("this is a linux.resources object"), "{error}");
    }
    // The nodes of `linux` are no rules.
    let nodes = br#"{"devices":[{"path":"/dev/x","type":"c","major":1,"minor":3,"uid":0}]}"#;
    assert_eq!(parse::spec(nodes).unwrap().resources, None);
}

/// A misspelt limit is no limit.
#[test]
fn unknown_members_of_resources_are_warnings_with_the_nearest_name() {
    for (json, wanted) in [
        (
            r#"{"memory":{"limt":5}}"#,
            r#".memory has an unknown member "limt"; the nearest known one is "limit""#,
        ),
        (
            r#"{"CPU":{"shares":5}}"#,
            r#" has an unknown member "CPU"; the nearest known one is "cpu""#,
        ),
        (
            r#"{"blockIO":{"weightDevice":[{},{"wieght":5}]}}"#,
            concat!(
                r#".blockIO.weightDevice[1] has an unknown member "wieght"; "#,
                r#"the nearest known one is "weight""#
            ),
        ),
        (
            r#"{"rdma":{"m\nx":{"hcaHandle":5}}}"#,
            concat!(
                r#".rdma.m\nx has an unknown member "hcaHandle"; "#,
                r#"the nearest known one is "hcaHandles""#
            ),
        ),
        (
            r#"{"devices":[{"access":"r","mayor":5}]}"#,
            r#".devices[0] has an unknown member "mayor"; the nearest known one is "major""#,
        ),
        (
            r#"{"pids":{"max\n":5}}"#,
            r#".pids has an unknown member "max\n"; the nearest known one is "limit""#,
        ),
        (
            r#"{"memory":{"limt":5,"swappiness":-1}}"#,
            r#".memory has an unknown member "limt"; the nearest known one is "limit""#,
        ),
    ] {
        let (_, warnings) = parse::resources_and_warnings(json.as_bytes()).unwrap();
        assert_eq!(warnings, [format!("linux.resources{wanted}; not applied")], "{json}");
        let whole = format!(r#"{{"ociVersion":"1.3.0","linux":{{"resources":{json}}}}}"#);
        let spec = parse::spec(whole.as_bytes()).unwrap();
        assert_eq!(spec.warnings, [format!("linux.resources{wanted}; not applied")], "{whole}");
        let linux = format!(r#"{{"cgroupsPath":"/a","namespaces":[],"resources":{json}}}"#);
        let spec = parse::spec(linux.as_bytes()).unwrap();
        assert_eq!(spec.warnings, [format!("resources{wanted}; not applied")], "{linux}");
    }
    let (_, none) = parse::resources_and_warnings(valid().as_bytes()).unwrap();
    assert_eq!(none.len(), 1, "{none:?}");
    let many: Vec<String> = (0..100).map(|n| format!("\"x{n}\":0")).collect();
    let (_, many) =
        parse::resources_and_warnings(format!("{{{}}}", many.join(",")).as_bytes()).unwrap();
    assert_eq!((many.len(), &many[32][..]), (33, "and 68 more unknown members; not applied"));
}

#[test]
fn specification_without_limits_where_it_seems_to_have_some_is_a_warning() {
    for (json, wanted) in [
        (r#"{"ociVersion":"1.2.0","process":{}}"#, "the config.json has no linux object"),
        (r#"{"ociVersion":"1.2.0","linx":{}}"#, "the config.json has no linux object"),
        (r#"{"process":{},"root":{}}"#, "the config.json has no linux object"),
        (r#"{"limt":5}"#, "the specification has no linux, resources or cgroupsPath"),
        (
            r#"{"cgroupsPath":"/a","resorces":{}}"#,
            r#"unknown member "resorces"; the nearest known one is "resources""#,
        ),
        (
            r#"{"linux":{"cgroupPath":"/a"}}"#,
            r#"unknown member "cgroupPath"; the nearest known one is "cgroupsPath""#,
        ),
        (
            r#"{"linux":{"memory":{"limit":5}}}"#,
            r#"linux has "memory", which belongs in linux.resources"#,
        ),
    ] {
        let spec = parse::spec(json.as_bytes()).unwrap();
        assert_eq!(spec.warnings.len(), 1, "{:?} of {json}", spec.warnings);
        assert!(spec.warnings[0].starts_with(wanted), "{:?} of {json}", spec.warnings);
    }
    for json in [
        "{}",
        r#"{"linux":{}}"#,
        r#"{"namespaces":[{"type":"pid"}],"maskedPaths":[]}"#,
        r#"{"ociVersion":"1.2.0","process":{},"root":{},"mounts":[],"hostname":"x","hooks":{},
            "new":5,"linux":{"cgroupsPath":"/a","resources":{"cpu":{"shares":5}},"namespaces":[],
            "devices":[{"path":"/dev/x"}],"new":{}},"annotations":{"a":"b"}}"#,
        r#"{"linux":{"resources":{}},"resources":{"memory":{"limt":5}}}"#,
    ] {
        let spec = parse::spec(json.as_bytes()).unwrap();
        assert!(spec.warnings.is_empty(), "{:?} of {json}", spec.warnings);
    }
}

/// Engines like Docker's write 0 for no limit, which it was until runtime-spec 1.3.
#[test]
fn pids_limit_of_0_is_no_limit_before_version_1_3() {
    let limit = |version: &str, limit: i64| {
        let json = format!(
            r#"{{{version}"linux":{{"resources":{{"pids":{{"limit":{limit}}},"cpu":{{}}}}}}}}"#
        );
        let spec = parse::spec(json.as_bytes()).unwrap();
        (spec.resources.unwrap().pids().map(|pids| pids.limit()), spec.warnings)
    };
    for version in ["1.0.2", "1.2.1", "1.2.0-dev", "1.0.0-rc5", "0.9.0", "1.2"] {
        let (found, warnings) = limit(&format!(r#""ociVersion":"{version}","#), 0);
        assert_eq!(found, None, "{version}");
        let wanted = format!(
            "pids.limit 0 means no limit in ociVersion {version:?}, and a limit only since 1.3; \
             not applied"
        );
        assert_eq!(warnings, [wanted]);
        for other in [-1, 1, 7] {
            assert_eq!(
                limit(&format!(r#""ociVersion":"{version}","#), other),
                (Some(other), vec![])
            );
        }
    }
    for version in ["1.3.0", "1.3.0-rc.1", "1.10.0", "2.0.0", "new", ""] {
        let found = limit(&format!(r#""ociVersion":"{version}","#), 0);
        assert_eq!(found, (Some(0), vec![]), "{version}");
    }
    assert_eq!(limit("", 0), (Some(0), vec![]));
}

/// No specification says which of two fields wins.
#[test]
fn duplicate_fields_are_refused() {
    for input in [
        r#"{"cpu": {"shares": 5}, "cpu": {"shares": 6}}"#,
        r#"{"cpu": {"shares": 5, "shares": 5}}"#,
        r#"{"pids": {"limit": 5}, "pids": {"limit": 5}}"#,
        r#"{"pids": {"limit": 5, "limit": 6}}"#,
    ] {
        let error = refused(input);
        assert!(error.contains("duplicate field"), "{error}");
    }
    for spec in [r#"{"linux": {}, "linux": {}}"#, r#"{"cgroupsPath": "a", "cgroupsPath": "b"}"#] {
        check_error(&parse::spec(spec.as_bytes()).unwrap_err(), spec.as_bytes());
    }
}

#[test]
fn pids_object_without_a_limit_is_absent() {
    for input in [r#"{"pids": {}}"#, r#"{"pids": {"new": 5}}"#, r#"{"pids": null}"#, "{}"] {
        assert_eq!(*accepted(input).pids(), None, "{input}");
    }
    for (input, limit) in [
        (r#"{"pids": {"limit": 0}}"#, 0),
        (r#"{"pids": {"limit": -1}}"#, -1),
        (r#"{"pids": {"limit": 7}}"#, 7),
    ] {
        assert_eq!(accepted(input).pids().map(|pids| pids.limit()), Some(limit), "{input}");
    }
}

/// In a whole specification, fields beside `linux` do not matter.
#[test]
fn whole_specification_and_its_linux_object_are_accepted() {
    let text = r#"{"cgroupsPath": "/outer", "resources": {"pids": {"limit": 1}},
                   "linux": {"cgroupsPath": "/inner",
                             "resources": {"pids": {}, "cpu": {"shares": 2}}}}"#;
    let spec = parse::spec(text.as_bytes()).unwrap();
    assert_eq!(spec.cgroups_path.as_deref(), Some("/inner"));
    let resources = spec.resources.unwrap();
    assert_eq!((*resources.pids(), resources.cpu().as_ref().unwrap().shares()), (None, Some(2)));
    let spec = parse::spec(r#"{"linux": {"namespaces": [{"type": "pid"}]}}"#.as_bytes()).unwrap();
    assert_eq!((spec.cgroups_path, spec.resources), (None, None));
    let spec = parse::spec(r#"{"cgroupsPath": "a\u0000b\ud83d\ude00"}"#.as_bytes()).unwrap();
    assert_eq!(spec.cgroups_path.as_deref(), Some("a\0b😀"));
}
