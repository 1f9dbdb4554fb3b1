// SPDX-License-Identifier: Apache-2.0

//! The table of interface files. A new resource is a new row.
//!
//! Kernel: admin-guide/cgroup-v1/, admin-guide/cgroup-v2.rst; the versions are those of the commits
//! that added the files. systemd: systemd.resource-control(5), and its cgroup.c for what it writes.

use super::row::{
    file, property, Field, Form, InterfaceFile, Properties, Restore, UnitProperty, Unset, ALWAYS,
};

const BANDWIDTH: Properties =
    &[("CPUQuotaPerSecUSec", Form::Bandwidth), ("CPUQuotaPeriodUSec", Form::Bandwidth)];

const CFS: &str = "CONFIG_CFS_BANDWIDTH";
const RT: &str = "CONFIG_RT_GROUP_SCHED";
const UCLAMP: &str = "CONFIG_UCLAMP_TASK_GROUP";
const SWAP: &str = "CONFIG_SWAP and swap accounting (swapaccount=)";
const ZSWAP: &str = "CONFIG_ZSWAP";
const PSI: &str = "CONFIG_PSI, psi=1, and cgroup.pressure 1";
const CFQ: &str = "the I/O scheduler CFQ (CONFIG_CFQ_GROUP_IOSCHED)";
const BFQ: &str = "the I/O scheduler BFQ (CONFIG_BFQ_GROUP_IOSCHED, module loaded)";
const THROTTLE: &str = "CONFIG_BLK_DEV_THROTTLING";
const IOPRIO: &str = "CONFIG_BLK_CGROUP_IOPRIO";
const PAGES: &str = "huge pages of some size";
const MAX: &str = "rbps=max wbps=max riops=max wiops=max";

/// A number for each name, so that a search compares few names.
#[allow(clippy::indexing_slicing)] // computed by the compiler
pub(super) static MARKS: [u8; FILES.len()] = {
    let mut marks = [0; FILES.len()];
    let mut i = 0;
    while i < marks.len() {
        marks[i] = mark(FILES[i].name);
        i += 1;
    }
    marks
};

/// Returns the number of a name, from its length and two of its bytes.
pub(super) const fn mark(name: &str) -> u8 {
    let [length, ..] = name.len().to_le_bytes();
    match name.as_bytes() {
        [.., a, _, _, b] => length.wrapping_mul(11) ^ a.wrapping_mul(3) ^ *b,
        _ => 0,
    }
}

/// The rows. An exact name is found before a pattern; of two patterns the first is found. Files of
/// one property are in the order in which they are read.
pub(super) static FILES: &[InterfaceFile] = &[
    // cgroup core.
    file("cgroup.freeze").v2((5, 2)),
    file("cgroup.max.depth").v2((4, 14)),
    file("cgroup.max.descendants").v2((4, 14)),
    file("cgroup.pressure").v2((6, 1)).needs("CONFIG_PSI and psi=1"),
    // cpu. The kernel resets the weight of a cgroup that stops being idle.
    file("cpu.shares")
        .v1(ALWAYS)
        .fields(&[Field::CpuShares])
        .systemd_writes()
        .property(&[("CPUShares", Form::Number)]),
    file("cpu.weight")
        .v2((4, 15))
        .fields(&[Field::CpuShares])
        .systemd_writes()
        .property(&[("CPUWeight", Form::WeightUnlessIdle)]),
    // 40 values of nice stand for 10,000 weights.
    file("cpu.weight.nice")
        .v2((4, 15))
        .fields(&[Field::CpuShares])
        .systemd_resets()
        .changes(&["cpu.weight"]),
    file("cpu.idle")
        .both((5, 15))
        .fields(&[Field::CpuIdle])
        .systemd_writes()
        .property(&[("CPUWeight", Form::WeightUnlessIdle)])
        .changes_from("0", &["cpu.weight", "cpu.shares"]),
    file("cpu.max")
        .v2((4, 15))
        .needs(CFS)
        .fields(&[Field::CpuQuota, Field::CpuPeriod])
        .systemd_writes()
        .property(BANDWIDTH),
    file("cpu.cfs_period_us")
        .v1(ALWAYS)
        .needs(CFS)
        .fields(&[Field::CpuPeriod])
        .systemd_writes()
        .property(BANDWIDTH),
    file("cpu.cfs_quota_us")
        .v1(ALWAYS)
        .needs(CFS)
        .fields(&[Field::CpuQuota])
        .systemd_writes()
        .property(BANDWIDTH),
    file("cpu.cfs_burst_us").v1((5, 14)).needs(CFS).fields(&[Field::CpuBurst]).systemd_writes(),
    file("cpu.max.burst").v2((5, 14)).needs(CFS).fields(&[Field::CpuBurst]).systemd_writes(),
    file("cpu.rt_period_us")
        .v1(ALWAYS)
        .needs(RT)
        .fields(&[Field::CpuRealtimePeriod])
        .systemd_writes(),
    file("cpu.rt_runtime_us")
        .v1(ALWAYS)
        .needs(RT)
        .fields(&[Field::CpuRealtimeRuntime])
        .systemd_writes(),
    file("cpu.uclamp.min").both((5, 4)).needs(UCLAMP).systemd_writes(),
    file("cpu.uclamp.max").both((5, 4)).needs(UCLAMP).systemd_writes(),
    // cpuset. Mounted with noprefix, v1 calls them cpus and mems; those names are not in the table.
    file("cpuset.cpus")
        .v1(ALWAYS)
        .v2((5, 0))
        .fields(&[Field::CpuCpus])
        .systemd_writes()
        .property(&[("AllowedCPUs", Form::Mask)]),
    file("cpuset.mems")
        .v1(ALWAYS)
        .v2((5, 0))
        .fields(&[Field::CpuMems])
        .systemd_writes()
        .property(&[("AllowedMemoryNodes", Form::Mask)]),
    file("cpuset.cpus.exclusive").v2((6, 7)).systemd_writes(),
    file("cpuset.cpus.partition").v2((5, 0)).restore(Restore::Word).systemd_writes(),
    file("cpuset.cpu_exclusive").v1(ALWAYS).systemd_writes(),
    file("cpuset.mem_exclusive").v1(ALWAYS).systemd_writes(),
    file("cpuset.mem_hardwall").v1(ALWAYS).systemd_writes(),
    file("cpuset.memory_migrate").v1(ALWAYS).systemd_writes(),
    file("cpuset.memory_spread_page").v1(ALWAYS).systemd_writes(),
    file("cpuset.memory_spread_slab").v1(ALWAYS).systemd_writes(),
    file("cpuset.sched_load_balance").v1(ALWAYS).systemd_writes(),
    file("cpuset.sched_relax_domain_level").v1(ALWAYS).systemd_writes(),
    // memory, v1.
    file("memory.limit_in_bytes")
        .v1(ALWAYS)
        .fields(&[Field::MemoryLimit])
        .systemd_writes()
        .property(&[("MemoryLimit", Form::V1Bytes)]),
    file("memory.memsw.limit_in_bytes")
        .v1(ALWAYS)
        .needs(SWAP)
        .fields(&[Field::MemorySwap])
        .systemd_writes(),
    file("memory.soft_limit_in_bytes")
        .v1(ALWAYS)
        .needs("a kernel without PREEMPT_RT")
        .fields(&[Field::MemoryReservation])
        .systemd_writes(),
    // Reads as "oom_kill_disable 0" and two fields that cannot be written.
    file("memory.oom_control")
        .v1(ALWAYS)
        .fields(&[Field::MemoryDisableOomKiller])
        .restore(Restore::Field("oom_kill_disable"))
        .systemd_writes(),
    file("memory.swappiness").v1(ALWAYS).fields(&[Field::MemorySwappiness]).systemd_writes(),
    file("memory.use_hierarchy").v1(ALWAYS).systemd_writes(),
    file("memory.move_charge_at_immigrate").v1(ALWAYS).systemd_writes(),
    file("memory.kmem.*limit_in_bytes").v1(ALWAYS).needs("CONFIG_MEMCG_KMEM").systemd_writes(),
    file("memory.force_empty").v1(ALWAYS).command(),
    file("memory.*failcnt").v1(ALWAYS).command(),
    file("memory.*max_usage_in_bytes").v1(ALWAYS).command(),
    // memory, v2.
    file("memory.min").v2((4, 18)).systemd_writes().property(&[("MemoryMin", Form::Bytes)]),
    file("memory.low")
        .v2((4, 5))
        .fields(&[Field::MemoryReservation])
        .systemd_writes()
        .property(&[("MemoryLow", Form::Bytes)]),
    file("memory.high").v2((4, 5)).systemd_writes().property(&[("MemoryHigh", Form::Bytes)]),
    file("memory.max")
        .v2((4, 5))
        .fields(&[Field::MemoryLimit])
        .systemd_writes()
        .property(&[("MemoryMax", Form::Bytes)]),
    file("memory.swap.max")
        .v2((4, 5))
        .needs(SWAP)
        .fields(&[Field::MemorySwap])
        .systemd_writes()
        .property(&[("MemorySwapMax", Form::Bytes)]),
    file("memory.swap.high").v2((5, 8)).needs(SWAP).systemd_writes(),
    file("memory.zswap.max")
        .v2((5, 19))
        .needs(ZSWAP)
        .systemd_writes()
        .property(&[("MemoryZSwapMax", Form::Bytes)]),
    // systemd 256 and later write MemoryZSwapWriteback, which this library does not set.
    file("memory.zswap.writeback").v2((6, 8)).needs(ZSWAP).systemd_resets(),
    // OOMPolicy is only accepted when a unit is created.
    file("memory.oom.group").v2((4, 19)).systemd_resets(),
    file("memory.reclaim").v2((5, 19)).command(),
    file("memory.peak").v2((5, 19)).command(),
    file("memory.swap.peak").v2((6, 5)).needs(SWAP).command(),
    // io. blkio.weight comes before blkio.bfq.weight, io.bfq.weight before io.weight. systemd
    // resets weights that have a property, too: the property is on another scale or lacks devices.
    file("blkio.weight")
        .v1(ALWAYS)
        .until((5, 0))
        .needs(CFQ)
        .fields(&[Field::BlockIoWeight])
        .systemd_writes()
        .property(&[("BlockIOWeight", Form::Weight)]),
    file("blkio.weight_device")
        .v1(ALWAYS)
        .until((5, 0))
        .needs(CFQ)
        .fields(&[Field::BlockIoWeightDevice])
        .lines("0")
        .systemd_writes()
        .property(&[("BlockIODeviceWeight", Form::DeviceWeights)]),
    file("blkio.leaf_weight")
        .v1(ALWAYS)
        .until((5, 0))
        .needs(CFQ)
        .fields(&[Field::BlockIoLeafWeight])
        .systemd_writes(),
    file("blkio.leaf_weight_device")
        .v1(ALWAYS)
        .until((5, 0))
        .needs(CFQ)
        .fields(&[Field::BlockIoWeightDevice])
        .lines("0")
        .systemd_writes(),
    // BFQ's default weight overwrites the weight of every device (bfq_io_set_weight_legacy).
    file("blkio.bfq.weight")
        .v1((4, 12))
        .needs(BFQ)
        .fields(&[Field::BlockIoWeight])
        .restore(Restore::Weight)
        .systemd_resets()
        .property(&[("BlockIOWeight", Form::Weight)])
        .changes_devices_of(&["blkio.bfq.weight_device"]),
    file("blkio.bfq.weight_device")
        .v1((5, 4))
        .needs(BFQ)
        .fields(&[Field::BlockIoWeightDevice])
        .lines("default")
        .systemd_resets()
        .property(&[("BlockIODeviceWeight", Form::DeviceWeights)]),
    file("blkio.throttle.*_device")
        .v1(ALWAYS)
        .needs(THROTTLE)
        .fields(&[Field::BlockIoThrottle])
        .lines("0"),
    file("blkio.prio.class").v1((5, 14)).needs(IOPRIO).systemd_writes(),
    file("blkio.reset_stats").v1(ALWAYS).needs("CONFIG_BLK_CGROUP").command(),
    file("io.bfq.weight")
        .v2((5, 0))
        .needs(BFQ)
        .fields(&[Field::BlockIoWeight, Field::BlockIoWeightDevice])
        .restore(Restore::Weight)
        .systemd_resets()
        .property(&[("IOWeight", Form::BfqWeight), ("IODeviceWeight", Form::BfqDeviceWeights)])
        .changes_devices_of(&["io.bfq.weight"]),
    file("io.weight")
        .v2((4, 5))
        .needs("CONFIG_BLK_CGROUP_IOCOST (since 5.4) or the I/O scheduler CFQ (before 5.0)")
        .fields(&[Field::BlockIoWeight])
        .restore(Restore::Weight)
        .systemd_resets()
        .property(&[("IOWeight", Form::Weight), ("IODeviceWeight", Form::DeviceWeights)]),
    file("io.max").v2((4, 5)).needs(THROTTLE).fields(&[Field::BlockIoThrottle]).lines(MAX),
    // `target=0` removes the target. A device without a target has no line.
    file("io.latency")
        .v2((4, 19))
        .needs("CONFIG_BLK_CGROUP_IOLATENCY")
        .lines("target=0")
        .systemd_writes(),
    file("io.prio.class").v2((5, 14)).needs(IOPRIO).systemd_writes(),
    // pids, hugetlb, rdma, misc, dmem and network.
    file("pids.max")
        .both((4, 3))
        .fields(&[Field::PidsLimit])
        .systemd_writes()
        .property(&[("TasksMax", Form::AtLeastOne)]),
    file("hugetlb.*.rsvd.limit_in_bytes").v1((5, 7)).needs(PAGES).fields(&[Field::HugepageLimits]),
    file("hugetlb.*.limit_in_bytes").v1((3, 6)).needs(PAGES).fields(&[Field::HugepageLimits]),
    file("hugetlb.*.rsvd.max").v2((5, 7)).needs(PAGES).fields(&[Field::HugepageLimits]),
    file("hugetlb.*.max").v2((5, 6)).needs(PAGES).fields(&[Field::HugepageLimits]),
    file("hugetlb.*.failcnt").v1((3, 6)).needs(PAGES).command(),
    file("hugetlb.*.max_usage_in_bytes").v1((3, 6)).needs(PAGES).command(),
    file("rdma.max").both((4, 11)).fields(&[Field::Rdma]).fixed_lines(),
    file("misc.max").both((5, 13)).fixed_lines(),
    file("dmem.max").both((6, 14)).fixed_lines(),
    file("net_cls.classid").v1(ALWAYS).fields(&[Field::NetworkClass]),
    file("net_prio.ifpriomap").v1((3, 3)).fields(&[Field::NetworkPriorities]).fixed_lines(),
    // A write to a pressure file registers a trigger for as long as the file is open.
    file("cpu.pressure").v2((4, 20)).needs(PSI).command(),
    file("io.pressure").v2((4, 20)).needs(PSI).command(),
    file("memory.pressure").v2((4, 20)).needs(PSI).command(),
    file("irq.pressure").v2((6, 1)).needs("CONFIG_IRQ_TIME_ACCOUNTING").command(),
];

/// The unit properties of the rows. A `since` of 0 means every systemd that this library supports.
/// `DeviceAllow` and `DevicePolicy` stand for no file: systemd is asked for them.
pub(super) static PROPERTIES: &[UnitProperty] = &[
    property("CPUShares", Unset::Infinity),
    property("CPUWeight", Unset::Infinity),
    property("CPUQuotaPerSecUSec", Unset::Infinity),
    property("CPUQuotaPeriodUSec", Unset::Infinity).since(242),
    property("AllowedCPUs", Unset::EmptyMask).since(244),
    property("AllowedMemoryNodes", Unset::EmptyMask).since(244),
    property("MemoryLimit", Unset::Infinity),
    property("MemoryMin", Unset::Zero),
    property("MemoryLow", Unset::Zero),
    property("MemoryHigh", Unset::Infinity),
    property("MemoryMax", Unset::Infinity),
    property("MemorySwapMax", Unset::Infinity),
    property("MemoryZSwapMax", Unset::Infinity).since(253),
    // systemd 253 added it to scopes. It sets memory.oom.group.
    property("OOMPolicy", Unset::AtCreation).since(253),
    property("BlockIOWeight", Unset::Infinity),
    property("BlockIODeviceWeight", Unset::NoDevices),
    property("IOWeight", Unset::Infinity),
    property("IODeviceWeight", Unset::NoDevices),
    property("TasksMax", Unset::Infinity),
];
