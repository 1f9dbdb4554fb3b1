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
	// SkipDevices ignores device rules, because the caller applies them or has none. With this flag
	// a v1 host needs no devices controller. Without it, the system's systemd applies the rules; a
	// user's systemd cannot, so the call warns, or fails with Strict; and with the cgroupfs driver
	// the library enforces them itself.
	SkipDevices ManagerFlags = 1
	// Strict turns warnings into errors: a value that this layout has no file for, or that systemd
	// has no property for. It also refuses a systemd path that [PathStrict] refuses, and the root
	// cgroup as a parent or as a place to move processes to.
	Strict ManagerFlags = 2
	// NoDefaultDevices takes the device rules of the specification as they are. Without it the
	// runtime's default devices come after the rules of a specification that has some.
	NoDefaultDevices ManagerFlags = 32
)

// Driver selects who creates the cgroup; see [ManagerOptions].
type Driver uint32

const (
	// DriverAuto: systemd for a path "slice:prefix:name", otherwise cgroupfs. [IsSystemdPath] or
	// [IsSystemdSlicePath] must accept the path, or its slice must be empty. An empty slice means
	// system.slice, or user.slice of a user's systemd.
	DriverAuto Driver = 0
	// DriverCgroupfs: the library itself, through the cgroup file system. It refuses a systemd
	// path.
	DriverCgroupfs Driver = 1
	// DriverSystemd: systemd, over D-Bus. It makes a transient scope, or a slice when the path's
	// name ends in ".slice". It refuses a path of another form.
	DriverSystemd Driver = 2
	// DriverAutoK0: as DriverAuto, but by [IsSystemdPath] alone, as Kata's Go code of January 2020
	// chose. A path whose slice has a dash in its name then becomes a directory.
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

// Bus selects which systemd creates the unit; see [ManagerOptions].
type Bus uint32

const (
	// BusAuto: the system's systemd for root, also for root of a system container; otherwise the
	// user's.
	BusAuto Bus = 0
	// BusSystem: the systemd that is PID 1.
	BusSystem Bus = 1
	// BusUser: the user's systemd (systemd --user), on a unified host only.
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

const (
	// ApplySet sets the manager's resources before the process enters the cgroup.
	ApplySet ApplyFlags = 1
	// ApplyExclusive makes Apply fail with syscall.EEXIST when the cgroup is there already. Without
	// it Apply joins what is there.
	ApplyExclusive ApplyFlags = 2
)

// PlanFlags are options of [Manager.Plan].
type PlanFlags uint32

const (
	// PlanText returns lines of tab-separated fields instead of JSON.
	PlanText PlanFlags = 1
	// PlanApply plans [Manager.Apply] with [ApplySet] instead of [Manager.Set].
	PlanApply PlanFlags = 2
)

// Nobody as the pid makes [Manager.Apply] create the cgroup and move no process.
const Nobody = -1

// ManagerOptions are options of [NewManager]. The zero value and nil mean the defaults.
type ManagerOptions struct {
	// Flags is a bit set of [ManagerFlags].
	Flags ManagerFlags
	// Path is the cgroup's path. "" means the specification's cgroupsPath.
	Path string
	// Subsystems are the v1 subsystems to join, for example "cpu" or "name=systemd". nil means all
	// mounted ones. A unified host ignores the list.
	Subsystems []string
	// Log receives warnings, one line each; nil discards them. The manager keeps a reference to the
	// file. The caller closes the file, after the manager.
	Log *os.File
	// NoRollback makes a failed [Manager.Set] keep the values already written. This saves one read
	// per file.
	NoRollback bool
	// Existing joins only the hierarchies in which the cgroup exists already. NewManager fails with
	// [ErrDeleted] when it exists in none.
	Existing bool
	// Owner becomes the owner of the v2 cgroup: of its directory and of the files that
	// /sys/kernel/cgroup/delegate lists. nil keeps the caller as the owner.
	Owner *Owner
	// Driver selects who creates the cgroup.
	Driver Driver
	// Bus selects which systemd creates the unit.
	Bus Bus
	// BusAddress is the D-Bus address of that systemd, for example
	// "unix:path=/run/dbus/system_bus_socket". Only unix:path= and unix:abstract= are supported.
	// "" means, for the system's bus, DBUS_SYSTEM_BUS_ADDRESS or /run/dbus/system_bus_socket, and
	// for the user's bus DBUS_SESSION_BUS_ADDRESS or $XDG_RUNTIME_DIR/bus.
	BusAddress string
	// SystemdVersion is systemd's version, for example 252. The properties of a unit depend on it.
	// 0 means to ask systemd on first use, which [Manager.Plan] does too. Set it to plan for
	// another machine, or where no systemd runs.
	SystemdVersion uint32
	// Unit is the name of the systemd unit, for example "-x.scope" or "a:b.scope", which no path can
	// give. Path then gives the slice only: "name.slice", the slice of "slice:prefix:name", or "".
	Unit string
	// Name is the cgroup's name when neither Path nor the specification gives a path. The cgroup is
	// created below the caller's own cgroup (v1) or beside it (v2). A rootless caller that may not
	// create the cgroup goes without one.
	Name string
}

// Owner is the user and group that a cgroup is delegated to; see [ManagerOptions].
type Owner struct {
	UID, GID uint32
}

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
