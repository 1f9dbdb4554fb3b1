// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
)

// managerFunc selects a C function that returns text about a manager.
type managerFunc int

const (
	managerPaths managerFunc = iota
	managerState
	managerUnit
	managerDevices
)

// Manager stands for the cgroup of one sandbox or container in every hierarchy that it joins. It
// owns neither processes nor cgroups: closing a manager changes neither. Many goroutines may call
// one manager; Apply, Add and Set wait for each other.
type Manager struct {
	guarded guarded[managerHandle]
	// The library writes to the file's descriptor. The reference keeps the file from being
	// collected.
	log     *os.File
	logging sync.Mutex
}

// NewManager returns a manager for a cgroup. It creates nothing yet; [Manager.Apply] does. The
// caller should close the manager.
//
// The host may be nil, which means this machine. A program with many managers should open one
// [Host] for all of them: a manager without a Host has its own descriptors and its own connections
// to systemd.
//
// The spec is the linux object of an OCI specification, or a whole config.json, or nil. NewManager
// reads cgroupsPath and resources from it, and for a unit the annotations
// org.systemd.property.NAME. An empty slice that is not nil is an error, as a truncated file would
// be.
//
// A path "slice:prefix:name" is a systemd unit (see [ManagerOptions].Driver). NewManager asks a
// user's systemd where its units are. It asks the system's systemd nothing.
func NewManager(host *Host, spec []byte, options *ManagerOptions) (*Manager, error) {
	const op = "NewManager"
	if options == nil {
		options = &ManagerOptions{}
	}
	fd, err := logFd(op, options.Log)
	if err != nil {
		return nil, err
	}
	return newManager(op, host, options.Log, func(h hostHandle) (managerHandle, error) {
		return managerNew(op, newAny, h, spec, options, fd)
	})
}

// howNew selects the C function that makes a manager from options.
type howNew int32

const (
	newAny howNew = iota
	newCgroup
	loadCgroup
)

// LoadManager returns a manager made from the result of [Manager.State], in this process or
// another. The host is as for [NewManager]. The caller should close the manager.
func LoadManager(host *Host, state []byte) (*Manager, error) {
	const op = "LoadManager"
	return newManager(op, host, nil, func(h hostHandle) (managerHandle, error) {
		return managerLoad(op, h, state)
	})
}

// NewCgroup creates a cgroup on some subsystems and sets its resources, as cgroups.New of
// containerd's library does for Kata. It ignores device rules. On failure it leaves nothing behind.
// The caller should close the manager that it returns.
//
// The host is as for [NewManager]. Each of the subsystems must be mounted; nil means all mounted
// ones. An empty list is an error on v1; [Subsystems] returns one when the host has none of a set.
// The resources are an OCI linux.resources object, or nil.
func NewCgroup(host *Host, subsystems []string, path string, resources []byte) (*Manager, error) {
	const op = "NewCgroup"
	return newManager(op, host, nil, func(h hostHandle) (managerHandle, error) {
		return cgroupNew(op, h, subsystems, path, resources)
	})
}

// LoadCgroup returns a manager for an existing cgroup, as cgroups.Load of containerd's library
// does. The manager joins those of the subsystems in which the cgroup exists. LoadCgroup fails with
// [ErrDeleted] when the cgroup exists in none. Host and subsystems are as for [NewCgroup]. The
// caller should close the manager.
func LoadCgroup(host *Host, subsystems []string, path string) (*Manager, error) {
	const op = "LoadCgroup"
	return newManager(op, host, nil, func(h hostHandle) (managerHandle, error) {
		return cgroupLoad(op, h, subsystems, path)
	})
}

// NewCgroupWithOptions creates a cgroup as [NewCgroup] does. The path and the subsystems are those
// of the options.
func NewCgroupWithOptions(host *Host, resources []byte, options *ManagerOptions) (*Manager, error) {
	return cgroupWithOptions("NewCgroupWithOptions", newCgroup, host, resources, options)
}

// LoadCgroupWithOptions returns a manager for an existing cgroup as [LoadCgroup] does. The path and
// the subsystems are those of the options.
func LoadCgroupWithOptions(host *Host, options *ManagerOptions) (*Manager, error) {
	return cgroupWithOptions("LoadCgroupWithOptions", loadCgroup, host, nil, options)
}

func cgroupWithOptions(
	op string, how howNew, host *Host, resources []byte, options *ManagerOptions,
) (*Manager, error) {
	if options == nil {
		options = &ManagerOptions{}
	}
	fd, err := logFd(op, options.Log)
	if err != nil {
		return nil, err
	}
	return newManager(op, host, options.Log, func(h hostHandle) (managerHandle, error) {
		return managerNew(op, how, h, resources, options, fd)
	})
}

func newManager(
	op string, host *Host, log *os.File, make func(hostHandle) (managerHandle, error),
) (*Manager, error) {
	var on hostHandle
	if host != nil {
		var err error
		if on, err = host.guarded.acquire(op); err != nil {
			return nil, err
		}
		defer host.guarded.release()
	}
	handle, err := make(on)
	if err != nil {
		return nil, err
	}
	return wrapManager(handle, log), nil
}

func wrapManager(handle managerHandle, log *os.File) *Manager {
	m := &Manager{guarded: guarded[managerHandle]{handle: handle}, log: log}
	m.guarded.cleanup = runtime.AddCleanup(m, managerFree, handle)
	return m
}

func (m *Manager) own() *guarded[managerHandle] {
	if m == nil {
		return nil
	}
	return &m.guarded
}

// Apply creates the cgroup in every hierarchy and moves a process into it. With [Nobody] it moves
// no process. Apply uses directories that exist already. On failure it removes the directories that
// it created and moves the process back.
//
// The result dropped is 0, except for a rootless caller that set only ManagerOptions.Name: there it
// is the number of hierarchies in which the caller may not create the cgroup and goes without it.
//
// With systemd, Apply starts the unit with the process in it, and waits until the unit has started.
// A scope needs a process, so [Nobody] works only for a scope that is already active and for a
// slice. Apply fails with [ErrBusy] when an active scope of that name exists and a process is to
// enter it. It fails with [ErrTimeout] when systemd does not answer within 25 seconds, or does not
// finish the job within 30 seconds. It fails with [ErrBus] when there is no bus, or no systemd on
// the bus.
func (m *Manager) Apply(pid int, flags ApplyFlags) (dropped int, err error) {
	const op = "Manager.Apply"
	if pid < math.MinInt32 || pid > math.MaxInt32 {
		return 0, argumentError(op, fmt.Sprintf("no process can have the id %d", pid))
	}
	handle, err := m.own().acquire(op)
	if err != nil {
		return 0, err
	}
	defer m.guarded.release()
	return managerApply(op, handle, int32(pid), flags)
}

// Set changes the limits of the cgroup. The resources are an OCI linux.resources object in JSON. A
// limit that they do not mention stays unchanged. nil, unlike an empty slice, means the manager's
// own resources.
//
// When a write fails, Set puts the old values back, and the error lists them;
// ManagerOptions.NoRollback turns this off. When all writes succeed, the resources become part of
// the manager's own.
//
// Calls for one cgroup take turns, also between processes, when their managers have the same
// subsystems. A call that waits longer than 2 seconds continues without its turn, and warns.
//
// With systemd, Set changes the unit's properties first and then the files. It fails with
// [ErrDeleted] when the unit is gone. A scope is gone when its last process has ended.
func (m *Manager) Set(resources []byte) error {
	handle, err := m.own().acquire("Manager.Set")
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerSet("Manager.Set", handle, resources)
}

// Plan returns the steps that [Manager.Set], or with [PlanApply] [Manager.Apply], would take. It
// changes nothing and needs no privilege. For a unit it asks systemd for its version, unless
// ManagerOptions.SystemdVersion is set. The resources are as for Set.
//
// The result is JSON: {"steps":[{"op":...},...],"warnings":[...]}. With [PlanText] it is one line
// per step, with the operation, controller, file and value separated by tabs. A step of a unit has
// the operation, "systemd", the unit, and properties as NAME=VALUE, with the value as GVariant
// text.
func (m *Manager) Plan(resources []byte, flags PlanFlags) (string, error) {
	handle, err := m.own().acquire("Manager.Plan")
	if err != nil {
		return "", err
	}
	defer m.guarded.release()
	return managerPlan("Manager.Plan", handle, resources, flags)
}

// Read returns the contents of one interface file of the cgroup. The subsystem is as for
// [Manager.Path]. The file is a name without a slash.
func (m *Manager) Read(subsystem, file string) (string, error) {
	handle, err := m.own().acquire("Manager.Read")
	if err != nil {
		return "", err
	}
	defer m.guarded.release()
	return managerRead("Manager.Read", handle, subsystem, file)
}

// Write writes one interface file of the cgroup with a single write(2). It is for files that no OCI
// resource covers. The subsystem and file are as for [Manager.Read].
func (m *Manager) Write(subsystem, file, value string) error {
	handle, err := m.own().acquire("Manager.Write")
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerWrite("Manager.Write", handle, subsystem, file, value)
}

// Close frees the manager. It changes neither the cgroup nor the processes in it. Close always
// returns nil and may be called more than once.
func (m *Manager) Close() error {
	m.own().close(managerFree)
	return nil
}

func (m *Manager) text(op string, fn managerFunc) ([]byte, error) {
	handle, err := m.own().acquire(op)
	if err != nil {
		return nil, err
	}
	defer m.guarded.release()
	return managerText(op, fn, handle)
}
