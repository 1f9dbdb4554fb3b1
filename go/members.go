// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"fmt"
	"math"
	"sync"
)

// AddOptions are options of [Manager.Add]; the zero value means none.
type AddOptions struct {
	// Threads says that the ids are those of threads. On v2 threads move within one threaded
	// subtree only.
	Threads bool
	// Create makes the sub-cgroup; with Threads on v2, as a threaded one.
	Create bool
	// Below is a cgroup below the manager's, relative; "" is the manager's own.
	Below string
}

// listFunc names a C function from a manager to ids.
type listFunc int

const (
	listPids listFunc = iota
	listAllPids
	listThreads
)

// Add moves processes or threads in, into every hierarchy, in one burst. When one cannot be moved,
// those that were are put back. It fails with ESRCH when one is gone, and with [ErrPath] when
// options.Below leaves the cgroup.
func (m *Manager) Add(ids []int, options AddOptions) error {
	const op = "Manager.Add"
	narrow := make([]int32, len(ids))
	for i, id := range ids {
		if id < math.MinInt32 || id > math.MaxInt32 {
			return argumentError(op, fmt.Sprintf("no process or thread can have the id %d", id))
		}
		narrow[i] = int32(id)
	}
	handle, err := m.own().acquire(op)
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerAdd(op, handle, narrow, options)
}

// Pids returns the processes in the cgroup (of a v2 threaded cgroup, its threads). It fails with
// [ErrDeleted] when there is no cgroup.
func (m *Manager) Pids() ([]int, error) {
	return m.list("Manager.Pids", listPids)
}

// AllPids returns the processes in the cgroup and in all cgroups below it, each once.
func (m *Manager) AllPids() ([]int, error) {
	return m.list("Manager.AllPids", listAllPids)
}

// Threads returns the threads in the cgroup.
func (m *Manager) Threads() ([]int, error) {
	return m.list("Manager.Threads", listThreads)
}

// pair lets one goroutine at a time take two handles: two that took them in opposite order, each
// with a Close waiting in between, would wait for ever.
var pair sync.Mutex

// MoveTo moves everybody in the cgroup and below it to another one, which must exist: on v1 the
// very threads that are inside in each hierarchy (not the processes that they belong to), on v2
// processes, or the threads of threaded cgroups. Tasks that end meanwhile are passed over. It
// returns how many moves there were. When it fails, some may have moved; with [ErrBusy], some could
// not be, as tasks of another pid namespace.
func (m *Manager) MoveTo(to *Manager) (moves int, err error) {
	const op = "Manager.MoveTo"
	pair.Lock()
	from, err := m.own().acquire(op)
	target := from
	if err == nil && to != m {
		if target, err = to.own().acquire(op); err != nil {
			m.guarded.release()
		} else {
			defer to.guarded.release()
		}
	}
	pair.Unlock()
	if err != nil {
		return 0, err
	}
	defer m.guarded.release()
	return managerMoveTo(op, from, target)
}

// Parent returns a manager for the parent of this one's cgroup, as a place to move processes to:
// of "/a/b" it is "/a", of "/a" the hierarchies' root. [Strict] refuses the root; without it a
// manager of the root takes processes and is read, and all else fails with [ErrPath]. Parent fails
// with [ErrDeleted] when the cgroup does not exist.
func (m *Manager) Parent() (*Manager, error) {
	const op = "Manager.Parent"
	handle, err := m.own().acquire(op)
	if err != nil {
		return nil, err
	}
	defer m.guarded.release()
	parent, err := managerParent(op, handle)
	if err != nil {
		return nil, err
	}
	return wrapManager(parent, nil), nil
}

func (m *Manager) list(op string, fn listFunc) ([]int, error) {
	handle, err := m.own().acquire(op)
	if err != nil {
		return nil, err
	}
	defer m.guarded.release()
	return managerList(op, fn, handle)
}
