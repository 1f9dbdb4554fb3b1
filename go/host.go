// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"fmt"
	"runtime"
)

// Layout is the arrangement of a host's cgroup hierarchies.
type Layout int

const (
	// LayoutLegacy: only v1 hierarchies.
	LayoutLegacy Layout = 1
	// LayoutHybrid: v1 hierarchies and a cgroup2 mount beside them.
	LayoutHybrid Layout = 2
	// LayoutUnified: only cgroup2.
	LayoutUnified Layout = 3
)

// String returns "legacy", "hybrid" or "unified".
func (l Layout) String() string {
	switch l {
	case LayoutLegacy:
		return "legacy"
	case LayoutHybrid:
		return "hybrid"
	case LayoutUnified:
		return "unified"
	}
	return fmt.Sprintf("Layout(%d)", int(l))
}

// hostFunc selects a C function that returns text about a host, or about a host and a controller.
type hostFunc int

const (
	hostControllers hostFunc = iota
	hostMountpoint
	hostOwnCgroup
)

// Host describes the cgroup mounts of a machine at the time when it was opened. Many managers and
// goroutines can share one Host. Open a new one after mounts change, or in another namespace.
type Host struct {
	guarded guarded[hostHandle]
}

// OpenHost reads this machine's mounts and this process's cgroups. It fails with [ErrNotMounted]
// when no cgroup file system is mounted. The caller should close the Host.
func OpenHost() (*Host, error) {
	return newHost(hostOpen("OpenHost"))
}

// ParseHost returns a Host made from text, for dry runs and tests: its managers can plan for any
// layout. The arguments have the format of /proc/self/mountinfo and /proc/self/cgroup. The caller
// counts as root.
func ParseHost(mountinfo, cgroup []byte) (*Host, error) {
	return newHost(hostParse("ParseHost", mountinfo, cgroup))
}

func newHost(handle hostHandle, err error) (*Host, error) {
	if err != nil {
		return nil, err
	}
	h := &Host{guarded: guarded[hostHandle]{handle: handle}}
	h.guarded.cleanup = runtime.AddCleanup(h, hostFree, handle)
	return h, nil
}

func (h *Host) own() *guarded[hostHandle] {
	if h == nil {
		return nil
	}
	return &h.guarded
}

// Layout returns the arrangement of the hierarchies.
func (h *Host) Layout() (Layout, error) {
	handle, err := h.own().acquire("Host.Layout")
	if err != nil {
		return 0, err
	}
	defer h.guarded.release()
	return hostLayout("Host.Layout", handle)
}

// IsRootless reports whether the caller was rootless when the host was opened. A caller is rootless
// when its user id is not 0, or when its user namespace does not map all user ids.
func (h *Host) IsRootless() (bool, error) {
	handle, err := h.own().acquire("Host.IsRootless")
	if err != nil {
		return false, err
	}
	defer h.guarded.release()
	return hostIsRootless("Host.IsRootless", handle)
}

// Controllers returns the mounted v1 controllers and named hierarchies, and "cgroup2" when cgroup2
// is mounted.
func (h *Host) Controllers() ([]string, error) {
	text, err := h.text("Host.Controllers", hostControllers, "")
	return list(text), err
}

// Mountpoint returns the directory where a controller's hierarchy is mounted. The controller is a
// v1 controller, "systemd" or "name=systemd", or "" for cgroup2. On a unified host every controller
// gives the cgroup2 mount. Mountpoint fails with [ErrNotMounted] when no mount has the controller.
func (h *Host) Mountpoint(controller string) (string, error) {
	return h.text("Host.Mountpoint", hostMountpoint, controller)
}

// OwnCgroup returns the path of the cgroup that the caller was in when the host was opened. The
// controller is as for [Host.Mountpoint].
func (h *Host) OwnCgroup(controller string) (string, error) {
	return h.text("Host.OwnCgroup", hostOwnCgroup, controller)
}

// Close frees the host. Managers that were made on it stay usable. Close always returns nil and may
// be called more than once.
func (h *Host) Close() error {
	h.own().close(hostFree)
	return nil
}

func (h *Host) text(op string, fn hostFunc, controller string) (string, error) {
	handle, err := h.own().acquire(op)
	if err != nil {
		return "", err
	}
	defer h.guarded.release()
	return hostText(op, fn, handle, controller)
}
