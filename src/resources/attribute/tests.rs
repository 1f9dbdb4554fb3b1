// SPDX-License-Identifier: Apache-2.0

//! The table's rows, and the answers read from them.

use super::*;

fn check(file: &str, written: &str, old: &str, wanted: Option<&str>) {
    assert_eq!(restore_value(file, written, old).as_deref(), wanted, "{file} {written} {old:?}");
}

#[test]
fn files_with_one_value_are_restored_as_read() {
    check("cpu.shares", "512", "1024\n", Some("1024"));
    check("cpu.max", "max 1000", "50000 100000\n", Some("50000 100000"));
    check("cpuset.cpus", "0-1", "\n", Some("\n"));
    check("cpuset.cpus", "0-1", "", Some("\n"));
    check("memory.max", "1", "max\n", Some("max"));
    check("cgroup.pressure", "0", "1\n", Some("1"));
}

#[test]
fn files_with_many_lines_are_restored_by_key() {
    let max = "8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=2 wbps=max riops=3 wiops=max\n";
    check("io.max", "8:16 rbps=7", max, Some("8:16 rbps=2 wbps=max riops=3 wiops=max"));
    let none = "9:0 rbps=max wbps=max riops=max wiops=max";
    check("io.max", "9:0 rbps=7", max, Some(none));
    check("io.weight", "200", "default 100\n8:0 50\n", Some("default 100"));
    check("io.weight", "8:0 70", "default 100\n8:0 50\n", Some("8:0 50"));
    check("io.bfq.weight", "8:16 70", "default 100\n", Some("8:16 default"));
    check("blkio.throttle.read_bps_device", "8:0 5", "8:0 9\n", Some("8:0 9"));
    check("blkio.throttle.read_bps_device", "8:0 5", "", Some("8:0 0"));
    check("blkio.weight_device", "8:0 500", "", Some("8:0 0"));
    check("blkio.bfq.weight_device", "8:0 500", "", Some("8:0 default"));
    check("io.latency", "8:0 target=10", "8:16 target=5\n", Some("8:0 target=0"));
    check("io.latency", "8:0 target=10", "8:0 target=5\n", Some("8:0 target=5"));
    check("net_prio.ifpriomap", "eth0 5", "lo 0\neth0 2\n", Some("eth0 2"));
    check(
        "rdma.max",
        "mlx hca_handle=1",
        "mlx hca_handle=2 hca_object=max\n",
        Some("mlx hca_handle=2 hca_object=max"),
    );
    check("misc.max", "sev 5", "sev 100\nsev_es max\n", Some("sev 100"));
    check("dmem.max", "gpu 5", "gpu max\ngpu1 7\n", Some("gpu max"));
    let oom = "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n";
    check("memory.oom_control", "1", oom, Some("0"));
}

#[test]
fn commands_and_unknown_lines_are_not_restored() {
    check("cgroup.subtree_control", "+cpu", "", None);
    check("memory.reclaim", "1M", "7\n", None);
    check("misc.unknown", "a 1", "a 2\nb 3\n", None);
    check("rdma.max", "gone hca_handle=1", "", None);
}

#[test]
fn files_without_a_row_get_the_default_of_the_controller() {
    for file in ["memory.new", "cgroup.new", "hugetlb.2MB.new", "new"] {
        assert!(find(file).is_none(), "{file}");
    }
    check("memory.new", "1", "2\n", Some("2"));
    check("cgroup.new", "1", "2\n", None);
    assert!(is_written_by_systemd("memory.new") && !is_written_by_systemd("hugetlb.2MB.new"));
}

#[test]
fn a_pattern_matches_any_text_at_its_star() {
    let name = |file| find(file).map(|row| row.name);
    assert_eq!(name("hugetlb.2MB.max"), Some("hugetlb.*.max"));
    assert_eq!(name("hugetlb.2MB.rsvd.max"), Some("hugetlb.*.rsvd.max"));
    assert_eq!(name("blkio.throttle.read_bps_device"), Some("blkio.throttle.*_device"));
    assert_eq!(name("memory.failcnt"), Some("memory.*failcnt"));
    // The two ends may not overlap.
    assert!(!file("a.*.a").matches("a.a"));
}

fn file(name: &'static str) -> InterfaceFile {
    InterfaceFile { name, ..*find("cpu.shares").unwrap() }
}

#[test]
fn systemd_ignores_throttles_pressure_and_other_controllers() {
    for file in ["io.max", "blkio.throttle.write_iops_device", "cpu.pressure", "rdma.max"] {
        assert!(!is_written_by_systemd(file), "{file}");
    }
    for file in ["cpu.shares", "io.weight", "blkio.bfq.weight", "pids.max", "memory.high"] {
        assert!(is_written_by_systemd(file), "{file}");
    }
}

#[test]
fn side_effects_name_the_values_that_the_kernel_changes() {
    let files = |file, value| side_effects(file, value).map(|effect| effect.files);
    assert_eq!(files("cpu.idle", "1"), Some(&["cpu.weight", "cpu.shares"][..]));
    assert_eq!(side_effects("cpu.idle", "1").unwrap().only_from, Some("0"));
    assert_eq!(files("cpu.weight.nice", "3"), Some(&["cpu.weight"][..]));
    assert_eq!(files("io.bfq.weight", "200"), Some(&["io.bfq.weight"][..]));
    assert_eq!(files("io.bfq.weight", "8:0 200"), None);
    assert_eq!(files("blkio.bfq.weight", "200"), Some(&["blkio.bfq.weight_device"][..]));
    assert_eq!(files("io.weight", "200"), None);
}

#[test]
fn every_property_of_a_row_is_in_the_table_of_properties() {
    for row in all() {
        for (name, _) in row.properties {
            assert!(unset(name).is_some(), "{name} of {}", row.name);
        }
    }
    for property in properties() {
        let no_file = sources(property.name).next().is_none();
        assert_eq!(no_file, property.unset == Unset::AtCreation, "{}", property.name);
    }
    assert_eq!(unset("DeviceAllow"), None);
    assert_eq!(unset("OOMPolicy"), None);
}

#[test]
fn every_name_is_in_the_table_once_and_on_some_layout() {
    for (i, row) in all().iter().enumerate() {
        assert!(row.v1.is_some() || row.v2.is_some(), "{}", row.name);
        assert!(row.name.matches('*').count() <= 1, "{}", row.name);
        assert!(all().iter().skip(i + 1).all(|other| other.name != row.name), "{}", row.name);
    }
}

#[test]
fn invalid_partition_is_restored_by_its_word() {
    let file = "cpuset.cpus.partition";
    let old = "root invalid (Cpu list in cpuset.cpus not exclusive)\n";
    assert_eq!(restore_value(file, "member", old).as_deref(), Some("root"));
    assert!(is_invalid(file, old));
    assert!(!is_invalid(file, "root\n"));
    assert!(!is_invalid("cpuset.cpus", "root invalid"));
}

#[test]
fn values_of_a_new_cgroup_are_told_from_limits() {
    for (file, text) in [
        ("pids.max", "max\n"),
        ("cpu.max", "max 100000\n"),
        ("cpu.weight", "100\n"),
        ("hugetlb.2MB.max", "9223372036854771712\n"),
        ("rdma.max", "mlx5_0 hca_handle=max hca_object=max\n"),
        ("io.max", ""),
    ] {
        assert!(is_default(file, text), "{file}");
    }
    for (file, text) in [
        ("pids.max", "5\n"),
        ("cpu.max", "20000 100000\n"),
        ("hugetlb.2MB.max", "2097152\n"),
        ("rdma.max", "mlx5_0 hca_handle=2 hca_object=max\n"),
        ("io.max", "8:0 rbps=1048576 wbps=max riops=max wiops=max\n"),
    ] {
        assert!(!is_default(file, text), "{file}");
    }
}
