// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"runtime"
	"sync"
)

// StatsControllers is a set of controllers whose statistics [Manager.Stats] reads. 0 means all.
type StatsControllers uint64

// The controllers of statistics, to be combined with |. RDMA and misc have no field in [Stats]:
// [Manager.ResourceStats] lists their numbers.
const (
	StatsCPU      StatsControllers = 1
	StatsMemory   StatsControllers = 2
	StatsPids     StatsControllers = 4
	StatsIO       StatsControllers = 8
	StatsHugetlb  StatsControllers = 16
	StatsRDMA     StatsControllers = 32
	StatsMisc     StatsControllers = 64
	StatsPressure StatsControllers = 128
	StatsCgroup   StatsControllers = 256
	// StatsBrief, combined with controllers, reads only the file of the usage for each of CPU, memory,
	// processes and block I/O.
	StatsBrief StatsControllers = 1 << 32
)

// StatsMax is the value of a limit that is not set.
const StatsMax = ^uint64(0)

// StatsValid is a set of bits that tell which fields of [Stats] were read.
type StatsValid uint64

// The bits of StatsValid. A bit is set if all of its fields were read.
const (
	// HasCPUUsage stands for CPUUsageNs.
	HasCPUUsage StatsValid = 1 << iota
	// HasCPUTimes stands for CPUUserNs, CPUSystemNs.
	HasCPUTimes
	// HasCPUNice stands for CPUNiceNs.
	HasCPUNice
	// HasCPUThrottling stands for CPUPeriods, CPUThrottledPeriods, CPUThrottledNs.
	HasCPUThrottling
	// HasCPUBurst stands for CPUBursts, CPUBurstNs.
	HasCPUBurst
	// HasCPULocal stands for CPUThrottledLocalNs.
	HasCPULocal
	// HasMemoryUsage stands for MemoryUsage.
	HasMemoryUsage
	// HasMemoryPeak stands for MemoryPeak.
	HasMemoryPeak
	// HasMemoryLimit stands for MemoryLimit.
	HasMemoryLimit
	// HasMemoryReservation stands for MemoryReservation.
	HasMemoryReservation
	// HasMemoryFailcnt stands for MemoryFailcnt.
	HasMemoryFailcnt
	// HasWorkingSet stands for MemoryWorkingSet.
	HasWorkingSet
	// HasSwapUsage stands for SwapUsage.
	HasSwapUsage
	// HasSwapPeak stands for SwapPeak.
	HasSwapPeak
	// HasSwapLimit stands for SwapLimit.
	HasSwapLimit
	// HasMemsw stands for MemswUsage, MemswPeak, MemswLimit, MemswFailcnt.
	HasMemsw
	// HasKernel stands for MemoryKernel.
	HasKernel
	// HasKernelLimit stands for MemoryKernelPeak, MemoryKernelLimit, MemoryKernelFailcnt.
	HasKernelLimit
	// HasKernelTCP stands for MemoryKernelTCP, MemoryKernelTCPPeak, MemoryKernelTCPLimit,
	// MemoryKernelTCPFailcnt.
	HasKernelTCP
	// HasAnon stands for MemoryAnon.
	HasAnon
	// HasFile stands for MemoryFile.
	HasFile
	// HasShmem stands for MemoryShmem.
	HasShmem
	// HasFileMapped stands for MemoryFileMapped.
	HasFileMapped
	// HasFileDirty stands for MemoryFileDirty, MemoryFileWriteback.
	HasFileDirty
	// HasLRU stands for MemoryInactiveAnon, MemoryActiveAnon, MemoryInactiveFile, MemoryActiveFile,
	// MemoryUnevictable.
	HasLRU
	// HasSlab stands for MemorySlabReclaimable, MemorySlabUnreclaimable.
	HasSlab
	// HasKernelStack stands for MemoryKernelStack.
	HasKernelStack
	// HasPagetables stands for MemoryPagetables.
	HasPagetables
	// HasPercpu stands for MemoryPercpu.
	HasPercpu
	// HasSock stands for MemorySock.
	HasSock
	// HasFaults stands for MemoryPgfault, MemoryPgmajfault.
	HasFaults
	// HasMemoryEvents stands for MemoryEventsLow, MemoryEventsHigh, MemoryEventsMax, MemoryEventsOOM.
	HasMemoryEvents
	// HasOOMKills stands for MemoryEventsOOMKill.
	HasOOMKills
	// HasOOMGroupKills stands for MemoryEventsOOMGroupKill.
	HasOOMGroupKills
	// HasSockThrottled stands for MemoryEventsSockThrottled.
	HasSockThrottled
	// HasMemoryEventsLocal stands for MemoryEventsLocalLow, MemoryEventsLocalHigh,
	// MemoryEventsLocalMax, MemoryEventsLocalOOM.
	HasMemoryEventsLocal
	// HasOOMKillsLocal stands for MemoryEventsLocalOOMKill.
	HasOOMKillsLocal
	// HasOOMGroupKillsLocal stands for MemoryEventsLocalOOMGroupKill.
	HasOOMGroupKillsLocal
	// HasPidsCurrent stands for PidsCurrent.
	HasPidsCurrent
	// HasPidsLimit stands for PidsLimit.
	HasPidsLimit
	// HasPidsPeak stands for PidsPeak.
	HasPidsPeak
	// HasPidsEvents stands for PidsEventsMax.
	HasPidsEvents
	// HasIOBytes stands for IOReadBytes, IOWriteBytes.
	HasIOBytes
	// HasIOOps stands for IOReadOps, IOWriteOps.
	HasIOOps
	// HasIODiscard stands for IODiscardBytes, IODiscardOps.
	HasIODiscard
	// HasHugetlbUsage stands for HugetlbUsage.
	HasHugetlbUsage
	// HasHugetlbFailures stands for HugetlbFailures.
	HasHugetlbFailures
	// HasDescendants stands for Descendants, DyingDescendants.
	HasDescendants
	// HasFrozenTime stands for FrozenNs.
	HasFrozenTime
	// HasState stands for IsPopulated, IsFrozen.
	HasState
	// HasCPUSome stands for CPUSome.
	HasCPUSome
	// HasCPUFull stands for CPUFull.
	HasCPUFull
	// HasMemoryPressure stands for MemorySome, MemoryFull.
	HasMemoryPressure
	// HasIOPressure stands for IOSome, IOFull.
	HasIOPressure
	// HasIRQPressure stands for IRQFull.
	HasIRQPressure
)

// Pressure tells for how long processes waited for a resource. Avg10, Avg60 and Avg300 are shares of
// the last 10, 60 and 300 seconds, in hundredths of a percent. TotalNs is the time of waiting since
// the cgroup was made, in nanoseconds.
type Pressure struct {
	Avg10, Avg60, Avg300, TotalNs uint64
}

// Stats are the statistics of a cgroup. A field whose bit is not in Valid has no meaning. A limit
// that is not set is [StatsMax]. Memory is in bytes. include/katacg.h describes each field, and
// docs/kernel-features.md names the file behind it.
type Stats struct {
	// Valid is the Has bits of the fields that were read.
	Valid StatsValid
	// Missing is the controllers that the caller asked for and of which no file could be read, for
	// instance because the cgroup does not have the controller.
	Missing StatsControllers

	CPUUsageNs                    uint64
	CPUUserNs                     uint64
	CPUSystemNs                   uint64
	CPUNiceNs                     uint64
	CPUPeriods                    uint64
	CPUThrottledPeriods           uint64
	CPUThrottledNs                uint64
	CPUBursts                     uint64
	CPUBurstNs                    uint64
	CPUThrottledLocalNs           uint64
	MemoryUsage                   uint64
	MemoryPeak                    uint64
	MemoryLimit                   uint64
	MemoryReservation             uint64
	MemoryFailcnt                 uint64
	MemoryWorkingSet              uint64
	SwapUsage                     uint64
	SwapPeak                      uint64
	SwapLimit                     uint64
	MemswUsage                    uint64
	MemswPeak                     uint64
	MemswLimit                    uint64
	MemswFailcnt                  uint64
	MemoryKernel                  uint64
	MemoryKernelPeak              uint64
	MemoryKernelLimit             uint64
	MemoryKernelFailcnt           uint64
	MemoryKernelTCP               uint64
	MemoryKernelTCPPeak           uint64
	MemoryKernelTCPLimit          uint64
	MemoryKernelTCPFailcnt        uint64
	MemoryAnon                    uint64
	MemoryFile                    uint64
	MemoryShmem                   uint64
	MemoryFileMapped              uint64
	MemoryFileDirty               uint64
	MemoryFileWriteback           uint64
	MemoryInactiveAnon            uint64
	MemoryActiveAnon              uint64
	MemoryInactiveFile            uint64
	MemoryActiveFile              uint64
	MemoryUnevictable             uint64
	MemorySlabReclaimable         uint64
	MemorySlabUnreclaimable       uint64
	MemoryKernelStack             uint64
	MemoryPagetables              uint64
	MemoryPercpu                  uint64
	MemorySock                    uint64
	MemoryPgfault                 uint64
	MemoryPgmajfault              uint64
	MemoryEventsLow               uint64
	MemoryEventsHigh              uint64
	MemoryEventsMax               uint64
	MemoryEventsOOM               uint64
	MemoryEventsOOMKill           uint64
	MemoryEventsOOMGroupKill      uint64
	MemoryEventsSockThrottled     uint64
	MemoryEventsLocalLow          uint64
	MemoryEventsLocalHigh         uint64
	MemoryEventsLocalMax          uint64
	MemoryEventsLocalOOM          uint64
	MemoryEventsLocalOOMKill      uint64
	MemoryEventsLocalOOMGroupKill uint64
	PidsCurrent                   uint64
	PidsLimit                     uint64
	PidsPeak                      uint64
	PidsEventsMax                 uint64
	IOReadBytes                   uint64
	IOWriteBytes                  uint64
	IOReadOps                     uint64
	IOWriteOps                    uint64
	IODiscardBytes                uint64
	IODiscardOps                  uint64
	HugetlbUsage                  uint64
	HugetlbFailures               uint64
	Descendants                   uint64
	DyingDescendants              uint64
	FrozenNs                      uint64
	IsPopulated                   uint64
	IsFrozen                      uint64
	CPUSome                       Pressure
	CPUFull                       Pressure
	MemorySome                    Pressure
	MemoryFull                    Pressure
	IOSome                        Pressure
	IOFull                        Pressure
	IRQFull                       Pressure
}

// Has reports whether all these bits are in Valid.
func (s *Stats) Has(bits StatsValid) bool { return s.Valid&bits == bits }

// Stats reads the statistics of the cgroup. A controller that the cgroup does not have is in
// [Stats.Missing], and is no error. Stats fails with [ErrDeleted] if the cgroup does not exist.
func (m *Manager) Stats(controllers StatsControllers) (Stats, error) {
	const op = "Manager.Stats"
	handle, err := m.own().acquire(op)
	if err != nil {
		return Stats{}, err
	}
	defer m.guarded.release()
	return managerStats(op, handle, controllers)
}

// StatsJSON returns the statistics as JSON in the shape of the member "data" of `runc events
// --stats`, which decodes into runc's types.Stats. Numbers that could not be read are left out.
func (m *Manager) StatsJSON(controllers StatsControllers) ([]byte, error) {
	const op = "Manager.StatsJSON"
	handle, err := m.own().acquire(op)
	if err != nil {
		return nil, err
	}
	defer m.guarded.release()
	return managerStatsJSON(op, handle, controllers)
}

// StatsReader reads the statistics of one cgroup again and again, through files that stay open.
type StatsReader struct {
	mutex   sync.Mutex
	guarded guarded[readerHandle]
}

// OpenStats opens the files of the statistics; [StatsReader.Close] closes them. OpenStats fails with
// [ErrDeleted] if the cgroup does not exist.
func (m *Manager) OpenStats(controllers StatsControllers) (*StatsReader, error) {
	const op = "Manager.OpenStats"
	handle, err := m.own().acquire(op)
	if err != nil {
		return nil, err
	}
	defer m.guarded.release()
	opened, err := readerOpen(op, handle, controllers)
	if err != nil {
		return nil, err
	}
	r := &StatsReader{guarded: guarded[readerHandle]{handle: opened}}
	r.guarded.cleanup = runtime.AddCleanup(r, readerFree, opened)
	return r, nil
}

func (r *StatsReader) own() *guarded[readerHandle] {
	if r == nil {
		return nil
	}
	return &r.guarded
}

// Read reads the statistics into out, with one system call for each file. Again is true if the files
// were opened anew, so that counts may start from 0 again: the cgroup was removed and made again, a
// v2 controller or pressure was turned off or on, or the v1 file of I/O no longer names a device.
// Read fails with [ErrDeleted] and ENODEV while the cgroup does not exist.
func (r *StatsReader) Read(out *Stats) (again bool, err error) {
	const op = "StatsReader.Read"
	if out == nil {
		return false, argumentError(op, "out is nil")
	}
	handle, err := r.own().acquire(op)
	if err != nil {
		return false, err
	}
	defer r.guarded.release()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return readerRead(op, handle, out)
}

// Close closes the files. It always returns nil and may be called more than once.
func (r *StatsReader) Close() error {
	r.own().close(readerFree)
	return nil
}
