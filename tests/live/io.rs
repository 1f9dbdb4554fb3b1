//! Block I/O: throttles and weights.

use crate::fixture::*;

/// A whole disk that the kernel knows.
fn disk() -> Option<String> {
    let mut disks: Vec<_> = std::fs::read_dir("/sys/block").ok()?.flatten().collect();
    disks.sort_by_key(std::fs::DirEntry::file_name);
    let number = |d: &std::fs::DirEntry| std::fs::read_to_string(d.path().join("dev")).ok();
    disks.iter().find_map(number).map(|text| text.trim().to_owned())
}

fn json(field: &str, disk: &str, rate: u64) -> String {
    let (major, minor) = disk.split_once(':').unwrap();
    format!(r#"{{"blockIO":{{"{field}":[{{"major":{major},"minor":{minor},"rate":{rate}}}]}}}}"#)
}

#[test]
fn throttles() {
    need!(has("blkio", "io"), "no block I/O controller");
    let Some(disk) = disk() else { skip!("no block device") };
    let s = Sandbox::empty("{}");
    let fields = [
        ("throttleReadBpsDevice", "read_bps", "rbps"),
        ("throttleWriteBpsDevice", "write_bps", "wbps"),
        ("throttleReadIOPSDevice", "read_iops", "riops"),
        ("throttleWriteIOPSDevice", "write_iops", "wiops"),
    ];
    for (field, v1, v2) in fields {
        let shown = || match on_v2("blkio", "io") {
            true => s.file("io.max"),
            false => s.file(&format!("blkio.throttle.{v1}_device")),
        };
        let wanted = |rate: u64| match on_v2("blkio", "io") {
            true => format!("{v2}={rate}"),
            false => format!("{disk} {rate}"),
        };
        s.set(&json(field, &disk, 1_048_576)).unwrap();
        assert!(shown().contains(&wanted(1_048_576)), "{field}: {}", shown());
        s.set(&json(field, &disk, 2_097_152)).unwrap();
        assert!(shown().contains(&wanted(2_097_152)), "{field}: {}", shown());
        // 0 lifts the limit.
        s.set(&json(field, &disk, 0)).unwrap();
        assert!(!shown().contains(&wanted(2_097_152)), "{field}: {}", shown());
    }
}

#[test]
fn a_throttle_of_a_device_that_is_not_there() {
    need!(has("blkio", "io"), "no block I/O controller");
    let s = Sandbox::empty("{}");
    let error = s.set(&json("throttleReadBpsDevice", "4095:77", 1000)).unwrap_err();
    assert!(error.to_string().contains("4095:77"), "{error}");
}

#[test]
fn weight() {
    need!(has("blkio", "io"), "no block I/O controller");
    let s = Sandbox::empty("{}");
    let files: &[&str] = match on_v2("blkio", "io") {
        true => &["io.bfq.weight", "io.weight"],
        false => &["blkio.weight", "blkio.bfq.weight"],
    };
    let Some(file) = files.iter().find(|f| s.has_file(f)) else {
        skip!("no I/O scheduler with weights")
    };
    s.set(r#"{"blockIO":{"weight":500}}"#).unwrap();
    let wanted = if *file == "io.weight" { "4950" } else { "500" };
    assert!(s.file(file).split_whitespace().any(|w| w == wanted), "{}", s.file(file));
}

#[test]
fn weight_of_a_device() {
    need!(has("blkio", "io"), "no block I/O controller");
    let s = Sandbox::empty("{}");
    let file = match on_v2("blkio", "io") {
        true => "io.bfq.weight",
        false => "blkio.bfq.weight_device",
    };
    need!(s.has_file(file), "no BFQ scheduler");
    let schedulers =
        |disk: &str| std::fs::read_to_string(format!("/sys/block/{disk}/queue/scheduler"));
    let disks = std::fs::read_dir("/sys/block").unwrap().flatten();
    let bfq = disks.map(|d| d.file_name().into_string().unwrap()).find(|d| {
        schedulers(d).is_ok_and(|s| s.contains("bfq"))
            && std::fs::write(format!("/sys/block/{d}/queue/scheduler"), "bfq").is_ok()
    });
    let Some(disk) = bfq else { skip!("no disk takes the BFQ scheduler") };
    let number = std::fs::read_to_string(format!("/sys/block/{disk}/dev")).unwrap();
    let (major, minor) = number.trim().split_once(':').unwrap();
    let json = format!(
        r#"{{"blockIO":{{"weightDevice":[{{"major":{major},"minor":{minor},"weight":300}}]}}}}"#
    );
    s.set(&json).unwrap();
    assert!(s.file(file).contains(&format!("{} 300", number.trim())), "{}", s.file(file));
}
