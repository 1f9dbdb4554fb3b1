// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg

// #include <katacg.h>
// #cgo noescape katacg_manager_add
// #cgo nocallback katacg_manager_add
// #cgo noescape katacg_manager_pids
// #cgo nocallback katacg_manager_pids
// #cgo noescape katacg_manager_all_pids
// #cgo nocallback katacg_manager_all_pids
// #cgo noescape katacg_manager_threads
// #cgo nocallback katacg_manager_threads
// #cgo noescape katacg_manager_move_to
// #cgo nocallback katacg_manager_move_to
// #cgo noescape katacg_manager_parent
// #cgo nocallback katacg_manager_parent
import "C"

import "unsafe"

// idsOf returns the ids as a C pointer.
func idsOf(ids []int32) *C.int32_t {
	return (*C.int32_t)(unsafe.Pointer(unsafe.SliceData(ids)))
}

func managerAdd(op string, m managerHandle, ids []int32, options AddOptions) error {
	below, err := optional(op, "options.Below", options.Below)
	if err != nil {
		return err
	}
	var flags C.uint32_t
	if options.Threads {
		flags |= C.KATACG_ADD_THREADS
	}
	if options.Create {
		flags |= C.KATACG_ADD_CREATE
	}
	var e C.struct_katacg_error
	n := C.katacg_manager_add(m.c, idsOf(ids), C.size_t(len(ids)), flags, chars(below), &e)
	return check(op, n, &e)
}

// managerList calls with larger buffers until the ids fit; their number can grow between two calls.
func managerList(op string, fn listFunc, m managerHandle) ([]int, error) {
	var e C.struct_katacg_error
	for room := 64; ; {
		buf := make([]int32, room)
		n := listCall(fn, m, idsOf(buf), C.size_t(room), &e)
		if n < 0 {
			return nil, failure(op, n, &e)
		}
		if int(n) <= room {
			ids := make([]int, n)
			for i := range ids {
				ids[i] = int(buf[i])
			}
			return ids, nil
		}
		room = int(n)
	}
}

func listCall(
	fn listFunc, m managerHandle, ids *C.int32_t, room C.size_t, e *C.struct_katacg_error,
) C.int {
	switch fn {
	case listPids:
		return C.katacg_manager_pids(m.c, ids, room, e)
	case listAllPids:
		return C.katacg_manager_all_pids(m.c, ids, room, e)
	case listThreads:
		return C.katacg_manager_threads(m.c, ids, room, e)
	}
	panic("katacg: unknown list function")
}

func managerMoveTo(op string, m, to managerHandle) (int, error) {
	var e C.struct_katacg_error
	n := C.katacg_manager_move_to(m.c, to.c, &e)
	return count(op, n, &e)
}

func managerParent(op string, m managerHandle) (managerHandle, error) {
	var parent managerHandle
	var e C.struct_katacg_error
	n := C.katacg_manager_parent(m.c, &parent.c, &e)
	return parent, check(op, n, &e)
}
