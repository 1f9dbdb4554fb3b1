// SPDX-License-Identifier: Apache-2.0

package katacg

import "strings"

// PathFlags selects the rules of [ValidatePath]. Zero is Kata's oldest rule, on cgroupfs.
type PathFlags uint32

const (
	// PathSystemd: the runtime was told to use systemd.
	PathSystemd PathFlags = 1
	// PathStrict refuses what Kata's rules let through although nobody can mean it.
	PathStrict PathFlags = 2
	// PathK1: the rules of Kata 1.x's last release.
	PathK1 PathFlags = 4
	// PathK3: the rules of Kata 3.x.
	PathK3 PathFlags = 8
	// PathV2, with PathK3: the host is unified.
	PathV2 PathFlags = 16
)

// SubsystemSet is one of Kata's sets of v1 subsystems.
type SubsystemSet uint32

const (
	// SubsystemsConstraints: those that may limit a hypervisor (cpuset, cpu, cpuacct).
	SubsystemsConstraints SubsystemSet = 1
	// SubsystemsNoConstraints: those that must not (memory).
	SubsystemsNoConstraints SubsystemSet = 2
	// SubsystemsAll: every v1 subsystem, and the named hierarchy "systemd".
	SubsystemsAll SubsystemSet = 3
)

// pathFunc names a C function from path to path.
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

// Version returns the library's version at run time, "MAJOR.MINOR.PATCH"; "" without cgo.
func Version() string { return version() }

// APILevel returns the library's API level at run time, 1 or more; 0 without cgo.
func APILevel() int { return apiLevel() }

// IsSystemdPath tells whether a path is a systemd path by Kata's oldest rule: three parts between
// colons, each of letters, digits and dots. (No '-': every real kubelet slice fails it; see
// [IsSystemdSlicePath].) It fails on a NUL byte, and without cgo.
func IsSystemdPath(path string) (bool, error) {
	return isSystemd("IsSystemdPath", path, false)
}

// IsSystemdSlicePath tells whether a path is a systemd path by the rule of Kata 1.x's last release
// and of 3.x: exactly three parts between colons, the first ending in ".slice". It fails on a NUL
// byte, and without cgo.
func IsSystemdSlicePath(path string) (bool, error) {
	return isSystemd("IsSystemdSlicePath", path, true)
}

// ValidatePath returns the path that Kata uses for a sandbox's cgroup: a systemd path as it is, an
// absolute path cleaned, a relative one below "/vc"; the last element gets "kata_" in front (not
// by the rules of 3.x). It fails with [ErrPath] when systemd is asked for and the path is no
// systemd path, or when [PathStrict] refuses it.
func ValidatePath(path string, flags PathFlags) (string, error) {
	return pathText("ValidatePath", pathValidate, path, flags)
}

// RenamePath puts "kata_" before a path's last element, so that cAdvisor does not take the sandbox
// for a container. It fails with [ErrPath] when the path is empty.
func RenamePath(path string) (string, error) {
	return pathText("RenamePath", pathRename, path, 0)
}

// RenamePathK3 is [RenamePath] by the rules of Kata 3.x: "" and "." stand for "/vc".
func RenamePathK3(path string) (string, error) {
	return pathText("RenamePathK3", pathRenameK3, path, 0)
}

// NoConstraintsPath returns where the part of a sandbox goes that no limits apply to: the path
// below "/kata".
func NoConstraintsPath(path string) (string, error) {
	return pathText("NoConstraintsPath", pathNoConstraints, path, 0)
}

// ParentPath returns the parent of a path, taken from the root whether it starts with '/' or not.
func ParentPath(path string) (string, error) {
	return pathText("ParentPath", pathParent, path, 0)
}

// GuestPath returns the path to use inside the guest: "/prefix/name" of a systemd path (by
// [IsSystemdPath]), any other path unchanged.
func GuestPath(path string) (string, error) {
	return pathText("GuestPath", pathGuest, path, 0)
}

// ExpandSlice returns a slice's path from its name: "a-b.slice" is "/a.slice/a-b.slice", "-.slice"
// is "/". It fails with [ErrPath] on anything else.
func ExpandSlice(slice string) (string, error) {
	return pathText("ExpandSlice", sliceExpand, slice, 0)
}

// PathSlice returns the slice of a systemd path "x.slice:prefix:name": "x.slice". It fails with
// [ErrPath] on anything else.
func PathSlice(path string) (string, error) {
	return pathText("PathSlice", pathSlice, path, 0)
}

// PathUnit returns the scope of a systemd path "x.slice:prefix:name": "prefix-name.scope". It
// fails with [ErrPath] on anything else.
func PathUnit(path string) (string, error) {
	return pathText("PathUnit", pathUnit, path, 0)
}

// SubsystemPath returns a cgroup's directory: root, subsystem and path joined and cleaned. It is
// lexical: ".." in the path climbs.
func SubsystemPath(root, subsystem, path string) (string, error) {
	return subsystemPath("SubsystemPath", root, subsystem, path)
}

// V1Mountpoint returns the directory that holds this host's v1 hierarchies: the parent of the
// first mount of type cgroup. This is Kata's old rule; [Host.Mountpoint] gives any controller's
// real mount. It fails with [ErrNotMounted] when there is no v1 mount.
func V1Mountpoint() (string, error) { return v1Mountpoint("V1Mountpoint") }

// ParseV1Mountpoint is [V1Mountpoint] of the given bytes, as in /proc/self/mountinfo.
func ParseV1Mountpoint(mountinfo []byte) (string, error) {
	return parseV1Mountpoint("ParseV1Mountpoint", mountinfo)
}

// Subsystems returns the subsystems of a set that a host has: those for which root/name exists.
// Root is the directory that holds the v1 hierarchies, as [V1Mountpoint] returns it.
func Subsystems(root string, set SubsystemSet) ([]string, error) {
	text, err := subsystems("Subsystems", root, set)
	return list(text), err
}

// ValidateCPU does what Kata does to CPU resources first: each of shares, quota, period,
// realtimeRuntime and realtimePeriod that is below 1 becomes unset (so a quota of -1 is dropped).
// It takes and returns an OCI linux.resources.cpu object, or null, as JSON.
func ValidateCPU(cpu []byte) ([]byte, error) { return cpuText("ValidateCPU", cpu, false) }

// AggregateCPU returns a sandbox's CPU resources from those of its containers, a JSON array of OCI
// linux.resources.cpu objects and nulls: the largest shares and period, the sums of quota and
// realtime values, all CPUs and memory nodes; then as [ValidateCPU].
func AggregateCPU(cpus []byte) ([]byte, error) { return cpuText("AggregateCPU", cpus, true) }

// list is not nil, also when it is empty: nil means all elsewhere.
func list(text string) []string {
	if text == "" {
		return []string{}
	}
	return strings.Split(text, ",")
}
