// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"os"
	"runtime"
)

// AttachFlags are options of [Manager.OpenAttach].
type AttachFlags uint32

// AttachV1Only leaves cgroup2 out, for a process that was born there (see [Manager.Dirfd]).
const AttachV1Only AttachFlags = 1

// Attach is open descriptors through which a process joins a cgroup by itself, which is faster than
// being moved. A Go program cannot use it for a child between fork and exec: nothing of Go's runs
// there. What Go has for a child is [Manager.Dirfd] for cgroup2, and [Manager.Add] for v1. Attach is
// for a process that is about to become another program; see [Attach.Self].
type Attach struct {
	guarded guarded[attachHandle]
}

// OpenAttach opens what [Attach.Self] needs, close-on-exec. The cgroup must exist; otherwise it
// fails with [ErrDeleted].
func (m *Manager) OpenAttach(flags AttachFlags) (*Attach, error) {
	const op = "Manager.OpenAttach"
	handle, err := m.own().acquire(op)
	if err != nil {
		return nil, err
	}
	defer m.guarded.release()
	opened, err := attachOpen(op, handle, flags)
	if err != nil {
		return nil, err
	}
	a := &Attach{guarded: guarded[attachHandle]{handle: opened}}
	a.guarded.cleanup = runtime.AddCleanup(a, attachFree, opened)
	return a, nil
}

func (a *Attach) own() *guarded[attachHandle] {
	if a == nil {
		return nil
	}
	return &a.guarded
}

// Self makes the caller join: on v1 the calling thread, on v2 the process. So on v1 it is for a
// goroutine that called [runtime.LockOSThread], never unlocks it, and goes on with [syscall.Exec]:
// the thread that calls exec is the one that is left, and the program starts inside. When a
// hierarchy refuses, those before it are joined.
func (a *Attach) Self() error {
	handle, err := a.own().acquire("Attach.Self")
	if err != nil {
		return err
	}
	defer a.guarded.release()
	return attachSelf("Attach.Self", handle)
}

// Close closes the descriptors. It always returns nil, and can be called again.
func (a *Attach) Close() error {
	a.own().close(attachFree)
	return nil
}

// Dirfd opens the cgroup's cgroup2 directory, close-on-exec, the caller's to close. A child that is
// started with it is born in the cgroup, without the wait of being moved:
//
//	dir, err := manager.Dirfd()
//	...
//	command.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
//
// On a hybrid host the child is then moved into the v1 hierarchies with [Manager.Add]. It fails with
// [ErrUnsupported] where the manager has no cgroup2, and with [ErrDeleted] without the cgroup.
func (m *Manager) Dirfd() (*os.File, error) {
	const op = "Manager.Dirfd"
	handle, err := m.own().acquire(op)
	if err != nil {
		return nil, err
	}
	defer m.guarded.release()
	fd, err := managerDirfd(op, handle)
	if err != nil {
		return nil, err
	}
	path, err := managerPath(op, handle, "")
	if err != nil {
		path = "cgroup2"
	}
	return os.NewFile(uintptr(fd), path), nil
}
