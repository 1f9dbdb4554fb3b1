// SPDX-License-Identifier: Apache-2.0

package katacg

import "strings"

// PathFlags selects the rules of [ValidatePath]. Zero means Kata's oldest rules, for cgroupfs.
type PathFlags uint32

const (
	// PathSystemd: the runtime is configured to use systemd.
	PathSystemd PathFlags = 1
	// PathStrict refuses paths that Kata's rules accept by mistake, such as one that means the
	// root cgroup.
	PathStrict PathFlags = 2
	// PathK1: the rules of the last release of Kata 1.x.
	PathK1 PathFlags = 4
	// PathK3: the rules of Kata 3.x.
	PathK3 PathFlags = 8
	// PathV2: the host is unified. Used with PathK3.
	PathV2 PathFlags = 16
)

// SubsystemSet is one of Kata's sets of v1 subsystems.
type SubsystemSet uint32

const (
	// SubsystemsConstraints: the subsystems that may limit a hypervisor (cpuset, cpu, cpuacct).
	SubsystemsConstraints SubsystemSet = 1
	// SubsystemsNoConstraints: the subsystems that must not limit a hypervisor (memory).
	SubsystemsNoConstraints SubsystemSet = 2
	// SubsystemsAll: every v1 subsystem, and the named hierarchy "systemd".
	SubsystemsAll SubsystemSet = 3
)

// pathFunc selects a C function that takes a path and returns a path.
type pathFunc int

const (
	pathValidate pathFunc = iota
	pathRename
	pathRenameK3
	pathNoConstraints
	pathParent
	pathGuest
	sliceExpand
	pathSlice
	pathUnit
)

// Version returns the library's version at run time, "MAJOR.MINOR.PATCH", or "" without cgo.
func Version() string { return version() }

// APILevel returns the library's API level at run time, 1 or more, or 0 without cgo.
func APILevel() int { return apiLevel() }

// IsSystemdPath reports whether a path is a systemd path by Kata's oldest rule: three parts
// separated by colons, each of letters, digits and dots. The rule allows no '-', so the path of a
// kubelet slice fails it; see [IsSystemdSlicePath]. IsSystemdPath returns an error for a NUL byte
// and without cgo.
func IsSystemdPath(path string) (bool, error) {
	return isSystemd("IsSystemdPath", path, false)
}

// IsSystemdSlicePath reports whether a path is a systemd path by the rule of Kata 3.x and of the
// last release of 1.x: exactly three parts separated by colons, the first of which ends in
// ".slice". IsSystemdSlicePath returns an error for a NUL byte and without cgo.
func IsSystemdSlicePath(path string) (bool, error) {
	return isSystemd("IsSystemdSlicePath", path, true)
}

// ValidatePath returns the path that Kata uses for a sandbox's cgroup. It returns a systemd path
// unchanged. It cleans an absolute path, and places a relative path below "/vc". It then puts
// "kata_" before the last element; the rules of 3.x do not.
//
// ValidatePath fails with [ErrPath] when [PathSystemd] is set and the path is no systemd path, and
// when [PathStrict] refuses the path.
func ValidatePath(path string, flags PathFlags) (string, error) {
	return pathText("ValidatePath", pathValidate, path, flags)
}

// RenamePath puts "kata_" before the last element of a path, so that cAdvisor does not mistake the
// sandbox for a container. It fails with [ErrPath] when the path is empty.
func RenamePath(path string) (string, error) {
	return pathText("RenamePath", pathRename, path, 0)
}

// RenamePathK3 is [RenamePath] by the rules of Kata 3.x: "" and "." mean "/vc".
func RenamePathK3(path string) (string, error) {
	return pathText("RenamePathK3", pathRenameK3, path, 0)
}

// NoConstraintsPath returns the path for the processes of a sandbox that have no limits: the given
// path below "/kata".
func NoConstraintsPath(path string) (string, error) {
	return pathText("NoConstraintsPath", pathNoConstraints, path, 0)
}

// ParentPath returns the parent of a path. A relative path is taken as relative to the root.
func ParentPath(path string) (string, error) {
	return pathText("ParentPath", pathParent, path, 0)
}

// GuestPath returns the path to use inside the guest: "/prefix/name" for a systemd path (by
// [IsSystemdPath]), and any other path unchanged.
func GuestPath(path string) (string, error) {
	return pathText("GuestPath", pathGuest, path, 0)
}

// ExpandSlice returns the path of a slice from its name: "/a.slice/a-b.slice" for "a-b.slice", and
// "/" for "-.slice". It fails with [ErrPath] for a name of another form.
func ExpandSlice(slice string) (string, error) {
	return pathText("ExpandSlice", sliceExpand, slice, 0)
}

// PathSlice returns the slice of a systemd path: "x.slice" for "x.slice:prefix:name". It fails with
// [ErrPath] for a path of another form.
func PathSlice(path string) (string, error) {
	return pathText("PathSlice", pathSlice, path, 0)
}

// PathUnit returns the scope of a systemd path: "prefix-name.scope" for "x.slice:prefix:name". It
// fails with [ErrPath] for a path of another form. [Manager.Unit] returns the unit of any manager.
func PathUnit(path string) (string, error) {
	return pathText("PathUnit", pathUnit, path, 0)
}

// SubsystemPath returns the directory of a cgroup: root, subsystem and path, joined and cleaned. It
// works on the text alone, so ".." in the path can leave the root.
func SubsystemPath(root, subsystem, path string) (string, error) {
	return subsystemPath("SubsystemPath", root, subsystem, path)
}

// V1Mountpoint returns the directory that holds this machine's v1 hierarchies, which is the parent
// of the first mount of type cgroup. This is Kata's old rule; [Host.Mountpoint] returns the mount
// of one controller. V1Mountpoint fails with [ErrNotMounted] when there is no v1 mount.
func V1Mountpoint() (string, error) { return v1Mountpoint("V1Mountpoint") }

// ParseV1Mountpoint is [V1Mountpoint] for given bytes in the format of /proc/self/mountinfo.
func ParseV1Mountpoint(mountinfo []byte) (string, error) {
	return parseV1Mountpoint("ParseV1Mountpoint", mountinfo)
}

// Subsystems returns the subsystems of a set that a host has, which are those for which root/name
// exists. The root is the directory that holds the v1 hierarchies; see [V1Mountpoint].
func Subsystems(root string, set SubsystemSet) ([]string, error) {
	text, err := subsystems("Subsystems", root, set)
	return list(text), err
}

// ValidateCPU removes shares, quota, period, realtimeRuntime and realtimePeriod when they are below
// 1, as Kata does before it uses CPU resources. It removes a quota of -1, too. ValidateCPU takes
// and returns an OCI linux.resources.cpu object in JSON, or null.
func ValidateCPU(cpu []byte) ([]byte, error) { return cpuValidate("ValidateCPU", cpu) }

// AggregateCPU returns the CPU resources of a sandbox, given those of its containers: a JSON array
// of OCI linux.resources.cpu objects and nulls. The result has the largest shares and period, the
// sums of the quotas and realtime values, and all CPUs and memory nodes. It is then cleaned as by
// [ValidateCPU].
//
// A quota of -1, which is no limit, is added like any other number, as in Kata: -1 and 50000 make
// 49999. See [AggregateCPUWith] and [CPUUnlimited].
func AggregateCPU(cpus []byte) ([]byte, error) { return cpuAggregate("AggregateCPU", cpus, 0) }

// CPUFlags are options of [AggregateCPUWith].
type CPUFlags uint32

// CPUUnlimited makes a sandbox unlimited, with a quota of -1, when a container is: when its quota is
// below 1 or not there, or it has no CPU resources. Leave out a container that needs no CPU time,
// such as a pod's pause container.
const CPUUnlimited CPUFlags = 1

// AggregateCPUWith is [AggregateCPU] with flags.
func AggregateCPUWith(cpus []byte, flags CPUFlags) ([]byte, error) {
	return cpuAggregate("AggregateCPUWith", cpus, flags)
}

// list splits comma-separated text. An empty result is not nil, because a nil list of subsystems
// means all of them.
func list(text string) []string {
	if text == "" {
		return []string{}
	}
	return strings.Split(text, ",")
}
