// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg

// #include <katacg.h>
// #cgo noescape katacg_manager_freeze
// #cgo nocallback katacg_manager_freeze
// #cgo noescape katacg_manager_thaw
// #cgo nocallback katacg_manager_thaw
// #cgo noescape katacg_manager_freezer_state
// #cgo nocallback katacg_manager_freezer_state
// #cgo noescape katacg_manager_kill
// #cgo nocallback katacg_manager_kill
// #cgo noescape katacg_manager_oom_kills
// #cgo nocallback katacg_manager_oom_kills
// #cgo noescape katacg_manager_exists
// #cgo nocallback katacg_manager_exists
// #cgo noescape katacg_manager_destroy
// #cgo nocallback katacg_manager_destroy
// #cgo noescape katacg_manager_release
// #cgo nocallback katacg_manager_release
// #cgo noescape katacg_attach_open
// #cgo nocallback katacg_attach_open
// #cgo noescape katacg_attach_self
// #cgo nocallback katacg_attach_self
// #cgo noescape katacg_attach_close
// #cgo nocallback katacg_attach_close
// #cgo noescape katacg_manager_dirfd
// #cgo nocallback katacg_manager_dirfd
import "C"

// attachHandle is never the zero value while it is open, because unused descriptors are -1.
type attachHandle struct{ c C.struct_katacg_attach }

func managerFreeze(op string, m managerHandle, ms uint32) error {
	var e C.struct_katacg_error
	return check(op, C.katacg_manager_freeze(m.c, C.uint32_t(ms), &e), &e)
}

func managerThaw(op string, m managerHandle) error {
	var e C.struct_katacg_error
	return check(op, C.katacg_manager_thaw(m.c, &e), &e)
}

func managerFreezerState(op string, m managerHandle) (FreezerState, error) {
	var e C.struct_katacg_error
	n, err := count(op, C.katacg_manager_freezer_state(m.c, &e), &e)
	return FreezerState(n), err
}

func managerKill(op string, m managerHandle, signal int32) error {
	var e C.struct_katacg_error
	return check(op, C.katacg_manager_kill(m.c, C.int32_t(signal), &e), &e)
}

func managerOOMKills(op string, m managerHandle) (uint64, error) {
	var kills C.uint64_t
	var e C.struct_katacg_error
	n := C.katacg_manager_oom_kills(m.c, &kills, &e)
	return uint64(kills), check(op, n, &e)
}

func managerExists(op string, m managerHandle) (bool, error) {
	var e C.struct_katacg_error
	n := C.katacg_manager_exists(m.c, &e)
	return n == 1, check(op, n, &e)
}

func managerDestroy(op string, m managerHandle) error {
	var e C.struct_katacg_error
	return check(op, C.katacg_manager_destroy(m.c, &e), &e)
}

func managerRelease(op string, m managerHandle) (bool, error) {
	var e C.struct_katacg_error
	n := C.katacg_manager_release(m.c, &e)
	return n == 1, check(op, n, &e)
}

func attachOpen(op string, m managerHandle, flags AttachFlags) (attachHandle, error) {
	var a attachHandle
	var e C.struct_katacg_error
	n := C.katacg_attach_open(m.c, C.uint32_t(flags), &a.c, &e)
	return a, check(op, n, &e)
}

// attachSelf fills in the error itself. katacg_attach_self takes no error structure, because a
// child between fork and exec could not fill one in.
func attachSelf(op string, a attachHandle) error {
	var e C.struct_katacg_error
	n := C.katacg_attach_self(&a.c)
	if n < 0 {
		e.code, e.sys_errno = C.KATACG_ERR_SYSTEM, -n
	}
	return check(op, n, &e)
}

func attachFree(a attachHandle) { C.katacg_attach_close(&a.c) }

func managerDirfd(op string, m managerHandle) (int, error) {
	var e C.struct_katacg_error
	return count(op, C.katacg_manager_dirfd(m.c, &e), &e)
}
