// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"fmt"
	"runtime"
)

// Layout is how a host's hierarchies are laid out.
type Layout int

const (
	// LayoutLegacy: v1 hierarchies alone.
	LayoutLegacy Layout = 1
	// LayoutHybrid: v1 hierarchies with a cgroup2 mount beside them.
	LayoutHybrid Layout = 2
	// LayoutUnified: cgroup2 alone.
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

// hostFunc names a C function from a host, and maybe a controller, to text.
type hostFunc int

const (
	hostControllers hostFunc = iota
	hostMountpoint
	hostOwnCgroup
)

// Host is a host's cgroup mounts as they were when it was opened. Any number of managers and
// goroutines can share one. Open it again after mounts changed, or in another namespace.
type Host struct {
	guarded guarded[hostHandle]
}

// OpenHost reads this host's mounts and this process's cgroups. It fails with [ErrNotMounted] when
// no cgroup file system is mounted.
func OpenHost() (*Host, error) {
	return newHost(hostOpen("OpenHost"))
}

// ParseHost makes a host from text, for dry runs and tests: managers on it can plan for any
// layout. The arguments are bytes as in /proc/self/mountinfo and /proc/self/cgroup. The caller
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

// Layout returns how the hierarchies are laid out.
func (h *Host) Layout() (Layout, error) {
	handle, err := h.own().acquire("Host.Layout")
	if err != nil {
		return 0, err
	}
	defer h.guarded.release()
	return hostLayout("Host.Layout", handle)
}

// IsRootless tells whether the caller is neither root nor in a user namespace that maps everybody,
// as it was when the host was opened.
func (h *Host) IsRootless() (bool, error) {
	handle, err := h.own().acquire("Host.IsRootless")
	if err != nil {
		return false, err
	}
	defer h.guarded.release()
	return hostIsRootless("Host.IsRootless", handle)
}

// Controllers returns the v1 controllers and named hierarchies that are mounted, and "cgroup2"
// where that is mounted.
func (h *Host) Controllers() ([]string, error) {
	text, err := h.text("Host.Controllers", hostControllers, "")
	return list(text), err
}

// Mountpoint returns where a controller's hierarchy is mounted: a v1 controller, "systemd" or
// "name=systemd", or "" for cgroup2. On a unified host this is the cgroup2 mount for every
// controller. It fails with [ErrNotMounted] when no mount has it.
func (h *Host) Mountpoint(controller string) (string, error) {
	return h.text("Host.Mountpoint", hostMountpoint, controller)
}

// OwnCgroup returns the cgroup that the caller is in; controller as for [Host.Mountpoint].
func (h *Host) OwnCgroup(controller string) (string, error) {
	return h.text("Host.OwnCgroup", hostOwnCgroup, controller)
}

// Close frees the host. Managers made on it keep what they need. It always returns nil, and can be
// called again.
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
