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
	// FreezerThawed: running; also when only an ancestor is frozen.
	FreezerThawed FreezerState = 1
	// FreezerFreezing: asked to freeze, and some task has not arrived.
	FreezerFreezing FreezerState = 2
	// FreezerFrozen: frozen.
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

// Freeze freezes all processes of the cgroup and below, and waits until they are, at most the timeout.
// When it fails, the cgroup is thawed again:
// with [ErrTimeout], with [ErrController] where there is no freezer, with [ErrArgument] when the caller
// is inside and could not thaw itself.
func (m *Manager) Freeze(timeout time.Duration) error {
	handle, err := m.own().acquire("Manager.Freeze")
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerFreeze("Manager.Freeze", handle, milliseconds(timeout))
}

// milliseconds rounds up: a wait that is short is not one that is none.
func milliseconds(d time.Duration) uint32 {
	ms := d / time.Millisecond
	if d%time.Millisecond > 0 {
		ms++
	}
	return uint32(min(max(ms, 0), math.MaxUint32))
}

// Thaw lets the processes run again; those below a frozen ancestor stay frozen.
func (m *Manager) Thaw() error {
	handle, err := m.own().acquire("Manager.Thaw")
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerThaw("Manager.Thaw", handle)
}

// FreezerState returns the cgroup's own freezer state.
func (m *Manager) FreezerState() (FreezerState, error) {
	handle, err := m.own().acquire("Manager.FreezerState")
	if err != nil {
		return 0, err
	}
	defer m.guarded.release()
	return managerFreezerState("Manager.FreezerState", handle)
}

// Kill sends a signal to every process in the cgroup and below, so that none escapes by forking. A
// cgroup that was frozen before stays frozen, but for SIGKILL. It does not wait for the processes
// to end; [Manager.Destroy] does.
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

// OOMKills returns how many processes of the cgroup the OOM killer has killed. It fails with
// [ErrController] without the memory controller, and with [ErrUnsupported] when the kernel does not
// count.
func (m *Manager) OOMKills() (uint64, error) {
	handle, err := m.own().acquire("Manager.OOMKills")
	if err != nil {
		return 0, err
	}
	defer m.guarded.release()
	return managerOOMKills("Manager.OOMKills", handle)
}

// Exists tells whether the cgroup is there.
func (m *Manager) Exists() (bool, error) {
	handle, err := m.own().acquire("Manager.Exists")
	if err != nil {
		return false, err
	}
	defer m.guarded.release()
	return managerExists("Manager.Exists", handle)
}

// Destroy removes the cgroup with its children from every hierarchy, waiting up to about a second
// for processes that are ending; it fails with [ErrBusy] while there are others. What is gone
// already counts as removed. Processes are not moved and not killed.
//
// Of a unit it is the end as well: systemd would kill who is inside, so [ErrBusy] comes before systemd
// is asked. See [Manager.Kill] and [Manager.MoveTo]. It fails with [ErrBus] when there is no systemd
// to talk to.
func (m *Manager) Destroy() error {
	handle, err := m.own().acquire("Manager.Destroy")
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerDestroy("Manager.Destroy", handle)
}
