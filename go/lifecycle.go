// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"fmt"
	"math"
	"syscall"
	"time"
)

// FreezerState is a cgroup's own freezer state.
type FreezerState int

const (
	// FreezerThawed: the cgroup itself is not frozen, though an ancestor may be.
	FreezerThawed FreezerState = 1
	// FreezerFreezing: the kernel was asked to freeze, and some task is not frozen yet.
	FreezerFreezing FreezerState = 2
	// FreezerFrozen: every task is frozen.
	FreezerFrozen FreezerState = 3
)

// String returns "thawed", "freezing" or "frozen".
func (s FreezerState) String() string {
	switch s {
	case FreezerThawed:
		return "thawed"
	case FreezerFreezing:
		return "freezing"
	case FreezerFrozen:
		return "frozen"
	}
	return fmt.Sprintf("FreezerState(%d)", int(s))
}

// Freeze freezes every process in the cgroup and its descendants, and waits until all are frozen.
// The timeout limits the wait, in steps of one millisecond. On failure the cgroup is thawed again.
//
// Freeze fails with [ErrTimeout] when some process did not freeze in time, and with [ErrController]
// when the host has no freezer. It fails with [ErrArgument] when the caller is inside the cgroup,
// because a frozen caller could not thaw it.
func (m *Manager) Freeze(timeout time.Duration) error {
	handle, err := m.own().acquire("Manager.Freeze")
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerFreeze("Manager.Freeze", handle, milliseconds(timeout))
}

// milliseconds rounds up, so that a short timeout does not become no timeout at all.
func milliseconds(d time.Duration) uint32 {
	ms := d / time.Millisecond
	if d%time.Millisecond > 0 {
		ms++
	}
	return uint32(min(max(ms, 0), math.MaxUint32))
}

// Thaw lets the processes run again. Processes below a frozen ancestor stay frozen.
func (m *Manager) Thaw() error {
	handle, err := m.own().acquire("Manager.Thaw")
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerThaw("Manager.Thaw", handle)
}

// FreezerState returns the cgroup's own freezer state; a frozen ancestor does not change it.
func (m *Manager) FreezerState() (FreezerState, error) {
	handle, err := m.own().acquire("Manager.FreezerState")
	if err != nil {
		return 0, err
	}
	defer m.guarded.release()
	return managerFreezerState("Manager.FreezerState", handle)
}

// Kill sends a signal to every process in the cgroup and its descendants. No process escapes by
// forking. A frozen cgroup stays frozen, except that SIGKILL thaws it. Kill does not wait for the
// processes to end; [Manager.Destroy] waits.
func (m *Manager) Kill(signal syscall.Signal) error {
	const op = "Manager.Kill"
	if int64(signal) < math.MinInt32 || int64(signal) > math.MaxInt32 {
		return argumentError(op, fmt.Sprintf("%d is not a signal", int(signal)))
	}
	handle, err := m.own().acquire(op)
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerKill(op, handle, int32(signal))
}

// OOMKills returns how many processes of the cgroup the kernel's OOM killer has killed. It fails
// with [ErrController] without the memory controller, and with [ErrUnsupported] on a kernel that
// does not count them.
func (m *Manager) OOMKills() (uint64, error) {
	handle, err := m.own().acquire("Manager.OOMKills")
	if err != nil {
		return 0, err
	}
	defer m.guarded.release()
	return managerOOMKills("Manager.OOMKills", handle)
}

// Exists reports whether the cgroup exists in at least one hierarchy.
func (m *Manager) Exists() (bool, error) {
	handle, err := m.own().acquire("Manager.Exists")
	if err != nil {
		return false, err
	}
	defer m.guarded.release()
	return managerExists("Manager.Exists", handle)
}

// Destroy removes the cgroup and its descendants from every hierarchy. It waits up to about one
// second for processes that are ending. It fails with [ErrBusy] when a process stays in the cgroup,
// because Destroy neither moves nor kills processes; see [Manager.MoveTo] and [Manager.Kill]. A
// cgroup that is already gone counts as removed.
//
// Destroy also stops the cgroup's systemd unit. To stop a unit kills the processes inside, so
// Destroy checks for processes before it asks systemd. It fails with [ErrBus] when systemd cannot
// be reached.
func (m *Manager) Destroy() error {
	handle, err := m.own().acquire("Manager.Destroy")
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerDestroy("Manager.Destroy", handle)
}

// Release lets go of the cgroup without ending the processes in it. It kills, moves and waits for
// nobody, so the caller may be in the cgroup itself. It removes what is empty, and abandons a
// systemd scope, which then goes with its last process. left says whether something is left;
// [Manager.Destroy] removes directories that stay.
func (m *Manager) Release() (left bool, err error) {
	handle, err := m.own().acquire("Manager.Release")
	if err != nil {
		return false, err
	}
	defer m.guarded.release()
	return managerRelease("Manager.Release", handle)
}
