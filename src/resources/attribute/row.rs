// SPDX-License-Identifier: Apache-2.0

//! The columns of the table of interface files.

use oci_spec::runtime::LinuxResources;

use super::super::oci::set;

/// A kernel version, as `(major, minor)`.
pub type Kernel = (u16, u16);

/// In every kernel that this library supports.
pub const ALWAYS: Kernel = (0, 0);

/// One interface file, or a family of them: one row of the table.
#[derive(Clone, Copy, Debug)]
pub struct InterfaceFile {
    /// The file's name. One `*` stands for any text: `hugetlb.*.max`.
    pub name: &'static str,
    /// The first kernel that has the file on v1; None when v1 has no such file.
    pub v1: Option<Kernel>,
    /// The first kernel that has the file on v2; None when v2 has no such file.
    pub v2: Option<Kernel>,
    /// The first kernel that no longer has the file.
    pub until: Option<Kernel>,
    /// Why a kernel of the right version can lack the file: a build option, a device, a scheduler.
    pub needs: Option<&'static str>,
    /// The OCI fields that set the file's value.
    pub fields: &'static [Field],
    /// How the old value is written back.
    pub restore: Restore,
    /// Whether systemd writes the file.
    pub systemd: Systemd,
    /// The unit properties that can be read from the file: the property's name and the file's form.
    pub properties: &'static [(&'static str, Form)],
    /// Other values that the kernel changes when the file is written.
    pub side_effect: Option<SideEffect>,
}

/// Unit properties and the form in which a file holds them.
pub(super) type Properties = &'static [(&'static str, Form)];

/// How the old value of a file is written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// The file holds one value and accepts the text that it returns.
    Value,
    /// The file holds one line for each key, and a write changes one key. `empty` follows the key
    /// when the key had no line; None when no text means "no limit".
    Line {
        /// What removes the key's line.
        empty: Option<&'static str>,
    },
    /// The file holds a default weight and lines for devices.
    Weight,
    /// The file has several fields and a write changes this one.
    Field(&'static str),
    /// The file takes one word. The kernel adds `invalid` and the reason while the word cannot be
    /// in force.
    Word,
    /// The file takes commands or resets a counter; it holds no value to write back.
    Never,
}

/// What systemd does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Systemd {
    /// systemd never writes the file.
    Ignores,
    /// systemd may write the file when a property changes, so its old value is read before that.
    Writes,
    /// As [`Systemd::Writes`], and no property keeps the file's exact value: it is written again
    /// after each change of a property.
    Resets,
}

/// How a unit property is read from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A number, or `max`.
    Number,
    /// A number, or `max`, of at least 1.
    AtLeastOne,
    /// A size in bytes, or `max`.
    Bytes,
    /// A size in bytes; v1 writes "no limit" as the largest multiple of the page size.
    V1Bytes,
    /// A weight, with or without `default` before it; lines of devices may follow.
    Weight,
    /// As [`Form::Weight`], on BFQ's scale.
    BfqWeight,
    /// Lines `MAJOR:MINOR WEIGHT`.
    DeviceWeights,
    /// As [`Form::DeviceWeights`], on BFQ's scale.
    BfqDeviceWeights,
    /// A list of CPUs or memory nodes, as a bit mask.
    Mask,
    /// Quota and period, which v1 has in two files: resources/property_from_file.rs reads them.
    Bandwidth,
    /// A weight, unless the cgroup is idle: resources/property_from_file.rs reads it.
    WeightUnlessIdle,
}

/// Other values that the kernel changes when a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideEffect {
    /// The files whose values change.
    pub files: &'static [&'static str],
    /// The kernel changes them only when the written file holds this value before the write.
    pub only_from: Option<&'static str>,
    /// True when the lines of devices change. They are written back right after the write, because
    /// the caller set the default weight alone. False when whole files change, which are written
    /// back when the call fails.
    pub device_lines: bool,
}

/// A unit property that stands for interface files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitProperty {
    /// The name in org.freedesktop.systemd1(5).
    pub name: &'static str,
    /// The first systemd version in which scopes and slices have the property.
    pub since: u32,
    /// The value of a property that was never set.
    pub unset: Unset,
}

/// The value of a property that was never set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// `t` 18446744073709551615
    Infinity,
    /// `t` 0
    Zero,
    /// `ay` []
    EmptyMask,
    /// `a(st)` []
    NoDevices,
    /// The property is only given when a unit is created.
    AtCreation,
}

/// A field of OCI resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `cpu.shares`
    CpuShares,
    /// `cpu.quota`
    CpuQuota,
    /// `cpu.period`
    CpuPeriod,
    /// `cpu.burst`
    CpuBurst,
    /// `cpu.idle`
    CpuIdle,
    /// `cpu.realtimeRuntime`
    CpuRealtimeRuntime,
    /// `cpu.realtimePeriod`
    CpuRealtimePeriod,
    /// `cpu.cpus`
    CpuCpus,
    /// `cpu.mems`
    CpuMems,
    /// `memory.limit`
    MemoryLimit,
    /// `memory.swap`
    MemorySwap,
    /// `memory.reservation`
    MemoryReservation,
    /// `memory.disableOOMKiller`
    MemoryDisableOomKiller,
    /// `memory.swappiness`
    MemorySwappiness,
    /// `pids.limit`
    PidsLimit,
    /// `blockIO.weight`
    BlockIoWeight,
    /// `blockIO.leafWeight`
    BlockIoLeafWeight,
    /// `blockIO.weightDevice`
    BlockIoWeightDevice,
    /// `blockIO.throttle*Device`
    BlockIoThrottle,
    /// `hugepageLimits`
    HugepageLimits,
    /// `rdma`
    Rdma,
    /// `network.classID`
    NetworkClass,
    /// `network.priorities`
    NetworkPriorities,
}

impl Field {
    /// Returns whether the resources set the field. An empty list of CPUs or memory nodes does not
    /// count, nor does 0 where 0 means "unset".
    pub(in crate::resources) fn is_set(self, r: &LinuxResources) -> bool {
        let (cpu, memory) = (r.cpu().as_ref(), r.memory().as_ref());
        let (io, network) = (r.block_io().as_ref(), r.network().as_ref());
        let list = |list: &Option<String>| list.as_ref().is_some_and(|list| !list.is_empty());
        match self {
            Field::CpuShares => cpu.is_some_and(|c| set(c.shares()).is_some()),
            Field::CpuQuota => cpu.is_some_and(|c| set(c.quota()).is_some()),
            Field::CpuPeriod => cpu.is_some_and(|c| set(c.period()).is_some()),
            Field::CpuBurst => cpu.is_some_and(|c| c.burst().is_some()),
            Field::CpuIdle => cpu.is_some_and(|c| c.idle().is_some()),
            Field::CpuRealtimeRuntime => cpu.is_some_and(|c| set(c.realtime_runtime()).is_some()),
            Field::CpuRealtimePeriod => cpu.is_some_and(|c| set(c.realtime_period()).is_some()),
            Field::CpuCpus => cpu.is_some_and(|c| list(c.cpus())),
            Field::CpuMems => cpu.is_some_and(|c| list(c.mems())),
            Field::MemoryLimit => memory.is_some_and(|m| set(m.limit()).is_some()),
            Field::MemorySwap => memory.is_some_and(|m| set(m.swap()).is_some()),
            Field::MemoryReservation => memory.is_some_and(|m| set(m.reservation()).is_some()),
            Field::MemoryDisableOomKiller => {
                memory.is_some_and(|m| m.disable_oom_killer().is_some())
            }
            Field::MemorySwappiness => memory.is_some_and(|m| m.swappiness().is_some()),
            Field::PidsLimit => r.pids().is_some(),
            Field::BlockIoWeight => io.is_some_and(|io| set(io.weight()).is_some()),
            Field::BlockIoLeafWeight => io.is_some_and(|io| set(io.leaf_weight()).is_some()),
            Field::BlockIoWeightDevice => io.is_some_and(|io| io.weight_device().is_some()),
            Field::BlockIoThrottle => io.is_some_and(|io| {
                io.throttle_read_bps_device().is_some()
                    || io.throttle_write_bps_device().is_some()
                    || io.throttle_read_iops_device().is_some()
                    || io.throttle_write_iops_device().is_some()
            }),
            Field::HugepageLimits => r.hugepage_limits().is_some(),
            Field::Rdma => r.rdma().is_some(),
            Field::NetworkClass => network.is_some_and(|n| set(n.class_id()).is_some()),
            Field::NetworkPriorities => network.is_some_and(|n| n.priorities().is_some()),
        }
    }
}

/// A file with one value that systemd never writes; the methods below change columns.
pub(super) const fn file(name: &'static str) -> InterfaceFile {
    InterfaceFile {
        name,
        v1: None,
        v2: None,
        until: None,
        needs: None,
        fields: &[],
        restore: Restore::Value,
        systemd: Systemd::Ignores,
        properties: &[],
        side_effect: None,
    }
}

impl InterfaceFile {
    pub(super) const fn v1(mut self, since: Kernel) -> Self {
        self.v1 = Some(since);
        self
    }

    pub(super) const fn v2(mut self, since: Kernel) -> Self {
        self.v2 = Some(since);
        self
    }

    pub(super) const fn both(self, since: Kernel) -> Self {
        self.v1(since).v2(since)
    }

    pub(super) const fn until(mut self, kernel: Kernel) -> Self {
        self.until = Some(kernel);
        self
    }

    pub(super) const fn needs(mut self, reason: &'static str) -> Self {
        self.needs = Some(reason);
        self
    }

    pub(super) const fn fields(mut self, fields: &'static [Field]) -> Self {
        self.fields = fields;
        self
    }

    pub(super) const fn restore(mut self, restore: Restore) -> Self {
        self.restore = restore;
        self
    }

    /// One line for each key; `empty` removes a line.
    pub(super) const fn lines(self, empty: &'static str) -> Self {
        self.restore(Restore::Line { empty: Some(empty) })
    }

    /// One line for each key, and no text removes a line.
    pub(super) const fn fixed_lines(self) -> Self {
        self.restore(Restore::Line { empty: None })
    }

    pub(super) const fn command(self) -> Self {
        self.restore(Restore::Never)
    }

    pub(super) const fn systemd_writes(mut self) -> Self {
        self.systemd = Systemd::Writes;
        self
    }

    pub(super) const fn systemd_resets(mut self) -> Self {
        self.systemd = Systemd::Resets;
        self
    }

    pub(super) const fn property(mut self, properties: Properties) -> Self {
        self.properties = properties;
        self
    }

    pub(super) const fn changes(mut self, files: &'static [&'static str]) -> Self {
        self.side_effect = Some(SideEffect { files, only_from: None, device_lines: false });
        self
    }

    pub(super) const fn changes_from(
        mut self,
        value: &'static str,
        files: &'static [&'static str],
    ) -> Self {
        self.side_effect = Some(SideEffect { files, only_from: Some(value), device_lines: false });
        self
    }

    pub(super) const fn changes_devices_of(mut self, files: &'static [&'static str]) -> Self {
        self.side_effect = Some(SideEffect { files, only_from: None, device_lines: true });
        self
    }
}

/// A property that every supported systemd has.
pub(super) const fn property(name: &'static str, unset: Unset) -> UnitProperty {
    UnitProperty { name, since: 0, unset }
}

impl UnitProperty {
    pub(super) const fn since(mut self, version: u32) -> Self {
        self.since = version;
        self
    }
}
