// SPDX-License-Identifier: Apache-2.0

package katacg

// Bits of [IOStats.Valid].
const (
	// HasIOStatsBytes stands for ReadBytes, WriteBytes.
	HasIOStatsBytes uint64 = 1 << iota
	// HasIOStatsOps stands for ReadOps, WriteOps.
	HasIOStatsOps
	// HasIOStatsDiscardBytes stands for DiscardBytes.
	HasIOStatsDiscardBytes
	// HasIOStatsDiscardOps stands for DiscardOps.
	HasIOStatsDiscardOps
	// HasIOStatsCostUsage stands for CostUsageNs.
	HasIOStatsCostUsage
	// HasIOStatsCostWait stands for CostWaitNs, CostIndebtNs, CostIndelayNs.
	HasIOStatsCostWait
)

// IOStats is the block I/O of one device. In this and the other lists, fields whose bit is not in
// Valid have no meaning, and include/katacg.h describes each field.
type IOStats struct {
	Valid, Major, Minor                                  uint64
	ReadBytes, WriteBytes, ReadOps, WriteOps             uint64
	DiscardBytes, DiscardOps                             uint64
	CostUsageNs, CostWaitNs, CostIndebtNs, CostIndelayNs uint64
}

// Bits of [HugetlbStats.Valid], in the order of its fields.
const (
	HasHugetlbStatsUsage uint64 = 1 << iota
	HasHugetlbStatsPeak
	HasHugetlbStatsLimit
	HasHugetlbStatsFailures
	HasHugetlbStatsReserved
	HasHugetlbStatsReservedPeak
	HasHugetlbStatsReservedLimit
	HasHugetlbStatsReservedFailures
)

// HugetlbStats are the huge pages of one size. Failures and ReservedFailures are counts, the other
// numbers are in bytes. A limit that is not set is [StatsMax].
type HugetlbStats struct {
	Valid uint64
	// Size is the page size as the kernel spells it, such as 2MB. PageSize is the size in bytes.
	Size                                                    string
	PageSize                                                uint64
	Usage, Peak, Limit, Failures                            uint64
	Reserved, ReservedPeak, ReservedLimit, ReservedFailures uint64
}

// Bits of [ResourceStats.Valid], in the order of its fields.
const (
	HasResourceStatsCurrent uint64 = 1 << iota
	HasResourceStatsPeak
	HasResourceStatsLimit
	HasResourceStatsEvents
)

// ResourceStats are the numbers of one resource of the controllers rdma, misc or dmem. Those of dmem
// are in bytes. A limit that is not set is [StatsMax].
type ResourceStats struct {
	Valid uint64
	// Controller is "rdma", "misc" or "dmem".
	Controller string
	// Name is the device of rdma, the resource of misc, or dmem's region of device memory.
	Name string
	// Resource is rdma's object, hca_handle or hca_object; "" for misc and dmem.
	Resource                     string
	Current, Peak, Limit, Events uint64
}

// Bits of [CPUStats.Valid].
const (
	HasCPUStatsUsage uint64 = 1 << iota
	// HasCPUStatsTimes stands for UserNs, SystemNs.
	HasCPUStatsTimes
)

// CPUStats is the CPU time on one processor, in nanoseconds.
type CPUStats struct {
	Valid, CPU, UsageNs, UserNs, SystemNs uint64
}

// Bits of [NUMAStats.Valid]. v1 has the first three.
const (
	HasNUMAStatsAnon uint64 = 1 << iota
	HasNUMAStatsFile
	HasNUMAStatsUnevictable
	HasNUMAStatsKernelStack
	HasNUMAStatsPagetables
	HasNUMAStatsShmem
	HasNUMAStatsFileMapped
	// HasNUMAStatsFileDirty stands for FileDirty, FileWriteback.
	HasNUMAStatsFileDirty
	// HasNUMAStatsLRU stands for InactiveAnon, ActiveAnon, InactiveFile, ActiveFile.
	HasNUMAStatsLRU
	// HasNUMAStatsSlab stands for SlabReclaimable, SlabUnreclaimable.
	HasNUMAStatsSlab
)

// NUMAStats is the memory on one NUMA node, in bytes.
type NUMAStats struct {
	Valid, Node                                        uint64
	Anon, File, Unevictable, KernelStack               uint64
	Pagetables, Shmem                                  uint64
	FileMapped, FileDirty, FileWriteback               uint64
	InactiveAnon, ActiveAnon, InactiveFile, ActiveFile uint64
	SlabReclaimable, SlabUnreclaimable                 uint64
}

// KeyedValue is one value of a file.
type KeyedValue struct {
	// IsNumber tells whether Text is a number or "max".
	IsNumber bool
	// Name is the device or other first word of a line with several values. It is "" in files of one
	// value, and in files of lines with a key and a value.
	Name string
	// Key is "" in files of one value. Text is the value as the kernel writes it.
	Key, Text string
	// Value is the number of Text; [StatsMax] for "max".
	Value uint64
}

// statsList calls a function that lists statistics with the manager's handle.
func statsList[T any](m *Manager, op string, call func(string, managerHandle) ([]T, error)) ([]T, error) {
	handle, err := m.own().acquire(op)
	if err != nil {
		return nil, err
	}
	defer m.guarded.release()
	return call(op, handle)
}

// IOStats lists the block I/O by device. It fails with [ErrController] if the cgroup has no io or
// blkio controller. The other lists fail in the same way without their controllers.
func (m *Manager) IOStats() ([]IOStats, error) {
	return statsList(m, "Manager.IOStats", managerIOStats)
}

// HugetlbStats lists huge pages by page size.
func (m *Manager) HugetlbStats() ([]HugetlbStats, error) {
	return statsList(m, "Manager.HugetlbStats", managerHugetlbStats)
}

// ResourceStats lists the resources of rdma by device and object, of misc by resource, and of dmem
// by region of device memory.
func (m *Manager) ResourceStats() ([]ResourceStats, error) {
	return statsList(m, "Manager.ResourceStats", managerResourceStats)
}

// CPUStats lists CPU time by processor, which only v1 counts.
func (m *Manager) CPUStats() ([]CPUStats, error) {
	return statsList(m, "Manager.CPUStats", managerCPUStats)
}

// NUMAStats lists memory by NUMA node.
func (m *Manager) NUMAStats() ([]NUMAStats, error) {
	return statsList(m, "Manager.NUMAStats", managerNUMAStats)
}

// ReadKeyed lists every value of one file by name, even of keys that this package does not know.
// The argument subsystem is as for [Manager.Path].
func (m *Manager) ReadKeyed(subsystem, file string) ([]KeyedValue, error) {
	return statsList(m, "Manager.ReadKeyed", func(op string, h managerHandle) ([]KeyedValue, error) {
		return managerReadKeyed(op, h, subsystem, file)
	})
}
