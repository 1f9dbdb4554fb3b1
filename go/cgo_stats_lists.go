// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg

// #include <katacg.h>
// #cgo noescape katacg_manager_io_stats
// #cgo nocallback katacg_manager_io_stats
// #cgo noescape katacg_manager_hugetlb_stats
// #cgo nocallback katacg_manager_hugetlb_stats
// #cgo noescape katacg_manager_resource_stats
// #cgo nocallback katacg_manager_resource_stats
// #cgo noescape katacg_manager_cpu_stats
// #cgo nocallback katacg_manager_cpu_stats
// #cgo noescape katacg_manager_numa_stats
// #cgo nocallback katacg_manager_numa_stats
// #cgo noescape katacg_manager_read_keyed
// #cgo nocallback katacg_manager_read_keyed
import "C"

import "unsafe"

// These types have the layout of the C structs: 64-bit numbers in the same order.
var (
	_ [unsafe.Sizeof(IOStats{})]byte   = [C.sizeof_struct_katacg_io_stats]byte{}
	_ [unsafe.Sizeof(CPUStats{})]byte  = [C.sizeof_struct_katacg_cpu_stats]byte{}
	_ [unsafe.Sizeof(NUMAStats{})]byte = [C.sizeof_struct_katacg_numa_stats]byte{}
)

// listCallOf is a call of a C function that lists statistics, with an array of n entries.
type listCallOf[T any] func(out *T, size, n C.size_t, e *C.struct_katacg_error) C.int

// entries makes the call, with a larger array until the entries fit. Their number can grow between
// two calls.
func entries[T any](op string, call listCallOf[T]) ([]T, error) {
	var e C.struct_katacg_error
	var one T
	for room := 16; ; {
		out := make([]T, room)
		n := call(unsafe.SliceData(out), C.size_t(unsafe.Sizeof(one)), C.size_t(room), &e)
		if n < 0 {
			return nil, failure(op, n, &e)
		}
		if int(n) <= room {
			return out[:n:n], nil
		}
		room = int(n)
	}
}

// converted converts each entry, unless there is an error.
func converted[T, U any](from []T, err error, convert func(*T) U) ([]U, error) {
	if err != nil {
		return nil, err
	}
	out := make([]U, len(from))
	for i := range from {
		out[i] = convert(&from[i])
	}
	return out, nil
}

func managerIOStats(op string, m managerHandle) ([]IOStats, error) {
	return entries(op, func(out *IOStats, size, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_manager_io_stats(
			m.c, (*C.struct_katacg_io_stats)(unsafe.Pointer(out)), size, n, e)
	})
}

func managerCPUStats(op string, m managerHandle) ([]CPUStats, error) {
	return entries(op, func(out *CPUStats, size, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_manager_cpu_stats(
			m.c, (*C.struct_katacg_cpu_stats)(unsafe.Pointer(out)), size, n, e)
	})
}

func managerNUMAStats(op string, m managerHandle) ([]NUMAStats, error) {
	return entries(op, func(out *NUMAStats, size, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_manager_numa_stats(
			m.c, (*C.struct_katacg_numa_stats)(unsafe.Pointer(out)), size, n, e)
	})
}

func managerHugetlbStats(op string, m managerHandle) ([]HugetlbStats, error) {
	type entry = C.struct_katacg_hugetlb_stats
	all, err := entries(op, func(out *entry, size, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_manager_hugetlb_stats(m.c, out, size, n, e)
	})
	return converted(all, err, func(h *entry) HugetlbStats {
		return HugetlbStats{
			Valid: uint64(h.valid), Size: C.GoString(&h.size[0]), PageSize: uint64(h.page_size),
			Usage: uint64(h.usage), Peak: uint64(h.peak), Limit: uint64(h.limit),
			Failures: uint64(h.failures), Reserved: uint64(h.reserved),
			ReservedPeak: uint64(h.reserved_peak), ReservedLimit: uint64(h.reserved_limit),
			ReservedFailures: uint64(h.reserved_failures),
		}
	})
}

func managerResourceStats(op string, m managerHandle) ([]ResourceStats, error) {
	type entry = C.struct_katacg_resource_stats
	all, err := entries(op, func(out *entry, size, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_manager_resource_stats(m.c, out, size, n, e)
	})
	return converted(all, err, func(r *entry) ResourceStats {
		return ResourceStats{
			Valid: uint64(r.valid), Controller: C.GoString(&r.controller[0]),
			Name: C.GoString(&r.name[0]), Resource: C.GoString(&r.resource[0]),
			Current: uint64(r.current), Peak: uint64(r.peak), Limit: uint64(r.limit),
			Events: uint64(r.events),
		}
	})
}

func managerReadKeyed(op string, m managerHandle, subsystem, file string) ([]KeyedValue, error) {
	var room [2][64]byte
	name, err := cstring(room[0][:0], op, "subsystem", subsystem)
	if err != nil {
		return nil, err
	}
	path, err := cstring(room[1][:0], op, "file", file)
	if err != nil {
		return nil, err
	}
	type entry = C.struct_katacg_keyed_value
	all, err := entries(op, func(out *entry, size, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_manager_read_keyed(m.c, chars(name), chars(path), out, size, n, e)
	})
	return converted(all, err, func(v *entry) KeyedValue {
		return KeyedValue{
			IsNumber: v.valid&C.KATACG_KEYED_HAS_VALUE != 0, Name: C.GoString(&v.name[0]),
			Key: C.GoString(&v.key[0]), Text: C.GoString(&v.text[0]), Value: uint64(v.value),
		}
	})
}
