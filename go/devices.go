// SPDX-License-Identifier: Apache-2.0

package katacg

// DeviceSet selects the rules that [DeviceRules] returns.
type DeviceSet uint32

const (
	// RuntimeDevices are the devices that a runtime gives every container. They are appended to the
	// rules of its specification.
	RuntimeDevices DeviceSet = 1
	// HypervisorDevices are the devices of a hypervisor, as far as this host has them. /dev/kvm or
	// /dev/mshv must exist.
	HypervisorDevices DeviceSet = 2
)

// DeviceRules returns a well-known list of device rules, as a JSON array of OCI rules.
func DeviceRules(set DeviceSet) ([]byte, error) { return deviceRules("DeviceRules", set) }

// CheckDevice says whether rules, a JSON array of OCI device rules, allow an access. It looks at
// the rules only, not at any cgroup.
//
// The device is a node such as "/dev/kvm", or a kind and numbers such as "c 10:232". The access is
// some of "rwm"; "" means all.
func CheckDevice(rules []byte, device, access string) (bool, error) {
	return deviceCheck("CheckDevice", rules, device, access)
}

// AllowDevice allows a device, on top of the rules in force. A device that is allowed already stays
// so. Calls for one cgroup take turns, also between processes. In a v2 cgroup of another program, the
// device is allowed in front of each of that program's device programs that does not allow it.
//
// In a unit systemd is told as well. A manager of the cgroupfs driver on a unit's path cannot tell
// systemd, which is a warning: the device is denied again after the next daemon-reload.
//
// The device is a node such as "/dev/kvm", or a kind and numbers such as "c 10:232" or "b 8:*". The
// access is some of "rwm"; "" means all.
func (m *Manager) AllowDevice(device, access string) error {
	return m.changeDevice("Manager.AllowDevice", true, device, access)
}

// DenyDevice denies a device, on top of the rules in force. Processes that have the device open
// keep it. The arguments are as for [Manager.AllowDevice].
func (m *Manager) DenyDevice(device, access string) error {
	return m.changeDevice("Manager.DenyDevice", false, device, access)
}

func (m *Manager) changeDevice(op string, allow bool, device, access string) error {
	handle, err := m.own().acquire(op)
	if err != nil {
		return err
	}
	defer m.guarded.release()
	return managerDevice(op, handle, allow, device, access)
}

// Devices returns the device rules in force, as a JSON array of OCI rules. On v2 they are those of
// the library's own program, whichever process attached it; beside another's program it is an error
// of [ErrUnsupported], which says what is allowed in front of that program.
func (m *Manager) Devices() ([]byte, error) { return m.text("Manager.Devices", managerDevices) }
