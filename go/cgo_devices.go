// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg

// #include <katacg.h>
// #cgo noescape katacg_device_rules
// #cgo nocallback katacg_device_rules
// #cgo noescape katacg_device_check
// #cgo nocallback katacg_device_check
// #cgo noescape katacg_manager_device_allow
// #cgo nocallback katacg_manager_device_allow
// #cgo noescape katacg_manager_device_deny
// #cgo nocallback katacg_manager_device_deny
// #cgo noescape katacg_manager_devices
// #cgo nocallback katacg_manager_devices
import "C"

func deviceRules(op string, set DeviceSet) ([]byte, error) {
	return text(op, textRoom, func(b *C.char, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_device_rules(C.uint32_t(set), b, n, e)
	})
}

func deviceCheck(op string, rules []byte, device, access string) (bool, error) {
	d, a, err := deviceAccess(op, device, access)
	if err != nil {
		return false, err
	}
	var e C.struct_katacg_error
	length := C.size_t(len(rules))
	n, err := count(op, C.katacg_device_check(chars(rules), length, chars(d), chars(a), &e), &e)
	return n == 1, err
}

func managerDevice(op string, m managerHandle, allow bool, device, access string) error {
	d, a, err := deviceAccess(op, device, access)
	if err != nil {
		return err
	}
	var e C.struct_katacg_error
	if allow {
		return check(op, C.katacg_manager_device_allow(m.c, chars(d), chars(a), &e), &e)
	}
	return check(op, C.katacg_manager_device_deny(m.c, chars(d), chars(a), &e), &e)
}

// deviceAccess returns the device and the access as C strings; the access is NULL for "".
func deviceAccess(op, device, access string) (d, a []byte, err error) {
	if d, err = cstring(nil, op, "device", device); err != nil {
		return nil, nil, err
	}
	a, err = optional(op, "access", access)
	return d, a, err
}
