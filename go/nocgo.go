// SPDX-License-Identifier: Apache-2.0

//go:build !cgo || !linux

package katacg

import (
	"os"
	"syscall"
)

// The handles are empty because every function that would make one fails.
type (
	hostHandle    struct{}
	managerHandle struct{}
	attachHandle  struct{}
	readerHandle  struct{}
	eventsHandle  struct{}
)

func noCgo(op string) error {
	return &Error{
		Op: op, Code: CodeNoCgo, Errno: syscall.ENOSYS, Message: op + ": " + ErrNoCgo.Error(),
	}
}

func version() string { return "" }

func apiLevel() int { return 0 }

func isSystemd(op, _ string, _ bool) (bool, error) { return false, noCgo(op) }

func pathText(op string, _ pathFunc, _ string, _ PathFlags) (string, error) { return "", noCgo(op) }

func subsystemPath(op, _, _, _ string) (string, error) { return "", noCgo(op) }

func v1Mountpoint(op string) (string, error) { return "", noCgo(op) }

func parseV1Mountpoint(op string, _ []byte) (string, error) { return "", noCgo(op) }

func subsystems(op, _ string, _ SubsystemSet) (string, error) { return "", noCgo(op) }

func cpuValidate(op string, _ []byte) ([]byte, error) { return nil, noCgo(op) }

func cpuAggregate(op string, _ []byte, _ CPUFlags) ([]byte, error) { return nil, noCgo(op) }

func hostOpen(op string) (hostHandle, error) { return hostHandle{}, noCgo(op) }

func hostParse(op string, _, _ []byte) (hostHandle, error) { return hostHandle{}, noCgo(op) }

func hostFree(hostHandle) {}

func hostLayout(op string, _ hostHandle) (Layout, error) { return 0, noCgo(op) }

func hostIsRootless(op string, _ hostHandle) (bool, error) { return false, noCgo(op) }

func hostText(op string, _ hostFunc, _ hostHandle, _ string) (string, error) {
	return "", noCgo(op)
}

func managerNew(
	op string, _ howNew, _ hostHandle, _ []byte, _ *ManagerOptions, _ int32,
) (managerHandle, error) {
	return managerHandle{}, noCgo(op)
}

func managerLoad(op string, _ hostHandle, _ []byte) (managerHandle, error) {
	return managerHandle{}, noCgo(op)
}

func cgroupNew(op string, _ hostHandle, _ []string, _ string, _ []byte) (managerHandle, error) {
	return managerHandle{}, noCgo(op)
}

func cgroupLoad(op string, _ hostHandle, _ []string, _ string) (managerHandle, error) {
	return managerHandle{}, noCgo(op)
}

func managerFree(managerHandle) {}

func managerApply(op string, _ managerHandle, _ int32, _ ApplyFlags) (int, error) {
	return 0, noCgo(op)
}

func managerSet(op string, _ managerHandle, _ []byte) error { return noCgo(op) }

func managerPlan(op string, _ managerHandle, _ []byte, _ PlanFlags) (string, error) {
	return "", noCgo(op)
}

func managerText(op string, _ managerFunc, _ managerHandle) ([]byte, error) {
	return nil, noCgo(op)
}

func managerDevice(op string, _ managerHandle, _ bool, _, _ string) error { return noCgo(op) }

func deviceRules(op string, _ DeviceSet) ([]byte, error) { return nil, noCgo(op) }

func deviceCheck(op string, _ []byte, _, _ string) (bool, error) { return false, noCgo(op) }

func managerLog(op string, _ managerHandle, _ int32) error { return noCgo(op) }

func managerPath(op string, _ managerHandle, _ string) (string, error) { return "", noCgo(op) }

func managerAdd(op string, _ managerHandle, _ []int32, _ AddOptions) error { return noCgo(op) }

func managerList(op string, _ listFunc, _ managerHandle) ([]int, error) { return nil, noCgo(op) }

func managerMoveTo(op string, _, _ managerHandle) (int, error) { return 0, noCgo(op) }

func managerParent(op string, _ managerHandle) (managerHandle, error) {
	return managerHandle{}, noCgo(op)
}

func managerFreeze(op string, _ managerHandle, _ uint32) error { return noCgo(op) }

func managerThaw(op string, _ managerHandle) error { return noCgo(op) }

func managerFreezerState(op string, _ managerHandle) (FreezerState, error) { return 0, noCgo(op) }

func managerKill(op string, _ managerHandle, _ int32) error { return noCgo(op) }

func managerOOMKills(op string, _ managerHandle) (uint64, error) { return 0, noCgo(op) }

func attachOpen(op string, _ managerHandle, _ AttachFlags) (attachHandle, error) {
	return attachHandle{}, noCgo(op)
}

func attachSelf(op string, _ attachHandle) error { return noCgo(op) }

func attachFree(attachHandle) {}

func managerDirfd(op string, _ managerHandle) (int, error) { return 0, noCgo(op) }

func managerExists(op string, _ managerHandle) (bool, error) { return false, noCgo(op) }

func managerDestroy(op string, _ managerHandle) error { return noCgo(op) }

func managerRelease(op string, _ managerHandle) (bool, error) { return false, noCgo(op) }

func managerRead(op string, _ managerHandle, _, _ string) (string, error) { return "", noCgo(op) }

func managerWrite(op string, _ managerHandle, _, _, _ string) error { return noCgo(op) }

func managerStats(op string, _ managerHandle, _ StatsControllers) (Stats, error) {
	return Stats{}, noCgo(op)
}

func managerStatsJSON(op string, _ managerHandle, _ StatsControllers) ([]byte, error) {
	return nil, noCgo(op)
}

func managerIOStats(op string, _ managerHandle) ([]IOStats, error) { return nil, noCgo(op) }

func managerHugetlbStats(op string, _ managerHandle) ([]HugetlbStats, error) {
	return nil, noCgo(op)
}

func managerResourceStats(op string, _ managerHandle) ([]ResourceStats, error) {
	return nil, noCgo(op)
}

func managerCPUStats(op string, _ managerHandle) ([]CPUStats, error) { return nil, noCgo(op) }

func managerNUMAStats(op string, _ managerHandle) ([]NUMAStats, error) { return nil, noCgo(op) }

func managerReadKeyed(op string, _ managerHandle, _, _ string) ([]KeyedValue, error) {
	return nil, noCgo(op)
}

func readerOpen(op string, _ managerHandle, _ StatsControllers) (readerHandle, error) {
	return readerHandle{}, noCgo(op)
}

func readerRead(op string, _ readerHandle, _ *Stats) (bool, error) { return false, noCgo(op) }

func readerFree(readerHandle) {}

func eventsOpen(op string, _ managerHandle, _ EventOptions) (eventsHandle, error) {
	return eventsHandle{}, noCgo(op)
}

func eventsRead(op string, _ eventsHandle) ([]Event, error) { return nil, noCgo(op) }

func eventsFile(op string, _ eventsHandle) (*os.File, error) { return nil, noCgo(op) }

func eventsFree(eventsHandle) {}
