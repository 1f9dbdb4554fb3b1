// SPDX-License-Identifier: Apache-2.0

//! Tests of the lists, with real files of several kernels and files of the kernel's documentation.

use std::path::{Path, PathBuf};

use super::keyed::keyed;
use super::list_table::{List, ListSource, CPUS, HUGETLB, IO, LISTS, NODES, RESOURCES};
use super::lists::{fill, values, Entry, Text};
use super::{Field as F, MAX_VALUE};
use crate::host::Version::{self, V1, V2};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stats").join(name)
}

/// Reads a directory of fixtures as a manager reads a cgroup, with pages of 4096 bytes.
fn read(list: &List, name: &str, version: Version) -> Vec<Entry> {
    let (mut out, mut chosen) = (Vec::new(), 0);
    for source in list.sources.iter().filter(|source| source.version == version) {
        let path = folder(name).join(source.file.replace("<size>", "2MB"));
        let choice = 1 << source.either;
        let Ok(bytes) = std::fs::read(path) else { continue };
        let text = Text { bytes: &bytes, size: "2MB", page: 4096 };
        if (source.either == 0 || chosen & choice == 0) && fill(list, source, text, &mut out) {
            chosen |= choice;
        }
    }
    out
}

fn source(list: &'static List, version: Version, file: &str) -> &'static ListSource {
    list.sources.iter().find(|s| s.version == version && s.file == file).unwrap()
}

/// Returns the entries of one text as a file.
fn text(list: &'static List, version: Version, file: &str, text: &str) -> Vec<Entry> {
    let mut out = Vec::new();
    let text = Text { bytes: text.as_bytes(), size: "2MB", page: 4096 };
    fill(list, source(list, version, file), text, &mut out);
    out
}

/// Asserts an entry's numbers by their names in C; None is "not valid".
macro_rules! numbers {
    ($list:expr, $entry:expr, $($name:ident = $value:expr),+ $(,)?) => {
        $(assert_eq!(
            $entry.get($list, stringify!($name)), Option::<u64>::from($value), stringify!($name)
        );)+
    };
}

#[test]
fn io_of_each_device_on_v2() {
    let found = read(&IO, "4.19-v2", V2);
    assert_eq!(found.len(), 2);
    numbers!(&IO, found[0], major = 8, minor = 16, read_bytes = 1_459_200, write_ops = 353);
    numbers!(&IO, found[1], minor = 0, discard_bytes = 50_331_648, discard_ops = 3021);
    numbers!(&IO, found[1], cost_usage_ns = None, cost_wait_ns = None);
    assert_eq!(found[0].valid(&IO, 16), 1 | 2 | 4 | 8);
    let found = read(&IO, "6.12-v2", V2);
    numbers!(&IO, found[0], major = 7, minor = 1, read_bytes = 3_670_016);
}

#[test]
fn io_cost_and_unknown_keys() {
    let line = "8:0 rbytes=1 cost.vrate=100.00 cost.usage=5 new=3 cost.wait=7 wbytes=x\n8:1 \n";
    let found = text(&IO, V2, "io.stat", line);
    numbers!(&IO, found[0], read_bytes = 1, cost_usage_ns = 5000, cost_wait_ns = 7000);
    numbers!(&IO, found[0], write_bytes = None);
    // The bytes are valid together, and a device that vanished has no values.
    assert_eq!(found[0].valid(&IO, 16), 16);
    assert_eq!(found.len(), 1);
    let all = values(line.as_bytes());
    let new = all.iter().find(|value| value.labels[1] == b"new").unwrap();
    assert_eq!((new.numbers()[0], &new.labels[0][..]), (3, &b"8:0"[..]));
    let vrate = all.iter().find(|value| value.labels[1] == b"cost.vrate").unwrap();
    assert_eq!((vrate.valid(&super::VALUES, 1), &vrate.labels[2][..]), (0, &b"100.00"[..]));
}

#[test]
fn io_of_v1_is_that_of_the_first_file_with_a_device() {
    let found = read(&IO, "6.1-v1", V1);
    // bfq has one device, throttle two.
    assert_eq!(found.len(), 1);
    numbers!(&IO, found[0], read_bytes = 1_245_184, write_ops = 17, discard_ops = 0);
    // bfq says "Total 0" alone, so CFQ counts, and not throttle.
    let found = read(&IO, "4.19-v1", V1);
    assert_eq!(found.len(), 2);
    numbers!(&IO, found[0], major = 8, minor = 0, read_ops = 8950, write_bytes = 299_008_000);
    assert_eq!(read(&IO, "6.18-frozen", V1), []);
}

#[test]
fn huge_pages_of_each_size() {
    let found = read(&HUGETLB, "6.12-v2", V2);
    numbers!(&HUGETLB, found[0], page_size = 2 << 20, usage = 2_097_152, limit = 4_194_304);
    numbers!(&HUGETLB, found[0], failures = 1, reserved = 8_388_608, reserved_limit = MAX_VALUE);
    numbers!(&HUGETLB, found[0], peak = None, reserved_failures = None);
    assert_eq!(found[0].labels[0], b"2MB");
    let found = read(&HUGETLB, "6.1-v1", V1);
    numbers!(&HUGETLB, found[0], peak = 4_194_304, reserved_peak = 8_388_608, failures = 1);
    numbers!(&HUGETLB, found[0], reserved_limit = MAX_VALUE, reserved_failures = 0);
}

/// containerd 2.2 reads hugetlb.*.events as a bare number.
#[test]
fn hugetlb_events_have_a_key() {
    let events = |line: &str| text(&HUGETLB, V2, "hugetlb.<size>.events", line);
    numbers!(&HUGETLB, events("max 7\n")[0], failures = 7);
    numbers!(&HUGETLB, events("new 3\n")[0], failures = None);
    numbers!(&HUGETLB, events("7\n")[0], failures = None);
    assert_eq!(events(""), []);
}

#[test]
fn rdma_misc_and_dmem() {
    let found = read(&RESOURCES, "4.19-v2", V2);
    let labels = |e: &Entry| e.labels.clone().map(|label| String::from_utf8(label).unwrap());
    assert_eq!(found.len(), 4);
    assert_eq!(labels(&found[3]), ["rdma", "ocrdma1", "hca_object"]);
    numbers!(&RESOURCES, found[3], current = 23, limit = MAX_VALUE, peak = None, events = None);
    let misc = text(&RESOURCES, V2, "misc.events", "res_a.max 4\nres_b.new 1\nres_b.max 0\n");
    assert_eq!(misc.len(), 2);
    assert_eq!(labels(&misc[0]), ["misc", "res_a", ""]);
    numbers!(&RESOURCES, misc[0], events = 4, current = None);
    let dmem = text(&RESOURCES, V2, "dmem.max", "drm/0000:03:00.0/vram0 1073741824\nx max\n");
    assert_eq!(labels(&dmem[0]), ["dmem", "drm/0000:03:00.0/vram0", ""]);
    numbers!(&RESOURCES, dmem[0], limit = 1 << 30);
    numbers!(&RESOURCES, dmem[1], limit = MAX_VALUE);
    // Only a limit may be "max".
    let current = text(&RESOURCES, V2, "misc.current", "res_a max\n");
    numbers!(&RESOURCES, current[0], current = None);
}

#[test]
fn time_of_each_processor() {
    for folder in ["6.1-v1", "4.19-v1"] {
        let found = read(&CPUS, folder, V1);
        assert_eq!(found.len(), 2);
        numbers!(&CPUS, found[1], cpu = 1, user_ns = 72_000_000, system_ns = 224_000_000);
        numbers!(&CPUS, found[0], cpu = 0, usage_ns = 521_292_060);
    }
    let one = text(&CPUS, V1, "cpuacct.usage_percpu", "521292060 \n");
    numbers!(&CPUS, one[0], cpu = 0, usage_ns = 521_292_060, user_ns = None);
    assert_eq!(one.len(), 1);
}

#[test]
fn memory_of_each_node() {
    let found = read(&NODES, "6.12-v2", V2);
    numbers!(&NODES, found[0], node = 0, anon = 6_369_280, active_anon = 2_822_144);
    assert_eq!(found[0].valid(&NODES, 16), 1023);
    // v1 counts pages.
    let found = read(&NODES, "6.1-v1", V1);
    numbers!(&NODES, found[0], node = 0, anon = 2118 * 4096, file = 0, shmem = None);
    assert_eq!((found.len(), found[0].valid(&NODES, 16)), (1, 7));
    let two = text(&NODES, V2, "memory.numa_stat", "file N1=3 N0=x N12=5\nnew N3=1\n");
    numbers!(&NODES, two[0], node = 1, file = 3);
    numbers!(&NODES, two[1], node = 0, file = None);
    numbers!(&NODES, two[2], node = 12, file = 5);
}

#[test]
fn every_value_has_its_name() {
    let all = values(b"7\n");
    assert_eq!((all.len(), all[0].numbers()[0], all[0].labels[1].len()), (1, 7, 0));
    let stat = std::fs::read(folder("6.12-v2/memory.stat")).unwrap();
    let all = values(&stat);
    assert_eq!(all.len(), stat.split(|&b| b == b'\n').filter(|line| !line.is_empty()).count());
    let refault = all.iter().find(|v| v.labels[1] == b"workingset_refault_anon").unwrap();
    assert_eq!(refault.numbers()[0], 898);
    let max = values(b"mlx4_0 hca_handle=max\n");
    assert_eq!((max[0].valid(&super::VALUES, 1), max[0].numbers()[0]), (1, MAX_VALUE));
    let total = values(b"total=5 N0=4\n");
    assert_eq!((total.len(), total[0].numbers()[0], &total[1].labels[1][..]), (2, 5, &b"N0"[..]));
}

#[test]
fn a_kernel_of_4_19_leaves_out_what_it_does_not_count() {
    let stats = super::tests::read("4.19-v2", V2);
    assert_eq!(stats.get(F::CpuUsage), Some(1_042_305_000));
    assert_eq!(stats.get(F::MemoryLimit), Some(MAX_VALUE));
    assert_eq!(stats.get(F::EventsOomKill), Some(1));
    assert_eq!(stats.get(F::IoDiscardOps), Some(3021));
    assert_eq!(stats.get(F::MemoryWorkingSet), Some(9_011_200));
    for field in [F::CpuNice, F::CpuBursts, F::MemoryPeak, F::Kernel, F::Pagetables, F::Percpu] {
        assert_eq!(stats.get(field), None, "{field:?}");
    }
    for field in [F::EventsOomGroupKill, F::LocalOom, F::PidsPeak, F::IsFrozen, F::CpuSomeTotal] {
        assert_eq!(stats.get(field), None, "{field:?}");
    }
    let stats = super::tests::read("4.19-v1", V1);
    assert_eq!(stats.get(F::IoReadOps), Some(8950 + 192));
    assert_eq!(stats.get(F::MemoryLimit), Some(MAX_VALUE));
    assert_eq!(stats.get(F::SwapUsage), Some(17_059_840));
}

/// Fixtures that are cut short anywhere: no number is read that the whole file does not have.
#[test]
fn truncated_files_never_invent_a_number() {
    for (name, version) in [("6.12-v2", V2), ("4.19-v2", V2), ("6.1-v1", V1), ("4.19-v1", V1)] {
        for list in LISTS {
            for source in list.sources.iter().filter(|source| source.version == version) {
                let path = folder(name).join(source.file.replace("<size>", "2MB"));
                let Ok(whole) = std::fs::read(path) else { continue };
                let of = |bytes: &[u8]| {
                    let mut out = Vec::new();
                    fill(list, source, Text { bytes, size: "2MB", page: 4096 }, &mut out);
                    out
                };
                let full = of(&whole);
                for end in 0..whole.len() {
                    for (i, entry) in of(&whole[..end]).iter().enumerate() {
                        for (name, _) in list.columns {
                            let cut = entry.get(list, name);
                            assert!(cut.is_none() || cut == full[i].get(list, name), "{name}");
                        }
                    }
                }
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_a_list_panic(bytes: Vec<u8>) {
        for list in LISTS {
            for source in list.sources {
                let mut out = Vec::new();
                fill(list, source, Text { bytes: &bytes, size: "2MB", page: 4096 }, &mut out);
            }
        }
        values(&bytes);
    }

    #[test]
    fn lines_of_words_make_no_list_panic(
        text in "([a-zN0-9=:. -]{0,6}( |=|\n|:)){0,20}"
    ) {
        for list in LISTS {
            for source in list.sources {
                let mut out = Vec::new();
                let text = Text { bytes: text.as_bytes(), size: "", page: 1 << 40 };
                fill(list, source, text, &mut out);
            }
        }
        values(text.as_bytes());
    }

    /// Any numbers of any devices in any order are read back, whatever other keys are in between.
    #[test]
    fn io_stat_gives_back_any_numbers(
        devices in proptest::collection::btree_map((0u64..300, 0u64..300), (0u64.., 0u64..), 0..6),
        key in "[a-z.]{1,9}x",
    ) {
        let lines = devices.iter().map(|((major, minor), (read, ops))| {
            format!("{major}:{minor} rios={ops} {key}=7 rbytes={read}\n")
        });
        let whole: String = lines.collect();
        let found = text(&IO, V2, "io.stat", &whole);
        proptest::prop_assert_eq!(found.len(), devices.len());
        for (entry, ((major, minor), (read, ops))) in found.iter().zip(&devices) {
            proptest::prop_assert_eq!(&entry.numbers()[..2], [*major, *minor]);
            proptest::prop_assert_eq!(entry.get(&IO, "read_bytes"), Some(*read));
            proptest::prop_assert_eq!(entry.get(&IO, "read_ops"), Some(*ops));
            proptest::prop_assert_eq!(entry.get(&IO, "write_ops"), None);
        }
        let mut count = 0;
        keyed(whole.as_bytes(), &mut |_, _, _| count += 1);
        proptest::prop_assert_eq!(count, 3 * devices.len());
    }

    #[test]
    fn nodes_give_back_any_numbers(numbers in proptest::collection::vec(0u64.., 1..9)) {
        let words = numbers.iter().enumerate().map(|(node, n)| format!(" N{node}={n}"));
        let line = format!("new N0=1\nfile{}\n", words.collect::<String>());
        let found = text(&NODES, V2, "memory.numa_stat", &line);
        for (entry, number) in found.iter().zip(&numbers) {
            proptest::prop_assert_eq!(entry.get(&NODES, "file"), Some(*number));
        }
        proptest::prop_assert_eq!(found.len(), numbers.len());
    }
}
