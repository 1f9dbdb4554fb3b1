// SPDX-License-Identifier: Apache-2.0

//! Block I/O: throttles and weights.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::fixture::*;

/// Returns `MAJOR:MINOR` of a whole disk.
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
fn io_throttles_are_set_changed_and_lifted() {
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
fn throttle_error_names_a_missing_device() {
    need!(has("blkio", "io"), "no block I/O controller");
    let s = Sandbox::empty("{}");
    let error = s.set(&json("throttleReadBpsDevice", "4095:77", 1000)).unwrap_err();
    assert!(error.to_string().contains("4095:77"), "{error}");
}

#[test]
fn io_weight_goes_to_the_file_of_the_scheduler() {
    need!(has("blkio", "io"), "no block I/O controller");
    let s = Sandbox::empty("{}");
    let files: &[&str] = match on_v2("blkio", "io") {
        true => &["io.bfq.weight", "io.weight"],
        false => &["blkio.weight", "blkio.bfq.weight"],
    };
    let Some(file) = files.iter().find(|f| s.has_file(f)) else {
        skip!("no I/O scheduler that supports weights")
    };
    s.set(r#"{"blockIO":{"weight":500}}"#).unwrap();
    let wanted = if *file == "io.weight" { "4950" } else { "500" };
    assert!(s.file(file).split_whitespace().any(|w| w == wanted), "{}", s.file(file));
}

/// Lets one test at a time change the scheduler, because the device then loses its weights.
static SCHEDULER: Mutex<()> = Mutex::new(());

/// A loop device that uses the BFQ scheduler until this value is dropped.
struct Scheduled {
    /// `MAJOR:MINOR`.
    number: String,
    file: String,
    before: String,
    _turn: MutexGuard<'static, ()>,
}

impl Scheduled {
    /// Takes a loop device, never one of the host's disks.
    fn new() -> Option<Scheduled> {
        let turn = SCHEDULER.lock().unwrap_or_else(PoisonError::into_inner);
        let disks = std::fs::read_dir("/sys/block").ok()?.flatten();
        let mut loops = disks.filter(|d| d.file_name().to_string_lossy().starts_with("loop"));
        let (number, file, before) = loops.find_map(|disk| {
            let path = disk.path();
            let file = path.join("queue/scheduler").to_str()?.to_owned();
            let all = std::fs::read_to_string(&file).ok()?;
            // The file looks like "[none] mq-deadline bfq".
            let before = all.split(['[', ']']).nth(1)?.to_owned();
            std::fs::write(&file, "bfq").ok()?;
            let number = std::fs::read_to_string(path.join("dev")).ok()?.trim().to_owned();
            Some((number, file, before))
        })?;
        Some(Scheduled { number, file, before, _turn: turn })
    }
}

impl Drop for Scheduled {
    fn drop(&mut self) {
        let _ = std::fs::write(&self.file, &self.before);
    }
}

/// Returns the file with the cgroup's BFQ weights of devices, and a device with BFQ.
fn bfq(s: &Sandbox) -> Result<(&'static str, Scheduled), &'static str> {
    let file = match on_v2("blkio", "io") {
        true => "io.bfq.weight",
        false => "blkio.bfq.weight_device",
    };
    if !s.has_file(file) {
        return Err("no BFQ scheduler");
    }
    let disk = Scheduled::new().ok_or("no loop device takes the BFQ scheduler")?;
    Ok((file, disk))
}

fn weights(all: &str, disk: &Scheduled, weight: u16) -> String {
    let (major, minor) = disk.number.split_once(':').unwrap();
    format!(
        r#"{{"blockIO":{{{all}
            "weightDevice":[{{"major":{major},"minor":{minor},"weight":{weight}}}]}}}}"#
    )
}

#[test]
fn io_weight_of_one_device_is_set() {
    need!(has("blkio", "io"), "no block I/O controller");
    let s = Sandbox::empty("{}");
    let (file, disk) = match bfq(&s) {
        Ok(found) => found,
        Err(why) => skip!("{why}"),
    };
    s.set(&weights("", &disk, 300)).unwrap();
    assert!(s.file(file).contains(&format!("{} 300", disk.number)), "{}", s.file(file));
}

/// When the weight of the cgroup is written, the kernel also resets the weight of each device.
#[test]
fn io_weight_for_all_devices_keeps_the_weight_of_one() {
    need!(has("blkio", "io"), "no block I/O controller");
    let s = Sandbox::empty("{}");
    let (file, disk) = match bfq(&s) {
        Ok(found) => found,
        Err(why) => skip!("{why}"),
    };
    s.set(&weights("", &disk, 50)).unwrap();
    s.set(r#"{"blockIO":{"weight":200}}"#).unwrap();
    assert!(s.file(file).contains(&format!("{} 50", disk.number)), "{}", s.file(file));
    // Both weights change before the throttle of a missing device fails. Both are restored.
    let fails = r#""weight":400,"throttleReadBpsDevice":[{"major":4095,"minor":77,"rate":1}],"#;
    let error = s.set(&weights(fails, &disk, 300)).unwrap_err();
    assert!(s.file(file).contains(&format!("{} 50", disk.number)), "{}: {error}", s.file(file));
    let all = file.trim_end_matches("_device");
    assert!(s.file(all).contains("200"), "{}: {error}", s.file(all));
}
