// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"fmt"
	"math"
	"sync"
)

// AddOptions are options of [Manager.Add]. The zero value adds processes to the manager's own
// cgroup.
type AddOptions struct {
	// Threads means that the ids are thread ids. On v2, threads move only within one threaded
	// subtree.
	Threads bool
	// Create creates the subcgroup. With Threads on v2, it becomes a threaded cgroup.
	Create bool
	// Below is the path of a subcgroup, relative to the manager's cgroup. "" is the manager's
	// cgroup.
	Below string
}

// listFunc selects a C function that returns the ids of a manager's tasks.
type listFunc int

const (
	listPids listFunc = iota
	listAllPids
	listThreads
)

// Add moves processes or threads into the cgroup, in every hierarchy. When one of them cannot be
// moved, Add moves the others back. It fails with ESRCH when a process or thread does not exist,
// with EBUSY when a v2 cgroup has controllers enabled for its children, and with [ErrPath] when
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

// Pids returns the ids of the processes in the cgroup. For a v2 threaded cgroup it returns thread
// ids. It fails with [ErrDeleted] when the cgroup does not exist.
func (m *Manager) Pids() ([]int, error) {
	return m.list("Manager.Pids", listPids)
}

// AllPids returns the ids of the processes in the cgroup and its descendants, each id once.
func (m *Manager) AllPids() ([]int, error) {
	return m.list("Manager.AllPids", listAllPids)
}

// Threads returns the ids of the threads in the cgroup.
func (m *Manager) Threads() ([]int, error) {
	return m.list("Manager.Threads", listThreads)
}

// pair lets only one goroutine at a time acquire two handles. Two goroutines that acquire the same
// handles in opposite order, each with a Close waiting in between, would deadlock.
var pair sync.Mutex

// MoveTo moves every task of the cgroup and its descendants to another cgroup, which must exist,
// and returns the number of moves. On v1 it moves the threads that are in the cgroup of each
// hierarchy, but not the other threads of their processes. On v2 it moves processes, or the threads
// of threaded cgroups. MoveTo skips tasks that end during the call.
//
// MoveTo does not undo a failure: some tasks may have moved. It fails with [ErrBusy] when some
// tasks could not be moved, for example tasks of another pid namespace.
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

// Parent returns a manager for the parent cgroup, as a target for [Manager.MoveTo]. The parent of
// "/a/b" is "/a", and the parent of "/a" is the hierarchy's root. A manager of the root can take
// processes and can be read; every other call on it fails with [ErrPath]. With [Strict], Parent
// refuses the root. Parent fails with [ErrDeleted] when the parent does not exist. The caller
// should close the manager.
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
