// SPDX-License-Identifier: Apache-2.0

//! Parses the mounts of hosts of every kind.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic)]

mod choice;

use katacg::host::{HostInfo, Layout, Sources, Version};
use katacg::Code;

const V1: &str = "\
25 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
26 25 0:22 / /sys rw shared:7 - sysfs sysfs rw
30 26 0:26 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro,mode=755
33 30 0:29 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd
36 30 0:32 / /sys/fs/cgroup/cpu,cpuacct rw shared:15 - cgroup cgroup rw,cpu,cpuacct
37 30 0:33 / /sys/fs/cgroup/memory rw shared:16 - cgroup cgroup rw,memory
38 30 0:34 / /sys/fs/cgroup/devices rw shared:17 - cgroup cgroup rw,devices
";
const OWN_V1: &str = "4:devices:/user.slice\n3:memory:/user.slice\n\
                      2:cpu,cpuacct:/user.slice\n1:name=systemd:/user.slice/session.scope\n";

fn host(mountinfo: &str, cgroup: &str) -> HostInfo {
    parse(mountinfo.as_bytes(), cgroup, b"", 0).unwrap()
}

fn parse(mountinfo: &[u8], cgroup: &str, uid_map: &[u8], euid: u32) -> katacg::Result<HostInfo> {
    HostInfo::parse(Sources {
        mountinfo,
        cgroup: cgroup.as_bytes(),
        uid_map,
        euid,
        controllers: b"",
    })
}

fn mount(host: &HostInfo, controller: &str) -> String {
    String::from_utf8(host.hierarchy_of(controller).unwrap().mountpoint.clone()).unwrap()
}

#[test]
fn co_mounted_controllers_share_a_hierarchy() {
    let host = host(V1, OWN_V1);
    assert_eq!(host.layout, Layout::Legacy);
    assert_eq!(host.hierarchies.len(), 4);
    assert_eq!(mount(&host, "cpu"), "/sys/fs/cgroup/cpu,cpuacct");
    assert_eq!(host.find("cpu"), host.find("cpuacct"));
    assert_eq!(mount(&host, "systemd"), mount(&host, "name=systemd"));
    assert_eq!(host.hierarchy_of("cpu").unwrap().own.as_deref(), Some(&b"/user.slice"[..]));
}

#[test]
fn v1_with_a_cgroup2_mount_is_hybrid() {
    let text = format!("{V1}39 30 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    let host = host(&text, &format!("{OWN_V1}0::/user.slice\n"));
    assert_eq!(host.layout, Layout::Hybrid);
    assert_eq!(mount(&host, ""), "/sys/fs/cgroup/unified");
    assert_eq!(host.hierarchy_of("").unwrap().version, Version::V2);
}

#[test]
fn cgroup2_at_sys_fs_cgroup_is_unified_despite_a_v1_mount_elsewhere() {
    let v2 = "30 26 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
    let net_cls = "40 26 0:50 / /run/net_cls rw - cgroup net_cls rw,net_cls\n";
    for text in [v2.to_owned(), format!("{net_cls}{v2}")] {
        let host = host(&text, "0::/init.scope\n");
        assert_eq!(host.layout, Layout::Unified);
        assert_eq!(mount(&host, "cpu"), "/sys/fs/cgroup", "every controller is there");
        assert_eq!(mount(&host, ""), "/sys/fs/cgroup");
    }
}

#[test]
fn cgroup2_alone_is_unified_wherever_it_is_mounted() {
    let host = host("30 26 0:26 / /mnt/cg rw - cgroup2 none rw\n", "0::/\n");
    assert_eq!((host.layout, mount(&host, "")), (Layout::Unified, "/mnt/cg".to_owned()));
}

#[test]
fn mount_options_decide_the_controller_not_directory_names() {
    let text = "36 30 0:32 / /cg/memory rw - cgroup cgroup rw,cpu\n\
                37 30 0:33 / /cg/cpu rw - cgroup cgroup rw,memory\n";
    let host = host(text, "2:memory:/\n1:cpu:/\n");
    assert_eq!(mount(&host, "cpu"), "/cg/memory");
    assert_eq!(mount(&host, "memory"), "/cg/cpu");
}

#[test]
fn real_mount_is_preferred_to_lxcfs_and_bind_mounts() {
    let ahead = "\
10 1 0:60 / /var/lib/lxcfs/cgroup/memory rw - fuse.lxcfs lxcfs rw,memory
11 1 0:33 /docker/abc /var/lib/docker/x/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
12 1 0:33 / /srv/chroot/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
";
    let host = host(&format!("{ahead}{V1}"), OWN_V1);
    assert_eq!(mount(&host, "memory"), "/sys/fs/cgroup/memory");
}

#[test]
fn own_cgroup_is_relative_to_the_mount_root_of_a_container() {
    // The mount shows only the container's part of the hierarchy. /proc/self/cgroup has the path
    // from the host's root.
    let text = "36 30 0:32 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n";
    let host = host(text, "1:cpu:/docker/abc/nested\n");
    let cpu = host.hierarchy_of("cpu").unwrap();
    assert_eq!(cpu.own_below_mount().as_deref(), Some(&b"nested"[..]));
    assert_eq!(cpu.root, b"/docker/abc");
}

#[test]
fn own_cgroup_outside_the_mount_root_is_none() {
    let text = "36 30 0:32 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n";
    let host = host(text, "1:cpu:/docker/abcdef\n");
    assert_eq!(host.hierarchy_of("cpu").unwrap().own_below_mount(), None);
}

#[test]
fn covered_mount_is_not_used() {
    let text = "\
36 30 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
90 36 0:70 / /sys/fs/cgroup/cpu rw - tmpfs tmpfs rw
91 30 0:32 / /mnt/cpu rw - cgroup cgroup rw,cpu
";
    assert_eq!(mount(&host(text, "1:cpu:/\n"), "cpu"), "/mnt/cpu");
}

#[test]
fn mountinfo_escapes_are_decoded() {
    let text = "36 30 0:32 / /mnt/my\\040cgroup\\134x rw - cgroup cgroup rw,cpu\n";
    assert_eq!(mount(&host(text, "1:cpu:/\n"), "cpu"), "/mnt/my cgroup\\x");
}

#[test]
fn mount_options_other_than_controllers_are_ignored() {
    let text = "36 30 0:32 / /cg/cpuset rw - cgroup cgroup \
                rw,seclabel,cpuset,noprefix,clone_children,release_agent=/x\n";
    let host = host(text, "1:cpuset:/\n");
    assert_eq!(host.hierarchies[0].controllers, ["cpuset"]);
    assert!(host.hierarchies[0].noprefix);
}

#[test]
fn host_without_cgroup_mounts_is_not_mounted() {
    let error = parse(b"25 0 8:1 / / rw - ext4 /dev/sda1 rw\nrubbish\n\n", "", b"", 0).unwrap_err();
    assert_eq!(error.code(), Code::NotMounted);
    assert!(error.to_string().contains("mountinfo"), "{error}");
}

#[test]
fn error_for_a_missing_controller_lists_the_mounted_ones() {
    let error = host(V1, OWN_V1).hierarchy_of("hugetlb").unwrap_err();
    assert_eq!(error.code(), Code::NotMounted);
    assert!(
        error.to_string().contains("hugetlb") && error.to_string().contains("memory"),
        "{error}"
    );
}

#[test]
fn malformed_proc_cgroup_line_is_an_error() {
    let error = parse(V1.as_bytes(), "no colons here\n", b"", 0).unwrap_err();
    assert!(error.to_string().contains("no colons here"), "{error}");
    // A path may hold colons.
    let host = host(V1, "2:cpu,cpuacct:/a:b:c\n");
    assert_eq!(host.hierarchy_of("cpu").unwrap().own.as_deref(), Some(&b"/a:b:c"[..]));
}

#[test]
fn rootless_means_no_root_or_a_partial_uid_map() {
    let rootless = |map: &[u8], euid| parse(V1.as_bytes(), OWN_V1, map, euid).unwrap().rootless;
    assert!(!rootless(b"         0          0 4294967295\n", 0));
    assert!(!rootless(b"", 0));
    assert!(rootless(b"         0          0 4294967295\n", 1000));
    assert!(rootless(b"         0     100000      65536\n", 0));
    assert!(rootless(b"0 1000 1\n1 100000 65536\n", 0));
}

#[test]
fn mountinfo_with_many_and_long_lines_is_read() {
    let mut text = String::new();
    for i in 0..100_000 {
        text += &format!(
            "{} 25 0:5 / /var/lib/x/{i} rw - overlay overlay rw,lowerdir=/a:/b\n",
            i + 1000
        );
    }
    text += &format!("9 25 0:5 / /{} rw - tmpfs tmpfs rw\n", "long/".repeat(100_000));
    text += V1;
    let host = host(&text, OWN_V1);
    assert_eq!(mount(&host, "memory"), "/sys/fs/cgroup/memory");
}

#[test]
fn mountpoint_keeps_bytes_that_are_not_utf8() {
    let text = b"36 30 0:32 / /mnt/\xff/cpu rw - cgroup cgroup rw,cpu\n";
    let host = parse(text, "1:cpu:/\n", b"", 0).unwrap();
    assert_eq!(host.hierarchies[0].mountpoint, b"/mnt/\xff/cpu");
}

#[test]
fn hierarchies_of_this_host_can_be_opened() {
    let host = HostInfo::read().unwrap();
    assert!(!host.hierarchies.is_empty());
    let trees = katacg::cgroupfs::Hierarchies::new(host);
    for id in trees.info().ids() {
        trees.cgroup(id, b"").unwrap();
    }
}

const LXC: &str = include_str!("../mounts/lxc-mixed.mountinfo");
const LXC_OWN: &str = include_str!("../mounts/lxc-mixed.cgroup");

fn directory(host: HostInfo, path: &str, subsystem: &str) -> String {
    let flags = katacg::Flags { skip_devices: true, ..Default::default() };
    let config = katacg::Config { path: path.as_bytes().to_vec(), flags, ..Default::default() };
    let host = std::sync::Arc::new(katacg::Host::new(host));
    let manager = katacg::Manager::new(host, config).unwrap();
    String::from_utf8(manager.path(subsystem).unwrap()).unwrap()
}

#[test]
fn cgroup_in_a_writable_part_of_a_read_only_mount_keeps_its_place() {
    for (path, wanted) in [("/lxc/box/abs", "abs"), ("rel", "rel"), ("a/b", "a/b")] {
        for subsystem in ["memory", "devices"] {
            let found = directory(host(LXC, LXC_OWN), path, subsystem);
            assert_eq!(found, format!("/sys/fs/cgroup/{subsystem}/lxc/box/{wanted}"), "{path}");
        }
    }
}

#[test]
fn cgroup_in_a_writable_part_of_cgroup2_keeps_its_place() {
    let text = "102 101 0:33 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw\n\
                103 102 0:33 /lxc/box /sys/fs/cgroup/lxc/box rw - cgroup2 cgroup2 rw\n";
    let at = |path| directory(host(text, "0::/lxc/box/init\n"), path, "");
    assert_eq!(at("/lxc/box/abs"), "/sys/fs/cgroup/lxc/box/abs");
    assert_eq!(at("rel"), "/sys/fs/cgroup/lxc/box/rel");
}

#[test]
fn kind_nodes_part_at_its_host_path_is_the_same_hierarchy() {
    let text = "\
102 101 0:33 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
103 102 0:33 /docker/abc /sys/fs/cgroup/memory/docker/abc rw - cgroup cgroup rw,memory
";
    let own = "1:memory:/docker/abc/kubelet\n";
    let at = |path| directory(host(text, own), path, "memory");
    assert_eq!(at("rel"), "/sys/fs/cgroup/memory/kubelet/rel");
    assert_eq!(at("/docker/abc/x"), "/sys/fs/cgroup/memory/docker/abc/x");

    let parts = &host(text, own).hierarchies[0].parts;
    assert_eq!((&parts[0].path[..], parts[0].mount), (&b"docker/abc"[..], 103));
    assert!(parts[0].is_alias);
}

#[test]
fn bind_mount_at_another_place_is_no_part() {
    let text = |root: &str, device: &str, at: &str| {
        format!(
            "102 101 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             103 102 {device} {root} {at} rw - cgroup cgroup rw,memory\n"
        )
    };
    let parts = |root: &str, device: &str, at: &str| {
        host(&text(root, device, at), "1:memory:/\n").hierarchies[0].parts.len()
    };
    let inside = "/sys/fs/cgroup/memory/a/b";
    assert_eq!(parts("/a/b", "0:33", inside), 1);
    assert_eq!(parts("/a/c", "0:33", inside), 0);
    assert_eq!(parts("/", "0:33", inside), 0);
    assert_eq!(parts("/a/b", "0:34", inside), 0);
    assert_eq!(parts("/a/b", "0:33", "/sys/fs/cgroup/memory2/a/b"), 0);
}

#[test]
fn writable_mount_is_preferred_to_a_read_only_one() {
    let line = |id: u32, at: &str, options: &str, sb: &str| {
        format!("{id} 30 0:32 / {at} {options} - cgroup cgroup {sb},cpu\n")
    };
    for (options, sb) in [("ro,nosuid", "rw"), ("rw", "ro")] {
        let read_only = line(36, "/sys/fs/cgroup/cpu", options, sb);
        let writable = line(37, "/mnt/a/long/way/cpu", "rw,noexec", "rw");
        for text in [format!("{read_only}{writable}"), format!("{writable}{read_only}")] {
            assert_eq!(mount(&host(&text, "1:cpu:/\n"), "cpu"), "/mnt/a/long/way/cpu");
        }
    }
    // Where none is writable, the usual place counts, and then the order.
    let [usual, far, near] =
        ["/sys/fs/cgroup/cpu", "/mnt/far/cpu", "/m"].map(|at| line(38, at, "ro", "rw"));
    assert_eq!(mount(&host(&format!("{far}{usual}"), "1:cpu:/\n"), "cpu"), "/sys/fs/cgroup/cpu");
    assert_eq!(mount(&host(&format!("{far}{near}"), "1:cpu:/\n"), "cpu"), "/mnt/far/cpu");
}

#[test]
fn mount_without_the_own_cgroup_is_not_preferred_for_being_writable() {
    let text = "36 30 0:32 / /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n\
                37 30 0:32 /other /mnt/cpu rw - cgroup cgroup rw,cpu\n";
    assert_eq!(mount(&host(text, "1:cpu:/mine\n"), "cpu"), "/sys/fs/cgroup/cpu");
}

#[test]
fn read_only_unified_mount_stays_unified_beside_a_writable_one() {
    let text = "30 26 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n\
                31 26 0:26 / /mnt/cgroup rw - cgroup2 cgroup2 rw\n\
                40 26 0:50 / /run/net_cls rw - cgroup net_cls rw,net_cls\n";
    let host = host(text, "0::/\n");
    assert_eq!((host.layout, mount(&host, "")), (Layout::Unified, "/mnt/cgroup".to_owned()));
}

#[test]
fn mount_below_a_directory_that_is_mounted_over_is_hidden() {
    let hidden = parse(
        include_bytes!("../mounts/hidden-by-sysfs.mountinfo"),
        include_str!("../mounts/hidden-by-sysfs.cgroup"),
        b"",
        0,
    );
    assert_eq!(hidden.unwrap_err().code(), Code::NotMounted);
}

#[test]
fn latest_of_two_trees_of_mounts_is_used() {
    // docker-in-docker mounted its tree twice: the first tree's own cgroup is another one.
    let tree = |id: u32, root: &str| {
        format!(
            "{id} 20 0:60 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
             {} {id} 0:33 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            id + 1
        )
    };
    let text = format!("{}{}", tree(100, "/docker/a"), tree(200, "/docker/a/docker/b"));
    let inner = host(&text, "1:memory:/docker/a/docker/b\n");
    assert_eq!(inner.hierarchies.len(), 1);
    assert_eq!(inner.hierarchies[0].root, b"/docker/a/docker/b");
    assert_eq!(inner.hierarchies[0].own_below_mount().as_deref(), Some(&b""[..]));
}

#[test]
fn mount_that_covers_its_parent_hides_the_parents_other_mounts() {
    let text = "20 1 0:1 / / rw - ext4 root rw\n\
                30 20 0:60 / /cg rw - tmpfs tmpfs rw\n\
                31 30 0:33 / /cg/memory rw - cgroup cgroup rw,memory\n\
                32 30 0:61 / /cg rw - tmpfs tmpfs rw\n\
                33 32 0:34 / /cg/cpu rw - cgroup cgroup rw,cpu\n\
                34 31 0:35 / /cg/memory/deep rw - cgroup cgroup rw,pids\n";
    let host = host(text, "2:memory:/\n1:cpu:/\n3:pids:/\n");
    assert_eq!(host.labels(), ["cpu"]);
}

#[test]
fn mounts_with_a_circle_of_parents_are_read() {
    let text = "30 31 0:32 / /a/cpu rw - cgroup cgroup rw,cpu\n\
                31 30 0:32 / /a/b rw - tmpfs tmpfs rw\n\
                32 32 0:33 / /m rw - cgroup cgroup rw,memory\n";
    let _ = parse(text.as_bytes(), "1:cpu:/\n", b"", 0);
}

#[test]
fn named_hierarchy_is_not_taken_for_the_controller_of_its_name() {
    let named = "36 30 0:32 / /cg/named rw - cgroup cgroup rw,name=memory\n\
                 37 30 0:33 / /cg/mine rw - cgroup cgroup rw,name=mine\n\
                 38 30 0:34 / /cg/cpu rw - cgroup cgroup rw,cpu\n";
    let real = "39 30 0:35 / /cg/memory rw - cgroup cgroup rw,memory\n";
    let own = "3:name=memory:/\n2:name=mine:/\n1:cpu:/\n4:memory:/\n";
    let without = host(named, own);
    assert_eq!(without.hierarchy_of("memory").unwrap_err().code(), Code::NotMounted);
    assert_eq!(mount(&without, "name=memory"), "/cg/named");
    assert_eq!(mount(&without, "mine"), "/cg/mine");
    let with = host(&format!("{named}{real}"), own);
    assert_eq!(mount(&with, "memory"), "/cg/memory");
    // On a hybrid host the limit goes to cgroup2, which has the controller.
    let hybrid = format!("{named}40 30 0:36 / /cg/unified rw - cgroup2 cgroup2 rw\n");
    let sources = Sources {
        mountinfo: hybrid.as_bytes(),
        cgroup: b"0::/\n3:name=memory:/\n2:name=mine:/\n1:cpu:/\n",
        controllers: b"memory\n",
        ..Sources::default()
    };
    let placed = HostInfo::parse(sources).unwrap();
    assert_eq!(directory(placed, "/x", "memory"), "/cg/unified/x");
}
