// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
)

// ManagerFlags are options of [NewManager].
type ManagerFlags uint64

const (
	// SkipDevices leaves device rules alone: they are the caller's to apply, or there are none.
	// A v1 host without the devices controller is no error then. Without this flag rules are applied
	// by the system's systemd, are an error with the library's own driver, and are not applied by a
	// user's systemd, which cannot: that is a warning, with Strict an error.
	SkipDevices ManagerFlags = 1
	// Strict makes what a layout has no file for an error, where it would be a warning.
	Strict ManagerFlags = 2
)

// Driver says who makes the cgroup; see [ManagerOptions].
type Driver uint32

const (
	// DriverAuto: systemd for a path "slice:prefix:name" (by [IsSystemdPath] or
	// [IsSystemdSlicePath], or with an empty slice, which is system.slice, or user.slice of a
	// user's systemd), else the library itself.
	DriverAuto Driver = 0
	// DriverCgroupfs: the library, by the cgroup file system. A systemd path is an error.
	DriverCgroupfs Driver = 1
	// DriverSystemd: systemd, over D-Bus: a transient scope, or a slice when the path's name ends
	// in ".slice". A path of another form is an error.
	DriverSystemd Driver = 2
	// DriverAutoK0: systemd by [IsSystemdPath] alone, as Kata's Go code of January 2020 chose; every
	// slice with a dash in its name is a directory then.
	DriverAutoK0 Driver = 3
)

// String returns "auto", "cgroupfs", "systemd" or "auto-k0".
func (d Driver) String() string {
	switch d {
	case DriverAuto:
		return "auto"
	case DriverCgroupfs:
		return "cgroupfs"
	case DriverSystemd:
		return "systemd"
	case DriverAutoK0:
		return "auto-k0"
	}
	return fmt.Sprintf("Driver(%d)", uint32(d))
}

// Bus says which systemd makes the unit; see [ManagerOptions].
type Bus uint32

const (
	// BusAuto: the user's without root (a system container's root is root), else the system's.
	BusAuto Bus = 0
	// BusSystem: PID 1's systemd.
	BusSystem Bus = 1
	// BusUser: the user's (systemd --user). On a unified host only.
	BusUser Bus = 2
)

// String returns "auto", "system" or "user".
func (b Bus) String() string {
	switch b {
	case BusAuto:
		return "auto"
	case BusSystem:
		return "system"
	case BusUser:
		return "user"
	}
	return fmt.Sprintf("Bus(%d)", uint32(b))
}

// ApplyFlags are options of [Manager.Apply].
type ApplyFlags uint32

// ApplySet sets the manager's own resources before the process enters.
const ApplySet ApplyFlags = 1

// PlanFlags are options of [Manager.Plan].
type PlanFlags uint32

const (
	// PlanText asks for lines of tab-separated fields instead of JSON.
	PlanText PlanFlags = 1
	// PlanApply asks for what Apply does, instead of what Set does.
	PlanApply PlanFlags = 2
)

// Nobody is the pid for an [Manager.Apply] that creates the cgroup and moves no process.
const Nobody = -1

// ManagerOptions are options of [NewManager]; the zero value, and nil, mean none.
type ManagerOptions struct {
	// Flags are or'ed.
	Flags ManagerFlags
	// Path is the cgroup, instead of the specification's cgroupsPath. "": as that says.
	Path string
	// Subsystems to join on v1 ("cpu", "name=systemd"). Nil: all that are mounted.
	Subsystems []string
	// Log is where warnings are written, a line each; the manager keeps it from being
	// collected, but closing it is the caller's. nil: no warnings.
	Log *os.File
	// NoRollback makes a failed [Manager.Set] leave what it had written, instead of putting back
	// what was there before: it saves reading each value first.
	NoRollback bool
	// Existing joins only the hierarchies in which the cgroup is there already; NewManager fails
	// with [ErrDeleted] when it is in none.
	Existing bool
	// Owner is given the v2 cgroup when it is made: the directory, and the files that
	// /sys/kernel/cgroup/delegate names. nil: nobody.
	Owner *Owner
	// Driver is who makes the cgroup.
	Driver Driver
	// Bus is which systemd makes the unit.
	Bus Bus
	// BusAddress is its D-Bus address ("unix:path=/run/dbus/system_bus_socket"; nothing but
	// unix:path= and unix:abstract= can be used). "": for the system DBUS_SYSTEM_BUS_ADDRESS, else
	// /run/dbus/system_bus_socket; for the user DBUS_SESSION_BUS_ADDRESS, else $XDG_RUNTIME_DIR/bus.
	BusAddress string
	// SystemdVersion is systemd's version (252), on which it depends what a unit is told. 0: it is
	// asked when first needed, also by [Manager.Plan]; a plan for another host, or without a
	// systemd, needs it here.
	SystemdVersion uint32
	// Name is the cgroup's name when neither Path nor the specification gives a path: it is made
	// below (v1) or beside (v2) the caller's own, and a rootless caller that may not make it goes
	// without. "": none.
	Name string
}

// Owner is whom a cgroup is delegated to; see [ManagerOptions].
type Owner struct {
	UID, GID uint32
}

// managerFunc names a C function from a manager to text.
type managerFunc int

const (
	managerPaths managerFunc = iota
	managerState
	managerUnit
)

// Manager is one sandbox's or container's cgroup in every hierarchy that it joins. It owns no
// process and no cgroup: closing it leaves both alone. Calls from many goroutines are safe; Apply, Add
// and Set wait for each other.
type Manager struct {
	guarded guarded[managerHandle]
	// The library writes to its descriptor.
	log     *os.File
	logging sync.Mutex
}

// NewManager makes a manager for a cgroup. Nothing is created yet. Host nil is this host; spec is
// an OCI specification's linux object, or a whole config.json, of which cgroupsPath, resources and,
// for a unit, annotations org.systemd.property.NAME are used, or nil. No bytes
// that are not nil, as of a file that was cut off, are an error.
//
// A path "slice:prefix:name" is a unit of systemd's (see [ManagerOptions].Driver). The system's systemd
// is not asked anything here; a user's is, where its units are.
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
		return managerNew(op, h, spec, options, fd)
	})
}

// LoadManager makes a manager from what [Manager.State] returned, in this process or another. Host
// as for [NewManager].
func LoadManager(host *Host, state []byte) (*Manager, error) {
	const op = "LoadManager"
	return newManager(op, host, nil, func(h hostHandle) (managerHandle, error) {
		return managerLoad(op, h, state)
	})
}

// NewCgroup makes a cgroup on some subsystems and sets its resources, as cgroups.New of containerd's
// library does in Kata's flows. Host as for [NewManager]; each of the subsystems must be mounted, and
// nil means all that are (an empty list, as [Subsystems] gives it for a set of which the host has
// nothing, is an error on v1); resources is an OCI linux.resources object, or nil. Device rules are left
// alone. When it fails, nothing was made.
func NewCgroup(host *Host, subsystems []string, path string, resources []byte) (*Manager, error) {
	const op = "NewCgroup"
	return newManager(op, host, nil, func(h hostHandle) (managerHandle, error) {
		return cgroupNew(op, h, subsystems, path, resources)
	})
}

// LoadCgroup gives a cgroup that exists, on those of some subsystems in which it does, as cgroups.Load
// of containerd's library. Host and subsystems as for [NewCgroup]. It fails with [ErrDeleted] when it
// exists in none.
func LoadCgroup(host *Host, subsystems []string, path string) (*Manager, error) {
	const op = "LoadCgroup"
	return newManager(op, host, nil, func(h hostHandle) (managerHandle, error) {
		return cgroupLoad(op, h, subsystems, path)
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

// Apply creates the cgroup in every hierarchy, and moves a process in ([Nobody] moves none).
// Directories that are there already are used. When it fails, those that it made are removed again
// and the process is back where it was. Dropped is 0 but for a rootless caller that named no path
// (ManagerOptions.Name alone): in so many hierarchies it may not make the cgroup and goes without.
//
// Through systemd it makes the unit, with the process in it and its limits, and waits until that is
// done. A scope needs a process: systemd refuses one for [Nobody], unless it is there already. It
// fails with [ErrBusy] when a unit of the name is active, [ErrTimeout] when systemd does not answer or
// the job does not end (25 s and 30 s), and with [ErrBus] when there is no bus or no systemd on it.
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

// Set gives the cgroup resources, an OCI linux.resources object as JSON. What they leave out stays
// as it is. They become the manager's own when all of them are set; when a write fails, what was
// changed is put back, and the error says so (see ManagerOptions.NoRollback). Calls of managers with
// the same subsystems for one cgroup take turns, whatever process they come from; after 2 s without
// its turn a call goes on all the same, with a warning. nil, unlike an empty slice, stands for the
// manager's own.
//
// Through systemd the unit's properties are set first, and then the files. It fails with [ErrDeleted]
// when the unit is gone, as that of a scope is whose last process has ended.
func (m *Manager) Set(resources []byte) error {
	handle, err := m.own().acquire("Manager.Set")
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerSet("Manager.Set", handle, resources)
}

// Plan returns what [Manager.Set] or [Manager.Apply] would do, and does nothing (but ask systemd its
// version, for a unit without ManagerOptions.SystemdVersion). Resources as for
// Set. The result is JSON, {"steps":[{"op":...},...],"warnings":[...]}; or with [PlanText] a line
// a step of operation, controller, file and value, separated by tabs; for a unit: operation, "systemd",
// unit, properties as NAME=VALUE with the value as GVariant text.
func (m *Manager) Plan(resources []byte, flags PlanFlags) (string, error) {
	handle, err := m.own().acquire("Manager.Plan")
	if err != nil {
		return "", err
	}
	defer m.guarded.release()
	return managerPlan("Manager.Plan", handle, resources, flags)
}

// Read returns the contents of one file of the cgroup. Subsystem as for [Manager.Path]; file is a
// name without a slash.
func (m *Manager) Read(subsystem, file string) (string, error) {
	handle, err := m.own().acquire("Manager.Read")
	if err != nil {
		return "", err
	}
	defer m.guarded.release()
	return managerRead("Manager.Read", handle, subsystem, file)
}

// Write writes one file of the cgroup, in one write(2): the raw setter, for what has no resource.
func (m *Manager) Write(subsystem, file, value string) error {
	handle, err := m.own().acquire("Manager.Write")
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerWrite("Manager.Write", handle, subsystem, file, value)
}

// Close frees the manager; its cgroup and the processes in it stay as they are. It always returns
// nil, and can be called again.
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
