// SPDX-License-Identifier: Apache-2.0

//! Tests of the parsers and the table, with real files of several kernels (tests/fixtures/stats).

use std::path::{Path, PathBuf};

use super::parse::{parse, Found};
use super::table::{Format, Source, SOURCES};
use super::{table, Field as F, Stats, FIELDS, MAX_VALUE};
use crate::host::Version;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stats").join(name)
}

/// Reads a directory of fixtures as a reader reads a cgroup.
pub(super) fn read(folder: &str, version: Version) -> Stats {
    let mut out = Stats::default();
    let mut settled = [false; 3];
    for source in SOURCES.iter().filter(|source| source.version == version) {
        let either = usize::from(source.either);
        let path = fixture(folder).join(source.file.replace("<size>", "2MB"));
        let Ok(text) = std::fs::read(path) else { continue };
        if !settled[either] {
            let found = parse(source.format, &text, &mut out);
            settled[either] = either != 0 && found == Found::Values;
        }
    }
    out.complete();
    out
}

fn source(version: Version, file: &str) -> &'static Source {
    SOURCES.iter().find(|s| s.version == version && s.file == file).unwrap()
}

/// Parses one text as a file.
fn text(version: Version, file: &str, text: &str) -> Stats {
    let mut out = Stats::default();
    parse(source(version, file).format, text.as_bytes(), &mut out);
    out
}

/// Asserts the values of fields; None is "not valid".
macro_rules! fields {
    ($stats:expr, $($field:ident = $value:expr),+ $(,)?) => {
        $(assert_eq!($stats.get(F::$field), Option::<u64>::from($value), "{:?}", F::$field);)+
    };
}

#[test]
fn reads_every_file_of_a_busy_v2_cgroup() {
    let stats = read("6.12-v2", Version::V2);
    fields!(
        stats,
        CpuUsage = 2_024_499_000,
        CpuUser = 238_474_000,
        CpuSystem = 1_786_024_000,
        CpuNice = 0,
        CpuPeriods = 124,
        CpuThrottledPeriods = 97,
        CpuThrottled = 9_468_547_000,
        CpuBursts = 0,
        CpuThrottledLocal = 9_468_547_000
    );
    fields!(
        stats,
        MemoryUsage = 8_994_816,
        MemoryPeak = 25_436_160,
        MemoryLimit = 20_971_520,
        MemoryReservation = 0,
        SwapUsage = 19_398_656,
        SwapPeak = 32_628_736,
        SwapLimit = 25_165_824,
        MemoryFailcnt = None,
        MemswUsage = None
    );
    fields!(
        stats,
        Anon = 6_369_280,
        File = 1_048_576,
        Kernel = 331_776,
        SlabReclaimable = 9480,
        InactiveFile = 0,
        MemoryWorkingSet = 8_994_816,
        Pgfault = 14_422,
        Pgmajfault = 65
    );
    fields!(
        stats,
        EventsHigh = 45,
        EventsMax = 89,
        EventsOom = 2,
        EventsOomKill = 1,
        EventsOomGroupKill = 0,
        EventsSockThrottled = None,
        LocalOomKill = 1
    );
    fields!(stats, PidsCurrent = 3, PidsLimit = 3, PidsPeak = 4, PidsEvents = 3);
    fields!(
        stats,
        IoReadBytes = 3_670_016 + 1_245_184,
        IoWriteBytes = 49_684_480 + 1_572_864,
        IoReadOps = 910,
        IoWriteOps = 8196,
        IoDiscardBytes = 0
    );
    fields!(stats, HugetlbUsage = 2_097_152, HugetlbFailures = 1);
    fields!(stats, CpuSomeAvg10 = 3078, CpuSomeTotal = 5_595_328_000, CpuFullAvg300 = 189);
    fields!(stats, Descendants = 0, DyingDescendants = 0, IsPopulated = 1, IsFrozen = 0);
}

#[test]
fn reads_every_file_of_a_busy_v1_cgroup() {
    let stats = read("6.1-v1", Version::V1);
    fields!(
        stats,
        CpuUsage = 1_131_439_558,
        CpuUser = 270_000_000,
        CpuSystem = 850_000_000,
        CpuThrottled = 3_359_274_196,
        CpuPeriods = 123,
        CpuNice = None
    );
    fields!(
        stats,
        MemoryUsage = 9_011_200,
        MemoryLimit = 16_777_216,
        MemoryReservation = MAX_VALUE,
        MemswLimit = 41_943_040,
        SwapUsage = 17_059_840
    );
    fields!(
        stats,
        Anon = 6_434_816,
        File = 2_101_248,
        Pgfault = 6498,
        EventsOomKill = 1,
        EventsOom = None,
        SlabReclaimable = None,
        PidsEvents = 3,
        HugetlbFailures = 1
    );
    // blkio.bfq comes before blkio.throttle, which has 146 writes.
    fields!(stats, IoReadBytes = 1_245_184, IoWriteOps = 17, IoDiscardOps = 0);
}

#[test]
fn older_kernels_leave_out_what_they_do_not_count() {
    let stats = read("6.1-v2", Version::V2);
    fields!(stats, CpuNice = None, EventsOomKill = 1, EventsOomGroupKill = 0);
    assert!(stats.get(F::CpuUsage).is_some_and(|ns| ns > 0));
}

#[test]
fn a_frozen_cgroup_says_so() {
    let stats = read("6.18-frozen", Version::V2);
    fields!(stats, IsPopulated = 1, IsFrozen = 1, Frozen = 0, Descendants = 0);
    // bfq without a device says "Total 0".
    let stats = read("6.18-frozen", Version::V1);
    fields!(stats, IoReadBytes = 0, IoWriteBytes = 0, IoDiscardBytes = None);
}

/// A cgroup that v1's freezer has frozen has "frozen 0" in cgroup.events, and is frozen. A cgroup
/// that only cgroup2's freezer has frozen is frozen too.
#[test]
fn a_cgroup_that_v1_or_cgroup2_has_frozen_is_frozen() {
    for (v2, v1, wanted) in [
        ("0", "FROZEN\n", Some(1)),
        ("1", "THAWED\n", Some(1)),
        ("0", "FREEZING\n", Some(0)),
        ("0", "THAWED\n", Some(0)),
        ("x", "FROZEN\n", Some(1)),
        ("x", "THAWED\n", Some(0)),
        ("x", "FROZEN", None),
    ] {
        let mut out = text(Version::V2, "cgroup.events", &format!("populated 1\nfrozen {v2}\n"));
        parse(source(Version::V1, "freezer.state").format, v1.as_bytes(), &mut out);
        assert_eq!(out.get(F::IsFrozen), wanted, "{v2} {v1}");
    }
}

/// containerd 2.2 reads hugetlb.*.events as a bare number.
#[test]
fn hugetlb_events_have_a_key() {
    fields!(text(Version::V2, "hugetlb.<size>.events", "max 7\n"), HugetlbFailures = 7);
    fields!(text(Version::V2, "hugetlb.<size>.events", "7\n"), HugetlbFailures = None);
}

#[test]
fn max_is_no_limit_and_no_number_elsewhere() {
    fields!(text(Version::V2, "memory.max", "max\n"), MemoryLimit = MAX_VALUE);
    fields!(text(Version::V2, "pids.max", "max\n"), PidsLimit = MAX_VALUE);
    fields!(text(Version::V2, "memory.current", "max\n"), MemoryUsage = None);
    let v1 = |value| text(Version::V1, "memory.limit_in_bytes", value);
    fields!(v1("9223372036854771712\n"), MemoryLimit = MAX_VALUE);
    fields!(v1("4611686018427387903\n"), MemoryLimit = (1 << 62) - 1);
}

#[test]
fn what_is_no_number_is_not_valid() {
    for wrong in [
        "",
        "\n",
        "-1\n",
        "+1\n",
        " 1\n",
        "1 \n",
        "0x1\n",
        "1e3\n",
        "18446744073709551616\n",
        "99999999999999999999999\n",
        "12",
        "a\n",
        "\u{661}\n",
    ] {
        let stats = text(Version::V2, "memory.current", wrong);
        assert_eq!(stats.get(F::MemoryUsage), None, "{wrong:?}");
        assert_eq!(stats.valid(), 0, "{wrong:?}");
        let keyed = text(Version::V2, "cpu.stat", &format!("usage_usec {wrong}"));
        assert_eq!(keyed.get(F::CpuUsage), None, "{wrong:?}");
    }
    fields!(text(Version::V2, "memory.current", "18446744073709551615\n"), MemoryUsage = u64::MAX);
    // In nanoseconds it does not fit.
    fields!(text(Version::V2, "cpu.stat", "usage_usec 18446744073709551615\n"), CpuUsage = None);
}

#[test]
fn order_and_unknown_keys_do_not_matter() {
    let stats = text(Version::V2, "memory.events", "oom_kill 4\nnew 1\nweird\n\nlow 2\nmax 3");
    // The last line was cut short.
    fields!(stats, EventsOomKill = 4, EventsLow = 2, EventsMax = None);
}

#[test]
fn empty_io_stat_is_no_io_and_an_empty_blkio_file_says_nothing() {
    fields!(text(Version::V2, "io.stat", ""), IoReadBytes = 0, IoDiscardOps = 0);
    fields!(text(Version::V2, "io.stat", "8:0 rby"), IoReadBytes = None);
    let file = "blkio.throttle.io_serviced";
    fields!(text(Version::V1, file, ""), IoReadOps = None);
    fields!(text(Version::V1, file, "Total 0\n"), IoReadOps = 0, IoDiscardOps = None);
}

#[test]
fn odd_lines_of_io_are_passed_over_or_spoil_their_sum() {
    let stats = text(
        Version::V2,
        "io.stat",
        "8:0 rbytes=1 wbytes=2 cost.vrate=100.00 cost.usage=5\n(unknown) rbytes=9\n8:16 \n\
         8:32 rbytes=4 wbytes=x\n8:48 wbytes=7\n",
    );
    fields!(stats, IoReadBytes = 5, IoWriteBytes = None);
    let stats = text(
        Version::V1,
        "blkio.throttle.io_serviced",
        "8:0 Read 1\n8:0 Discard x\n8:16 Discard 5\n8:16 Read 2\nx Read 5\n8:0 Sync\nTotal 3\n",
    );
    fields!(stats, IoReadOps = 3, IoWriteOps = 0, IoDiscardOps = None);
}

#[test]
fn one_unreadable_page_size_spoils_the_sum() {
    let mut out = Stats::default();
    for text in ["4096\n", "x\n", "8192\n"] {
        parse(Format::Sum(F::HugetlbUsage), text.as_bytes(), &mut out);
    }
    fields!(out, HugetlbUsage = None);
}

#[test]
fn pressure_needs_its_exact_form() {
    let stats = text(
        Version::V2,
        "io.pressure",
        "some avg10=100.00 avg60=0.05 avg300=1.5 total=7\nfull total=1 avg10=x\n",
    );
    fields!(
        stats,
        IoSomeAvg10 = 10_000,
        IoSomeAvg60 = 5,
        IoSomeAvg300 = None,
        IoSomeTotal = 7000,
        IoFullTotal = 1000,
        IoFullAvg10 = None
    );
    assert_eq!(stats.valid(), 0, "a group is valid when all its fields are");
}

/// From a fixture that is cut short anywhere, no parser reads a number that the whole file does not
/// have; sums may be smaller. With a changed byte, no parser panics.
#[test]
fn truncated_and_garbled_files_never_invent_a_number() {
    for (folder, version) in [("6.12-v2", Version::V2), ("6.1-v1", Version::V1)] {
        for source in SOURCES.iter().filter(|source| source.version == version) {
            let path = fixture(folder).join(source.file.replace("<size>", "2MB"));
            let Ok(whole) = std::fs::read(path) else { continue };
            let mut full = Stats::default();
            parse(source.format, &whole, &mut full);
            let is_sum = matches!(source.format, Format::IoStat | Format::Blkio(_));
            for end in 0..whole.len() {
                let mut cut = Stats::default();
                parse(source.format, &whole[..end], &mut cut);
                for (i, value) in cut.values().iter().enumerate() {
                    assert!(*value == 0 || is_sum || *value == full.values()[i], "{}", FIELDS[i].0);
                }
                let mut garbled = whole.clone();
                garbled[end] ^= 0x55;
                parse(source.format, &garbled, &mut Stats::default());
            }
        }
    }
}

fn as_json(folder: &str, version: Version) -> serde_json::Value {
    let files = |_: &str, of: Version, file: &str| {
        std::fs::read(fixture(folder).join(file)).ok().filter(|_| of == version)
    };
    super::json(&read(folder, version), &files, super::ALL)
}

#[test]
fn json_has_the_members_of_runc_on_v2() {
    let found = as_json("6.12-v2", Version::V2);
    let member = |path: &str| found.pointer(path).cloned();
    let number = |path: &str| member(path).and_then(|value| value.as_u64());
    assert_eq!(number("/cpu/usage/total"), Some(2_024_499_000));
    assert_eq!(number("/cpu/throttling/throttledPeriods"), Some(97));
    assert_eq!(number("/memory/cache"), Some(1_048_576));
    assert_eq!(number("/memory/usage/usage"), Some(8_994_816));
    assert_eq!(number("/memory/usage/max"), Some(25_436_160));
    assert_eq!(number("/memory/swap/usage"), Some(8_994_816 + 19_398_656));
    assert_eq!(number("/memory/raw/workingset_refault_anon"), Some(898));
    assert_eq!(number("/pids/limit"), Some(3));
    assert_eq!(member("/cpu/psi/some/avg10"), Some(serde_json::json!(30.78)));
    assert_eq!(number("/cpu/psi/some/total"), Some(5_595_328));
    assert_eq!(number("/io/7:1/dios"), Some(0));
    let first = serde_json::json!({"major": 7, "minor": 1, "op": "Read", "value": 3_670_016});
    assert_eq!(member("/blkio/ioServiceBytesRecursive/0"), Some(first));
}

#[test]
fn json_has_the_members_of_runc_on_v1() {
    let found = as_json("6.1-v1", Version::V1);
    let number = |path: &str| found.pointer(path).and_then(serde_json::Value::as_u64);
    assert_eq!(number("/memory/cache"), Some(2_101_248));
    assert_eq!(number("/memory/swap/limit"), Some(41_943_040));
    // As the kernel and runc say it.
    assert_eq!(number("/memory/kernelTCP/limit"), Some(9_223_372_036_854_771_712));
    let count = |list: &str| found.pointer(list).and_then(|list| Some(list.as_array()?.len()));
    assert_eq!(count("/blkio/ioServicedRecursive"), Some(6));
    assert_eq!(number("/blkio/ioServicedRecursive/1/value"), Some(17), "bfq, not throttle");
}

#[test]
fn json_of_a_cgroup_without_files_has_no_numbers() {
    let found = super::json(&Stats::default(), &|_, _, _| None, super::ALL).to_string();
    assert!(!found.contains(|c: char| c.is_ascii_digit()), "{found}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes: Vec<u8>) {
        for source in SOURCES {
            parse(source.format, &bytes, &mut Stats::default());
        }
    }

    #[test]
    fn keyed_files_give_back_any_number(value: u64, other: u64) {
        let text = format!("file {other}\nanon {value}\n");
        let mut out = Stats::default();
        parse(source(Version::V2, "memory.stat").format, text.as_bytes(), &mut out);
        assert_eq!(out.get(F::Anon), Some(value));
        assert_eq!(out.get(F::File), Some(other));
    }
}

/// Every field has a file on at least one layout, or is computed from other fields.
#[test]
fn every_field_is_fed() {
    let fed = table();
    for (name, _) in FIELDS {
        let name = name.split('.').next().unwrap();
        let computed = name == "memory_working_set";
        assert!(computed || fed.contains(&format!("| {name} |")), "{name}");
    }
}
