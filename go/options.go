// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"fmt"
	"os"
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
