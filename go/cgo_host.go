// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg

// #include <katacg.h>
// #cgo noescape katacg_host_open
// #cgo nocallback katacg_host_open
// #cgo noescape katacg_host_parse
// #cgo nocallback katacg_host_parse
// #cgo noescape katacg_host_free
// #cgo nocallback katacg_host_free
// #cgo noescape katacg_host_layout
// #cgo nocallback katacg_host_layout
// #cgo noescape katacg_host_is_rootless
// #cgo nocallback katacg_host_is_rootless
// #cgo noescape katacg_host_controllers
// #cgo nocallback katacg_host_controllers
// #cgo noescape katacg_host_mountpoint
// #cgo nocallback katacg_host_mountpoint
// #cgo noescape katacg_host_own_cgroup
// #cgo nocallback katacg_host_own_cgroup
import "C"

func hostOpen(op string) (hostHandle, error) {
	var h hostHandle
	var e C.struct_katacg_error
	return h, check(op, C.katacg_host_open(&h.c, &e), &e)
}

func hostParse(op string, mountinfo, cgroup []byte) (hostHandle, error) {
	var h hostHandle
	var e C.struct_katacg_error
	n := C.katacg_host_parse(chars(mountinfo), C.size_t(len(mountinfo)),
		chars(cgroup), C.size_t(len(cgroup)), &h.c, &e)
	return h, check(op, n, &e)
}

func hostFree(h hostHandle) { C.katacg_host_free(h.c) }

func hostLayout(op string, h hostHandle) (Layout, error) {
	var e C.struct_katacg_error
	n := C.katacg_host_layout(h.c, &e)
	if n < 0 {
		return 0, failure(op, n, &e)
	}
	return Layout(n), nil
}

func hostIsRootless(op string, h hostHandle) (bool, error) {
	var e C.struct_katacg_error
	n := C.katacg_host_is_rootless(h.c, &e)
	return n == 1, check(op, n, &e)
}

func hostText(op string, fn hostFunc, h hostHandle, controller string) (string, error) {
	c, err := cstring(nil, op, "controller", controller)
	if err != nil {
		return "", err
	}
	out, err := text(op, pathRoom, func(b *C.char, n C.size_t, e *C.struct_katacg_error) C.int {
		switch fn {
		case hostControllers:
			return C.katacg_host_controllers(h.c, b, n, e)
		case hostMountpoint:
			return C.katacg_host_mountpoint(h.c, chars(c), b, n, e)
		case hostOwnCgroup:
			return C.katacg_host_own_cgroup(h.c, chars(c), b, n, e)
		}
		panic("katacg: unknown host function")
	})
	return string(out), err
}
