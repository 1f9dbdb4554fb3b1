// SPDX-License-Identifier: Apache-2.0

package katacg

// DeviceSet selects the rules that [DeviceRules] returns.
type DeviceSet uint32

const (
	// RuntimeDevices are the devices that a runtime allows to every container. A runtime appends
	// these rules to those of the container's specification.
	RuntimeDevices DeviceSet = 1
	// HypervisorDevices are the devices that a hypervisor needs, if this host has them. /dev/kvm or
	// /dev/mshv must exist.
	HypervisorDevices DeviceSet = 2
)

// DeviceRules returns a well-known list of device rules, as a JSON array of OCI rules.
func DeviceRules(set DeviceSet) ([]byte, error) { return deviceRules("DeviceRules", set) }

// CheckDevice tells whether rules, a JSON array of OCI device rules, allow an access to a device. It
// does not look at any cgroup.
//
// The device is a node such as "/dev/kvm", or a kind and numbers such as "c 10:232". The access is
// some of "rwm"; "" means all.
func CheckDevice(rules []byte, device, access string) (bool, error) {
	return deviceCheck("CheckDevice", rules, device, access)
}

// AllowDevice allows a device in addition to the rules in force. Allowing an allowed device is no
// error. Calls for one cgroup take turns, even those of different processes. In a v2 cgroup that a
// container runtime has made, the library puts code that allows the device in front of each of the
// runtime's device programs that does not.
//
// In a systemd unit, the library tells systemd as well. A manager with the cgroupfs driver on a
// unit's path cannot tell systemd: the device is denied again after the next daemon-reload, and the
// call warns of that.
//
// The device is a node such as "/dev/kvm", or a kind and numbers such as "c 10:232" or "b 8:*". The
// access is some of "rwm"; "" means all.
func (m *Manager) AllowDevice(device, access string) error {
	return m.changeDevice("Manager.AllowDevice", true, device, access)
}

// DenyDevice denies a device in addition to the rules in force. Processes that have the device open
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
// the library's own device program, whichever process attached the program. If another owner's
// device program is attached, Devices fails with [ErrUnsupported]; the message has the devices that
// the library allows in front of that program.
func (m *Manager) Devices() ([]byte, error) { return m.text("Manager.Devices", managerDevices) }
