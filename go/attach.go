// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"os"
	"runtime"
)

// AttachFlags are options of [Manager.OpenAttach].
type AttachFlags uint32

// AttachV1Only skips cgroup2, for a process that started inside its cgroup2 directory (see
// [Manager.Dirfd]).
const AttachV1Only AttachFlags = 1

// Attach holds open descriptors through which a process joins a cgroup by itself. That is faster
// than being moved by another process.
//
// A Go program cannot call [Attach.Self] in a child between fork and exec, because no Go code runs
// there. For a child, use [Manager.Dirfd] on cgroup2 and [Manager.Add] on v1. Attach is for a
// process that is about to execute another program.
type Attach struct {
	guarded guarded[attachHandle]
}

// OpenAttach opens the descriptors that [Attach.Self] writes to. They are close-on-exec, and
// [Attach.Close] closes them. It fails with [ErrDeleted] when the cgroup does not exist.
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

// Self moves the caller into the cgroup: on v1 the calling thread, on v2 the whole process.
//
// On v1 the goroutine must call [runtime.LockOSThread], never unlock, and then call [syscall.Exec].
// Only the thread that calls exec survives it, so the new program starts inside the cgroup. When
// one hierarchy refuses, the caller stays in the hierarchies that it has joined before.
func (a *Attach) Self() error {
	handle, err := a.own().acquire("Attach.Self")
	if err != nil {
		return err
	}
	defer a.guarded.release()
	return attachSelf("Attach.Self", handle)
}

// Close closes the descriptors. It always returns nil and may be called more than once.
func (a *Attach) Close() error {
	a.own().close(attachFree)
	return nil
}

// Dirfd opens the cgroup's cgroup2 directory, close-on-exec. The caller must close the file. A
// child that is started with it starts inside the cgroup and does not have to be moved:
//
//	dir, err := manager.Dirfd()
//	...
//	command.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
//
// On a hybrid host, [Manager.Add] then moves the child into the v1 hierarchies. Dirfd fails with
// [ErrUnsupported] when the manager has no cgroup2 directory, and with [ErrDeleted] when the cgroup
// does not exist.
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
