// SPDX-License-Identifier: Apache-2.0

package katacg

// Bits of [IOStats.Valid]. DiscardBytes and DiscardOps have a bit each.
const (
	HasIOStatsBytes uint64 = 1 << iota
	HasIOStatsOps
	HasIOStatsDiscardBytes
	HasIOStatsDiscardOps
	// HasIOStatsCostUsage stands for CostUsageNs.
	HasIOStatsCostUsage
	// HasIOStatsCostWait stands for CostWaitNs, CostIndebtNs, CostIndelayNs.
	HasIOStatsCostWait
)

// IOStats is the block I/O of one device. Fields whose bit is not in Valid are 0 and say nothing, as
// in all lists.
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

// HugetlbStats are the huge pages of one size, in bytes. A limit that is not set is [StatsMax].
type HugetlbStats struct {
	Valid uint64
	// Size is the size as the kernel spells it, such as 2MB, and PageSize in bytes.
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

// ResourceStats is a resource of the controllers rdma, misc or dmem.
type ResourceStats struct {
	Valid uint64
	// Controller is "rdma", "misc" or "dmem".
	Controller string
	// Name is the RDMA device, the resource of misc, or the region of device memory.
	Name string
	// Resource is RDMA's object, hca_handle or hca_object; "" for the others.
	Resource                     string
	Current, Peak, Limit, Events uint64
}

// Bits of [CPUStats.Valid].
const (
	HasCPUStatsUsage uint64 = 1 << iota
	// HasCPUStatsTimes stands for UserNs, SystemNs.
	HasCPUStatsTimes
)

// CPUStats is the CPU time on one processor.
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

// NUMAStats is the memory on one node, in bytes.
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
	// IsNumber tells whether Value is the number of Text; max is [StatsMax].
	IsNumber bool
	// Name is the device, or the first word of the line; "" in files of a key and a value.
	Name string
	// Key is "" in files of one value.
	Key, Text string
	Value     uint64
}

// statsList calls a function of a list with the manager's handle.
func statsList[T any](m *Manager, op string, call func(string, managerHandle) ([]T, error)) ([]T, error) {
	handle, err := m.own().acquire(op)
	if err != nil {
		return nil, err
	}
	defer m.guarded.release()
	return call(op, handle)
}

// IOStats lists the block I/O by device. It fails with [ErrController] when the cgroup has no io or
// blkio controller, and the other lists do so likewise.
func (m *Manager) IOStats() ([]IOStats, error) {
	return statsList(m, "Manager.IOStats", managerIOStats)
}

// HugetlbStats lists huge pages by page size.
func (m *Manager) HugetlbStats() ([]HugetlbStats, error) {
	return statsList(m, "Manager.HugetlbStats", managerHugetlbStats)
}

// ResourceStats lists RDMA by device and object, miscellaneous by resource, and device memory by
// region.
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

// ReadKeyed lists every value of one file by name, also of keys that this package does not know.
// Subsystem is as for [Manager.Path].
func (m *Manager) ReadKeyed(subsystem, file string) ([]KeyedValue, error) {
	return statsList(m, "Manager.ReadKeyed", func(op string, h managerHandle) ([]KeyedValue, error) {
		return managerReadKeyed(op, h, subsystem, file)
	})
}
